"""A library whose vectors are searched on a server that other machines use too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langchain_core.embeddings import Embeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_qdrant import QdrantVectorStore
from pydantic import SecretStr
from qdrant_client import QdrantClient
from sqlalchemy.pool import NullPool

from ingest import qdrant_index
from ingest.errors import SharedIndexUnavailable
from ingest.health import check_library
from ingest.postgres_index import PostgresServer
from rag.library import Library
from rag.part_checks import check_index
from rag.settings import Settings
from tests.fakes import HashedWordsEmbedder, ModellessLibrary, ScriptedGenerator
from tests.postgres import PASSWORD, PostgresForTests

QUESTION = "When was the Tamber bridge opened?"
STATEMENT = "The Tamber bridge was opened on 4 May 1922."  # as near to no two passages
METADATA = ["document_id", "document_name", "document_path", "collection", "page", "heading"]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "town.txt").write_text("The Tamber bridge was opened on 4 May 1922.", "utf-8")
    (folder / "rules.md").write_text("Visitors may park behind the library on Sundays.", "utf-8")
    (folder / "ferry.txt").write_text("The ferry left the bridge at nine.", "utf-8")
    return folder


@pytest.fixture
def address(postgres: PostgresForTests) -> Iterator[str]:
    with postgres.database() as address:
        yield address


@pytest.fixture
def engine(address: str) -> Iterator[PGEngine]:
    """LangChain's connections."""
    url = address.replace("postgresql://", "postgresql+psycopg://")
    engine = PGEngine.from_connection_string(url, poolclass=NullPool)
    yield engine
    asyncio.run(engine.close())


class WordEmbeddings(Embeddings):
    """The library's embedder for LangChain."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return HashedWordsEmbedder().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return HashedWordsEmbedder().embed_query(text)


def opened(home: Path, index: str = "") -> Library:
    settings = Settings(home=home, index=SecretStr(index))
    return ModellessLibrary(home / "library", settings, lambda: ScriptedGenerator("."))


def found(library: Library) -> list[tuple[str, float]]:
    hits = library.search(QUESTION, k=5)
    return [(hit.document_name, round(hit.similarity, 4)) for hit in hits]


def test_a_server_finds_what_the_library_finds_and_either_can_be_left(
    tmp_path: Path, files: Path, address: str
) -> None:
    with opened(tmp_path) as library:
        library.add(files)
        alone = found(library)
        assert alone[0][0] == "town.txt"
        assert list((tmp_path / "library" / "index").glob("vectors-*"))
    with opened(tmp_path, address) as library:
        assert found(library) == alone
        # What is deleted from now on would stay in files that nobody looks at.
        assert not list((tmp_path / "library" / "index").glob("vectors-*"))
        library.remove(library.search(QUESTION, k=1)[0].document_id)
        (files / "new.txt").write_text("A new Tamber bridge was opened in 1980.", "utf-8")
        library.add(files / "new.txt")
        shared = found(library)
        assert {name for name, _ in shared} == {"new.txt", "rules.md", "ferry.txt"}
        checks = check_library(library._parts.store, library._parts.index.get())
        (check,) = (check for check in checks if check.name == "index")
        assert (check.ok, check.detail) == (True, "Agrees with the database; 3 vectors.")
    with opened(tmp_path) as library:
        assert found(library) == shared


def test_a_collection_is_searched_alone(tmp_path: Path, files: Path, address: str) -> None:
    with opened(tmp_path, address) as library:
        library.add(files)
        library.add_bytes("harbour.txt", b"A harbour has no bridge.", collection="harbour")
        hits = library.search(QUESTION, collection="harbour")
        assert [hit.document_name for hit in hits] == ["harbour.txt"]
        assert hits[0].dense_similarity is not None


def test_nothing_is_read_for_a_server_that_cannot_be_used(tmp_path: Path, files: Path) -> None:
    with opened(tmp_path, "postgresql://me:secret@127.0.0.1:1/db") as library:
        with pytest.raises(SharedIndexUnavailable, match="cannot be reached"):
            library.add(files)
        assert library.documents() == []
    with opened(tmp_path) as library:
        library.add(files)
    with opened(tmp_path, "nonsense://secret") as library:
        with pytest.raises(SharedIndexUnavailable, match="begins with postgresql://"):
            library.search(QUESTION)
        index, (check,) = check_index(library._parts)
        assert index is None
        assert not check.ok
        assert "secret" not in check.detail


def test_files_are_kept_when_the_server_goes_away_meanwhile(
    tmp_path: Path, files: Path, postgres: PostgresForTests
) -> None:
    with postgres.database() as address, opened(tmp_path, address) as library:
        library.add(files / "town.txt")
        stopped: list[bool] = []

        def stop(progress: Any) -> None:
            if not stopped:
                stopped.append(True)
                postgres.stop()

        try:
            with pytest.raises(SharedIndexUnavailable, match="catches up"):
                library.add(files, progress=stop)
            assert len(library.documents()) == 3
            with pytest.raises(SharedIndexUnavailable):
                library.search(QUESTION)
        finally:
            postgres.start()
        assert len(found(library)) == 3
        assert library.resume().files == ()


def test_settings_do_not_show_the_address(address: str) -> None:
    settings = Settings(index=SecretStr(address))
    assert PASSWORD not in repr(settings) + str(settings.model_dump())


def test_plain_langchain_searches_what_was_added(
    tmp_path: Path, files: Path, address: str, engine: PGEngine
) -> None:
    """Another machine needs the server and LangChain, and neither this library nor its program."""
    with opened(tmp_path, address) as library:
        library.add(files)
        table = PostgresServer(address, library._parts.store.library_id).table
        store = PGVectorStore.create_sync(
            engine,
            WordEmbeddings(),
            table,
            id_column="chunk_id",
            metadata_columns=METADATA,
            metadata_json_column=None,
        )
        (first, *_) = documents = store.similarity_search(STATEMENT, k=3)
        assert [document.page_content for document in documents] == library.nearest_texts(
            STATEMENT, k=3
        )
        hit = library.search(STATEMENT, k=1)[0]
        assert first.id == str(hit.chunk_id)
        assert first.metadata == {
            "document_id": hit.document_id,
            "document_name": "town.txt",
            "document_path": str(files / "town.txt"),
            "collection": "default",
            "page": hit.page,
            "heading": hit.heading,
        }
        (filtered,) = store.similarity_search(STATEMENT, filter={"document_name": "ferry.txt"})
        assert filtered.page_content == "The ferry left the bridge at nine."
        library.remove(hit.document_id)
        left = store.similarity_search(STATEMENT, k=3)
        assert {document.metadata["document_name"] for document in left} == {
            "ferry.txt",
            "rules.md",
        }


@pytest.mark.filterwarnings("ignore:Local mode performs exact")
def test_plain_langchain_searches_qdrant_too(
    tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = QdrantClient(":memory:")
    monkeypatch.setattr(qdrant_index, "_client", lambda address: client)
    monkeypatch.setattr(client, "close", lambda: None)
    with opened(tmp_path, "http://:key@local:6333") as library:
        library.add(files)
        hit = library.search(STATEMENT, k=1)[0]
        store = QdrantVectorStore(
            client,
            f"paperlight_{library._parts.store.library_id}",
            WordEmbeddings(),
        )
        documents = store.similarity_search(STATEMENT, k=3)
        assert [document.page_content for document in documents] == library.nearest_texts(
            STATEMENT, k=3
        )
        assert documents[0].metadata["document_path"] == str(files / "town.txt")
        assert documents[0].metadata["chunk_id"] == hit.chunk_id
        library.remove(hit.document_id)
        left = store.similarity_search(STATEMENT, k=3)
        assert {document.metadata["document_name"] for document in left} == {
            "ferry.txt",
            "rules.md",
        }


def test_two_libraries_share_a_database(tmp_path: Path, files: Path, address: str) -> None:
    with opened(tmp_path / "one", address) as one, opened(tmp_path / "two", address) as two:
        one.add(files / "town.txt")
        two.add(files / "ferry.txt")
        assert [name for name, _ in found(one)] == ["town.txt"]
        assert [name for name, _ in found(two)] == ["ferry.txt"]
    with psycopg.connect(address) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        assert len(tables.fetchall()) == 6
