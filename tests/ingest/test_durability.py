"""What must survive: kill -9 at any moment, a full disk, a read-only folder, two writers."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.errors import DiskFull, LibraryReadOnly
from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests import mounts
from tests.fakes import HashedWordsEmbedder
from tests.ingest.churn import DIMENSIONS, Churn, diagnose, found_by_search, rebuilt, text_of

KILLS = 12  # bench/durability.py does it 100 times


def test_a_library_survives_kills_at_random_moments(tmp_path: Path) -> None:
    churn = Churn(tmp_path)
    moments = random.Random(4)
    for number in range(KILLS):
        churn.kill_after(f"kill-{number}", moments.uniform(0.0, 1.2))
        churn.check()
    churn.settle()
    assert [check for check in diagnose(churn.library) if not check.ok] == []
    assert found_by_search(churn.library) == found_by_search(
        rebuilt(churn.docs, tmp_path / "rebuilt")
    )


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    both = [Churn(tmp_path / name, shared=tmp_path / "library") for name in ("one", "two")]
    running = [churn.start(f"seed of {churn.folder.name}", 12) for churn in both]
    for churn, process in zip(both, running, strict=True):
        said, _ = process.communicate()
        assert process.returncode == 0
        churn.believe(said)
    for churn in both:
        churn.check()
        assert churn.changes == 12
    assert [check for check in diagnose(tmp_path / "library") if not check.ok] == []
    everything = tmp_path / "everything"
    for churn in both:
        shutil.copytree(churn.docs, everything / churn.folder.name)
    found = found_by_search(tmp_path / "library")
    assert found == found_by_search(rebuilt(everything, tmp_path / "rebuilt"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounts.small_disk(disk):
        yield disk


def ingestor_of(store: Store) -> Ingestor:
    index = VectorIndex(store.path.parent / "index", DIMENSIONS)
    return Ingestor(store, index, HashedWordsEmbedder())


def write_documents(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        name = f"{number:03}.txt"
        (folder / name).write_text(text_of(name, number) * 8, "utf-8")
    return folder


def test_a_full_disk_is_named_and_costs_only_what_had_no_room(
    small_disk: Path, tmp_path: Path
) -> None:
    docs, library = write_documents(tmp_path / "docs", 200), small_disk / "library"
    with Store(library / "library.sqlite3") as store:
        with pytest.raises(DiskFull, match="free some space"):
            ingestor_of(store).add(docs)
        assert 0 < len(store.documents()) < 200
        assert store.search_keywords("words of 000.txt", 5)
    with Store(library / "library.sqlite3") as store:  # opens and can be searched while it is full
        stored = store.documents()
        assert store.search_keywords("words of 000.txt", 5)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    with Store(library / "library.sqlite3") as store:
        ingestor = ingestor_of(store)
        ingestor.resume()
        assert {r.document_id for r in stored} <= {r.document_id for r in store.documents()}
        assert not [file for file in ingestor.add(docs).files if file.reason]
        assert len(store.documents()) == 200
    assert [check for check in diagnose(library) if not check.ok] == []
    assert found_by_search(library) == found_by_search(rebuilt(docs, tmp_path / "rebuilt"))


def test_a_read_only_library_is_searched_and_not_changed(small_disk: Path, tmp_path: Path) -> None:
    docs, library = write_documents(tmp_path / "docs", 5), small_disk / "library"
    with Store(library / "library.sqlite3") as store:
        ingestor_of(store).add(docs)
        (document, *_) = store.documents()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert found_by_search(library) == found_by_search(rebuilt(docs, tmp_path / "rebuilt"))
    with Store(library / "library.sqlite3") as store:
        with pytest.raises(LibraryReadOnly, match="can be searched"):
            ingestor_of(store).add(docs)
        with pytest.raises(LibraryReadOnly):
            store.remove(document.document_id)
    assert [check for check in diagnose(library) if not check.ok] == []
