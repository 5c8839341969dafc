"""Fixtures that tests of several packages share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingest.embedding import SentenceEmbedder
from ingest.store import Store
from tests.fakes import HashedWordsEmbedder


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
def embedder_path() -> Path:
    """The folder of the bundled embedding model; fetched once for all runs. Mark users `model`."""
    from inference.models import bundled_embedder
    from rag.settings import Settings

    return bundled_embedder(Settings().models_path)


@pytest.fixture(scope="session")
def real_embedder(embedder_path: Path) -> SentenceEmbedder:
    """The bundled embedding model, loaded once. Mark users `model`."""
    return SentenceEmbedder(embedder_path)
