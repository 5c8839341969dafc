"""An embedder that remembers what it embedded lately. Knows nothing of what the texts are for.

One question is embedded for the search, for the choice of examples and for the choice of a
sentence, and the same passages come up in answer after answer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ingest.embedding_model import TextKind

Vectors = NDArray[np.float32]

_QUERIES_KEPT = 512
_TEXTS_KEPT = 8192  # 12 MB at 384 dimensions
_TOKENS_KEPT = 1 << 16  # 50 MB in half precision at 384 dimensions


class Embedder(Protocol):
    """Texts -> vectors, e.g. ingest.embedding.SentenceEmbedder."""

    def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 unit vectors, in the order given."""
        ...

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 unit vectors of questions, in the order given."""
        ...

    def embed_tokens(self, texts: Sequence[str], kind: TextKind) -> tuple[Vectors, list[Vectors]]:
        """As `embed_passages` or `embed_queries`, and each text's tokens, (n, dim) unit vectors."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted."""
        ...


class CachedEmbedder:
    """Least-recently-used caches over an embedder. Thread-safe; the embedder must be too."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self._query_tokens: OrderedDict[str, Vectors] = OrderedDict()
        self._texts: OrderedDict[str, Vectors] = OrderedDict()
        self._tokens: OrderedDict[str, NDArray[np.float16]] = OrderedDict()
        self._tokens_kept = 0
        self._lock = threading.Lock()

    def query(self, text: str) -> Vectors:
        """(dim,) float32 unit vector of a question."""
        rows = self._cached(self._queries, [text], self._embedder.embed_queries, _QUERIES_KEPT)
        return cast("Vectors", rows[0])

    def passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32 unit vectors of sentences or passages, in the order given; n >= 1."""
        return self._cached(self._texts, texts, self._embed_texts, _TEXTS_KEPT)

    def query_tokens(self, text: str) -> Vectors:
        """(n, dim) float32 unit vectors of a question's tokens."""
        with self._lock:
            if text in self._query_tokens:
                self._query_tokens.move_to_end(text)
                return self._query_tokens[text]
        rows = self._embedder.embed_tokens([text], TextKind.QUERY)[1][0]
        with self._lock:
            self._query_tokens[text] = rows
            if len(self._query_tokens) > _QUERIES_KEPT:
                self._query_tokens.popitem(last=False)
        return rows

    def tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text (n, dim) float32, vectors of its tokens, of unit length but for 1e-3.

        They cost nothing where `passages` or `similarities` was just asked for the text.
        """
        found: dict[str, Vectors] = {}
        with self._lock:
            for text in texts:
                if text in self._tokens:
                    self._tokens.move_to_end(text)
                    found[text] = self._tokens[text].astype(np.float32)
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            _, rows = self._embedder.embed_tokens(missing, TextKind.PASSAGE)
            found.update(zip(missing, rows, strict=True))
            self._keep_tokens(missing, rows)
        return [found[text] for text in texts]

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted."""
        return self._embedder.count_tokens(text)

    def similarities(self, query: str, texts: Sequence[str]) -> list[float]:
        """The cosine of the query and each text."""
        if not texts:
            return []
        return [float(cosine) for cosine in self.passages(texts) @ self.query(query)]

    def _embed_texts(self, texts: Sequence[str]) -> Vectors:
        vectors, tokens = self._embedder.embed_tokens(texts, TextKind.PASSAGE)
        self._keep_tokens(texts, tokens)
        return vectors

    def _keep_tokens(self, texts: Sequence[str], tokens: Sequence[Vectors]) -> None:
        with self._lock:
            for text, rows in zip(texts, tokens, strict=True):
                if text not in self._tokens:
                    self._tokens[text] = rows.astype(np.float16)
                    self._tokens_kept += 1 + len(rows)
            while self._tokens_kept > _TOKENS_KEPT:
                self._tokens_kept -= 1 + len(self._tokens.popitem(last=False)[1])

    def _cached(
        self,
        cache: OrderedDict[str, Vectors],
        texts: Sequence[str],
        embed: Callable[[Sequence[str]], Vectors],
        kept: int,
    ) -> Vectors:
        with self._lock:
            known = {text: cache[text] for text in texts if text in cache}
            for text in known:
                cache.move_to_end(text)
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:  # outside the lock: two threads may embed the same text, to the same vector
            known.update(zip(missing, embed(missing), strict=True))
            with self._lock:
                for text in missing:
                    cache[text] = known[text]
                while len(cache) > kept:
                    cache.popitem(last=False)
        return np.stack([known[text] for text in texts])
