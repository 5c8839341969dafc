from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.allowed_chunks import AllowedChunks
from ingest.errors import InvalidFilter
from ingest.loaders import FileKind
from ingest.search_filter import TYPE_NAMES, SearchFilter, combined, moment, named_documents
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder
from tests.ingest.documents import new_document, put

# --- the filter itself --------------------------------------------------------------------------


def test_equal_filters_are_equal_however_they_are_written() -> None:
    one = SearchFilter(
        documents=["b.txt", "a.txt", "a.txt"],
        types=[".PDF", "docx"],
        since=datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=2))),
        before=date(2026, 4, 1),
    )
    other = SearchFilter(
        documents=("a.txt", "b.txt"),
        types=("docx", "pdf"),
        since=date(2026, 3, 1),
        before=datetime(2026, 4, 1),
    )
    assert one == other
    assert hash(one) == hash(other)
    assert SearchFilter(documents="a.txt") == SearchFilter(documents=["a.txt"])


def test_a_filter_that_leaves_everything_is_false() -> None:
    assert not SearchFilter()
    assert not SearchFilter(documents=[], types=())
    assert SearchFilter(collection="a")
    assert SearchFilter(since=date(2026, 1, 1))


def test_every_kind_that_is_read_has_its_usual_name() -> None:
    for kind in FileKind:
        assert kind.value in SearchFilter(types=[kind.name]).media_types
        assert SearchFilter(types=[kind.value]).media_types == (kind.value,)
    kinds = {kind.value for kind in FileKind}
    assert {media_type for named in TYPE_NAMES.values() for media_type in named} == kinds
    assert len(SearchFilter(types=["email"]).media_types) == 3
    assert set(SearchFilter(types=["spreadsheet"]).media_types) > set(
        SearchFilter(types=["excel"]).media_types
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SearchFilter(types=["pfd"]), "'pfd' is not a type of document; use one of pdf,"),
        (lambda: SearchFilter(types=[""]), "'' is not a type"),
        (lambda: SearchFilter(documents=[" "]), "names no document"),
        (lambda: SearchFilter(documents=["x" * 5000]), "names no document"),
        (lambda: SearchFilter(documents=[f"{n}*" for n in range(51)]), "give at most 50, or ids"),
        (lambda: SearchFilter(collection="\ud800"), "is no text"),
        (
            lambda: SearchFilter(since=date(2026, 4, 1), before=date(2026, 3, 1)),
            "since 2026-04-01 and before 2026-03-01; exchange",
        ),
        (lambda: SearchFilter(since=date(2026, 4, 1), before=date(2026, 4, 1)), "exchange"),
        (
            lambda: SearchFilter(before=datetime.min.replace(tzinfo=timezone(timedelta(hours=3)))),
            "beyond all dates",
        ),
        (lambda: moment("last week"), "'last week' is not a date; write one like 2026-03-31"),
        (lambda: moment("2026-02-30"), "is not a date"),
        (lambda: combined("a", SearchFilter(collection="b")), "name one of them"),
    ],
)
def test_nonsense_is_refused_with_what_to_do(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(InvalidFilter) as raised:
        make()
    assert words in str(raised.value)


def test_dates_are_read_as_people_write_them() -> None:
    assert SearchFilter(since=moment(" 2026-03-31 ")).since == datetime(2026, 3, 31, tzinfo=UTC)
    expected = datetime(2026, 3, 31, 13, tzinfo=UTC)
    assert SearchFilter(since=moment("2026-03-31T14:00+01:00")).since == expected


def test_a_collection_and_a_filter_are_combined() -> None:
    pdfs = SearchFilter(types=["pdf"])
    assert combined("a", pdfs) == SearchFilter(collection="a", types=["pdf"])
    assert combined("a", SearchFilter(collection="a")) == SearchFilter(collection="a")
    assert combined(None, pdfs) == pdfs
    assert not combined(None, None)


def test_documents_are_named_by_id_name_path_pattern_or_beginning_of_an_id() -> None:
    documents = [
        ("abcd1111", "Report 2024.pdf", "/home/ann/Report 2024.pdf"),
        ("abcd2222", "report 2025.PDF", "/home/bob/report 2025.PDF"),
        ("ffff3333", "abcd", "upload:abcd"),
        ("eeee4444", "notes [1].txt", "/home/bob/notes [1].txt"),
        ("cccc5555", "old.zip/2024/plan.pdf", "/home/ann/old.zip/2024/plan.pdf"),
        ("cccc6666", "old.zip/list.txt", "/home/ann/old.zip/list.txt"),
    ]
    expected = {
        "abcd1111": {"abcd1111"},
        "abcd2": {"abcd2222"},
        "abcd": {"ffff3333"},  # a name goes before beginnings of ids
        "ABCD1": {"abcd1111"},
        "abc": set(),  # too short for an id
        "REPORT 2024.PDF": {"abcd1111"},
        "/home/bob/report 2025.PDF": {"abcd2222"},
        "report*.pdf": {"abcd1111", "abcd2222"},
        "report 202?.pdf": {"abcd1111", "abcd2222"},
        "/home/bob/*": {"abcd2222", "eeee4444"},
        "notes [1].txt": {"eeee4444"},  # brackets are themselves, too
        "2024": set(),  # a whole name, not a part of one
        "OLD.zip": {"cccc5555", "cccc6666"},
        "/home/ann/old.zip": {"cccc5555", "cccc6666"},
        "old.zip/2024/plan.pdf": {"cccc5555"},
        "plan.pdf": set(),
        "old.zip/2024": set(),
        "*": {document_id for document_id, _, _ in documents},
    }
    assert named_documents(list(expected), documents) == expected


# --- what it leaves of a library ----------------------------------------------------------------

COLLECTIONS = ("a", "b", "c")
TYPES = ("application/pdf", "text/plain", "message/rfc822")
NAMES = ("plan.pdf", "plan.txt", "notes 1.txt", "notes 2.txt", "mail.eml")
WORDS = ("apple", "pear", "plum", "cherry")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A document as plain data: the oracle's view of the library."""

    document_id: str
    name: str
    path: str
    collection: str
    media_type: str
    added_at: datetime
    chunk_ids: tuple[int, ...]


@dataclass(frozen=True)
class Filled:
    store: Store
    rows: list[Row]
    index: VectorIndex


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Documents of many kinds, with gaps among the ids where others were removed or replaced."""
    folder = tmp_path_factory.mktemp("filtered")
    random = np.random.default_rng(0)
    with Store(folder / "library.db") as store:
        ids = []
        for number in range(40):
            text = "\n\n".join(
                " ".join(random.choice(WORDS, random.integers(1, 6)))
                for _ in range(random.integers(1, 7))
            )
            new = new_document(
                text, name=NAMES[number % len(NAMES)], source=f"/docs/{number}/x",
                collection=COLLECTIONS[number % 3],
            )  # fmt: skip
            new = replace(new, document=replace(new.document, media_type=TYPES[number % 4 % 3]))
            ids.append(store.put(new, embedder="hashed-words").document_id)
            if number % 5 == 4:
                store.remove(ids.pop(int(random.integers(len(ids)))))
        with closing(sqlite3.connect(folder / "library.db")) as connection:
            for days, document_id in enumerate(ids):
                added_at = FIRST + timedelta(days=days // 3, microseconds=days % 2)
                connection.execute(
                    "UPDATE documents SET added_at = ? WHERE document_id = ?",
                    (added_at.isoformat(), document_id),
                )
            connection.commit()
            rows = [
                Row(*row[:5], datetime.fromisoformat(row[5]), _chunk_ids(connection, row[0]))
                for row in connection.execute(
                    "SELECT document_id, name, source, collection, media_type, added_at"
                    " FROM documents"
                )
            ]
        index = VectorIndex(folder / "index", HashedWordsEmbedder().dimensions)
        index.sync(store)
        yield Filled(store, rows, index)


def _chunk_ids(connection: sqlite3.Connection, document_id: str) -> tuple[int, ...]:
    query = "SELECT chunk_id FROM chunks WHERE document_id = ? ORDER BY chunk_id"
    return tuple(row[0] for row in connection.execute(query, (document_id,)))


def fits(row: Row, search_filter: SearchFilter) -> bool:
    """The oracle: said again, plainly."""
    since, before = search_filter.since, search_filter.before
    return (
        search_filter.collection in (None, row.collection)
        and (not search_filter.types or row.media_type in search_filter.media_types)
        and (since is None or row.added_at >= since)
        and (before is None or row.added_at < before)
        and (
            not search_filter.documents
            or any(
                row.document_id == name
                or fnmatchcase(row.name, name)
                or fnmatchcase(row.path, name)
                for name in search_filter.documents
            )
        )
    )


days = st.integers(-1, 14).map(lambda day: FIRST + timedelta(days=day))
dates = st.one_of(
    st.tuples(st.none(), st.none()),
    st.tuples(days, st.none()),
    st.tuples(st.none(), days),
    st.lists(days, min_size=2, max_size=2, unique=True).map(lambda both: tuple(sorted(both))),
)
filters = st.builds(
    lambda collection, documents, types, between: SearchFilter(
        collection=collection, documents=documents, types=types, since=between[0], before=between[1]
    ),
    st.sampled_from([None, *COLLECTIONS, "nowhere"]),
    st.lists(st.sampled_from([*NAMES, "*.txt", "plan.*", "/docs/1?/*"]), max_size=3),
    st.lists(st.sampled_from(["pdf", "email", "text", "text/plain", "docx"]), max_size=2),
    dates,
)


@given(search_filter=filters)
def test_a_filter_leaves_what_plainly_fits_it(filled: Filled, search_filter: SearchFilter) -> None:
    left = [row for row in filled.rows if fits(row, search_filter)]
    assert {d.document_id for d in filled.store.documents(search_filter)} == {
        row.document_id for row in left
    }
    allowed = filled.store.allowed(search_filter)
    expected = sorted(chunk_id for row in left for chunk_id in row.chunk_ids)
    if not search_filter:
        assert allowed is None
        return
    assert allowed is not None
    assert allowed.ids.tolist() == expected
    everything = range(-1, max(i for row in filled.rows for i in row.chunk_ids) + 2)
    assert [i for i in everything if i in allowed] == expected


@given(search_filter=filters, k=st.integers(1, 30), query=st.sampled_from(WORDS))
def test_words_and_meaning_are_searched_within_the_filter_before_the_best_are_taken(
    filled: Filled, search_filter: SearchFilter, k: int, query: str
) -> None:
    left = {i for row in filled.rows if fits(row, search_filter) for i in row.chunk_ids}
    allowed = filled.store.allowed(search_filter)
    everywhere = filled.store.search_keywords(query, 1000)
    assert (
        filled.store.search_keywords(query, k, allowed=allowed)
        == [(i, similarity) for i, similarity in everywhere if i in left][:k]
    )
    vector = np.array([HashedWordsEmbedder().embed_query(query)], dtype=np.float32)
    (found,) = filled.index.search(vector, k, allowed=None if allowed is None else allowed.ids)
    ids, vectors = filled.store.vectors(sorted(left))
    cosines = np.sort(vectors @ vector[0])[::-1] if len(ids) else np.empty(0)
    assert {i for i, _ in found} <= left
    assert [cosine for _, cosine in found] == pytest.approx(cosines[:k].tolist(), abs=1e-5)


def test_the_snapshot_and_a_documents_passages_are_those_of_the_tables(filled: Filled) -> None:
    store = filled.store
    generation, ids = store.snapshot()
    assert generation == store.generation
    assert ids.tolist() == sorted(i for row in filled.rows for i in row.chunk_ids)
    assert ids.tolist() == store.chunk_ids().tolist()
    some = filled.rows[3::4]
    wanted = [row.document_id for row in some]
    expected = sorted(i for row in some for i in row.chunk_ids)
    assert store.chunk_ids_of([*wanted, "gone"]).tolist() == expected
    first = store.first_chunks([*wanted, "gone"])
    assert first == {row.document_id: row.chunk_ids[0] for row in some}
    assert store.chunk_ids_of([]).tolist() == []


def test_what_a_filter_leaves_is_kept_until_the_documents_change(store: Store) -> None:
    put(store, "one\n\ntwo", name="a.txt")
    texts = SearchFilter(types=["text"])
    before = store.allowed(texts)
    assert before is not None
    assert store.allowed(SearchFilter(types=["TEXT"])) is before
    document_id = put(store, "three", name="b.txt")
    after = store.allowed(texts)
    assert after is not None
    assert (len(before), len(after)) == (2, 3)
    store.remove(document_id)
    assert len(store.allowed(texts) or ()) == 2
    for number in range(20):  # the oldest are forgotten, and made again
        assert store.allowed(SearchFilter(collection=str(number))) is not None
    assert len(store.allowed(texts) or ()) == 2


def test_a_name_that_no_document_has_is_told(store: Store) -> None:
    put(store, "one", name="a.txt")
    put(store, "two", name="b.txt", collection="other")
    for name in ("c.txt", "c*", "0000"):
        with pytest.raises(InvalidFilter, match="No document is called"):
            store.allowed(SearchFilter(documents=["a.txt", name]))
    # One that is there and does not fit the rest is no mistake: nothing is left.
    assert len(store.allowed(SearchFilter(documents=["a.txt"], collection="other")) or ()) == 0


def test_no_ranges_are_no_passages() -> None:
    nothing = AllowedChunks.of_ranges([])
    assert (len(nothing), 1 in nothing, nothing.ids.tolist()) == (0, False, [])
    some = AllowedChunks.of_ranges([(3, 2), (7, 1)])
    assert some.ids.tolist() == [3, 4, 7]
    assert list(some.marks) == [1, 1, 0, 0, 1]
