"""A real server process for the browser tests: `paperlight serve` on a free port."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

MOST_REQUESTS = 2
START_SECONDS = 180.0
STOP_SECONDS = 20.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Server:
    """A serving process. log: what it has written so far."""

    url: str
    log: Path

    def get(self, path: str) -> str:
        """The body of a page of the server."""
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return str(response.read().decode())

    def metric(self, name: str) -> float:
        """A figure of /metrics, its prefix left out."""
        match = re.search(rf"^paperlight_{name} (\S+)$", self.get("/metrics"), re.MULTILINE)
        assert match, f"/metrics has no {name}"
        return float(match[1])

    @contextmanager
    def occupied(self, requests: int) -> Iterator[None]:
        """Keep that many of the engine's MOST_REQUESTS busy until the block ends."""
        with ExitStack() as streams:
            for _ in range(requests):
                streams.enter_context(self._endless_completion())
            self.wait(lambda: self.metric("requests_running") == requests, "a busy engine")
            yield
        self.wait(lambda: self.metric("requests_running") == 0, "an idle engine")

    def _endless_completion(self) -> closing[http.client.HTTPResponse]:
        name = next(
            model["id"]
            for model in json.loads(self.get("/v1/models"))["data"]
            if model["id"] != "paperlight"
        )
        body = {
            "model": name,
            "messages": [{"role": "user", "content": "Count."}],
            "max_tokens": 4_000,
            "stream": True,
            # SmolLM2's <|endoftext|> and <|im_end|>: it may not end by itself.
            "logit_bias": {"0": -100, "2": -100},
        }
        request = urllib.request.Request(
            f"{self.url}/v1/chat/completions",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        return closing(urllib.request.urlopen(request, timeout=START_SECONDS))

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds: the server is another process, without an event."""
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"never seen: {what}"
            time.sleep(_POLL_SECONDS)

    def document_names(self) -> list[str]:
        """The documents of the library, as the API lists them."""
        listed = json.loads(self.get("/api/documents"))
        documents = listed["documents"] if isinstance(listed, dict) else listed
        return [document["name"] for document in documents]


@contextmanager
def serve(home: Path) -> Iterator[Server]:
    """Serve the library in `home` until the block ends; it is ready when the block begins."""
    log = home / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve", "--host", "127.0.0.1", "--port", "0"],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ
            | {"PAPERLIGHT_HOME": str(home), "PAPERLIGHT_MAX_SEQUENCES": str(MOST_REQUESTS)},
        )
    try:
        yield _wait_until_ready(process, log)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> Server:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        address = re.search(r"http://127\.0\.0\.1:\d+", log.read_text(errors="replace"))
        if address:
            server = Server(address[0], log)
            try:
                server.get("/readyz")
            except (urllib.error.URLError, ConnectionError):
                pass  # not listening yet, or 503: still starting
            else:
                return server
        time.sleep(_POLL_SECONDS)  # another process's start has no event to wait on
    raise AssertionError(f"the server did not start:\n{log.read_text(errors='replace')}")
