from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from ingest.embedding_model import TextKind
from rag.vectors import CachedEmbedder
from tests.fakes import HashedWordsEmbedder


def test_texts_are_embedded_once_and_come_back_in_order() -> None:
    embedded: list[str] = []
    embedder = HashedWordsEmbedder(on_batch=embedded.extend)
    cached = CachedEmbedder(embedder)
    first = cached.passages(["one", "two", "one"])
    second = cached.passages(["two", "three"])
    assert embedded == ["one", "two", "three"]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[1], second[0])
    np.testing.assert_array_equal(second[1], embedder.embed_queries(["three"])[0])


def test_similarities_are_cosines() -> None:
    embedder = HashedWordsEmbedder()
    cached = CachedEmbedder(embedder)
    texts = ["the red bridge", "a blue door"]
    expected = embedder.embed_passages(texts) @ embedder.embed_queries(["red bridge"])[0]
    assert cached.similarities("red bridge", texts) == pytest.approx(expected.tolist())
    assert cached.similarities("red bridge", []) == []


def test_the_oldest_are_forgotten() -> None:
    embedded: list[str] = []
    cached = CachedEmbedder(HashedWordsEmbedder(on_batch=embedded.extend))
    cached.passages(["first"])
    cached.passages([f"text {i}" for i in range(9000)])
    embedded.clear()
    cached.passages(["first", "text 8999"])
    assert embedded == ["first"]


def test_tokens_of_passages_are_embedded_once_and_come_back_in_order() -> None:
    asked: list[str] = []

    class Counted(HashedWordsEmbedder):
        def embed_tokens(
            self, texts: Sequence[str], kind: TextKind
        ) -> list[npt.NDArray[np.float32]]:
            asked.extend(texts)
            return super().embed_tokens(texts, kind)

    cached = CachedEmbedder(Counted())
    first = cached.passage_tokens(["red bridge", "door", "red bridge"])
    second = cached.passage_tokens(["door", "a window"])
    assert asked == ["red bridge", "door", "a window"]
    assert [len(vectors) for vectors in [*first, *second]] == [2, 1, 2, 1, 2]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[1], second[0])
    expected = HashedWordsEmbedder().embed_passages(["red", "bridge"])
    np.testing.assert_allclose(first[0], expected, atol=1e-3)
    np.testing.assert_allclose(cached.query_tokens("red bridge"), expected, atol=1e-6)
