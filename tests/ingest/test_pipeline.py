from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.chunking import passage_text
from ingest.claims import Claim
from ingest.errors import EmbedderMismatch, InvalidCollectionName
from ingest.loaders import LoadLimits
from ingest.outcomes import AddReport, Outcome
from ingest.pipeline import Ingestor
from ingest.progress import Progress, Stage
from ingest.reading_ahead import ReadAhead
from ingest.records import NewDocument, PendingFile
from ingest.settings import IngestSettings
from ingest.store import PutResult, Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder
from tests.ingest.files import write_pdf, write_scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


# Enough for a file to be embedded and stored by itself, before the next one.
MANY_WORDS = 2000


def outcomes(report: AddReport) -> list[tuple[str, str]]:
    return [(Path(file.path).name, file.outcome.value) for file in report.files]


# --- what becomes of a file ---------------------------------------------------------------------


def test_a_file_is_added_and_found_by_words_and_by_vector(
    ingestor: Ingestor, store: Store, index: VectorIndex, folder: Path,
    fake_embedder: HashedWordsEmbedder,
) -> None:  # fmt: skip
    path = write_pdf(folder / "report.pdf", [["Foxes run fast."], ["Dogs sleep long."]])
    (file,) = ingestor.add([path]).files
    assert (file.path, file.outcome, file.reason) == (str(path), Outcome.ADDED, "")
    assert (file.pages, file.chunks) == (2, 2)
    record = store.document(file.document_id)
    assert (record.name, record.path) == ("report.pdf", str(path))
    ((by_words, _),) = store.search_keywords("sleeping dogs", 5)
    ((by_vector, _),) = index.search(fake_embedder.embed_queries(["dogs sleep long"]), 1)[0]
    assert by_words == by_vector
    assert store.chunks([by_words])[0].page_number == 2
    original = store.original(file.document_id)
    assert original is not None
    assert original.read_bytes() == path.read_bytes()


def test_the_same_file_again_is_unchanged(ingestor: Ingestor, store: Store, folder: Path) -> None:
    path = write(folder, "a.txt", "Some words.")
    (first,) = ingestor.add([path]).files
    generation = store.generation
    (second,) = ingestor.add([path]).files
    assert second.outcome is Outcome.UNCHANGED
    assert (second.document_id, second.pages, second.chunks) == (
        first.document_id, first.pages, first.chunks,
    )  # fmt: skip
    assert store.generation == generation


def test_a_changed_file_is_replaced(ingestor: Ingestor, store: Store, folder: Path) -> None:
    ingestor.add([write(folder, "a.txt", "Old words.")])
    (file,) = ingestor.add([write(folder, "a.txt", "New words.")]).files
    assert file.outcome is Outcome.REPLACED
    assert [d.document_id for d in store.documents()] == [file.document_id]
    assert len(list(store.originals.all())) == 1


def test_the_same_content_under_another_name_is_unchanged_and_says_where(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    first = write(folder, "a.txt", "Same words.")
    second = write(folder, "b.txt", "Same words.")
    report = ingestor.add([first, second])
    assert outcomes(report) == [("a.txt", "added"), ("b.txt", "unchanged")]
    assert str(first) in report.files[1].reason
    assert report.files[1].document_id == report.files[0].document_id
    assert ingestor.add([second], collection="other").files[0].outcome is Outcome.ADDED


def test_a_file_that_became_unreadable_leaves_its_older_version(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    path = write(folder, "a.txt", "Good words.")
    ingestor.add([path])
    path.write_bytes(bytes(range(256)) * 4)
    (file,) = ingestor.add([path]).files
    assert file.outcome is Outcome.SKIPPED
    assert len(store.search_keywords("good", 1)) == 1


def test_one_bad_file_never_stops_the_others(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    write_pdf(folder / "1-encrypted.pdf", [["x"]], password="p")
    (folder / "2-corrupt.pdf").write_bytes(b"%PDF-1.7 rubbish")
    (folder / "3-empty.txt").write_bytes(b"")
    write_scan(folder / "4-scan.pdf")
    (folder / "5-junk.txt").write_bytes(os.urandom(4096))
    write_pdf(folder / "6-pdf-in-fact.txt", [["Words of a page"]])
    write(folder, "7-good.md", "# Good\n\nWords.")
    report = ingestor.add([folder])
    assert outcomes(report) == [
        ("1-encrypted.pdf", "skipped"),
        ("2-corrupt.pdf", "skipped"),
        ("3-empty.txt", "skipped"),
        ("4-scan.pdf", "skipped"),
        ("5-junk.txt", "skipped"),
        ("6-pdf-in-fact.txt", "added"),
        ("7-good.md", "added"),
    ]
    assert [Path(file.path).name for file in report.files if file.needs_password] == [
        "1-encrypted.pdf"
    ]
    reasons = [file.reason for file in report.files]
    for reason, says in zip(
        reasons, ["is encrypted", "is damaged", "is empty", "OCR", "neither text"], strict=False
    ):
        assert says in reason
        assert reason.endswith(".")
        assert "\n" not in reason
    assert store.pending() == []
    assert list(store.originals.staged()) == []
    assert len(list(store.originals.all())) == 2


def test_what_exceeds_a_limit_is_skipped_by_name(
    store: Store, index: VectorIndex, fake_embedder: HashedWordsEmbedder, folder: Path
) -> None:
    limits = LoadLimits(max_bytes=2_000, max_characters=1_000)
    ingestor = Ingestor(store, index, fake_embedder, settings=IngestSettings(limits=limits))
    write(folder, "a.txt", "word " * 300)
    write(folder, "b.txt", "word " * 3000)
    reasons = [file.reason for file in ingestor.add([folder]).files]
    assert "a.txt has more than 1,000 characters" in reasons[0]
    assert "b.txt is 0 MB, more than 0 MB" in reasons[1]
    # "raise the limit" was said of limits that nobody could raise.
    for reason, setting in zip(reasons, ("max_file_characters", "max_file_mb"), strict=True):
        assert reason.endswith(f", or raise PAPERLIGHT_{setting.upper()}.")


# --- finding files ------------------------------------------------------------------------------


def test_folders_are_walked_in_order_without_hidden_files(ingestor: Ingestor, folder: Path) -> None:
    for name in ("b.txt", "a.txt", "sub/c.txt", ".hidden", ".git/config", "sub/.x/y.txt"):
        write(folder, name, f"Words of {name}.")
    names = [name for name, _ in outcomes(ingestor.add([folder]))]
    assert names == ["a.txt", "b.txt", "c.txt"]


def test_loops_and_dangling_links_end_and_are_told(ingestor: Ingestor, folder: Path) -> None:
    write(folder, "sub/a.txt", "Words.")
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "self").symlink_to(folder / "self")
    (folder / "gone").symlink_to(folder / "nothing")
    (folder / "again.txt").symlink_to(folder / "sub" / "a.txt")
    report = ingestor.add(folder)
    assert outcomes(report) == [
        ("a.txt", "added"),  # by the name again.txt
        ("gone", "skipped"),
        ("self", "skipped"),
        ("up", "skipped"),
    ]
    assert "leads nowhere" in report.files[1].reason
    assert "leads nowhere" in report.files[2].reason
    assert "taken in already" in report.files[3].reason
    assert outcomes(ingestor.add([folder / "sub", folder])).count(("a.txt", "unchanged")) == 1


def test_the_librarys_own_files_are_not_added_to_it(
    ingestor: Ingestor, store: Store, tmp_path: Path
) -> None:
    """A library inside a folder of documents once grew by its own files with every add."""
    write(tmp_path, "docs/a.txt", "Words.")
    library = store.path.parent
    own = " belongs to this library itself and is not added to it."
    (tmp_path / "docs" / "link").symlink_to(library)
    for _ in range(2):
        report = ingestor.add([tmp_path, store.path])
        assert {file.path: file.reason.removeprefix(file.path) for file in report.files} == {
            str(tmp_path / "docs" / "a.txt"): "",
            str(tmp_path / "docs" / "link"): own,
            str(library): own,
            str(store.path): own,
        }
    assert len(store.documents()) == 1


def test_a_path_that_is_not_there_is_skipped_in_its_place(ingestor: Ingestor, folder: Path) -> None:
    good = write(folder, "a.txt", "Words.")
    report = ingestor.add([folder / "nope", good, "bad\x00name"])
    assert [file.outcome.value for file in report.files] == ["skipped", "added", "skipped"]
    assert "There is no file or folder" in report.files[0].reason
    assert "check the path" in report.files[2].reason


@pytest.mark.skipif(os.geteuid() == 0, reason="only on accounts that are not root")
def test_an_unreadable_file_is_skipped(ingestor: Ingestor, folder: Path) -> None:
    path = write(folder, "a.txt", "x")
    path.chmod(0)
    (file,) = ingestor.add([path]).files
    assert "Permission denied" in file.reason


def test_names_that_cannot_be_shown_are_made_safe(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    name = os.fsdecode(b"caf\xe9\n\x1b[31m.txt")
    path = folder / name
    path.write_text("Words.")
    (file,) = ingestor.add([folder]).files
    assert file.outcome is Outcome.ADDED
    record = store.document(file.document_id)
    assert record.name == "caf%{E9}%{U+000A}%{U+001B}[31m.txt"
    assert record.path == file.path == f"{folder}/{record.name}"
    assert ingestor.add([folder]).files[0].outcome is Outcome.UNCHANGED


def test_a_single_path_may_be_given(ingestor: Ingestor, folder: Path) -> None:
    assert len(ingestor.add(write(folder, "a.txt", "Words.")).files) == 1
    assert len(ingestor.add(str(folder)).files) == 1


# --- uploads ------------------------------------------------------------------------------------


def test_an_upload_is_added_under_its_last_name(ingestor: Ingestor, store: Store) -> None:
    (file,) = ingestor.add_bytes("../../etc/notes.txt", b"Some words.").files
    record = store.document(file.document_id)
    assert (file.path, record.name, record.path) == ("notes.txt", "notes.txt", "upload:notes.txt")
    library = store.path.parent.resolve()
    assert all(library in path.resolve().parents for path in library.parent.rglob("*notes*"))
    assert not list(store.originals.staged())


def test_an_upload_may_be_a_stream_and_replaces_its_namesake(
    ingestor: Ingestor, store: Store
) -> None:
    ingestor.add_bytes("a.txt", io.BytesIO(b"Old words."))
    (file,) = ingestor.add_bytes("a.txt", io.BytesIO(b"New words.")).files
    assert file.outcome is Outcome.REPLACED
    assert len(store.documents()) == 1


def test_a_bad_upload_leaves_nothing(ingestor: Ingestor, store: Store) -> None:
    (file,) = ingestor.add_bytes("a.pdf", b"%PDF-1.4 rubbish").files
    assert file.outcome is Outcome.SKIPPED
    assert list(store.originals.staged()) == []
    assert list(store.originals.all()) == []
    assert store.pending() == []


def test_no_originals_are_kept_when_they_are_not_wanted(
    store: Store, index: VectorIndex, fake_embedder: HashedWordsEmbedder, folder: Path
) -> None:
    ingestor = Ingestor(store, index, fake_embedder, settings=IngestSettings(keep_originals=False))
    report = ingestor.add([write(folder, "a.txt", "Words.")])
    ingestor.add_bytes("b.txt", b"Other words.")
    assert store.original(report.files[0].document_id) is None
    assert list(store.originals.all()) == []
    assert list(store.originals.staged()) == []


# --- collections and embedders ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 101, "\x00"])
def test_a_bad_collection_name_is_refused_before_any_work(ingestor: Ingestor, name: str) -> None:
    with pytest.raises(InvalidCollectionName, match="1 to 100 printable"):
        ingestor.add([], collection=name)


def test_another_embedder_is_refused_before_any_work(
    ingestor: Ingestor, store: Store, index: VectorIndex, folder: Path
) -> None:
    ingestor.add([write(folder, "a.txt", "Words.")])
    other = Ingestor(store, index, HashedWordsEmbedder(identity="other"))
    with pytest.raises(EmbedderMismatch):
        other.add([write(folder, "b.txt", "Words.")])
    assert store.pending() == []


def test_vectors_are_of_the_passages_with_their_context(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    embedded: list[str] = []
    embedder = HashedWordsEmbedder(on_batch=embedded.extend)
    text = "# Animals\n\n" + "\n\n".join(
        f"## Part {i}\n\n" + f"Sentence {i} about animals and such. " * (5 + i) for i in range(40)
    )
    ingestor = Ingestor(store, index, embedder)
    (file,) = ingestor.add([write(folder, "my_animals.md", text)]).files
    chunks = store.document_chunks(file.document_id)
    expected = [
        passage_text(
            chunk.text, name="my_animals.md", title="Animals", heading=chunk.heading,
            count_tokens=embedder.count_tokens,
        )
        for chunk in chunks
    ]  # fmt: skip
    assert sorted(embedded) == sorted(expected)
    _, vectors = store.vectors([chunk.chunk_id for chunk in chunks])
    assert np.allclose(vectors, HashedWordsEmbedder().embed_passages(expected))
    assert max(embedder.count_tokens(text) for text in expected) <= embedder.max_tokens


def test_chunks_fit_an_embedder_that_reads_little(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    embedded: list[str] = []
    embedder = HashedWordsEmbedder(max_tokens=100, on_batch=embedded.extend)
    Ingestor(store, index, embedder).add([write(folder, "a.txt", "Some words. " * 500)])
    assert max(embedder.count_tokens(text) for text in embedded) <= 100


# --- progress, cancel, interruption ------------------------------------------------------------


def test_progress_tells_file_stage_and_counts(ingestor: Ingestor, folder: Path) -> None:
    write(folder, "a.txt", "Some words. " * 1000)
    write(folder, "b.txt", "Other words.")
    seen: list[Progress] = []
    report = ingestor.add([folder], progress=seen.append)
    assert [p.stage for p in seen if p.name == "b.txt"] == [
        Stage.READING, Stage.EMBEDDING, Stage.EMBEDDING, Stage.STORING, Stage.DONE,
    ]  # fmt: skip
    assert {(p.file_index, p.file_count) for p in seen} == {(1, 2), (2, 2)}
    embedded = [p.chunks_embedded for p in seen if p.name == "a.txt"]
    assert embedded == sorted(embedded)
    done = [p for p in seen if p.stage is Stage.DONE]
    assert [p.outcome for p in done] == [report.files[1], report.files[0]]
    assert [p.chunks_embedded for p in done] == [p.chunks for p in done]
    assert done[-1].bytes_done == done[-1].bytes_total == 12_000 + 12


def test_the_smallest_files_are_taken_first_and_reported_in_the_order_given(
    ingestor: Ingestor, folder: Path
) -> None:
    """A core waited while the first file, the largest perhaps, was read."""
    given = [
        write(folder, "large.txt", "Some words. " * 1000),
        folder / "missing.txt",
        write(folder, "small.txt", "Words."),
        write(folder, "medium.txt", "Other words. " * 10),
    ]
    seen: list[Progress] = []
    report = ingestor.add(given, progress=seen.append)
    assert [Path(file.path) for file in report.files] == given
    done = [(p.file_index, p.name) for p in seen if p.stage is Stage.DONE]
    assert done == [(1, str(given[1])), (2, "small.txt"), (3, "medium.txt"), (4, "large.txt")]


def test_cancel_keeps_what_is_done_and_drops_what_is_not(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    cancel = threading.Event()

    def on_batch(texts: Sequence[str]) -> None:
        if any("second" in text for text in texts):
            cancel.set()

    ingestor = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch))
    write(folder, "a.txt", "The first file. " * MANY_WORDS)
    write(folder, "b.txt", "The second file. " * MANY_WORDS)
    write(folder, "c.txt", "The third file. " * 2 * MANY_WORDS)
    report = ingestor.add([folder], cancel=cancel)
    assert report.cancelled
    assert outcomes(report) == [("a.txt", "added")]
    assert store.pending() == []
    assert [d.name for d in store.documents()] == ["a.txt"]
    assert list(store.originals.staged()) == []


def test_an_interrupt_leaves_the_library_in_order(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    def on_batch(texts: Sequence[str]) -> None:
        if any("second" in text for text in texts):
            raise KeyboardInterrupt

    ingestor = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch))
    write(folder, "a.txt", "The first file. " * MANY_WORDS)
    write(folder, "b.txt", "The second file. " * MANY_WORDS)
    with pytest.raises(KeyboardInterrupt):
        ingestor.add([folder])
    assert [d.name for d in store.documents()] == ["a.txt"]
    assert store.pending() == []
    assert list(store.originals.staged()) == []
    assert len(index) == len(store.chunk_ids()) > 0
    assert VectorIndex(index.folder, 64).sync(store) is False or len(index) > 0


def test_what_is_added_can_be_searched_while_the_add_goes_on(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    found: list[int] = []

    def on_batch(texts: Sequence[str]) -> None:
        if any("third" in text for text in texts):
            found.append(len(index))

    ingestor = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch))
    write(folder, "a.txt", "The first file. " * MANY_WORDS)
    write(folder, "b.txt", "The second file. " * MANY_WORDS)
    write(folder, "c.txt", "The third file. " * 2 * MANY_WORDS)
    first, second, _ = ingestor.add([folder]).files
    assert found[0] in (first.chunks, first.chunks + second.chunks)


@pytest.mark.usefixtures("patient")
def test_a_file_is_stored_while_the_next_is_embedded(
    store: Store, index: VectorIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was embedded while a file was stored: a core of two had nothing to do."""
    next_is_embedded = threading.Event()
    put = store.put

    def late_put(new: NewDocument, **options: Any) -> PutResult:
        assert new.name != "a.txt" or next_is_embedded.wait(timeout=60)
        return put(new, **options)

    def on_batch(texts: Sequence[str]) -> None:
        if any("second" in text for text in texts):
            next_is_embedded.set()

    monkeypatch.setattr(store, "put", late_put)
    write(folder, "a.txt", "The first file. " * MANY_WORDS)
    write(folder, "b.txt", "The second file. " * MANY_WORDS)
    write(folder, "c.txt", "The second file. " * MANY_WORDS)
    report = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch)).add([folder])
    # The third has the bytes of the second, which was not stored yet when it was read.
    expected = [("a.txt", "added"), ("b.txt", "added"), ("c.txt", "unchanged")]
    assert outcomes(report) == expected
    assert [d.name for d in store.documents()] == ["a.txt", "b.txt"]
    assert len(index) == len(store.chunk_ids())


# --- small files together -----------------------------------------------------------------------


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files always wait for the next one, however long it takes to be read."""
    monkeypatch.setattr(ReadAhead, "is_ready", lambda self, file: True)


@pytest.mark.usefixtures("patient")
def test_small_files_are_embedded_together_and_each_gets_its_own_vectors(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    batches: list[int] = []
    embedder = HashedWordsEmbedder(
        on_batch=lambda texts: batches.append(len(texts)), batch_size=1000
    )
    for i in range(9):
        write(folder, f"{i}.txt", f"Words of number {i}. " * (20 * i + 1))
    write(folder, "5-again.txt", "Words of number 5. " * 101)
    (folder / "6-empty.txt").write_bytes(b"")
    write(folder, "7-large.txt", "Many words in this one. " * MANY_WORDS)
    seen: list[Progress] = []
    report = Ingestor(store, index, embedder).add([folder], progress=seen.append)
    assert [name for name, outcome in outcomes(report) if outcome != "added"] == [
        "5.txt", "6-empty.txt",
    ]  # fmt: skip
    # Up to the twin of one of them, up to the large file, that one.
    by_name = {Path(file.path).name: file.chunks for file in report.files}
    assert batches == [
        sum(by_name[f"{i}.txt"] for i in range(5)) + by_name["5-again.txt"],
        by_name["6.txt"] + by_name["7.txt"] + by_name["8.txt"],
        by_name["7-large.txt"],
    ]
    for document in store.documents():
        chunks = store.document_chunks(document.document_id)
        texts = [
            passage_text(chunk.text, name=document.name, count_tokens=embedder.count_tokens)
            for chunk in chunks
        ]
        _, vectors = store.vectors([chunk.chunk_id for chunk in chunks])
        assert np.allclose(vectors, HashedWordsEmbedder().embed_passages(texts))
    for file in report.files:
        of_file = [p for p in seen if p.path == file.path]
        assert of_file[-1].outcome == file
        assert of_file[-1].chunks_embedded == of_file[-1].chunks
    assert [p.bytes_done for p in seen] == sorted(p.bytes_done for p in seen)
    assert seen[-1].bytes_done == seen[-1].bytes_total


@pytest.mark.usefixtures("patient")
def test_a_file_that_needs_too_much_memory_costs_itself_only(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    def on_batch(texts: Sequence[str]) -> None:
        if any("second" in text for text in texts):
            raise MemoryError

    for name in ("first", "second", "third"):
        write(folder, f"{name}.txt", f"The {name} file.")
    report = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch)).add([folder])
    assert [file.outcome.value for file in report.files] == ["added", "skipped", "added"]
    assert "needs more memory" in report.files[1].reason
    assert store.pending() == []
    assert list(store.originals.staged()) == []


@pytest.mark.usefixtures("patient")
def test_cancel_drops_the_small_files_in_hand(
    store: Store, index: VectorIndex, folder: Path
) -> None:
    """The copy of the next file, which had been read and did not wait with them yet, stayed."""
    cancel = threading.Event()

    def on_batch(texts: Sequence[str]) -> None:
        if any("second" in text for text in texts):
            cancel.set()

    for name in ("first", "second"):
        write(folder, f"{name}.txt", f"The {name} file.")
    write(folder, "third.txt", "The third file. " * MANY_WORDS)
    ingestor = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch))
    report = ingestor.add([folder], cancel=cancel)
    assert report.cancelled
    assert outcomes(report) == []
    assert store.documents() == []
    assert store.pending() == []
    assert list(store.originals.staged()) == []


# --- resume -------------------------------------------------------------------------------------


def abandon(store: Store, path: Path, name: str, *, staged: bool = False) -> None:
    """Leave a file pending as a process that was killed does: its claim is held by nobody."""
    claim = Claim.new(store.claims_folder)
    store.accept(
        [
            PendingFile(
                pending_id=0, path=path, staged=staged, name=name,
                source=f"upload:{name}" if staged else str(path), collection="default",
                owner=claim.owner,
            )
        ]
    )  # fmt: skip
    claim.release()


def test_resume_takes_up_what_a_dead_process_left(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    abandon(store, write(folder, "a.txt", "Words."), "a.txt")
    staged, _ = store.originals.stage(io.BytesIO(b"Uploaded words."))
    abandon(store, staged, "up.txt", staged=True)
    abandon(store, folder / "gone.txt", "gone.txt")
    report = ingestor.resume()
    assert outcomes(report) == [("a.txt", "added"), ("up.txt", "added"), ("gone.txt", "skipped")]
    assert [d.path for d in store.documents()] == [str(folder / "a.txt"), "upload:up.txt"]
    assert store.pending() == []
    assert list(store.originals.staged()) == []
    assert ingestor.resume().files == ()


def test_resume_leaves_alone_what_a_live_process_works_on(
    ingestor: Ingestor, store: Store, folder: Path
) -> None:
    path = write(folder, "a.txt", "Words.")
    with Claim.new(store.claims_folder) as claim:
        store.accept(
            [
                PendingFile(
                    pending_id=0, path=path, staged=False, name="a.txt", source=str(path),
                    collection="default", owner=claim.owner,
                )
            ]
        )  # fmt: skip
        assert ingestor.resume().files == ()
        assert len(store.pending()) == 1


def test_two_threads_may_add_at_once(
    store: Store, index: VectorIndex, fake_embedder: HashedWordsEmbedder, folder: Path
) -> None:
    for i in range(20):
        write(folder, f"{i}.txt", f"Words number {i}.")
    reports: list[AddReport] = []

    def add() -> None:
        reports.append(Ingestor(store, index, fake_embedder).add([folder]))

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [file.outcome for report in reports for file in report.files]
    assert counts.count(Outcome.ADDED) == 20
    assert counts.count(Outcome.UNCHANGED) == 40
    assert len(store.documents()) == len(index) == 20
    assert list(store.originals.staged()) == []
