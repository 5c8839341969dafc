"""The only user of FAISS: nearest vectors, exact, in memory; derived from the store.

The index holds the same ids as the store's table of vectors. Ids are never used again, so it is
brought up to date by the difference of the two sets, whoever wrote to the store meanwhile. The
file on disk only saves reading all vectors again at the next start: damaged, foreign or missing,
it is made anew.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ingest.errors import DimensionMismatch
from ingest.records import ChunkIds, FloatMatrix

# FAISS's own annotations describe its C++ signatures, not the NumPy ones that Python calls.
FaissIndex = Any

logger = logging.getLogger(__name__)

_FORMAT = 1
_MANIFEST = "index.json"
_FILE_PREFIX = "vectors-"
_READ_BYTES = 1 << 22
_VECTORS_A_STEP = 10_000  # read from the store and added at once: 15 MB at 384 dimensions


class VectorSource(Protocol):
    """What the index needs of the store."""

    @property
    def generation(self) -> int: ...

    @property
    def library_id(self) -> str: ...

    def snapshot(self) -> tuple[int, ChunkIds]: ...

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]: ...


class VectorIndex:
    """An exact inner-product index in a folder of its own. Thread-safe.

    folder: made when first saved. dim: width of the vectors. Searches go on while `sync` reads
    from the store; they wait only while FAISS itself takes in a step of vectors.
    """

    def __init__(self, folder: Path | str, dim: int) -> None:
        self.folder = Path(folder)
        self.dim = dim
        self._index: FaissIndex | None = None
        self._lock = threading.Lock()  # guards the FAISS object
        self._sync_lock = threading.Lock()  # one catches up, the others wait for it
        self._generation = -1
        self._library_id = ""
        self._saved_generation = -1

    def __len__(self) -> int:
        """The number of vectors, as of the last sync."""
        with self._lock:
            return 0 if self._index is None else int(self._index.ntotal)

    @property
    def generation(self) -> int:
        """The store's generation that the index agrees with; -1 before the first sync."""
        return self._generation

    def sync(self, store: VectorSource) -> bool:
        """Catch up with the store; cheap when there is nothing to do. True if anything changed.

        Raises DimensionMismatch if the store's vectors have another width.
        """
        if self._index is not None and store.generation == self._generation:
            return False
        with self._sync_lock:
            if self._index is None or self._library_id != store.library_id:
                self._open(store.library_id)
            generation, wanted = store.snapshot()
            if generation == self._generation:
                return False
            self._catch_up(store, wanted)
            self._generation = generation
            return True

    def search(
        self, queries: FloatMatrix, k: int, *, allowed: ChunkIds | Sequence[int] | None = None
    ) -> list[list[tuple[int, float]]]:
        """The k most similar passages for each query, best first: (chunk id, cosine).

        queries: (n, dim) float32, any length; normalised here. The cosine is in [-1, 1].
        allowed: only these ids are considered, before the k best are taken; None allows all.
        Fewer than k come back where there are fewer. Raises DimensionMismatch.
        Source: inner product of unit vectors, github.com/facebookresearch/faiss/wiki/MetricType
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.dim:
            raise DimensionMismatch(expected=self.dim, got=queries.shape)
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        queries = (queries / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        with self._lock:
            k = min(k, 0 if self._index is None else self._index.ntotal)
            if k < 1 or self._index is None or (allowed is not None and len(allowed) == 0):
                return [[] for _ in queries]
            parameters = _selecting(allowed)
            cosines, ids = self._index.search(queries, k, params=parameters)  # (n, k) each
        return [
            [
                (int(chunk_id), float(np.clip(cosine, -1.0, 1.0)))
                for chunk_id, cosine in zip(row_ids, row_cosines, strict=True)
                if chunk_id != -1
            ]
            for row_ids, row_cosines in zip(ids, cosines, strict=True)
        ]

    def ids(self) -> ChunkIds:
        """The ids it holds, ascending."""
        with self._lock:
            return np.sort(_ids_of(self._index)) if self._index is not None else _no_ids()

    def save(self) -> None:
        """Write the index to its folder, unless what is there is as new or newer. Atomic.

        What is being written never replaces what is there until it is complete; a process that
        reads meanwhile sees the old file or the new one. Where it cannot be written (a full disk,
        a read-only folder) a warning is logged: the next start makes up for it.
        """
        with self._sync_lock:
            if self._index is None or self._generation == self._saved_generation:
                return
            if self._is_outdated():
                return
            target = self.folder / f"{_FILE_PREFIX}{uuid.uuid4().hex}.faiss"
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with self._lock:
                    _write(self._index, target)
                self._write_manifest(target)
            except (OSError, RuntimeError) as error:  # FAISS raises the latter
                logger.warning("The vector index could not be saved: %s", error)
                with suppress(OSError):
                    target.unlink(missing_ok=True)
                return
            self._saved_generation = self._generation
            self._delete_others(target)

    def _is_outdated(self) -> bool:
        """Whether another process saved a newer one, without what was deleted since."""
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text("utf-8"))
            ours = manifest["library_id"] == self._library_id
            return ours and int(manifest["generation"]) > self._generation
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def discard(self) -> None:
        """Forget what is in memory and on disk; the next sync makes it anew."""
        with self._sync_lock:
            with self._lock:
                self._index = None
            self._generation = self._saved_generation = -1
            (self.folder / _MANIFEST).unlink(missing_ok=True)
            self._delete_others(None)

    # --- catching up --------------------------------------------------------------------------

    def _catch_up(self, store: VectorSource, wanted: ChunkIds) -> None:
        with self._lock:
            present = _ids_of(self._require())
        surplus = np.setdiff1d(present, wanted)
        if len(surplus):
            with self._lock:
                self._require().remove_ids(surplus)
        missing = np.setdiff1d(wanted, present)
        for start in range(0, len(missing), _VECTORS_A_STEP):
            ids, vectors = store.vectors(missing[start : start + _VECTORS_A_STEP])
            if len(ids) and vectors.shape[1] != self.dim:
                raise DimensionMismatch(expected=self.dim, got=vectors.shape)
            if len(ids):
                with self._lock:
                    self._require().add_with_ids(np.ascontiguousarray(vectors), ids)

    def _require(self) -> FaissIndex:
        assert self._index is not None, "sync opens the index first"
        return self._index

    # --- files --------------------------------------------------------------------------------

    def _open(self, library_id: str) -> None:
        """Read the saved index of this library, or begin an empty one."""
        loaded = self._load(library_id)
        index, generation = loaded if loaded is not None else (_empty(self.dim), -1)
        with self._lock:
            self._index = index
        self._library_id = library_id
        self._generation = self._saved_generation = generation

    def _load(self, library_id: str) -> tuple[FaissIndex, int] | None:
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text("utf-8"))
            expected = (_FORMAT, library_id, self.dim)
            if (manifest["format"], manifest["library_id"], manifest["dim"]) != expected:
                return None
            name = str(manifest["file"])
            path = self.folder / name
            if Path(name).name != name or _checksum(path) != manifest["crc32"]:
                return None
            index = _read(path)
            if index.d != self.dim or index.ntotal != manifest["count"]:
                return None
            return index, int(manifest["generation"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
            logger.warning(
                "The vector index in %s is unusable (%s): making it anew", self.folder, error
            )
            return None

    def _write_manifest(self, target: Path) -> None:
        manifest = {
            "format": _FORMAT,
            "library_id": self._library_id,
            "dim": self.dim,
            "count": len(self),
            "generation": self._generation,
            "file": target.name,
            "crc32": _checksum(target),
        }
        temporary = self.folder / f"{_MANIFEST}.{uuid.uuid4().hex}"
        try:
            with temporary.open("w", encoding="utf-8") as file:
                json.dump(manifest, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.folder / _MANIFEST)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def _delete_others(self, keep: Path | None) -> None:
        # Another process may be about to name one of these in its manifest: that one then finds
        # no file and makes the index anew, which costs it time and nothing else.
        for path in self.folder.glob(f"{_FILE_PREFIX}*.faiss"):
            if path != keep:
                with suppress(OSError):
                    path.unlink()


# --- FAISS --------------------------------------------------------------------------------------


def _faiss() -> Any:
    import faiss

    return faiss


def _empty(dim: int) -> FaissIndex:
    faiss = _faiss()
    return faiss.IndexIDMap2(faiss.IndexFlatIP(dim))


def _read(path: Path) -> FaissIndex:
    faiss = _faiss()
    index = faiss.read_index(str(path))
    if not isinstance(index, faiss.IndexIDMap2):
        raise ValueError(f"expected an IndexIDMap2, got {type(index).__name__}")
    return index


def _write(index: FaissIndex, path: Path) -> None:
    _faiss().write_index(index, str(path))
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _selecting(allowed: ChunkIds | Sequence[int] | None) -> Any:
    if allowed is None:
        return None
    faiss = _faiss()
    selector = faiss.IDSelectorBatch(np.ascontiguousarray(allowed, dtype=np.int64))
    return faiss.SearchParameters(sel=selector)


def _ids_of(index: FaissIndex) -> ChunkIds:
    ids: ChunkIds = _faiss().vector_to_array(index.id_map).astype(np.int64)
    return ids


def _no_ids() -> ChunkIds:
    return np.empty(0, dtype=np.int64)


def _checksum(path: Path) -> int:
    """CRC-32 of a file: against accidents, which is all that can befall our own file."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum
