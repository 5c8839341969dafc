"""Fixtures that tests of several packages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from inference.models import bundled_embedder, bundled_llm
from ingest.embedding import SentenceEmbedder
from ingest.store import Store
from rag.settings import Settings
from tests.fakes import HashedWordsEmbedder
from tests.postgres import PostgresForTests, running_postgres

# Examples have no deadline: on a busy machine one of 200 ms failed what was right.
settings.register_profile("paperlight", deadline=None)
settings.load_profile("paperlight")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty library's store in a folder of its own."""
    with Store(tmp_path / "library" / "library.sqlite3") as store:
        yield store


@pytest.fixture
def fake_embedder() -> HashedWordsEmbedder:
    """An embedder that needs no model."""
    return HashedWordsEmbedder()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresForTests]:
    """A real PostgreSQL with pgvector, started once."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def llm_path() -> Path:
    """The bundled GGUF, converted for the CPU, fetched once into the settings' models folder."""
    return bundled_llm(Settings().models_path)


@pytest.fixture(scope="session")
def embedder_path() -> Path:
    """The folder of the bundled embedding model; fetched once for all runs. Mark users `model`."""
    return bundled_embedder(Settings().models_path)


@pytest.fixture(scope="session")
def real_embedder(embedder_path: Path) -> SentenceEmbedder:
    """The bundled embedding model in PyTorch, loaded once. Mark users `model`."""
    return SentenceEmbedder(embedder_path)


@pytest.fixture(scope="session")
def converted_path() -> Path:
    """Where the tests keep converted models for all runs: 20 s each."""
    return Settings().models_path / "converted"


@pytest.fixture(scope="session")
def fast_embedder(embedder_path: Path, converted_path: Path) -> SentenceEmbedder:
    """The bundled embedding model as it is converted, loaded once. Mark users `model`."""
    return SentenceEmbedder(embedder_path, converted=converted_path, device="cpu")
