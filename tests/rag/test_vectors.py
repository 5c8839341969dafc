from __future__ import annotations

import numpy as np
import pytest

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


def test_tokens_of_texts_are_embedded_with_them_and_come_back_in_order() -> None:
    embedded: list[str] = []
    embedder = HashedWordsEmbedder(on_batch=embedded.extend)
    cached = CachedEmbedder(embedder)
    cached.similarities("bridge", ["red bridge", "door"])
    found = cached.tokens(["door", "red bridge", "a window", "door"])
    assert embedded == ["red bridge", "door", "a window"]
    assert [len(vectors) for vectors in found] == [1, 2, 2, 1]
    expected = embedder.embed_queries(["red", "bridge"])
    np.testing.assert_allclose(found[1], expected, atol=1e-3)
    np.testing.assert_allclose(cached.query_tokens("red bridge"), expected, atol=1e-6)


def test_the_oldest_tokens_are_forgotten() -> None:
    embedded: list[str] = []
    cached = CachedEmbedder(HashedWordsEmbedder(on_batch=embedded.extend))
    cached.tokens(["first"])
    cached.tokens([f"number {i} {'word ' * 500}" for i in range(140)])
    embedded.clear()
    assert [
        len(vectors) for vectors in cached.tokens(["first", f"number 139 {'word ' * 500}"])
    ] == [
        1,
        502,
    ]
    assert embedded == ["first"]
