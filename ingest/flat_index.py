"""Nearest vectors by comparing with all of them: exact, in memory, for libraries of usual size."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ingest.index_files import describe, described_file, new_file
from ingest.records import ChunkIds, FloatMatrix

# FAISS's own annotations describe its C++ signatures, not the NumPy ones that Python calls.
FaissIndex = Any


class FlatIndex:
    """Vectors in FAISS's flat index. Searches may run beside `add`, `remove` and `save`."""

    kind = "flat"

    def __init__(self, dim: int) -> None:
        faiss = _faiss()
        self._index: FaissIndex = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def last_id(self) -> int:
        """The greatest id, or -1."""
        ids = self.ids()
        return int(ids[-1]) if len(ids) else -1

    def ids(self) -> ChunkIds:
        """The ids it holds, ascending."""
        with self._lock:
            return np.sort(_faiss().vector_to_array(self._index.id_map).astype(np.int64))

    def suits(self, count: int, *, flat_up_to: int) -> bool:
        """Whether this many vectors are few enough."""
        return count <= flat_up_to

    def add(self, ids: ChunkIds, vectors: FloatMatrix) -> None:
        """ids: (n,) int64, none of them in it. vectors: (n, dim) float32, unit length."""
        with self._lock:
            self._index.add_with_ids(np.ascontiguousarray(vectors), ids)

    def remove(self, ids: ChunkIds) -> None:
        """Forget these; ids that it does not hold are passed over."""
        with self._lock:
            self._index.remove_ids(ids)

    def search(
        self, queries: FloatMatrix, k: int, *, allowed: ChunkIds | Sequence[int] | None
    ) -> tuple[FloatMatrix, ChunkIds]:
        """Cosines and ids, (n, k) each, best first; id -1 where there are fewer than k.

        queries: (n, dim) float32, unit length. allowed: only these ids are considered; not empty,
        none below 0.
        """
        faiss = _faiss()
        parameters = None
        if allowed is not None:
            ids = np.asarray(allowed, dtype=np.int64)
            is_allowed = np.zeros(ids.max() + 1, dtype=np.bool_)
            is_allowed[ids] = True
            # FAISS's own selector of a list of ids makes a hash table of it first.
            selector = faiss.IDSelectorBitmap(np.packbits(is_allowed, bitorder="little"))
            parameters = faiss.SearchParameters(sel=selector)
        with self._lock:
            cosines, found = self._index.search(queries, k, params=parameters)
        return cosines, found

    def save(self, folder: Path) -> dict[str, Any]:
        """Write it; gives the description to load it by. Raises OSError or RuntimeError."""
        path = new_file(folder, ".faiss")
        try:
            _faiss().write_index(self._index, str(path))
            return {"kind": self.kind, "count": len(self), "files": [describe(path)]}
        except (OSError, RuntimeError):
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise

    @classmethod
    def load(cls, folder: Path, dim: int, description: Mapping[str, Any]) -> FlatIndex:
        """What `save` described.

        Raises ValueError, KeyError or RuntimeError if it is damaged, OSError if it cannot be read.
        """
        faiss = _faiss()
        (file,) = description["files"]
        index = faiss.read_index(str(described_file(folder, file)))
        if not isinstance(index, faiss.IndexIDMap2):
            raise ValueError(f"expected an IndexIDMap2, got {type(index).__name__}")
        if (index.d, index.ntotal) != (dim, description["count"]):
            raise ValueError(f"expected {description['count']} vectors of width {dim}")
        loaded = cls(dim)
        loaded._index = index
        return loaded


def _faiss() -> Any:
    import faiss

    return faiss
