"""Nearest vectors of a large library: few are compared, most of them stay on the disk.

Inverted lists (the vectors are clustered, and a query looks into the nearest clusters only) hold a
product quantizer's code of 1/16 of a vector's size; the best candidates by their codes are compared
again with the vectors themselves, whose rows are mapped from files (ingest.vector_rows). FAISS
knows a vector by its row number; rows are in the order of their ids.
Source: Jégou et al., Product Quantization for Nearest Neighbor Search, 2011.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.index_files import describe, described_file, new_file
from ingest.records import ChunkIds, FloatMatrix
from ingest.vector_rows import BLOCK_ROWS, RowNumbers, VectorRows

# FAISS's own annotations describe its C++ signatures, not the NumPy ones that Python calls.
FaissIndex = Any

DIMENSIONS_A_CODE = 4  # one byte of a code stands for so many: the width must be a multiple
_LISTS_A_ROOT = 4  # lists: 4 times the root of the number of vectors (FAISS's guidelines)
_SAMPLES_A_LIST = 40  # FAISS warns below 39
_SAMPLES_A_VALUE = 100  # of a code's byte
_SAMPLES_AT_LEAST = 256 * _SAMPLES_A_VALUE
_ITERATIONS = 10
_GROWTH = 4  # trained anew when it has grown or shrunk so much
# Measured, see docs/decisions.md.
_LISTS_PROBED = 32
_CANDIDATES_A_HIT = 8
_CANDIDATES_AT_LEAST = 250
# Ids are looked up one by one where fewer than one of so many is asked for. Half of a million ids
# took 18.5 ms so and take 1.9 ms in a table; a hundredth of them takes 0.7 and 0.9 ms.
_MANY = 64
_COMPARED_ONE_BY_ONE = 4_000  # so many allowed vectors are not worth an approximation


def sample_size(count: int) -> int:
    """How many of `count` vectors `QuantizedIndex.train` should see."""
    return min(count, max(_SAMPLES_AT_LEAST, _SAMPLES_A_LIST * _list_count(count)))


class QuantizedIndex:
    """Approximate: finds about 99 of the 100 vectors that are truly nearest; cosines are exact.

    Searches may run beside `add`, `remove` and `save`, which must not run beside one another.
    """

    kind = "quantized"

    def __init__(self, lists: FaissIndex, rows: VectorRows, *, trained_for: int) -> None:
        self._lists = lists  # a trained IndexIVFPQ
        self._rows = rows
        self._trained_for = trained_for
        self._ids: ChunkIds = np.empty(0, dtype=np.int64)  # by row, ascending; deleted ones too
        self._is_alive: npt.NDArray[np.bool_] = np.empty(0, dtype=np.bool_)  # by row
        self._lock = threading.Lock()

    @classmethod
    def train(
        cls, sample: FloatMatrix, count: int, folder: Path, *, block_rows: int = BLOCK_ROWS
    ) -> QuantizedIndex:
        """An empty one for about `count` vectors that are like the sample.

        sample: (n, dim) float32 unit vectors in no order, n >= 256 and see `sample_size`; dim a
        multiple of `DIMENSIONS_A_CODE`. folder: for its files. Takes seconds at 100,000 vectors,
        minutes at a million.
        """
        faiss = _faiss()
        dim = sample.shape[1]
        coarse = faiss.IndexFlatIP(dim)
        lists = faiss.IndexIVFPQ(
            coarse, dim, _list_count(count), dim // DIMENSIONS_A_CODE, 8, faiss.METRIC_INNER_PRODUCT
        )
        samples = ((lists.cp, _SAMPLES_A_LIST), (lists.pq.cp, _SAMPLES_A_VALUE))
        for clustering, samples_a_centroid in samples:
            clustering.niter = _ITERATIONS
            clustering.max_points_per_centroid = samples_a_centroid
            clustering.min_points_per_centroid = 1  # no warnings: `sample_size` knows
        lists.train(np.ascontiguousarray(sample))
        return cls(lists, VectorRows(folder, dim, block_rows=block_rows), trained_for=count)

    def __len__(self) -> int:
        return int(self._lists.ntotal)

    @property
    def last_id(self) -> int:
        """The greatest id that was ever added, or -1."""
        return int(self._ids[-1]) if len(self._ids) else -1

    def ids(self) -> ChunkIds:
        """The ids it holds, ascending."""
        with self._lock:
            return self._ids[self._is_alive]

    def suits(self, count: int, *, flat_up_to: int) -> bool:
        """Whether it is neither too much for this many vectors nor trained for far fewer or more.

        Half of `flat_up_to` is the bound here, so that a library at the bound stays as it is.
        """
        like_before = count / _GROWTH <= self._trained_for <= count * _GROWTH
        mostly_alive = len(self._ids) <= 2 * count  # else the files hold mostly zeros
        return count > flat_up_to // 2 and like_before and mostly_alive

    def add(self, ids: ChunkIds, vectors: FloatMatrix) -> None:
        """ids: (n,) int64, ascending and above `last_id`. vectors: (n, dim) float32, unit length.

        Raises ValueError for other ids.
        """
        if len(ids) == 0:
            return
        if ids[0] <= self.last_id or np.any(np.diff(ids) <= 0):
            raise ValueError(f"ids must ascend from {self.last_id + 1}, got {ids[0]} first")
        codes = self._lists.sa_encode(np.ascontiguousarray(vectors))  # most of the work: no lock
        with self._lock:
            first = len(self._rows)
            self._rows.append(vectors)
            self._ids = np.append(self._ids, ids)
            self._is_alive = np.append(self._is_alive, np.ones(len(ids), dtype=np.bool_))
            self._lists.add_sa_codes(codes, np.arange(first, first + len(ids)))

    def remove(self, ids: ChunkIds) -> None:
        """Forget these; ids that it does not hold are passed over."""
        with self._lock:
            rows = self._rows_of(ids)
            self._lists.remove_ids(rows)
            self._is_alive[rows] = False
            self._rows.clear(rows)

    # --- searching ----------------------------------------------------------------------------

    def search(
        self, queries: FloatMatrix, k: int, *, allowed: ChunkIds | Sequence[int] | None
    ) -> tuple[FloatMatrix, ChunkIds]:
        """Cosines and ids, (n, k) each, best first; id -1 where there are fewer than k.

        queries: (n, dim) float32, unit length. allowed: only these ids are considered: one by one
        where they are few, and by their codes otherwise.
        """
        cosines = np.zeros((len(queries), k), dtype=np.float32)
        ids = np.full((len(queries), k), -1, dtype=np.int64)
        with self._lock:
            rows = None
            if allowed is not None:
                rows = self._rows_of(np.asarray(allowed, dtype=np.int64))
            if rows is not None and len(rows) <= _COMPARED_ONE_BY_ONE:
                candidates = [rows] * len(queries)
            else:
                candidates = self._candidates(queries, k, rows)
            for place, (query, near) in enumerate(zip(queries, candidates, strict=True)):
                exact = self._rows.take(near) @ query  # (candidates,)
                best = np.argsort(-exact, kind="stable")[:k]
                cosines[place, : len(best)] = exact[best]
                ids[place, : len(best)] = self._ids[near[best]]
        return cosines, ids

    def _candidates(
        self, queries: FloatMatrix, k: int, allowed_rows: RowNumbers | None
    ) -> list[RowNumbers]:
        """For each query the rows of the best codes, ascending: k at least where there are."""
        faiss = _faiss()
        available = len(self) if allowed_rows is None else len(allowed_rows)
        wanted = min(available, max(_CANDIDATES_AT_LEAST, _CANDIDATES_A_HIT * k))
        selector = None
        if allowed_rows is not None:
            is_allowed = np.zeros(len(self._ids), dtype=np.bool_)
            is_allowed[allowed_rows] = True
            selector = faiss.IDSelectorBitmap(np.packbits(is_allowed, bitorder="little"))
        # Where few are allowed, the near ones are spread over more lists.
        probed = min(self._lists.nlist, -(-_LISTS_PROBED * len(self) // max(1, available)))
        while True:
            parameters = faiss.SearchParametersIVF(nprobe=probed, sel=selector)
            _, found = self._lists.search(queries, wanted, params=parameters)  # (n, wanted)
            enough = np.all(np.count_nonzero(found >= 0, axis=1) >= min(k, available))
            if enough or probed == self._lists.nlist:
                return [np.sort(rows[rows >= 0]) for rows in found]
            probed = self._lists.nlist

    def _rows_of(self, ids: ChunkIds) -> RowNumbers:
        """The rows of those ids that it holds, ascending."""
        if _MANY * len(ids) > len(self._ids):
            wanted = np.zeros(self.last_id + 1, dtype=np.bool_)  # by id
            wanted[ids[(ids >= 0) & (ids <= self.last_id)]] = True
            return np.flatnonzero(wanted[self._ids] & self._is_alive)
        ids = np.sort(ids)  # np.unique takes 100 times as long
        ids = ids[np.diff(ids, prepend=-1) > 0]
        rows = np.searchsorted(self._ids, ids)
        within = rows < len(self._ids)
        ids, rows = ids[within], rows[within]
        held: RowNumbers = rows[(self._ids[rows] == ids) & self._is_alive[rows]]
        return held

    # --- files --------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        """Write what is not on the disk yet; gives the description to load it by.

        folder: the one that it was made with. Raises OSError or RuntimeError.
        """
        made: list[Path] = []
        try:
            made.append(new_file(folder, ".lists"))
            _faiss().write_index(self._lists, str(made[0]))
            made.append(new_file(folder, ".ids"))
            with made[1].open("wb") as file:
                np.save(file, self._ids)
                np.save(file, self._is_alive)
            rows = self._rows.save()
            described = [describe(path) for path in made]
        except (OSError, RuntimeError):
            for path in made:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        return {
            "kind": self.kind,
            "count": len(self),
            "trained_for": self._trained_for,
            "files": [*described, *rows["files"]],
            "block_rows": rows["block_rows"],
        }

    @classmethod
    def load(cls, folder: Path, dim: int, description: Mapping[str, Any]) -> QuantizedIndex:
        """What `save` described; the vectors stay on the disk.

        Raises ValueError, KeyError or RuntimeError if it is damaged, OSError if it cannot be read.
        """
        faiss = _faiss()
        lists_file, ids_file, *row_files = description["files"]
        rows = VectorRows.load(
            folder, dim, {"block_rows": description["block_rows"], "files": row_files}
        )
        lists = faiss.read_index(str(described_file(folder, lists_file)))
        if not isinstance(lists, faiss.IndexIVFPQ):
            raise ValueError(f"expected an IndexIVFPQ, got {type(lists).__name__}")
        loaded = cls(lists, rows, trained_for=int(description["trained_for"]))
        with described_file(folder, ids_file).open("rb") as file:
            loaded._ids = np.load(file, allow_pickle=False)
            loaded._is_alive = np.load(file, allow_pickle=False)
        alive = int(np.count_nonzero(loaded._is_alive))
        if not (lists.d == dim and alive == lists.ntotal == description["count"]):
            raise ValueError(f"expected {description['count']} vectors of width {dim}")
        if not len(loaded._ids) == len(loaded._is_alive) == len(rows):
            raise ValueError(f"expected {len(loaded._ids)} rows, got {len(rows)}")
        return loaded


def _list_count(count: int) -> int:
    return max(1, round(_LISTS_A_ROOT * float(np.sqrt(count))))


def _faiss() -> Any:
    import faiss

    return faiss
