"""A server process with the real bundled models, and the small files that tests feed it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from inference.models import bundled_embedder, bundled_llm
from rag.settings import Settings

NOTES = """# Harbour notes

The lighthouse at Port Ellery was built in 1874 and is 41 metres tall.

The ferry to Grey Island leaves every day at 07:30 and takes 50 minutes.

The harbour master is Ines Calloway. Mooring costs 12 crowns a night.
"""


@pytest.fixture(scope="session")
def models_path() -> Path:
    """The folder of the bundled models, fetched."""
    folder = Settings().models_path
    bundled_llm(folder)
    bundled_embedder(folder)
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, models_path: Path) -> Path:
    """A PAPERLIGHT_HOME with the models and an empty library."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "models").symlink_to(models_path.absolute())
    (folder / "library").mkdir()
    (folder / "library" / "samples-added").touch()
    return folder


@dataclass(frozen=True)
class ServerProcess:
    """A `paperlight serve` that is ready."""

    process: subprocess.Popen[str]
    address: str


def environment(home: Path) -> dict[str, str]:
    """A child's environment: its own home, and no settings of the person who runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PAPERLIGHT_")}
    return kept | {"PAPERLIGHT_HOME": str(home), "PYTHONUNBUFFERED": "1"}


def paperlight(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(
        command, env=environment(home), capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[ServerProcess]:
    """A server on a free port, ready; stopped afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        env=environment(home),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if line.startswith("Paperlight is ready at "):
                break
        else:
            pytest.fail("the server ended before it was ready")
        address = line.removeprefix("Paperlight is ready at ").strip()
        assert urlsplit(address).port
        yield ServerProcess(process, address)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="module")
def client(server: ServerProcess) -> Iterator[httpx.Client]:
    """An HTTP client of the server, whose library holds the harbour notes."""
    with httpx.Client(base_url=server.address, timeout=120) as client:
        files = [("files", ("harbour.md", NOTES.encode()))]
        reply = client.post("/api/documents", files=files).raise_for_status().json()
        assert reply["files"][0]["outcome"] == "added"
        yield client
