"""Downloads from the hub, against a server on loopback that speaks its protocol."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inference.hub_models import (
    CATALOGUE,
    GIGABYTE,
    HubFile,
    parse_hub_name,
    pull_file,
    recommend,
)
from inference.model_files import FetchProgress, ModelFetchError, sha256_of

CONTENT = b"GGUF" + bytes(range(256)) * 40_000  # 10 MB: several blocks
FILE = HubFile("owner/repo-GGUF", "model-q4_k_m.gguf")


@dataclass
class Hub:
    """The hub's side of the protocol: what it has, how it misbehaves, what it was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    sha256: dict[str, str] = field(default_factory=dict)  # where it says something else
    cut_after: list[int] = field(default_factory=list)  # bytes of each of the next replies
    ignores_ranges: bool = False
    refusal: tuple[int, str] | None = None  # status, X-Error-Code
    port: int = 0
    ranges: list[str | None] = field(default_factory=list)
    tokens_at_storage: list[str | None] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://localhost:{self.port}"


class HubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub: Hub, *args: object) -> None:
        self.hub = hub
        super().__init__(*args)  # type: ignore[arg-type]

    def log_message(self, *_args: object) -> None:
        """Tests print nothing."""

    def do_HEAD(self) -> None:
        self._resolve()

    def do_GET(self) -> None:
        if self.path.startswith("/storage/"):
            self._send_content(self.path.removeprefix("/storage/"))
        else:
            self._resolve()

    def _resolve(self) -> None:
        """The hub's own host answers with facts and a redirect to the storage's host."""
        name = self.path.replace("/resolve/main/", "/").lstrip("/")
        if self.hub.refusal is not None or name not in self.hub.files:
            status, code = self.hub.refusal or (404, "EntryNotFound")
            self._headers(status, {"X-Error-Code": code, "Content-Length": "0"})
            return
        content = self.hub.files[name]
        digest = self.hub.sha256.get(name) or hashlib.sha256(content).hexdigest()
        storage = f"http://127.0.0.1:{self.hub.port}/storage/{name}"
        facts = {
            "X-Repo-Commit": "c0ffee",
            "X-Linked-ETag": f'"{digest}"',
            "X-Linked-Size": str(len(content)),
        }
        self._headers(302, {**facts, "Location": storage, "Content-Length": "0"})

    def _send_content(self, name: str) -> None:
        content = self.hub.files[name]
        wanted = self.headers.get("Range")
        self.hub.ranges.append(wanted)
        self.hub.tokens_at_storage.append(self.headers.get("Authorization"))
        start = 0
        if wanted is not None and not self.hub.ignores_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        status = 206 if start else 200
        rest = content[start:]
        self._headers(status, {"Content-Length": str(len(rest))})
        if self.hub.cut_after:
            self.wfile.write(rest[: self.hub.cut_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(rest)

    def _headers(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


@pytest.fixture
def hub() -> Iterator[Hub]:
    hub = Hub(files={f"{FILE.repository}/{FILE.path}": CONTENT})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(HubHandler, hub)) as server:
        hub.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield hub
        server.shutdown()
        thread.join()


def fetch(hub: Hub, models_path: Path, file: HubFile = FILE) -> Path:
    return pull_file(file, models_path, endpoint=hub.endpoint, retry_wait_seconds=0)


def test_a_fetched_file_is_the_hubs_file(hub: Hub, tmp_path: Path) -> None:
    path = fetch(hub, tmp_path)

    assert path == tmp_path / "model-q4_k_m.gguf"
    assert path.read_bytes() == CONTENT


def test_a_file_that_is_there_is_not_asked_for_again(hub: Hub, tmp_path: Path) -> None:
    first = fetch(hub, tmp_path)
    hub.files.clear()

    assert fetch(hub, tmp_path) == first
    assert hub.ranges == [None]


def test_progress_counts_bytes_up_to_the_whole_size(hub: Hub, tmp_path: Path) -> None:
    events: list[FetchProgress] = []

    pull_file(FILE, tmp_path, events.append, endpoint=hub.endpoint)

    fetched = [event for event in events if event.what.startswith("Fetching")]
    counts = [event.done_bytes for event in fetched]
    assert counts == sorted(counts)
    assert fetched[-1] == FetchProgress("Fetching model-q4_k_m.gguf", len(CONTENT), len(CONTENT))


def test_a_cut_connection_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = [3_000_000, 2_500_000]

    path = fetch(hub, tmp_path)

    assert path.read_bytes() == CONTENT
    assert hub.ranges == [None, "bytes=3000000-", "bytes=5500000-"]


def test_an_interrupted_program_goes_on_with_what_it_had(hub: Hub, tmp_path: Path) -> None:
    def interrupt(progress: FetchProgress) -> None:
        if progress.done_bytes >= 4_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull_file(FILE, tmp_path, interrupt, endpoint=hub.endpoint)
    assert not (tmp_path / FILE.file_name).exists()
    (part,) = tmp_path.glob(".*.part")
    had = part.stat().st_size

    path = fetch(hub, tmp_path)

    assert path.read_bytes() == CONTENT
    assert had >= 4_000_000
    assert hub.ranges == [None, f"bytes={had}-"]
    assert not list(tmp_path.glob(".*.part"))


def test_a_server_that_ignores_ranges_sends_the_file_again(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = [1_000_000]
    hub.ignores_ranges = True

    assert fetch(hub, tmp_path).read_bytes() == CONTENT


def test_a_connection_that_brings_nothing_is_given_up(hub: Hub, tmp_path: Path) -> None:
    hub.cut_after = [2_000_000] + [0] * 10

    with pytest.raises(ModelFetchError, match="what was fetched so far is kept"):
        fetch(hub, tmp_path)

    (part,) = tmp_path.glob(".*.part")
    assert part.read_bytes() == CONTENT[:2_000_000]


def test_a_file_with_another_checksum_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.sha256[f"{FILE.repository}/{FILE.path}"] = "0" * 64

    with pytest.raises(ModelFetchError, match=r"SHA-256 is .*, the hub says 0000"):
        fetch(hub, tmp_path)

    assert not list(tmp_path.glob("*.gguf"))
    assert not list(tmp_path.glob(".*.part"))


def test_a_file_that_cannot_be_moved_into_place_is_a_failed_fetch(hub: Hub, tmp_path: Path) -> None:
    """What went wrong after the last byte came out as an OSError, which no caller expects."""

    def take_its_place(progress: FetchProgress) -> None:
        if progress.what.startswith("Checking"):
            (tmp_path / FILE.file_name).mkdir(exist_ok=True)

    with pytest.raises(ModelFetchError, match="what was fetched so far is kept"):
        pull_file(FILE, tmp_path, take_its_place, endpoint=hub.endpoint)

    (part,) = tmp_path.glob(".*.part")
    assert part.read_bytes() == CONTENT


def test_a_file_that_changed_on_the_hub_is_not_glued_to_the_old_part(
    hub: Hub, tmp_path: Path
) -> None:
    hub.cut_after = [2_000_000] + [0] * 10
    with pytest.raises(ModelFetchError):
        fetch(hub, tmp_path)
    changed = b"GGUF" + b"new" * 1_000_000
    hub.files[f"{FILE.repository}/{FILE.path}"] = changed
    hub.cut_after.clear()

    assert fetch(hub, tmp_path).read_bytes() == changed
    assert not list(tmp_path.glob(".*.part"))


def test_a_part_longer_than_the_file_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    (tmp_path / f".{FILE.file_name}.{digest[:16]}.part").write_bytes(CONTENT + b"more")

    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.ranges == [None]


def test_something_else_than_a_gguf_file_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    hub.files[f"{FILE.repository}/{FILE.path}"] = b"<html>log in here</html>"

    with pytest.raises(ModelFetchError, match="not a GGUF file"):
        fetch(hub, tmp_path)


def test_every_part_of_a_split_model_is_fetched(hub: Hub, tmp_path: Path) -> None:
    names = [f"sub/big-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    for number, name in enumerate(names):
        hub.files[f"{FILE.repository}/{name}"] = b"GGUF" + bytes([number]) * 1000

    path = fetch(hub, tmp_path, HubFile(FILE.repository, names[1]))

    assert path == tmp_path / "big-00001-of-00003.gguf"
    for number in range(3):
        part = tmp_path / f"big-0000{number + 1}-of-00003.gguf"
        assert part.read_bytes() == b"GGUF" + bytes([number]) * 1000


def test_a_file_of_another_origin_is_never_overwritten(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / FILE.file_name).write_bytes(b"GGUF mine")

    with pytest.raises(ModelFetchError, match="move or rename it"):
        fetch(hub, tmp_path)

    assert (tmp_path / FILE.file_name).read_bytes() == b"GGUF mine"


def test_a_damaged_file_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    path = fetch(hub, tmp_path)
    path.write_bytes(CONTENT[:-1] + b"?")

    assert sha256_of(fetch(hub, tmp_path)) == hashlib.sha256(CONTENT).hexdigest()


def test_the_users_token_stays_with_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    fetch(hub, tmp_path)

    assert hub.tokens_at_storage == [None]


@pytest.mark.parametrize(
    ("refusal", "advice"),
    [
        pytest.param((401, "GatedRepo"), "licence to be accepted", id="gated"),
        pytest.param((404, "EntryNotFound"), "not on the hub", id="no-such-file"),
        pytest.param((401, "RepoNotFound"), "not on the hub", id="no-such-repository"),
        pytest.param((500, ""), "check the network", id="server-error"),
    ],
)
def test_a_refusal_says_what_to_do(
    hub: Hub, tmp_path: Path, refusal: tuple[int, str], advice: str
) -> None:
    hub.refusal = refusal

    with pytest.raises(ModelFetchError, match=advice):
        fetch(hub, tmp_path)


def test_no_network_says_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        endpoint = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(ModelFetchError, match="check the network"):
            pull_file(FILE, tmp_path, endpoint=endpoint, retry_wait_seconds=0)


@pytest.mark.parametrize(
    "name",
    [
        "hf:owner/repo",
        "hf:owner/repo/model.bin",
        "hf:../../etc/model.gguf",
        "hf:owner/repo/../model.gguf",
        "hf:owner/repo/..%2fmodel.gguf",
        "hf:owner/repo/.hidden.gguf",
        "hf:owner/repo/a\\b.gguf",
        "hf:owner/repo//model.gguf",
        "hf:owner/repo/model.gguf?x=1",
    ],
)
def test_a_name_that_is_no_file_on_the_hub_is_refused(name: str) -> None:
    with pytest.raises(ModelFetchError, match="does not name a model file"):
        parse_hub_name(name)


def test_names_are_catalogue_entries_or_references() -> None:
    entry = CATALOGUE[0]

    assert parse_hub_name(entry.name.upper()) == HubFile(entry.repository, entry.file)
    assert parse_hub_name("hf:o/r/dir/m.gguf") == HubFile("o/r", "dir/m.gguf")
    assert parse_hub_name("something-else") is None


def test_every_catalogue_entry_can_be_written_as_a_reference() -> None:
    for entry in CATALOGUE:
        file = HubFile(entry.repository, entry.file)
        assert parse_hub_name(file.origin) == file
        # 4- to 8-bit weights: a size typed wrong by a digit falls out of this range
        assert 0.5 < entry.size_bytes / entry.parameters < 1.1
    assert len({entry.name for entry in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("gigabytes", "gpu", "name"),
    [
        pytest.param(1, False, None, id="nothing-fits"),
        pytest.param(3, False, "qwen2.5-1.5b-instruct", id="small-machine"),
        pytest.param(64, False, "qwen3-4b-instruct", id="cpu-is-limited-by-patience"),
        pytest.param(8, True, "qwen2.5-7b-instruct", id="small-gpu"),
        pytest.param(80, True, "qwen2.5-32b-instruct", id="large-gpu"),
    ],
)
def test_the_recommended_model_fits(gigabytes: int, gpu: bool, name: str | None) -> None:
    entry = recommend(gigabytes * GIGABYTE, gpu=gpu)

    assert (entry.name if entry else None) == name
    assert entry is None or entry.memory_bytes <= gigabytes * GIGABYTE
