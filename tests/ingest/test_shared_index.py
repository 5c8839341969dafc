"""The index on a server, against brute force over the store's vectors.

PostgreSQL is a real server. No Qdrant server can be had from a package registry: its client's own
local mode stands in for one.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest
from qdrant_client import QdrantClient

from ingest import postgres_search, shared_index
from ingest.documents import Chunk, Document, Page
from ingest.errors import DimensionMismatch, SharedIndexConflict, SharedIndexUnavailable
from ingest.health import Check, check_library
from ingest.index_servers import index_server
from ingest.postgres_index import PostgresServer
from ingest.postgres_tables import PostgresTables
from ingest.qdrant_index import QdrantServer
from ingest.records import FloatMatrix, NewDocument, StoredChunk
from ingest.search_filter import SearchFilter
from ingest.shared_index import IndexServer, SharedIndex, storable
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.postgres import PASSWORD, PostgresForTests

DIM = 16
EMBEDDER = "random"
# pgvector adds up in single precision, in another order than NumPy.
TOLERANCE = 1e-5

# The local mode says that it takes no hints on how to search.
pytestmark = pytest.mark.filterwarnings("ignore:Local mode performs exact")

Connect = Callable[[Store], IndexServer]


@pytest.fixture
def address(postgres: PostgresForTests) -> Iterator[str]:
    """Of an empty database."""
    with postgres.database() as address:
        yield address


@pytest.fixture(params=["postgres", "qdrant"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes a server's client for a store, as a process of its own would have."""
    opened: list[IndexServer] = []
    if request.param == "postgres":
        address = request.getfixturevalue("address")

        def make(store: Store) -> IndexServer:
            opened.append(PostgresServer(address, store.library_id))
            return opened[-1]
    else:
        client = QdrantClient(":memory:")

        def make(store: Store) -> IndexServer:
            folder = store.path.parent / "index"
            return QdrantServer("http://local", store.library_id, folder, client=client)

    yield make
    for server in opened:
        server.close()


def document(name: str, count: int, *, dim: int = DIM, collection: str = "default") -> NewDocument:
    """A document of so many one-line passages with random vectors, some of them alike."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(count, dim)).astype(np.float32)
    vectors[::7] = vectors[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    lines = [f"Line {line} of {name}." for line in range(count)]
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    chunks = [
        Chunk(0, int(start), int(start) + len(line), line, f"Heading of {name}")
        for start, line in zip(starts, lines, strict=False)
    ]
    return NewDocument(
        name=name,
        source=f"/docs/{name}",
        collection=collection,
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        byte_size=count,
        document=Document("", "text/plain", (Page(1, "\n".join(lines)),)),
        chunks=chunks,
        vectors=vectors,
    )


def add(store: Store, name: str, count: int = 10, **settings: object) -> str:
    new = document(name, count, **settings)  # type: ignore[arg-type]
    return store.put(new, embedder=EMBEDDER).document_id


def brute_force(
    store: Store, query: FloatMatrix, k: int, allowed: Iterable[int] | None = None
) -> list[float]:
    """The k highest cosines; equal ones make the ids ambiguous."""
    _, ids = store.snapshot()
    if allowed is not None:
        ids = np.intersect1d(ids, np.fromiter(allowed, dtype=np.int64))
    _, vectors = store.vectors(ids)
    cosines = vectors.astype(np.float64) @ query / np.linalg.norm(query)
    return np.sort(cosines)[::-1][:k].tolist()


def cosine_of(store: Store, chunk_id: int, query: FloatMatrix) -> float:
    _, vectors = store.vectors([chunk_id])
    return float(vectors[0].astype(np.float64) @ query / np.linalg.norm(query))


def assert_searches_as_brute_force(
    index: SharedIndex, store: Store, *, allowed: list[int] | None = None, seed: int = 0
) -> None:
    queries = np.random.default_rng(seed).normal(size=(3, DIM)).astype(np.float32) * 5
    for k in (1, 7, 60):
        for query, found in zip(queries, index.search(queries, k, allowed=allowed), strict=True):
            wanted = brute_force(store, query, k, allowed)
            assert [cosine for _, cosine in found] == pytest.approx(wanted, abs=TOLERANCE)
            assert len({chunk_id for chunk_id, _ in found}) == len(found)
            for chunk_id, cosine in found:
                assert cosine == pytest.approx(cosine_of(store, chunk_id, query), abs=TOLERANCE)
                assert allowed is None or chunk_id in allowed


def state_of(store: Store, index: SharedIndex, *, repair: bool) -> Check:
    checks = check_library(store, index, repair=repair)
    return next(check for check in checks if check.name == "index")


def copied(store: Store, folder: Path) -> Store:
    """Another copy of the library, as a backup or a replica is."""
    folder.mkdir()
    with sqlite3.connect(store.path) as source, sqlite3.connect(folder / store.path.name) as copy:
        source.backup(copy)
    source.close()
    copy.close()
    return Store(folder / store.path.name)


# --- searching ------------------------------------------------------------------------------------


def test_search_gives_what_brute_force_gives(store: Store, connect: Connect) -> None:
    for name in ("a", "b", "c"):
        add(store, name, 40)
    index = SharedIndex(connect(store))
    assert index.sync(store)
    assert len(index) == 120
    assert_searches_as_brute_force(index, store)


@pytest.mark.parametrize("exact_up_to", [20_000, 5], ids=["ids compared", "graph filtered"])
def test_a_filter_is_applied_before_the_best_are_taken(
    store: Store, connect: Connect, exact_up_to: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_search, "_EXACT_UP_TO", exact_up_to)
    add(store, "a", 60)
    add(store, "b", 60, collection="other")
    index = SharedIndex(connect(store))
    index.adapt(store)
    allowed = store.allowed(SearchFilter(collection="other"))
    assert allowed is not None
    assert_searches_as_brute_force(index, store, allowed=allowed.ids.tolist())
    assert_searches_as_brute_force(index, store, allowed=[3, 50, 80, 119])
    query = np.ones((1, DIM), dtype=np.float32)
    assert index.search(query, 5, allowed=[]) == [[]]
    assert index.search(query, 5, allowed=[4711]) == [[]]


def test_a_graph_finds_nearly_all_and_never_too_few(
    store: Store, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_search, "_EXACT_UP_TO", 100)
    add(store, "a", 2000)
    server = PostgresServer(address, store.library_id)
    index = SharedIndex(server)
    assert index.adapt(store)
    assert not index.adapt(store)  # once is enough
    with psycopg.connect(address) as connection:
        (plan,) = connection.execute(
            f"EXPLAIN (FORMAT JSON) SELECT chunk_id FROM {server.table}"
            f" ORDER BY embedding <=> '{[1] * DIM}' LIMIT 100"
        ).fetchone() or ("",)
    assert f"{server.table}_hnsw" in str(plan)
    queries = np.random.default_rng(1).normal(size=(20, DIM)).astype(np.float32)
    found = index.search(queries, 100)
    recalls = [
        np.mean([cosine >= brute_force(store, query, 100)[-1] - TOLERANCE for _, cosine in hits])
        for query, hits in zip(queries, found, strict=True)
    ]
    assert all(len(hits) == 100 for hits in found)
    assert np.mean(recalls) > 0.95
    few = store.chunk_ids()[::9].tolist()  # 223 of them, more than are compared one by one
    assert all(len(hits) == 223 for hits in index.search(queries, 300, allowed=few))
    index.close()


def test_odd_queries(store: Store, connect: Connect) -> None:
    index = SharedIndex(connect(store))
    query = np.ones((1, DIM), dtype=np.float32)
    assert not index.sync(store)  # nothing was ever added, and nothing is asked
    assert index.search(query, 5) == [[]]
    add(store, "a", 5)
    index.sync(store)
    assert [cosine for _, cosine in index.search(0 * query, 3)[0]] == [0.0] * 3
    assert index.search(query, 0) == [[]]
    assert len(index.search(query, 50)[0]) == 5
    with pytest.raises(DimensionMismatch):
        index.search(np.ones((1, DIM + 1), dtype=np.float32), 1)


# --- following the store --------------------------------------------------------------------------


def test_what_is_deleted_or_replaced_is_found_no_more(store: Store, connect: Connect) -> None:
    first, _ = add(store, "a"), add(store, "b")
    index, other = SharedIndex(connect(store)), SharedIndex(connect(store))
    index.sync(store)
    store.remove(first)
    assert index.sync(store)
    assert_searches_as_brute_force(index, store)
    assert not other.sync(store)  # somebody else did it
    assert_searches_as_brute_force(other, store)
    assert add(store, "a") == first  # the same document again, under new ids
    other.sync(store)
    index.sync(store)
    assert_searches_as_brute_force(index, store, seed=3)
    assert index.disagreement(store) is None
    store.remove(first)
    index.sync(store)
    assert connect(store).ids().tolist() == store.chunk_ids().tolist()


def test_much_goes_there_in_steps(
    store: Store, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_index, "_PASSAGES_A_STEP", 25)
    first = add(store, "a")
    index = SharedIndex(connect(store))
    index.sync(store)
    store.remove(first)
    for number in range(12):
        add(store, f"n{number}", 10)
    add(store, "large", 60)
    assert index.sync(store)
    assert index.disagreement(store) is None
    assert_searches_as_brute_force(index, store)


class InterruptedStore(Store):
    """Calls something before it gives out passages for the second time."""

    interrupt: Callable[[], object] | None = None
    readings = 0

    def chunks(self, chunk_ids: Iterable[int]) -> list[StoredChunk]:
        self.readings += 1
        if self.readings == 2 and self.interrupt is not None:
            self.interrupt()
        return super().chunks(chunk_ids)


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[InterruptedStore]:
    with InterruptedStore(tmp_path / "interrupted" / "library.sqlite3") as store:
        for number in range(6):
            add(store, f"n{number}", 10)
        yield store


@pytest.mark.parametrize("change", ["add", "remove"])
def test_a_library_that_changes_meanwhile_is_followed(
    interrupted: InterruptedStore, connect: Connect, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(shared_index, "_PASSAGES_A_STEP", 20)
    last = interrupted.documents()[-1].document_id
    interrupted.interrupt = lambda: (
        add(interrupted, "more") if change == "add" else interrupted.remove(last)
    )
    index = SharedIndex(connect(interrupted))
    index.sync(interrupted)
    assert index.disagreement(interrupted) is None
    assert_searches_as_brute_force(index, interrupted)


def test_two_machines_that_catch_up_at_once_do_it_once(
    interrupted: InterruptedStore, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_index, "_PASSAGES_A_STEP", 20)
    other = SharedIndex(connect(interrupted))
    interrupted.interrupt = lambda: other.sync(interrupted)
    index = SharedIndex(connect(interrupted))
    index.sync(interrupted)
    assert index.disagreement(interrupted) is None
    assert other.disagreement(interrupted) is None


def test_a_failure_in_the_middle_leaves_nothing_behind(
    interrupted: InterruptedStore, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_index, "_PASSAGES_A_STEP", 20)

    def fail() -> None:
        raise RuntimeError("killed")

    interrupted.interrupt = fail
    index = SharedIndex(connect(interrupted))
    with pytest.raises(RuntimeError):
        index.sync(interrupted)
    again = SharedIndex(connect(interrupted))
    assert 0 < len(connect(interrupted).ids()) < 60
    for record in interrupted.documents()[:3]:
        interrupted.remove(record.document_id)
    again.sync(interrupted)
    assert again.disagreement(interrupted) is None


def test_a_qdrant_change_that_was_cut_off_is_taken_back(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Qdrant has no transactions: passages were there of a document that nobody knew of any more.
    client = QdrantClient(":memory:")
    server = QdrantServer("http://local", store.library_id, tmp_path, client=client)
    index = SharedIndex(server)
    add(store, "a")
    index.sync(store)
    cut_off = add(store, "b")
    noted = server._note

    def die_at_the_end(served: object, *, unfinished: dict[str, object]) -> None:
        if not unfinished:
            raise RuntimeError("killed")
        noted(served, unfinished=unfinished)  # type: ignore[arg-type]

    monkeypatch.setattr(server, "_note", die_at_the_end)
    with pytest.raises(RuntimeError):
        index.sync(store)
    monkeypatch.undo()
    assert len(server.ids()) == 20
    store.remove(cut_off)
    index.sync(store)
    assert index.disagreement(store) is None


def test_texts_that_a_server_cannot_keep_are_no_obstacle(store: Store, connect: Connect) -> None:
    assert storable("a\x00b\ud800c𝒳") == "a b?c𝒳"
    new = document("nul", 1)
    text = "after 𝒳 ’ \U0010ffff \x01"
    fields = {name: getattr(new, name) for name in new.__slots__}
    fields["document"] = Document("", "text/plain", (Page(1, text),))
    fields["chunks"] = [Chunk(0, 0, len(text), text, "a\x00heading")]
    store.put(NewDocument(**fields), embedder=EMBEDDER)
    server = connect(store)
    index = SharedIndex(server)
    index.sync(store)
    assert index.disagreement(store) is None
    assert list(server.passages(store.chunk_ids()).texts) == [text]


def test_switching_to_a_server_and_back_loses_nothing(store: Store, connect: Connect) -> None:
    local = VectorIndex(store.path.parent / "index", DIM)
    first = add(store, "a")
    local.sync(store)
    local.save()
    shared = SharedIndex(connect(store))
    add(store, "b")
    store.remove(first)
    shared.sync(store)
    local = VectorIndex(store.path.parent / "index", DIM)
    add(store, "c")
    local.sync(store)
    shared.sync(store)
    query = np.random.default_rng(5).normal(size=(1, DIM)).astype(np.float32)
    assert [c for _, c in local.search(query, 20)[0]] == pytest.approx(
        [c for _, c in shared.search(query, 20)[0]], abs=TOLERANCE
    )


# --- copies of one library ------------------------------------------------------------------------


def test_an_older_copy_searches_and_changes_nothing(
    store: Store, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(store, "a")
    index = SharedIndex(connect(store))
    index.sync(store)
    with copied(store, tmp_path / "replica") as replica:
        add(store, "b")
        index.sync(store)
        lagging = SharedIndex(connect(replica))
        with caplog.at_level(logging.WARNING):
            assert not lagging.sync(replica)
            assert not lagging.sync(replica)
        assert len(caplog.records) == 1
        assert len(lagging.search(np.ones((1, DIM), dtype=np.float32), 50)[0]) == 20
        with pytest.raises(SharedIndexConflict, match="later state"):
            lagging.require_current(replica)
        assert not state_of(replica, lagging, repair=False).ok
    assert index.disagreement(store) is None


def test_an_index_that_an_older_copy_made_anew_is_brought_up_to_date(
    store: Store, connect: Connect, tmp_path: Path
) -> None:
    add(store, "a")
    with copied(store, tmp_path / "replica") as replica:
        add(store, "b")
        index = SharedIndex(connect(store))
        index.sync(store)
        repaired = state_of(replica, SharedIndex(connect(replica)), repair=True)
        assert (repaired.ok, repaired.repaired) == (True, True)
        assert index.sync(store)  # though nothing was changed here
        assert index.disagreement(store) is None


def test_a_copy_that_went_its_own_way_is_refused_until_the_doctor_is_asked(
    store: Store, connect: Connect, tmp_path: Path
) -> None:
    add(store, "a")
    with copied(store, tmp_path / "copy") as other:
        add(store, "b")
        add(other, "x")  # under the ids that "b" has in the first
        index = SharedIndex(connect(store))
        index.sync(store)
        strange = SharedIndex(connect(other))
        with pytest.raises(SharedIndexConflict, match="another copy"):
            strange.sync(other)
        assert index.disagreement(store) is None
        assert "another copy" in state_of(other, strange, repair=False).detail
        assert state_of(other, strange, repair=True).ok
        assert_searches_as_brute_force(strange, other)
        with pytest.raises(SharedIndexConflict, match="another copy"):
            index.sync(store)


def test_another_embedders_vectors_are_refused(
    store: Store, connect: Connect, tmp_path: Path
) -> None:
    first = add(store, "a")
    index = SharedIndex(connect(store))
    index.sync(store)
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE meta SET value = 'other' WHERE key = 'embedder'")
    connection.close()
    with pytest.raises(SharedIndexConflict, match=r"random \(16 dimensions\), but .* other"):
        SharedIndex(connect(store)).sync(store)
    assert state_of(store, index, repair=True).ok
    store.remove(first)  # an empty library takes another embedder, and so does its index
    store.put(document("b", 5, dim=DIM + 8), embedder="wider")
    index.sync(store)
    assert index.disagreement(store) is None
    assert len(index.search(np.ones((1, DIM + 8), dtype=np.float32), 9)[0]) == 5


def test_libraries_share_a_server(store: Store, connect: Connect, tmp_path: Path) -> None:
    with Store(tmp_path / "second" / "library.sqlite3") as second:
        add(store, "a", 10)
        add(second, "b", 4, dim=DIM + 8)
        indexes = [SharedIndex(connect(store)), SharedIndex(connect(second))]
        for index, library in zip(indexes, (store, second), strict=True):
            index.sync(library)
        assert_searches_as_brute_force(indexes[0], store)
        indexes[0].discard()
        assert indexes[1].disagreement(second) is None
        assert state_of(store, indexes[0], repair=False).ok  # made anew from the store


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM {} WHERE chunk_id = 3",
        "UPDATE {} SET embedding = other.embedding FROM {} other"
        " WHERE {}.chunk_id = 3 AND other.chunk_id = 5",
        "UPDATE {} SET content = 'something else' WHERE chunk_id = 3",
        "UPDATE {} SET document_id = 'nobody' WHERE chunk_id = 3",
        "UPDATE {} SET chunk_id = 99 WHERE chunk_id = 3",
        "DROP TABLE {}",
        "DROP TABLE {}_state",
    ],
    ids=["row gone", "vector", "text", "document", "id", "table gone", "state gone"],
)
def test_the_doctor_finds_and_repairs(store: Store, address: str, damage: str) -> None:
    add(store, "a")
    server = PostgresServer(address, store.library_id)
    index = SharedIndex(server)
    index.sync(store)
    with psycopg.connect(address) as connection:
        connection.execute(damage.replace("{}", server.table))
    assert not state_of(store, index, repair=False).ok
    repaired = state_of(store, index, repair=True)
    assert (repaired.ok, repaired.repaired) == (True, True)
    assert_searches_as_brute_force(index, store)
    index.close()


# --- what can be wrong with a server --------------------------------------------------------------


def kill_connections(address: str) -> int:
    with psycopg.connect(address, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name = 'paperlight'"
        ).fetchall()
    return len(rows)


def test_killed_connections_are_replaced(store: Store, address: str) -> None:
    add(store, "a")
    index = SharedIndex(PostgresServer(address, store.library_id))
    index.sync(store)
    assert kill_connections(address) >= 1
    assert_searches_as_brute_force(index, store)
    add(store, "b")
    assert kill_connections(address) >= 1
    index.sync(store)
    assert index.disagreement(store) is None
    index.close()


def test_a_connection_killed_between_steps_costs_nothing(
    interrupted: InterruptedStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_index, "_PASSAGES_A_STEP", 20)
    killed: list[int] = []
    interrupted.interrupt = lambda: killed.append(kill_connections(address))
    index = SharedIndex(PostgresServer(address, interrupted.library_id))
    index.sync(interrupted)
    assert len(killed) == 1
    assert index.disagreement(interrupted) is None
    index.close()


def test_a_connection_killed_inside_a_change_leaves_all_or_nothing(
    interrupted: InterruptedStore, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = PostgresServer(address, interrupted.library_id)
    index = SharedIndex(server)
    index.sync(interrupted)
    add(interrupted, "more", 50)
    copy = PostgresTables._copy_passages
    monkeypatch.setattr(
        PostgresTables, "_copy_passages", lambda *given: (kill_connections(address), copy(*given))
    )
    with pytest.raises(SharedIndexUnavailable, match="as it should"):
        index.sync(interrupted)
    monkeypatch.undo()
    assert len(server.ids()) == 60
    index.sync(interrupted)
    assert index.disagreement(interrupted) is None
    index.close()


def test_a_server_that_is_down_is_named_and_caught_up_with(
    store: Store, postgres: PostgresForTests, caplog: pytest.LogCaptureFixture
) -> None:
    with postgres.database() as address:
        add(store, "a")
        index = SharedIndex(PostgresServer(address, store.library_id))
        index.sync(store)
        postgres.stop()
        try:
            with pytest.raises(SharedIndexUnavailable, match=r"127\.0\.0\.1 .* reached") as error:
                index.search(np.ones((1, DIM), dtype=np.float32), 3)
            add(store, "b")
            with pytest.raises(SharedIndexUnavailable, match="catches up"):
                index.sync(store)
            check = state_of(store, index, repair=True)
            assert (check.ok, check.repaired) == (False, False)
        finally:
            postgres.start()
        assert PASSWORD not in str(error.value) + check.detail + caplog.text
        index.sync(store)
        assert index.disagreement(store) is None
        index.close()


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://postgres:{}@127.0.0.1:{port}/postgres",  # the @ in it is read as the end
        "postgresql://postgres:12/{}@127.0.0.1/postgres",
        "postgresql://postgres:{}%zz@127.0.0.1/postgres",
        "postgresql://postgres:wrong{written}@127.0.0.1:{port}/postgres",
        "postgresql://nobody:{written}@127.0.0.1:{port}/postgres",
        "postgresql://postgres@127.0.0.1:{port}/postgres?password=no{written}",
        "mysql://root:{}@127.0.0.1/",
        "https://:{}@127.0.0.1:{port}",
        "http://:{written}@127.0.0.1:1",
        "http://:{written}@",
    ],
)
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_password_is_in_no_message(
    store: Store,
    postgres: PostgresForTests,
    written: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    add(store, "a")
    given = written.replace("{}", PASSWORD).replace("{port}", str(postgres.port))
    given = given.replace("{written}", PASSWORD.replace(" ", "%20").replace("@", "%40"))
    with caplog.at_level(logging.DEBUG), pytest.raises(SharedIndexUnavailable) as raised:
        SharedIndex(index_server(given, store.library_id, store.path.parent)).sync(store)
    said = f"{raised.value} {raised.value.__cause__} {caplog.text} {capfd.readouterr()}"
    for part in (PASSWORD, "s3cret", "pass@word", "ss@w"):
        assert part not in said


def test_what_a_server_lacks_is_said(store: Store, postgres: PostgresForTests) -> None:
    add(store, "a")

    def refusal(address: str) -> str:
        server = PostgresServer(address, store.library_id)
        with pytest.raises(SharedIndexUnavailable) as raised:
            SharedIndex(server).sync(store)
        server.close()
        return str(raised.value)

    with postgres.database(options="ENCODING 'LATIN1' TEMPLATE template0") as address:
        assert "LATIN1; use one of UTF8" in refusal(address)
    with postgres.database() as address:
        name = address.rpartition("/")[2]
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE guest_{name} LOGIN PASSWORD 'guest'")
        guest = f"postgresql://guest_{name}:guest@127.0.0.1:{postgres.port}/{name}"
        assert "CREATE EXTENSION vector" in refusal(guest)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION vector")
        assert "refuses this user (permission denied for schema public)" in refusal(guest)
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"DROP ROLE guest_{name}")
    assert "does not exist" in refusal(postgres.address("nowhere"))


def test_a_table_of_somebody_else_is_left_alone(store: Store, address: str) -> None:
    add(store, "a")
    server = PostgresServer(address, store.library_id)
    with psycopg.connect(address) as connection:
        connection.execute(f"CREATE TABLE {server.table} (theirs text)")
        connection.execute(f"INSERT INTO {server.table} VALUES ('kept')")
    index = SharedIndex(server)
    with pytest.raises(SharedIndexConflict, match="drop or rename"):
        index.sync(store)
    assert not state_of(store, index, repair=True).ok
    with psycopg.connect(address) as connection:
        assert connection.execute(f"SELECT * FROM {server.table}").fetchall() == [("kept",)]
    server.close()


def test_a_collection_of_somebody_else_is_left_alone(store: Store, tmp_path: Path) -> None:
    add(store, "a")
    client = QdrantClient(":memory:")
    server = QdrantServer("http://local", store.library_id, tmp_path, client=client)
    client.create_collection(server.collection, vectors_config={})
    index = SharedIndex(server)
    with pytest.raises(SharedIndexConflict, match="not ours"):
        index.sync(store)
    assert not state_of(store, index, repair=True).ok
    assert client.collection_exists(server.collection)


def test_what_is_not_installed_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, package, address in (
        ("ingest.postgres_index", "psycopg", "postgresql://host/db"),
        ("ingest.qdrant_index", "qdrant_client", "http://host:6333"),
    ):
        monkeypatch.delitem(sys.modules, module)
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(SharedIndexUnavailable, match=rf"{package}.*paperlight\[shared\]"):
            index_server(address, store.library_id, tmp_path)


def test_a_read_only_qdrant_replica_says_why_it_cannot_catch_up(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "file"
    folder.write_text("")  # no file can be made in it, whoever runs the tests
    server = QdrantServer("http://local", store.library_id, folder, client=QdrantClient(":memory:"))
    add(store, "a")
    with pytest.raises(SharedIndexUnavailable, match="library's folder"):
        SharedIndex(server).sync(store)


# --- several processes ----------------------------------------------------------------------------

ADDING = """
import sys
from pathlib import Path
from ingest.pipeline import Ingestor
from ingest.postgres_index import PostgresServer
from ingest.shared_index import SharedIndex
from ingest.store import Store
from tests.fakes import HashedWordsEmbedder

library, docs, address = sys.argv[1:]
with Store(Path(library) / "library.sqlite3") as store:
    index = SharedIndex(PostgresServer(address, store.library_id))
    report = Ingestor(store, index, HashedWordsEmbedder()).add(Path(docs))
    print(*(file.outcome.value for file in report.files))
    index.close()
"""


def test_two_processes_share_one_index(tmp_path: Path, address: str) -> None:
    library = tmp_path / "library"
    root = Path(__file__).resolve().parents[2]
    processes = []
    for side in ("left", "right"):
        docs = tmp_path / side
        docs.mkdir()
        for number in range(12):
            (docs / f"{number}.txt").write_text(f"Words of {side} number {number}. " * 20)
        command = [sys.executable, "-c", ADDING, str(library), str(docs), address]
        processes.append(subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE))
    with Store(library / "library.sqlite3") as store:
        index = SharedIndex(PostgresServer(address, store.library_id))
        query = np.ones((1, 64), dtype=np.float32)
        while any(process.poll() is None for process in processes):  # searched all the while
            index.sync(store)
            index.search(query, 3)
        said = [process.communicate()[0].split() for process in processes]
        assert said == [[b"added"] * 12] * 2
        index.sync(store)
        assert len(store.documents()) == 24
        assert index.disagreement(store) is None
        index.close()


def test_a_process_killed_while_adding_leaves_an_index_that_catches_up(
    tmp_path: Path, address: str
) -> None:
    library, docs = tmp_path / "library", tmp_path / "docs"
    docs.mkdir()
    for number in range(400):
        (docs / f"{number}.txt").write_text(f"Words of number {number}. " * 40)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", ADDING, str(library), str(docs), address]
    with (
        subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as process,
        Store(library / "library.sqlite3") as store,
    ):
        server = PostgresServer(address, store.library_id)
        while server.fingerprint() is None and process.poll() is None:
            pass  # until it has begun to write there
        process.kill()
        process.wait()
        index = SharedIndex(server)
        index.sync(store)
        assert index.disagreement(store) is None
        assert 0 < len(index) == len(store.chunk_ids())
        index.close()
