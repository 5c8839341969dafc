"""Which document a file is: of names that cannot be shown, moved, or read by an older version."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from ingest.outcomes import AddReport, Outcome
from ingest.pipeline import Ingestor
from ingest.settings import IngestSettings
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder
from tests.ingest.files import zip_bytes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def outcomes(report: AddReport) -> list[str]:
    return [file.outcome.value for file in report.files]


def names(store: Store) -> list[str]:
    return sorted(record.name for record in store.documents())


def text_of(store: Store, document_id: str) -> str:
    return "\n".join(page.text for page in store.pages(document_id))


def read_by_an_older_version(store: Store, text: str = "An older, worse reading.") -> None:
    """Make every document what an older version would have made of it."""
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE documents SET reading_version = 0")
        connection.execute("UPDATE pages SET text = ?", (text,))
    connection.close()


# --- names that cannot be shown -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b"caf\xe9.txt", b"caf\xe8.txt"),
        (b"new\nline.txt", b"new_line.txt"),
        (b"caf\xe9.txt", b"caf%{E9}.txt"),
        ("a\u200e.txt".encode(), b"a_.txt"),
    ],
)
def test_two_files_are_two_documents_whatever_their_names(
    ingestor: Ingestor, store: Store, folder: Path, first: bytes, second: bytes
) -> None:
    """Their cleaned names were the same, so each replaced the other, and again at every add."""
    for name in (first, second):
        (folder / os.fsdecode(name)).write_bytes(b"The text of " + name.hex().encode())
    assert outcomes(ingestor.add(folder)) == ["added", "added"]
    assert len(set(names(store))) == 2
    report = ingestor.add(folder)
    assert outcomes(report) == ["unchanged", "unchanged"]
    assert sorted(file.path for file in report.files) == sorted(d.path for d in store.documents())


def test_uploads_whose_names_cannot_be_shown_do_not_replace_others(
    ingestor: Ingestor, store: Store
) -> None:
    ingestor.add_bytes("new_line.txt", b"An ordinary file.")
    (file,) = ingestor.add_bytes("new\nline.txt", b"Another one.").files
    assert file.outcome is Outcome.ADDED
    assert names(store) == ["new%{U+000A}line.txt", "new_line.txt"]


def test_a_document_kept_under_its_cleaned_path_goes_to_its_own(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    """Older libraries have it there."""
    path = folder / "caf_.txt"
    path.write_text("Words.")
    (first,) = ingestor.add(path).files
    path.rename(folder / os.fsdecode(b"caf\xe9.txt"))
    (second,) = ingestor.add(folder).files
    assert (second.outcome, second.document_id) == (Outcome.MOVED, first.document_id)
    assert names(store) == ["caf%{E9}.txt"]


# --- read by an older version ---------------------------------------------------------------------


def test_a_document_that_an_older_version_read_is_read_again(
    ingestor: Ingestor, store: Store, index: VectorIndex, folder: Path
) -> None:
    """It was "unchanged", and kept what the older version had made of it."""
    (folder / "a.txt").write_text("What the file says.")
    (first,) = ingestor.add(folder).files
    read_by_an_older_version(store)
    (again,) = ingestor.add(folder).files
    assert (again.outcome, again.document_id) == (Outcome.REPLACED, first.document_id)
    assert again.reason == "a.txt had been read by an older version; it was read again."
    assert text_of(store, first.document_id) == "What the file says."
    assert index.ids().tolist() == store.chunk_ids().tolist()
    assert store.original(first.document_id) is not None
    assert outcomes(ingestor.add(folder)) == ["unchanged"]


def test_an_upload_and_what_is_in_an_archive_are_read_again_as_well(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    (folder / "all.zip").write_bytes(zip_bytes(**{"b.txt": b"In it.", "c.txt": b"In it as well."}))
    ingestor.add_bytes("a.txt", b"Uploaded words.")
    ingestor.add(folder)
    read_by_an_older_version(store)
    assert outcomes(ingestor.add_bytes("a.txt", b"Uploaded words.")) == ["replaced"]
    assert outcomes(ingestor.add(folder)) == ["replaced", "replaced"]
    assert not any(record.is_outdated for record in store.documents())


def test_a_copy_of_a_file_that_an_older_version_read_renews_its_document(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    (first,) = ingestor.add_bytes("a.txt", b"Words.").files
    read_by_an_older_version(store)
    (folder / "copy.txt").write_text("Words.")
    (folder / "more.txt").write_text("Words.")
    assert sorted(outcomes(ingestor.add(folder))) == ["replaced", "unchanged"]
    (record,) = store.documents()
    assert (record.name, record.is_outdated) == ("a.txt", False)
    assert text_of(store, first.document_id) == "Words."


def test_an_original_that_is_kept_stays_where_none_are_kept_any_more(
    ingestor: Ingestor, store: Store, index: VectorIndex, folder: Path
) -> None:
    (folder / "a.txt").write_text("Words.")
    (file,) = ingestor.add(folder).files
    read_by_an_older_version(store)
    settings = IngestSettings(keep_originals=False)
    Ingestor(store, index, HashedWordsEmbedder(), settings=settings).add(folder)
    store.tidy()
    original = store.original(file.document_id)
    assert original is not None
    assert original.read_text() == "Words."


def test_a_document_that_cannot_be_read_any_more_stays(
    ingestor: Ingestor, store: Store, index: VectorIndex, folder: Path
) -> None:
    (folder / "a.txt").write_text("Words.")
    (file,) = ingestor.add(folder).files
    read_by_an_older_version(store)

    def on_batch(_: object) -> None:
        raise MemoryError

    again = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch)).add(folder)
    assert outcomes(again) == ["skipped"]
    assert text_of(store, file.document_id) == "An older, worse reading."


# --- renamed and moved ----------------------------------------------------------------------------


def test_a_renamed_file_keeps_its_document(
    ingestor: Ingestor, store: Store, index: VectorIndex, folder: Path
) -> None:
    """It was "unchanged", as the same file at a path where there was none any more; when it was
    edited there, a second document came, and the older text stayed for good.
    """
    path = folder / "harbour.txt"
    path.write_text("Words.")
    (first,) = ingestor.add(folder).files
    (added,) = store.documents()
    path = path.rename(folder / "ferry.txt")
    (moved,) = ingestor.add(folder).files
    assert (moved.outcome, moved.path) == (Outcome.MOVED, str(path))
    assert f"added as {folder}/harbour.txt" in moved.reason
    (record,) = store.documents()
    assert (record.document_id, record.name, record.path, record.added_at) == (
        first.document_id, "ferry.txt", str(path), added.added_at,
    )  # fmt: skip
    assert store.search_keywords("harbour", 1) == []  # the name is among the keywords
    assert len(store.search_keywords("ferry", 1)) == 1
    assert index.ids().tolist() == store.chunk_ids().tolist()
    assert len(list(store.originals.all())) == 1
    path.write_text("Words that were edited.")
    assert outcomes(ingestor.add(folder)) == ["replaced"]
    assert len(store.documents()) == 1


def test_a_file_in_another_folder_keeps_its_document_as_it_was_embedded(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    embedded: list[str] = []
    ingestor = Ingestor(store, index, HashedWordsEmbedder(on_batch=embedded.extend))
    (folder / "a.txt").write_text("Words.")
    (first,) = ingestor.add(folder).files
    chunk_ids = store.chunk_ids().tolist()
    embedded.clear()
    (folder / "new").mkdir()
    path = (folder / "a.txt").rename(folder / "new" / "a.txt")
    (moved,) = ingestor.add(folder).files
    assert (moved.outcome, moved.document_id) == (Outcome.MOVED, first.document_id)
    assert store.document(first.document_id).path == str(path)
    assert embedded == []
    assert store.chunk_ids().tolist() == index.ids().tolist() == chunk_ids
    assert outcomes(ingestor.add(folder)) == ["unchanged"]
    path.rename(folder / "a.txt")  # and back
    assert outcomes(ingestor.add(folder)) == ["moved"]
    path.write_text("Another file where it was.")
    assert sorted(outcomes(ingestor.add(folder))) == ["added", "unchanged"]


@pytest.mark.parametrize("target", ["b.txt", "sub/a.txt"])
def test_a_file_that_was_moved_over_another_takes_its_place(
    ingestor: Ingestor, store: Store, index: VectorIndex, folder: Path, target: str
) -> None:
    (folder / "sub").mkdir()
    (folder / "a.txt").write_text("Words that stay.")
    (folder / target).write_text("Words that go.")
    ingestor.add(folder)
    (folder / "a.txt").replace(folder / target)
    assert outcomes(ingestor.add(folder)) == ["moved"]
    (record,) = store.documents()
    assert record.path == str(folder / target)
    assert text_of(store, record.document_id) == "Words that stay."
    assert index.ids().tolist() == store.chunk_ids().tolist()


def test_of_two_copies_of_a_file_that_is_gone_one_has_its_document(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    (folder / "a.txt").write_text("Words.")
    ingestor.add(folder)
    for name in ("x", "y"):
        (folder / name).mkdir()
        (folder / name / "a.txt").write_text("Words.")
    (folder / "a.txt").unlink()
    assert sorted(outcomes(ingestor.add(folder))) == ["moved", "unchanged"]
    assert len(store.documents()) == 1


def test_a_file_that_is_still_there_or_was_uploaded_keeps_its_place(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    (folder / "a.txt").write_text("Words.")
    ingestor.add(folder)
    ingestor.add_bytes("b.txt", b"Uploaded words.")
    (folder / "a2.txt").write_text("Words.")
    (folder / "b.txt").write_text("Uploaded words.")
    assert outcomes(ingestor.add(folder)) == ["unchanged"] * 3
    (folder / "a.txt").unlink()
    assert outcomes(ingestor.add_bytes("a.txt", b"Words.")) == ["unchanged"]  # no place of a file
    assert names(store) == ["a.txt", "b.txt"]
