from __future__ import annotations

import io
import math
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.database import connect
from ingest.documents import READING_VERSION
from ingest.errors import (
    DimensionMismatch,
    DocumentNotFound,
    EmbedderMismatch,
    LibraryClosed,
    LibraryDamaged,
    LibraryReadOnly,
    LibraryTooNew,
    PageNotFound,
)
from ingest.records import PendingFile
from ingest.schema import prepare
from ingest.search_filter import SearchFilter
from ingest.store import Store
from tests.fakes import HashedWordsEmbedder
from tests.ingest.documents import new_document, put, texts


def test_a_document_comes_back_as_it_went_in(store: Store) -> None:
    new = new_document(
        "Foxes run.\n\nDogs sleep. 𝔘nicode — naïve", "", "Last page.", title="Animals", heading="H"
    )
    document_id = store.put(new, embedder="hashed-words").document_id

    record = store.document(document_id)
    assert (record.name, record.path, record.collection) == ("a.txt", "/docs/a.txt", "default")
    assert (record.title, record.media_type, record.sha256) == ("Animals", "text/plain", new.sha256)
    assert (record.page_count, record.chunk_count, record.byte_size) == (3, 3, new.byte_size)
    assert datetime.now(UTC) - record.added_at < timedelta(minutes=1)
    assert [store.page(document_id, i) for i in range(3)] == list(new.document.pages)
    chunks = store.document_chunks(document_id)
    assert [(c.page_index, c.start, c.end, c.text, c.heading) for c in chunks] == [
        (c.page_index, c.start, c.end, c.text, c.heading) for c in new.chunks
    ]
    assert [c.page_number for c in chunks] == [1, 1, 3]
    ids, vectors = store.vectors([c.chunk_id for c in chunks])
    assert ids.tolist() == [c.chunk_id for c in chunks]
    assert np.array_equal(vectors, new.vectors)


def test_what_was_read_by_ocr_is_known_of_pages_and_passages(store: Store) -> None:
    new = new_document("Scanned words.", "Printed words.")
    scanned, printed = new.document.pages
    pages = (replace(scanned, read_by_ocr=True), printed)
    new = replace(new, document=replace(new.document, pages=pages))
    document_id = store.put(new, embedder="hashed-words").document_id
    assert store.pages(document_id) == list(pages)
    assert [store.page(document_id, index) for index in range(2)] == list(pages)
    chunks = store.document_chunks(document_id)
    assert [(chunk.text, chunk.read_by_ocr) for chunk in chunks] == [
        ("Scanned words.", True),
        ("Printed words.", False),
    ]


def of_version_2(path: Path, *pages: str) -> None:
    """A library as it was written before pages knew how they were read, and what came after."""
    with Store(path) as store:
        put(store, *pages)
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            "ALTER TABLE chunks DROP COLUMN sections;"
            "ALTER TABLE documents DROP COLUMN reading_version;"
            "ALTER TABLE pages DROP COLUMN read_by_ocr; PRAGMA user_version = 2;"
            "PRAGMA journal_mode = DELETE;"
        )


def test_an_older_library_keeps_its_texts_and_knows_which_pages_were_read_by_ocr(
    tmp_path: Path,
) -> None:
    """There the text itself began with "[Read by OCR]"; places in it must stay true."""
    pages = (
        "[Read by OCR]\nScanned words.",
        "# scan.png, page 1\n\n[Read by OCR]\nOf an archive.",
        "Says [Read by OCR] itself.",
    )
    of_version_2(tmp_path / "l.sqlite3", *pages)
    with Store(tmp_path / "l.sqlite3") as store:
        (document,) = store.documents()
        found = store.pages(document.document_id)
        assert [page.text for page in found] == list(pages)
        assert [page.read_by_ocr for page in found] == [True, True, False]
        for chunk in store.document_chunks(document.document_id):
            assert chunk.text == pages[chunk.page_index][chunk.start : chunk.end]
        assert store.misplaced_chunks() == 0
        put(store, "New words.", name="new.txt")
        assert [record.reading_version for record in store.documents()] == [0, READING_VERSION]


def test_the_sections_of_passages_are_kept(store: Store) -> None:
    new = new_document("Leeds\nOpen at 9. York\nOpen at 8.", "More.", heading="Offices")
    first, second = new.chunks
    chunks = [
        replace(first, sections=((0, "Offices > Leeds"), (17, "Offices > York"))),
        replace(second, sections=((0, "Offices"),)),
    ]
    document_id = store.put(replace(new, chunks=chunks), embedder="hashed-words").document_id
    kept = store.document_chunks(document_id)
    assert [chunk.sections for chunk in kept] == [chunk.sections for chunk in chunks]
    assert [chunk.sections for chunk in store.chunks([kept[1].chunk_id])] == [((0, "Offices"),)]


def test_an_older_library_does_not_know_the_sections_until_a_document_is_read_again(
    tmp_path: Path,
) -> None:
    of_version_2(tmp_path / "l.sqlite3", "Leeds. York.")
    new = new_document("Leeds. York.")
    with Store(tmp_path / "l.sqlite3") as store:
        (document,) = store.documents()
        (chunk,) = store.document_chunks(document.document_id)
        assert (chunk.text, chunk.sections) == ("Leeds. York.", ())
        assert document.is_outdated
        sections = ((0, "Leeds"), (7, "York"))
        again = replace(new, chunks=[replace(new.chunks[0], sections=sections)])
        assert store.put(again, embedder="hashed-words").read_again
        (chunk,) = store.document_chunks(document.document_id)
        assert chunk.sections == sections
        assert store.integrity_problems() == []


def test_a_document_that_is_read_again_keeps_its_id_and_its_time(store: Store) -> None:
    """A reader's bookmarks and `--since` are of the document, however it was read."""
    first = replace(new_document("Old reading."), sha256="same", reading_version=0)
    second = replace(new_document("New", "reading."), sha256="same")
    store.put(first, embedder="hashed-words")
    (before,) = store.documents()
    assert before.is_outdated
    result = store.put(second, embedder="hashed-words")
    assert (result.replaced, result.read_again) == (True, True)
    (after,) = store.documents()
    assert (after.document_id, after.added_at) == (before.document_id, before.added_at)
    assert (after.page_count, after.is_outdated) == (2, False)
    assert store.search_keywords("old", 1) == []
    assert store.put(second, embedder="hashed-words").unchanged


def test_an_older_library_that_is_read_only_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite3"
    of_version_2(path, "Words.")
    with (
        closing(connect(path, read_only=True)) as connection,
        pytest.raises(LibraryReadOnly, match=r"older version .* open it once with the right"),
    ):
        prepare(connection, path)


def test_chunks_come_in_the_order_asked_and_without_those_gone(store: Store) -> None:
    put(store, "one\n\ntwo\n\nthree")
    ids = store.chunk_ids().tolist()
    assert texts(store, [ids[2], 10_000, ids[0]]) == ["three", "one"]


def test_neighbours_stay_within_the_document(store: Store) -> None:
    put(store, "one\n\ntwo", "three", name="a.txt")
    put(store, "four", name="b.txt")
    one, two, three, four = store.chunk_ids().tolist()

    def around(chunk_id: int) -> list[str | None]:
        return [None if chunk is None else chunk.text for chunk in store.neighbours(chunk_id)]

    assert around(one) == [None, "two"]
    assert around(two) == ["one", "three"]
    assert around(three) == ["two", None]
    assert around(four) == [None, None]


def test_a_newer_version_takes_the_place_of_the_older_one(store: Store) -> None:
    old = put(store, "old words here", name="a.txt")
    result = store.put(new_document("new words here", name="a.txt"), embedder="hashed-words")
    assert result.replaced
    assert result.document_id != old
    assert [d.document_id for d in store.documents()] == [result.document_id]
    assert texts(store, store.chunk_ids().tolist()) == ["new words here"]
    assert store.search_keywords("old", 5) == []


def test_the_same_again_changes_nothing(store: Store) -> None:
    put(store, "words")
    generation = store.generation
    result = store.put(new_document("words"), embedder="hashed-words")
    assert result.unchanged
    assert store.generation == generation


def test_a_failed_put_leaves_nothing(store: Store) -> None:
    put(store, "before", name="a.txt")
    before = (store.generation, store.chunk_ids().tolist(), store.collections())
    broken = new_document("after", name="b.txt", collection="other")
    beyond = replace(broken.chunks[0], page_index=7)  # no such page: fails after other rows
    with pytest.raises(sqlite3.IntegrityError):
        store.put(replace(broken, chunks=[beyond]), embedder="hashed-words")
    assert (store.generation, store.chunk_ids().tolist(), store.collections()) == before
    assert store.unindexed_chunks() == (0, 0)


def test_what_is_removed_leaves_no_trace_in_the_files(store: Store) -> None:
    document_id = put(store, "the zanzibar confidential paragraph", name="a.txt")
    put(store, "something else", name="b.txt")
    store.remove(document_id)
    assert store.search_keywords("zanzibar", 5) == []
    assert [d.name for d in store.documents()] == ["b.txt"]
    with pytest.raises(DocumentNotFound):
        store.remove(document_id)
    for path in store.path.parent.rglob("*"):
        if path.is_file():
            assert b"zanzibar" not in path.read_bytes(), path.name


def test_many_documents_are_removed_with_one_clearing_and_leave_no_trace(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each document's removal wrote all keywords anew: a quarter of a second for each in a library
    of 50,000 passages."""
    words = ["zanzibar", "timbuktu", "samarkand", "marrakesh"]
    removed = [put(store, f"the {word} paragraph", name=f"{word}.txt") for word in words]
    put(store, "something else", name="kept.txt")
    statements: list[str] = []

    def watched(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
        connection = connect(path, read_only=read_only)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr("ingest.database.connect", watched)
    with Store(store.path) as other:
        other.remove(*removed, removed[0])
        assert [document.name for document in other.documents()] == ["kept.txt"]
    assert sum("'optimize'" in statement for statement in statements) == 1
    for path in store.path.parent.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [word for word in words if word.encode() in content], path.name


def test_removing_a_document_that_is_not_there_removes_no_other(store: Store) -> None:
    document_id = put(store, "the zanzibar paragraph", name="a.txt")
    with pytest.raises(DocumentNotFound):
        store.remove(document_id, "absent")
    assert store.document(document_id).name == "a.txt"
    assert len(store.search_keywords("zanzibar", 5)) == 1
    assert store.left_behind() == 0


def test_ids_of_removed_chunks_are_never_used_again(store: Store) -> None:
    document_id = put(store, "one\n\ntwo")
    before = store.chunk_ids().tolist()
    store.remove(document_id)
    put(store, "three")
    assert min(store.chunk_ids().tolist()) > max(before)


def test_generation_goes_up_with_every_change_only(store: Store) -> None:
    seen = [store.generation]
    document_id = put(store, "one")
    seen.append(store.generation)
    store.documents()
    store.search_keywords("one", 3)
    assert store.generation == seen[-1]
    store.remove(document_id)
    seen.append(store.generation)
    assert seen == sorted(set(seen))


def test_collections_are_apart(store: Store) -> None:
    put(store, "apples and pears", name="a.txt", collection="fruit")
    put(store, "apples and oranges", name="a.txt", collection="other")
    assert store.collections() == ["fruit", "other"]
    assert [d.collection for d in store.documents(SearchFilter(collection="fruit"))] == ["fruit"]
    other = store.allowed(SearchFilter(collection="other"))
    assert other is not None
    (hit,) = store.search_keywords("apples", 9, allowed=other)
    assert texts(store, [hit[0]]) == ["apples and oranges"]
    assert other.ids.tolist() == [hit[0]]
    assert len(store.allowed(SearchFilter(collection="nothing")) or ()) == 0


def test_a_collection_ends_with_its_last_document(store: Store) -> None:
    document_id = put(store, "x", collection="only")
    store.remove(document_id)
    assert store.collections() == []


# --- keyword search -----------------------------------------------------------------------------


def test_better_matches_come_first_and_score_higher(store: Store) -> None:
    put(store, "a fox and a dog\n\na fox in the fox hole\n\nnothing of the kind")
    hits = store.search_keywords("fox holes", 5)
    assert texts(store, [chunk_id for chunk_id, _ in hits]) == [
        "a fox in the fox hole",
        "a fox and a dog",
    ]
    assert hits[0][1] > hits[1][1] > 0


@pytest.mark.parametrize("k1", [0.1, 0.4, 1.2, 3.0])
def test_bm25_is_that_of_the_formula_whatever_the_k1(store: Store, k1: float) -> None:
    put(store, "fox\n\nfox fox fox and more of the fox\n\nthe dog has a den", name="a.txt")
    put(
        store,
        "a den of a fox\n\na very long tale of a dog, a cat, a hen, a crow\n\nhens",
        name="b.txt",
    )
    put(store, "\n\n".join(f"note {number} on hay" for number in range(9)), name="c.txt")
    passages = {
        chunk_id: [*passage, *context]
        for chunk_id, (passage, context) in store.keyword_terms(store.chunk_ids().tolist()).items()
    }
    mean_length = sum(map(len, passages.values())) / len(passages)

    def bm25(terms: list[str]) -> float:
        """As FTS5 has it: "The BM25 function", https://www.sqlite.org/fts5.html, with this k1."""
        score = 0.0
        for word in ("fox", "den"):
            holders = sum(word in other for other in passages.values())
            rarity = math.log((len(passages) - holders + 0.5) / (holders + 0.5))
            count, length = terms.count(word), len(terms) / mean_length
            score += rarity * count * (1.2 + 1) / (count + k1 * (0.25 + 0.75 * length))
        return score

    expected = {chunk_id: bm25(terms) for chunk_id, terms in passages.items() if bm25(terms)}
    found = store.search_keywords("the den of a fox", 20, k1=k1)
    assert len(expected) == 4
    assert dict(found) == pytest.approx(expected)
    assert [chunk_id for chunk_id, _ in found] == sorted(expected, key=lambda c: -expected[c])


def test_words_of_the_name_title_and_heading_find_a_passage_too(store: Store) -> None:
    put(store, "Sales were 3", name="acme_2022.txt", title="Report", heading="Segments > Tape")
    put(store, "unrelated words", name="third.txt")
    for word in ("acme", "2022", "report", "segment", "tape"):
        (hit,) = store.search_keywords(word, 5)
        assert texts(store, [hit[0]]) == ["Sales were 3"]


def test_a_search_in_one_collection_is_about_as_fast_as_in_all(store: Store) -> None:
    """SQLite once looked up each passage of the collection in the index by itself: a search that
    took 0.2 seconds took 285 with a collection named, at 100,000 passages."""
    put(store, "\n\n".join(f"common words number {i}" for i in range(5000)))
    started = time.monotonic()
    everywhere = store.search_keywords("common words", 10)
    alone = time.monotonic() - started
    started = time.monotonic()
    default = store.allowed(SearchFilter(collection="default"))
    assert store.search_keywords("common words", 10, allowed=default) == everywhere
    assert time.monotonic() - started < 20 * alone + 0.5


@pytest.mark.parametrize(
    "query",
    ['"', '"fox', "fox OR", "NEAR(fox dog", "fox*", "passage:fox", "-fox", "^fox", "{fox}", "(",
     "fox AND NOT dog", "'; DROP TABLE documents; --", "\x00fox", "fox\ud800"],
)  # fmt: skip
def test_syntax_in_a_query_is_inert(store: Store, query: str) -> None:
    put(store, "a quick fox")
    found = store.search_keywords(query, 5)
    assert len(found) == (1 if "fox" in query else 0)
    assert len(store.documents()) == 1


@given(st.text(st.characters(codec=None)))
@settings(deadline=None)  # opens a database each time
def test_no_query_fails(query: str) -> None:
    with Store(_shared_folder() / "library.sqlite3") as store:
        store.search_keywords(query, 3)


_FOLDER: list[Path] = []


def _shared_folder() -> Path:
    return _FOLDER[0]


@pytest.fixture(autouse=True, scope="module")
def _library_for_hypothesis(tmp_path_factory: pytest.TempPathFactory) -> None:
    _FOLDER.append(tmp_path_factory.mktemp("hypothesis"))
    with Store(_shared_folder() / "library.sqlite3") as store:
        put(store, "some words to search")


def test_chinese_is_found_by_a_part_of_a_sentence(store: Store) -> None:
    put(store, "人工智能正在改变世界。\n\n今天天气很好。")
    (hit,) = store.search_keywords("智能的世界", 5)[:1]
    assert texts(store, [hit[0]]) == ["人工智能正在改变世界。"]


# --- the embedder -------------------------------------------------------------------------------


def test_another_embedder_is_refused_by_name(store: Store) -> None:
    put(store, "x")
    with pytest.raises(EmbedderMismatch, match=r"hashed-words \(64 dim.*other-model \(64 dim"):
        store.bind_embedder("other-model", 64)
    with pytest.raises(EmbedderMismatch):
        store.put(new_document("y", name="b.txt"), embedder="other-model")


def test_other_dimensions_are_refused(store: Store) -> None:
    put(store, "x")
    wide = new_document("y", name="b.txt", embedder=HashedWordsEmbedder(dimensions=32))
    with pytest.raises(EmbedderMismatch, match="32 dimensions"):
        store.put(wide, embedder="hashed-words")


def test_an_empty_library_takes_another_embedder(store: Store) -> None:
    store.bind_embedder("one", 10)
    store.bind_embedder("two", 20)
    assert store.embedder == ("two", 20)


def test_a_vector_for_every_chunk_is_demanded(store: Store) -> None:
    new = new_document("x\n\ny")
    with pytest.raises(DimensionMismatch):
        store.put(replace(new, vectors=new.vectors[:1]), embedder="hashed-words")


def test_what_was_added_since_is_told_with_the_count_of_all(store: Store) -> None:
    assert store.added_after(-1) == (store.generation, 0, pytest.approx([]))
    put(store, "a\n\nb\n\nc")
    last = int(store.chunk_ids()[-1])
    put(store, "d\n\ne", name="more.txt")
    generation, count, added = store.added_after(last)
    assert (generation, count) == (store.generation, 5)
    assert added.tolist() == store.chunk_ids().tolist()[3:]


# --- what is not there --------------------------------------------------------------------------


def test_what_is_not_there_is_said_to_be_missing(store: Store) -> None:
    document_id = put(store, "x")
    with pytest.raises(DocumentNotFound, match="no document 'nope'"):
        store.document("nope")
    with pytest.raises(DocumentNotFound):
        store.page("nope", 0)
    with pytest.raises(DocumentNotFound):
        store.original("nope")
    with pytest.raises(PageNotFound):
        store.page(document_id, 5)
    assert store.original(document_id) is None


# --- originals ----------------------------------------------------------------------------------


def put_original(store: Store, name: str, data: bytes, collection: str = "default") -> str:
    with _written(store.path.parent / "in", data).open("rb") as stream:
        staged, found = store.originals.stage(stream)
    new = replace(
        new_document(data.decode(), name=name, collection=collection), sha256=found.sha256
    )
    document_id = store.put(new, embedder="hashed-words", staged=staged).document_id
    store.originals.discard(staged)
    return document_id


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_an_original_is_kept_by_its_content_and_goes_with_its_document(store: Store) -> None:
    document_id = put_original(store, "../../evil name.txt", b"hello")
    original = store.original(document_id)
    assert original is not None
    assert original.read_bytes() == b"hello"
    assert original.parent.parent == store.originals.folder
    assert original.name.endswith(".txt")
    assert list(store.originals.staged()) == []
    store.remove(document_id)
    assert list(store.originals.all()) == []


def test_an_original_that_two_documents_share_goes_with_the_last(store: Store) -> None:
    first = put_original(store, "a.txt", b"same", "one")
    second = put_original(store, "a.txt", b"same", "two")
    store.remove(first)
    assert store.original(second) is not None
    store.remove(second)
    assert list(store.originals.all()) == []


def test_an_upload_survives_a_failure_after_its_original_was_placed(store: Store) -> None:
    staged, found = store.originals.stage(io.BytesIO(b"hello"))
    new = replace(new_document("hello"), sha256=found.sha256)
    beyond = replace(new.chunks[0], page_index=7)
    with pytest.raises(sqlite3.IntegrityError):
        store.put(replace(new, chunks=[beyond]), embedder="hashed-words", staged=staged)
    assert staged.read_bytes() == b"hello"


def test_replacing_a_document_replaces_its_original(store: Store) -> None:
    put_original(store, "a.txt", b"old")
    new = put_original(store, "a.txt", b"new")
    store.tidy()
    assert [store.originals.folder / path for path in store.originals.all()] == [
        store.original(new)
    ]


# --- opening ------------------------------------------------------------------------------------


def test_a_library_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with Store(tmp_path / "l.sqlite3") as store:
        document_id = put(store, "words")
        library_id = store.library_id
    with Store(tmp_path / "l.sqlite3") as store:
        assert store.document(document_id).name == "a.txt"
        assert store.library_id == library_id


def test_a_closed_library_is_called_closed_and_not_damaged(tmp_path: Path) -> None:
    """Questions that ran in other threads at the close failed with LibraryDamaged."""
    folder = tmp_path / "books"
    store = Store(folder / "l.sqlite3")
    ended = threading.Event()

    def read_after_the_close() -> int:
        assert ended.wait(60)
        return len(store.documents())

    with ThreadPoolExecutor(1) as pool:
        question = pool.submit(read_after_the_close)
        store.close()
        ended.set()
        with pytest.raises(LibraryClosed, match="books is closed; open it again"):
            question.result(60)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite3"
    path.write_bytes(b"not a database, " * 100)
    with pytest.raises(LibraryDamaged, match="damaged or not a database"):
        Store(path)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(LibraryDamaged, match="another program"):
        Store(path)


def test_a_library_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite3"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LibraryTooNew, match="format 99"):
        Store(path)


# --- many at once -------------------------------------------------------------------------------


def test_threads_write_and_read_at_once(store: Store) -> None:
    stop = threading.Event()

    def read() -> int:
        rounds = 0
        while not stop.is_set():
            for chunk_id, _ in store.search_keywords("common", 100):
                assert store.chunks([chunk_id])[0].text.startswith("common")
            rounds += 1
        return rounds

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        writers = [pool.submit(put, store, f"common {i}", name=f"{i}.txt") for i in range(40)]
        for writer in writers:
            writer.result()
        stop.set()
        assert all(reader.result() > 0 for reader in readers)
    assert len(store.search_keywords("common", 100)) == 40
    assert store.unindexed_chunks() == (0, 0)


def test_two_stores_of_one_library_see_each_others_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "l.sqlite3") as one, Store(tmp_path / "l.sqlite3") as two:
        put(one, "from one", name="1.txt")
        put(two, "from two", name="2.txt")
        assert len(one.documents()) == len(two.documents()) == 2
        assert one.generation == two.generation


# --- pending files ------------------------------------------------------------------------------


def test_pending_files_are_kept_until_they_are_finished(store: Store) -> None:
    path = Path("/a/\udcff.txt")  # a name that is not valid UTF-8
    file = PendingFile(
        pending_id=0, path=path, staged=False, name="n", source="s", collection="c", owner="o"
    )
    (accepted,) = store.accept([file])
    assert store.pending() == [accepted]
    assert store.pending()[0].path == path
    store.finish([accepted])
    assert store.pending() == []


def test_a_pending_file_goes_with_the_document_it_became(store: Store) -> None:
    file = PendingFile(
        pending_id=0, path=Path("/x"), staged=False, name="n", source="s", collection="c", owner="o"
    )
    (accepted,) = store.accept([file])
    store.put(new_document("x"), embedder="hashed-words", finishes=accepted)
    assert store.pending() == []


def test_a_keyword_index_of_older_terms_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with Store(path) as store:
        before = store.generation
        with store._database.writing() as connection:
            connection.execute("DELETE FROM meta WHERE key = 'terms_version'")
    with Store(path) as store:
        assert store.generation == before + 1
    with Store(path) as store:
        assert store.generation == before + 1
