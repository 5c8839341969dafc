"""Nearest vectors, derived from the store: which kind of index, agreeing with what, saved where.

The index holds the same ids as the store's table of vectors. Ids are never used again, so it is
brought up to date by the difference of the two sets, whoever wrote to the store meanwhile. The
files on disk only save making it again at the next start: damaged, foreign or missing, they are
made anew. A small library is compared vector by vector (ingest.flat_index); a large one gets an
index that is trained for its size (ingest.quantized_index).
"""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ingest.errors import DimensionMismatch
from ingest.flat_index import FlatIndex
from ingest.index_files import PREFIX, described_file
from ingest.quantized_index import DIMENSIONS_A_CODE, QuantizedIndex, sample_size
from ingest.records import ChunkIds, FloatMatrix

logger = logging.getLogger(__name__)

FLAT_UP_TO = 50_000  # vectors; see docs/decisions.md
_FORMAT = 2
_MANIFEST = "index.json"
_VECTORS_A_STEP = 10_000  # read from the store and added at once: 15 MB at 384 dimensions
_LOADS_TRIED = 3  # another process may replace the files that a manifest names
_KINDS: dict[str, type[FlatIndex | QuantizedIndex]] = {
    FlatIndex.kind: FlatIndex,
    QuantizedIndex.kind: QuantizedIndex,
}


class VectorSource(Protocol):
    """What the index needs of the store."""

    @property
    def generation(self) -> int: ...

    @property
    def library_id(self) -> str: ...

    def snapshot(self) -> tuple[int, ChunkIds]: ...

    def added_after(self, chunk_id: int) -> tuple[int, int, ChunkIds]: ...

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]: ...


class IndexKind(Protocol):
    """A kind of index; see FlatIndex and QuantizedIndex, whose methods say more."""

    def __len__(self) -> int: ...

    @property
    def last_id(self) -> int: ...

    def ids(self) -> ChunkIds: ...

    def suits(self, count: int, *, flat_up_to: int) -> bool: ...

    def add(self, ids: ChunkIds, vectors: FloatMatrix) -> None: ...

    def remove(self, ids: ChunkIds) -> None: ...

    def search(
        self, queries: FloatMatrix, k: int, *, allowed: ChunkIds | Sequence[int] | None
    ) -> tuple[FloatMatrix, ChunkIds]: ...

    def save(self, folder: Path) -> dict[str, Any]: ...


class VectorIndex:
    """An inner-product index in a folder of its own. Thread-safe.

    folder: made when first saved. dim: width of the vectors. flat_up_to: the most vectors that are
    compared one by one. Searches go on while `sync` reads from the store and while `adapt` trains;
    they wait only while a step of vectors is taken in.
    """

    def __init__(self, folder: Path | str, dim: int, *, flat_up_to: int = FLAT_UP_TO) -> None:
        self.folder = Path(folder)
        self.dim = dim
        # A quantizer's code cannot be cut from other widths, which no embedder known to us has.
        self._flat_up_to = flat_up_to if dim % DIMENSIONS_A_CODE == 0 else np.iinfo(np.int64).max
        self._index: IndexKind | None = None
        self._sync_lock = threading.Lock()  # one catches up or saves, the others wait for it
        self._adapt_lock = threading.Lock()  # one trains; taken before the other
        self._generation = -1
        self._library_id = ""
        self._saved_generation = -1

    def __len__(self) -> int:
        """The number of vectors, as of the last sync."""
        index = self._index
        return 0 if index is None else len(index)

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
            index, before = self._opened(store), self._generation
            if store.generation == before:
                return False
            self._index, self._generation = self._caught_up(store, index)
            return self._generation != before

    def adapt(self, store: VectorSource) -> bool:
        """Change to the kind of index that suits the number of vectors; True if it was changed.

        Seconds at 100,000 vectors, minutes at a million, a moment where nothing is to be done.
        For who adds documents to call, before saving: whoever searches should not wait for it.
        Raises as `sync`.
        """
        with self._adapt_lock:
            with self._sync_lock:
                index = self._opened(store)
            _, count, _ = store.added_after(index.last_id)
            if index.suits(count, flat_up_to=self._flat_up_to):
                self.sync(store)
                return False
            _, wanted = store.snapshot()
            logger.info("Making the vector index anew for %d vectors", len(wanted))
            made, _ = self._caught_up(store, self._made_for(store, wanted))
            with self._sync_lock:  # the rest of what was added meanwhile, and no more
                self._index, self._generation = self._caught_up(store, made)
                self._saved_generation = -1
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
        index = self._index
        k = min(k, 0 if index is None else len(index))
        if k < 1 or index is None or (allowed is not None and len(allowed) == 0):
            return [[] for _ in queries]
        cosines, ids = index.search(queries, k, allowed=allowed)  # (n, k) each
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
        index = self._index
        return np.empty(0, dtype=np.int64) if index is None else index.ids()

    def save(self) -> None:
        """Write the index to its folder, unless what is there is as new or newer. Atomic.

        What is being written never replaces what is there until it is complete; a process that
        reads meanwhile sees the old files or the new ones. Where it cannot be written (a full
        disk, a read-only folder) a warning is logged: the next start makes up for it.
        """
        with self._sync_lock:
            if self._index is None or self._generation == self._saved_generation:
                return
            if self._is_outdated():
                return
            try:
                description = self._index.save(self.folder)
                self._write_manifest(description)
            except (OSError, RuntimeError) as error:  # FAISS raises the latter
                logger.warning("The vector index could not be saved: %s", error)
                return
            self._saved_generation = self._generation
            self._delete_others(_names(description))

    def disagreement(self, store: VectorSource) -> str | None:
        """What is wrong, in a sentence; None where it holds the store's ids and is not damaged.

        Reads all saved files.
        """
        self.sync(store)
        if np.array_equal(self.ids(), store.snapshot()[1]) and not self.is_damaged():
            return None
        return "The vector index disagrees with the database or is damaged."

    def close(self) -> None:
        """Save it."""
        self.save()

    def is_damaged(self) -> bool:
        """Whether a saved file is not as it was saved; reads all of them, which opening does not.

        False where nothing was saved.
        """
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text("utf-8"))
            files = manifest["index"]["files"] if manifest["format"] == _FORMAT else []
            for file in files:
                described_file(self.folder, file)
        except (ValueError, KeyError, TypeError):
            return True
        except OSError:
            return (self.folder / _MANIFEST).exists()
        return False

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
            self._index = None
            self._generation = self._saved_generation = -1
            (self.folder / _MANIFEST).unlink(missing_ok=True)
            self._delete_others(frozenset())

    # --- catching up --------------------------------------------------------------------------

    def _caught_up(self, store: VectorSource, index: IndexKind) -> tuple[IndexKind, int]:
        """An index with exactly the store's ids, and the store's generation.

        It is the one given, or one made anew where ids would not be in order.
        """
        generation, count, missing = store.added_after(index.last_id)
        if len(index) + len(missing) != count:  # something was deleted
            generation, wanted = store.snapshot()
            present = index.ids()
            missing = np.setdiff1d(wanted, present, assume_unique=True)
            if len(missing) and missing[0] <= index.last_id:  # as after a backup was put back
                index, missing = FlatIndex(self.dim), wanted
            else:
                index.remove(np.setdiff1d(present, wanted, assume_unique=True))
        self._add(store, index, missing)
        return index, generation

    def _add(self, store: VectorSource, index: IndexKind, missing: ChunkIds) -> None:
        for start in range(0, len(missing), _VECTORS_A_STEP):
            ids, vectors = self._vectors(store, missing[start : start + _VECTORS_A_STEP])
            index.add(ids, vectors)

    def _vectors(self, store: VectorSource, wanted: ChunkIds) -> tuple[ChunkIds, FloatMatrix]:
        """Of those that are still there: ids (n,) ascending and rows (n, dim) float32."""
        ids, vectors = store.vectors(wanted)
        if len(ids) and vectors.shape[1] != self.dim:
            raise DimensionMismatch(expected=self.dim, got=vectors.shape)
        order = np.argsort(ids)
        return ids[order], vectors[order]

    def _made_for(self, store: VectorSource, wanted: ChunkIds) -> IndexKind:
        """An empty index of the kind that suits so many vectors, trained on a sample of them."""
        if len(wanted) <= self._flat_up_to:
            return FlatIndex(self.dim)
        chosen = np.random.default_rng(0).choice(wanted, sample_size(len(wanted)), replace=False)
        _, sample = self._vectors(store, np.sort(chosen))
        return QuantizedIndex.train(sample, len(wanted), self.folder)

    # --- files --------------------------------------------------------------------------------

    def _opened(self, store: VectorSource) -> IndexKind:
        """The index of this library: as it is, as it was saved, or an empty one."""
        if self._index is None or self._library_id != store.library_id:
            loaded = self._load(store.library_id)
            self._index, generation = loaded if loaded is not None else (FlatIndex(self.dim), -1)
            self._library_id = store.library_id
            self._generation = self._saved_generation = generation
        return self._index

    def _load(self, library_id: str) -> tuple[IndexKind, int] | None:
        for attempt in range(_LOADS_TRIED):
            try:
                return self._load_once(library_id)
            except FileNotFoundError as error:
                if attempt + 1 == _LOADS_TRIED:
                    self._warn_unusable(error)
            except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
                self._warn_unusable(error)
                break
        return None

    def _load_once(self, library_id: str) -> tuple[IndexKind, int] | None:
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text("utf-8"))
        except FileNotFoundError:
            return None
        expected = (_FORMAT, library_id, self.dim)
        if (manifest["format"], manifest["library_id"], manifest["dim"]) != expected:
            return None
        description = manifest["index"]
        index = _KINDS[description["kind"]].load(self.folder, self.dim, description)
        return index, int(manifest["generation"])

    def _warn_unusable(self, error: Exception) -> None:
        logger.warning(
            "The vector index in %s is unusable (%s): making it anew", self.folder, error
        )

    def _write_manifest(self, description: Mapping[str, Any]) -> None:
        manifest = {
            "format": _FORMAT,
            "library_id": self._library_id,
            "dim": self.dim,
            "generation": self._generation,
            "index": description,
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

    def _delete_others(self, keep: frozenset[str]) -> None:
        # Another process may be about to name one of these in its manifest: that one then finds
        # no file and makes the index anew, which costs it time and nothing else.
        for path in self.folder.glob(f"{PREFIX}*"):
            if path.name not in keep:
                with suppress(OSError):
                    path.unlink()


def _names(description: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(file["name"] for file in description["files"])
