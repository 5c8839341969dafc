"""A model's folder from the hub, against a server on loopback that speaks its protocol."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference.hub_folders import is_hub_repository, pull_folder
from inference.model_files import ModelFetchError

REPOSITORY = "owner/tiny-reranker"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": bytes(range(256)) * 1000,
    "tokenizer.json": b"{}",
    "1_LogitScore/config.json": b'{"yes": 1}',
    "pytorch_model.bin": b"a pickle",
    "modeling_tiny.py": b"raise SystemExit",
    "onnx/model.onnx": b"another runtime",
    "onnx/config.json": b"{}",
    "../../escaped.json": b"{}",
    ".hidden/x.json": b"{}",
}
WANTED = {"config.json", "model.safetensors", "tokenizer.json", "1_LogitScore/config.json"}


@dataclass
class Hub:
    """What the hub has of one repository, and what it was asked."""

    files: dict[str, bytes] = field(default_factory=lambda: dict(FILES))
    sha256: dict[str, str] = field(default_factory=dict)  # where it says something else
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class HubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *args: object) -> None:
        self.hub = hub
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, *_args: object) -> None:
        """Tests print nothing."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        self.hub.asked.append(path)
        if path == f"/api/models/{REPOSITORY}/tree/main":
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in self.hub.files.items()
            ]
            self._send(json.dumps(tree).encode(), {}, with_body)
            return
        name = path.removeprefix(f"/{REPOSITORY}/resolve/main/")
        if name not in self.hub.files or name in self.hub.broken:
            code = "RepoNotFound" if path.startswith("/api/") else "EntryNotFound"
            self._send(b"", {"X-Error-Code": code}, with_body, status=404)
            return
        content = self.hub.files[name]
        digest = self.hub.sha256.get(name) or hashlib.sha256(content).hexdigest()
        facts = {"X-Repo-Commit": "c0ffee", "ETag": f'"{digest}"'}
        self._send(content, facts, with_body)

    def _send(
        self, body: bytes, headers: dict[str, str], with_body: bool, *, status: int = 200
    ) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(HubHandler, hub)) as server:
        hub.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


def files_in(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.endswith("manifest.json")}


def test_data_is_fetched_and_neither_code_nor_pickles(hub: Hub, tmp_path: Path) -> None:
    folder = pull_folder(REPOSITORY, tmp_path / "models", endpoint=hub.endpoint)
    assert folder == tmp_path / "models" / "owner--tiny-reranker"
    assert files_in(folder) == WANTED
    assert all((folder / name).read_bytes() == FILES[name] for name in WANTED)
    assert not list(tmp_path.rglob("escaped.json"))


def test_a_folder_that_is_whole_asks_nobody(hub: Hub, tmp_path: Path) -> None:
    pull_folder(REPOSITORY, tmp_path, endpoint=hub.endpoint)
    hub.asked.clear()
    pull_folder(REPOSITORY, tmp_path, endpoint=hub.endpoint)
    assert hub.asked == []


def test_an_attempt_that_failed_is_taken_up_where_it_ended(hub: Hub, tmp_path: Path) -> None:
    """The configuration comes last, so a folder without it is known not to be whole."""
    hub.broken.add("tokenizer.json")
    with pytest.raises(ModelFetchError, match=r"tokenizer\.json is not on the hub"):
        pull_folder(REPOSITORY, tmp_path, endpoint=hub.endpoint)
    assert not (tmp_path / "owner--tiny-reranker" / "config.json").exists()
    hub.broken.clear()
    hub.asked.clear()
    folder = pull_folder(REPOSITORY, tmp_path, endpoint=hub.endpoint)
    assert files_in(folder) == WANTED
    assert not [path for path in hub.asked if path.endswith("model.safetensors")]


def test_a_file_that_is_not_what_the_hub_says_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.sha256["model.safetensors"] = "0" * 64
    with pytest.raises(ModelFetchError, match="SHA-256"):
        pull_folder(REPOSITORY, tmp_path, endpoint=hub.endpoint)
    assert not list(tmp_path.rglob("model.safetensors"))


def test_a_model_without_safetensors_is_refused(hub: Hub, tmp_path: Path) -> None:
    del hub.files["model.safetensors"]
    with pytest.raises(ModelFetchError, match="safetensors"):
        pull_folder(REPOSITORY, tmp_path, endpoint=hub.endpoint)


def test_a_repository_that_is_not_there_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError, match="owner/other is not on the hub"):
        pull_folder("owner/other", tmp_path, endpoint=hub.endpoint)


def test_a_hub_that_cannot_be_reached_is_said_so(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError, match="could not be fetched"):
        pull_folder(REPOSITORY, tmp_path, endpoint="http://127.0.0.1:1")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("cross-encoder/ms-marco-MiniLM-L6-v2", True),
        ("reranker", False),
        ("../reranker", False),
        ("a/b/c", False),
        ("", False),
    ],
)
def test_a_repositorys_name_has_an_owner(name: str, is_one: bool) -> None:
    assert is_hub_repository(name) is is_one
