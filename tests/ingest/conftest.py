"""Fixtures of tests that add files to an empty library."""

from __future__ import annotations

import pytest

from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder


@pytest.fixture
def index(store: Store) -> VectorIndex:
    """The store's index, empty."""
    return VectorIndex(store.path.parent / "index", 64)


@pytest.fixture
def ingestor(store: Store, index: VectorIndex, fake_embedder: HashedWordsEmbedder) -> Ingestor:
    """What adds files to the store and the index."""
    return Ingestor(store, index, fake_embedder)
