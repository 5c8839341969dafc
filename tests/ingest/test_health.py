from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from ingest.health import Check, check_library
from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder


@pytest.fixture
def index(store: Store, fake_embedder: HashedWordsEmbedder) -> VectorIndex:
    """The index of a library of three documents."""
    index = VectorIndex(store.path.parent / "index", 64)
    ingestor = Ingestor(store, index, fake_embedder)
    for number in range(3):
        ingestor.add_bytes(f"{number}.txt", f"Words of document {number}.".encode())
    return index


def check(store: Store, index: VectorIndex, name: str, *, repair: bool = True) -> Check:
    checks = check_library(store, index, embedder=HashedWordsEmbedder(), repair=repair)
    return next(check for check in checks if check.name == name)


def execute(store: Store, statement: str) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute(statement)
    connection.close()


def test_a_sound_library_is_said_to_be_sound(store: Store, index: VectorIndex) -> None:
    checks = check_library(store, index, embedder=HashedWordsEmbedder())
    assert all(check.ok and not check.repaired for check in checks)
    assert [check.name for check in checks] == [
        "database", "passages", "keywords", "index", "embedder", "originals", "readings", "files",
        "pending", "staging",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("keywords", "DELETE FROM keywords WHERE rowid = 2"),
        ("keywords", "INSERT INTO keywords (rowid, passage) VALUES (99, 'ghost')"),
        ("keywords", "UPDATE keywords_content SET c0 = 'other words' WHERE id = 2"),
    ],
)
def test_the_keyword_index_is_made_anew(
    store: Store, index: VectorIndex, name: str, damage: str
) -> None:
    execute(store, damage)
    assert not check(store, index, name, repair=False).ok
    repaired = check(store, index, name)
    assert (repaired.ok, repaired.repaired) == (True, True)
    assert check(store, index, name) == Check(
        name, True, "Every passage has its words and its vector."
    )
    (hit,) = store.search_keywords("document 1", 1)
    assert store.chunks([hit[0]])[0].document_name == "1.txt"


def test_a_disagreeing_vector_index_is_made_anew(store: Store, index: VectorIndex) -> None:
    # Without a new generation, as after a backup was put back: only the ids can tell.
    execute(store, "DELETE FROM vectors WHERE chunk_id = 1")
    execute(store, "DELETE FROM keywords WHERE rowid = 1")
    execute(store, "DELETE FROM chunks WHERE chunk_id = 1")
    assert not check(store, index, "index", repair=False).ok
    assert check(store, index, "index").repaired
    assert index.ids().tolist() == [2, 3]


def test_a_damaged_file_of_the_vector_index_is_made_anew(store: Store, index: VectorIndex) -> None:
    index.save()
    (path,) = index.folder.glob("vectors-*")
    data = bytearray(path.read_bytes())
    data[-1] ^= 0xFF
    path.write_bytes(data)
    assert not check(store, index, "index", repair=False).ok
    assert check(store, index, "index").repaired
    assert not check(store, index, "index").repaired


def test_orphans_go_and_missing_originals_are_noted(store: Store, index: VectorIndex) -> None:
    first = store.documents()[0]
    original = store.original(first.document_id)
    assert original is not None
    original.unlink()
    (store.originals.folder / "ff").mkdir()
    (store.originals.folder / "ff" / "orphan.pdf").write_bytes(b"x")
    found = check(store, index, "originals")
    assert found.repaired
    assert "1 originals are missing, 1 belong to no document" in found.detail
    assert check(store, index, "originals") == Check("originals", True, "2 kept, none missing.")
    assert len(list(store.originals.all())) == 2


def test_a_staged_file_of_nobody_is_deleted(store: Store, index: VectorIndex) -> None:
    store.originals.staging.mkdir(exist_ok=True)
    (store.originals.staging / "left").write_bytes(b"x")
    assert check(store, index, "staging").repaired
    assert list(store.originals.staged()) == []


def test_it_is_said_how_many_documents_an_older_version_read(
    store: Store, index: VectorIndex
) -> None:
    """They kept their older, worse text for ever, and nothing said so."""
    assert "this version" in check(store, index, "readings").detail
    execute(store, "UPDATE documents SET reading_version = 0 WHERE name <> '1.txt'")
    found = check(store, index, "readings")
    assert found.ok
    assert "2 documents were read by an older version: add the same files" in found.detail


def test_it_is_said_how_many_documents_have_lost_their_files(
    store: Store, index: VectorIndex, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.txt", "b.txt")]
    for path in paths:
        path.write_text(f"Text of {path.name}.")
    Ingestor(store, index, HashedWordsEmbedder()).add(paths)
    assert "No document's file" in check(store, index, "files").detail  # uploads have none
    paths[0].unlink()
    found = check(store, index, "files")
    assert found.ok
    assert "1 documents come from files that are no longer there" in found.detail
    assert len(store.documents()) == 5


def test_another_embedder_is_reported(store: Store, index: VectorIndex) -> None:
    checks = check_library(store, index, embedder=HashedWordsEmbedder(identity="other"))
    (found,) = [check for check in checks if check.name == "embedder"]
    assert not found.ok
    assert "hashed-words" in found.detail


def test_a_passage_outside_its_page_is_reported(store: Store, index: VectorIndex) -> None:
    execute(store, "UPDATE chunks SET end = 10000 WHERE chunk_id = 2")
    assert "1 passages lie outside" in check(store, index, "passages").detail


def test_a_damaged_database_ends_the_check(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite3"
    with Store(path) as store:
        ingestor = Ingestor(store, VectorIndex(tmp_path / "index", 64), HashedWordsEmbedder())
        for i in range(30):
            ingestor.add_bytes(f"{i}.txt", f"Words of {i}. ".encode() * 200)
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 8192 * 4096, len(data), 4096):  # not the schema
        data[place : place + 64] = b"\xaa" * 64
    path.write_bytes(data)
    with Store(path) as store:
        (found,) = check_library(store, None)
    assert (found.name, found.ok) == ("database", False)
