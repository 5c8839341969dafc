"""The only fakes of the test suite: small, deterministic stand-ins for models."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

_WORD = re.compile(r"\w+|[^\w\s]")


class HashedWordsEmbedder:
    """Vectors of hashed word counts: texts that share words are alike, in every run the same.

    Satisfies the protocols of the pipeline, the index and the retriever. A token is a word or a
    punctuation mark. on_batch: called with the texts of each batch before they are embedded, so
    that a test can wait, cancel or fail at a known point.
    """

    def __init__(
        self,
        *,
        dimensions: int = 64,
        max_tokens: int = 254,
        identity: str = "hashed-words",
        on_batch: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        self.dimensions = dimensions
        self.max_tokens = max_tokens
        self.identity = identity
        self._on_batch = on_batch

    def count_tokens(self, text: str) -> int:
        return len(_WORD.findall(text))

    def warm_up(self) -> None:
        pass

    def embed_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self._on_batch is not None:
            self._on_batch(texts)
        return self._embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._embed(texts)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in row] for row in self.embed_passages(texts)]

    def embed_query(self, text: str) -> list[float]:
        return [float(x) for x in self._embed([text])[0]]

    def _embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in _WORD.findall(text.lower()):
                digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
                row[int.from_bytes(digest[:4], "little") % self.dimensions] += 1.0
            row[0] += 1e-3  # a text without words is a unit vector too
        lengths: npt.NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / lengths).astype(np.float32)
