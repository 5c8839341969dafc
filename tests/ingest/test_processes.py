"""Real processes on one library: killed in the middle, and working at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from ingest.health import check_library
from ingest.outcomes import Outcome
from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder

ROOT = Path(__file__).parents[2]
# Adds the paths of its arguments; says what it does, and stops where the test wants to kill it.
ADD = """
import sys
from pathlib import Path
from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder

library, stop_at, *paths = sys.argv[1:]

def progress(state):
    print(state.stage.value, state.name, state.chunks_embedded, flush=True)
    if f"{state.stage.value} {state.name}" == stop_at and state.chunks_embedded >= 16:
        print("stopped", flush=True)
        sys.stdin.read()

store = Store(Path(library) / "library.sqlite3")
index = VectorIndex(Path(library) / "index", 64)
report = Ingestor(store, index, HashedWordsEmbedder()).add(paths, progress=progress)
print(*(file.outcome.value for file in report.files), flush=True)
"""


def start(library: Path, *paths: Path, stop_at: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ADD, str(library), stop_at, *map(str, paths)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def read_until(stream: IO[str] | None, text: str) -> list[str]:
    """The lines before the one that says `text`."""
    assert stream is not None
    before = []
    for line in map(str.strip, stream):
        if line == text:
            return before
        before.append(line)
    raise AssertionError(f"the process ended without saying {text!r}")


@pytest.mark.parametrize(
    ("stop_at", "surely_stored"),
    [
        ("embedding b.txt", set()),  # a.txt is stored meanwhile, by a thread of its own
        ("storing b.txt", {"a.txt"}),
        ("done b.txt", {"a.txt", "b.txt"}),
    ],
)
def test_a_process_killed_while_adding_loses_nothing_that_resume_does_not_take_up(
    tmp_path: Path, stop_at: str, surely_stored: set[str]
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (docs / name).write_text(f"Words of {name} and more. " * 1000)
    library = tmp_path / "library"

    with start(library, docs, stop_at=stop_at) as process:
        said = read_until(process.stdout, "stopped")
        process.send_signal(signal.SIGKILL)

    said_done = {line.split()[1] for line in said if line.startswith("done ")}
    embedder = HashedWordsEmbedder()
    with Store(library / "library.sqlite3") as store:
        index = VectorIndex(library / "index", 64)
        before = {document.name for document in store.documents()}
        assert surely_stored <= said_done <= before
        assert "c.txt" not in before
        checks = {check.name: check for check in check_library(store, index, embedder=embedder)}
        assert [check.name for check in checks.values() if not check.ok] == ["pending"]

        report = Ingestor(store, index, embedder).resume()

        assert {file.outcome for file in report.files} <= {Outcome.ADDED, Outcome.UNCHANGED}
        assert {document.name for document in store.documents()} == {"a.txt", "b.txt", "c.txt"}
        assert all(check.ok for check in check_library(store, index, embedder=embedder))
        assert list(store.originals.staged()) == []
        assert list(store.claims_folder.iterdir()) == []


def test_two_processes_add_to_a_new_library_at_once(tmp_path: Path) -> None:
    library = tmp_path / "library"
    processes = []
    for side in ("left", "right"):
        docs = tmp_path / side
        docs.mkdir()
        for i in range(15):
            (docs / f"{i}.txt").write_text(f"Words of {side} number {i}. " * 20)
        (docs / "same.txt").write_text("The same words on both sides.")
        processes.append(start(library, docs))
    said = [process.communicate()[0].splitlines()[-1].split() for process in processes]  # closes
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(outcome == "added" for outcomes in said for outcome in outcomes) in (31, 32)
    with Store(library / "library.sqlite3") as store:
        index = VectorIndex(library / "index", 64)
        assert all(check.ok for check in check_library(store, index))
        assert len(index) == len(store.chunk_ids())
        assert len(store.documents()) in (31, 32)
