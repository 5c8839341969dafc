"""A server's start: samples once, failures told and tried again, an end at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import startup
from app.startup import StartUp
from app.workspace import StartStage, Workspace
from inference.models import FetchProgress, ModelFetchError
from ingest.errors import DiskFull
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedService
from tests.mounts import read_only

WAIT_SECONDS = 30.0


@pytest.fixture(autouse=True)
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    for name in ("one.txt", "two.txt"):
        (folder / name).write_text(f"Sample document {name} speaks of lighthouses.")
    monkeypatch.setattr(startup, "SAMPLES", folder)
    return folder


@contextmanager
def opened(
    home: Path, make: Callable[[], ScriptedService] | None = None, *, folder: str = "library"
) -> Iterator[Workspace]:
    settings = Settings(home=home)
    library = ModellessLibrary(home / folder, settings, make or (lambda: ScriptedService("")))
    with library:
        yield Workspace(library, settings)


def start(workspace: Workspace, announce: Callable[[str], None] = lambda _: None) -> None:
    """Run a start to its end."""
    start_up = StartUp(workspace, announce)
    start_up.begin()
    assert workspace.start.wait(WAIT_SECONDS).stage is StartStage.READY
    start_up.stop()


def names(workspace: Workspace) -> list[str]:
    return [record.name for record in workspace.library.documents()]


def test_the_samples_are_there_after_the_first_start(tmp_path: Path) -> None:
    lines: list[str] = []
    with opened(tmp_path) as workspace:
        start(workspace, lines.append)
        assert names(workspace) == ["one.txt", "two.txt"]
    assert "Indexing 2/2 two.txt" in lines
    assert lines[-1] == "Paperlight is ready at http://127.0.0.1:8501"


def test_what_computes_is_told_in_one_line(tmp_path: Path) -> None:
    lines: list[str] = []
    with opened(tmp_path) as workspace:
        start(workspace, lines.append)
    assert lines.count("no GPU: 2 threads") == 1


def test_a_gpu_that_this_build_cannot_use_is_told_loudly_unless_it_is_not_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "unused_gpus", lambda: ("X (PAPERLIGHT_GPU=cuda make env)",))
    for gpu_layers, times in ((-1, 1), (0, 0)):
        lines: list[str] = []
        settings = Settings(home=tmp_path, gpu_layers=gpu_layers)
        library = ModellessLibrary(tmp_path / "library", settings, lambda: ScriptedService(""))
        with library:
            start(Workspace(library, settings), lines.append)
        loud = [line for line in lines if line.startswith("THIS MACHINE HAS A GPU")]
        assert len(loud) == times
        assert all("PAPERLIGHT_GPU=cuda make env" in line for line in loud)


def test_samples_that_were_removed_stay_away(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        start(workspace)
        for record in workspace.library.documents():
            workspace.library.remove(record.document_id)
    with opened(tmp_path) as workspace:
        start(workspace)
        assert names(workspace) == []


def test_samples_do_not_join_documents_of_the_user(tmp_path: Path) -> None:
    with opened(tmp_path) as workspace:
        workspace.library.add_bytes("own.txt", b"The user's own text.")
        start(workspace)
        assert names(workspace) == ["own.txt"]


def test_samples_go_into_the_default_library_only(tmp_path: Path) -> None:
    with opened(tmp_path, folder="elsewhere") as workspace:
        start(workspace)
        assert names(workspace) == []


def test_a_start_that_was_killed_half_way_adds_the_rest(tmp_path: Path, samples: Path) -> None:
    with opened(tmp_path) as workspace:
        workspace.library.add(samples / "one.txt")
        start(workspace)
        assert names(workspace) == ["one.txt", "two.txt"]


def test_a_failure_is_told_once_and_the_start_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "RETRY_SECONDS", 0.0)
    failures = iter([True, True, False])
    lines: list[str] = []

    def load() -> ScriptedService:
        if next(failures):
            raise ModelFetchError("the model could not be fetched; check the network")
        return ScriptedService("")

    with opened(tmp_path, load) as workspace:
        start_up = StartUp(workspace, lines.append)
        start_up.begin()
        while workspace.start.wait(WAIT_SECONDS).stage is StartStage.FAILED:
            pass
        assert workspace.start.is_ready
        start_up.stop()
    told = [line for line in lines if "could not be fetched" in line]
    assert told == ["Paperlight cannot answer: the model could not be fetched; check the network"]


def test_a_server_that_ends_while_it_fetches_does_not_wait_for_the_rest(tmp_path: Path) -> None:
    fetching = threading.Event()

    def load() -> ScriptedService:
        tell = workspace.library.fetch_progress
        assert tell is not None
        while True:  # until it is told to end, which `tell` does by raising
            tell(FetchProgress("Fetching a large model", 40, 100))
            fetching.set()

    with opened(tmp_path, load) as workspace:
        start_up = StartUp(workspace, lambda _: None)
        start_up.begin()
        assert fetching.wait(WAIT_SECONDS)
        status = workspace.start.status
        assert (status.what, status.fraction) == ("Fetching a large model", 0.4)
        start_up.stop()
        assert not [t for t in threading.enumerate() if t.name == "paperlight-start"]
        assert not workspace.start.is_ready


def test_files_that_a_killed_process_left_are_taken_up(
    tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed = threading.Event()
    with opened(tmp_path) as workspace:
        monkeypatch.setattr(
            workspace.library, "resume", lambda **_: resumed.set() or workspace.library.add([])
        )
        start(workspace)
        assert resumed.wait(WAIT_SECONDS)


def test_unfinished_files_that_cannot_be_taken_up_do_not_take_the_server_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that had said it was ready failed again because of one file of an earlier run."""
    lines: list[str] = []
    told = threading.Event()

    def announce(line: str) -> None:
        lines.append(line)
        if "could not be taken up" in line:
            told.set()

    def fail(**_: object) -> None:
        raise DiskFull(tmp_path)

    with opened(tmp_path) as workspace:
        monkeypatch.setattr(workspace.library, "resume", fail)
        start_up = StartUp(workspace, announce)
        start_up.begin()
        assert told.wait(WAIT_SECONDS)
        start_up.stop()
        assert workspace.start.is_ready
    assert "Paperlight is ready at http://127.0.0.1:8501" in lines
    assert not [line for line in lines if "cannot answer" in line]


@pytest.mark.parametrize("document", ["own.txt", ""])
def test_a_read_only_library_is_served(tmp_path: Path, document: str) -> None:
    """The mark that samples were offered could not be written, and the server never got ready."""
    lines: list[str] = []
    with opened(tmp_path) as workspace:
        if document:
            workspace.library.add_bytes(document, b"The lighthouse is 41 metres tall.")
    with read_only(tmp_path / "library"), opened(tmp_path) as workspace:
        start(workspace, lines.append)
        assert names(workspace) == [document] * bool(document)
        assert len(workspace.library.search("lighthouse")) == bool(document)
    assert [line for line in lines if "is read-only" in line]
    assert lines[-1] == "Paperlight is ready at http://127.0.0.1:8501"
