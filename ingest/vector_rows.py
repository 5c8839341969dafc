"""Vectors by row number, in half precision: full blocks mapped from files, the last one in memory.

Knows nothing of ids or of searching. Rows are only ever appended, and cleared when they are
deleted; so a block's file can be shared by processes, each of which appends in files of its own.
Half precision moves a cosine of unit vectors by about 1e-5 and halves what a search reads.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.index_files import describe, described_file, new_file
from ingest.records import FloatMatrix

RowNumbers = npt.NDArray[np.int64]  # (n,)
_HalfMatrix = npt.NDArray[np.float16]  # (n, dim)

logger = logging.getLogger(__name__)

BLOCK_ROWS = 65_536  # 50 MB at 384 dimensions: what stays in memory and is written by a save


@dataclass(slots=True)
class _Block:
    """Rows of one file. (n, dim) float16: mapped and read-only, or in memory where file is None.

    file: as described; the checksum is that without `to_clear`, which are places in the block.
    """

    vectors: _HalfMatrix
    file: dict[str, Any] | None = None
    to_clear: list[int] = field(default_factory=list)


class VectorRows:
    """Rows 0, 1, 2... of `dim` float16 numbers, in a folder.

    dim: width. folder: made when the first block is full. block_rows: rows of a file.
    `take` may run beside `save`; nothing else may run beside anything.
    """

    def __init__(self, folder: Path, dim: int, *, block_rows: int = BLOCK_ROWS) -> None:
        self.folder = folder
        self.dim = dim
        self._block_rows = block_rows
        self._full: list[_Block] = []
        self._last = _Block(np.zeros((block_rows, dim), dtype=np.float16))
        self._last_count = 0

    def __len__(self) -> int:
        return len(self._full) * self._block_rows + self._last_count

    def append(self, vectors: FloatMatrix) -> None:
        """Add (n, dim) float32 as the next n rows.

        A full block that cannot be written to the disk stays in memory.
        """
        while len(vectors):
            fitting = vectors[: self._block_rows - self._last_count]
            self._last.vectors[self._last_count : self._last_count + len(fitting)] = fitting
            self._last.file = None
            self._last_count += len(fitting)
            vectors = vectors[len(fitting) :]
            if self._last_count == self._block_rows:
                try:
                    self._full.append(self._written(self._last.vectors))
                except OSError as error:
                    logger.warning("Vectors stay in memory, for they cannot be saved: %s", error)
                    self._full.append(self._last)
                self._last = _Block(np.zeros((self._block_rows, self.dim), dtype=np.float16))
                self._last_count = 0

    def take(self, rows: RowNumbers) -> FloatMatrix:
        """These rows, (n, dim) float32. rows: ascending, each below `len`."""
        taken = np.empty((len(rows), self.dim), dtype=np.float16)
        # rows:   3 17 | 65540 | 131072 ...      cut where the next block begins
        blocks = [*self._full, self._last]
        starts = np.arange(len(blocks) + 1) * self._block_rows
        for block, start, (first, after) in zip(
            blocks, starts, pairwise(np.searchsorted(rows, starts)), strict=False
        ):
            if first < after:
                taken[first:after] = block.vectors[rows[first:after] - start]
        return taken.astype(np.float32)

    def clear(self, rows: RowNumbers) -> None:
        """Set these rows to zero: in memory now, in files by the next `save`."""
        for row in rows.tolist():
            number, place = divmod(row, self._block_rows)
            block = self._full[number] if number < len(self._full) else self._last
            if block.vectors.flags.writeable:
                block.vectors[place] = 0
                block.file = None
            else:
                block.to_clear.append(place)

    def save(self) -> dict[str, Any]:
        """Write what is not on the disk yet; gives the description to load it by.

        Raises OSError.
        """
        for number, block in enumerate(self._full):
            # Another process may have taken a file for left behind; what is mapped outlives that.
            if block.file is None or not (self.folder / block.file["name"]).exists():
                to_clear = block.to_clear
                self._full[number] = block = self._written(block.vectors)
                block.to_clear = to_clear
            if block.to_clear:
                self._clear_in_file(block)
        if self._last.file is None or not (self.folder / self._last.file["name"]).exists():
            self._last.file = self._write(self._last.vectors[: self._last_count])
        files = [block.file for block in [*self._full, self._last]]
        return {"block_rows": self._block_rows, "files": files}

    @classmethod
    def load(cls, folder: Path, dim: int, description: Mapping[str, Any]) -> VectorRows:
        """What `save` described. Full blocks are not read: only their size is compared.

        Raises ValueError or KeyError if it is damaged, OSError if it cannot be read.
        """
        rows = cls(folder, dim, block_rows=int(description["block_rows"]))
        *full, last = description["files"]
        for file in full:
            described_file(folder, file, by_size_alone=True)
            rows._full.append(rows._mapped(dict(file)))
        vectors = np.fromfile(described_file(folder, last), dtype=np.float16).reshape(-1, dim)
        rows._last_count = len(vectors)
        rows._last.vectors[: len(vectors)] = vectors
        rows._last.file = dict(last)
        return rows

    def _clear_in_file(self, block: _Block) -> None:
        """In place, whoever maps the file: these rows are of passages that the store has not."""
        assert block.file is not None, "what is in memory is cleared at once"
        path = self.folder / block.file["name"]
        written: _HalfMatrix = np.memmap(path, np.float16, "r+", shape=block.vectors.shape)
        written[block.to_clear] = 0
        del written
        block.file = describe(path)
        block.to_clear = []

    def _written(self, vectors: _HalfMatrix) -> _Block:
        return self._mapped(self._write(vectors))

    def _mapped(self, file: dict[str, Any]) -> _Block:
        shape = (self._block_rows, self.dim)
        mapped = np.memmap(self.folder / file["name"], np.float16, "r", shape=shape)
        # As a plain array: indexing a memmap is slower, for the object that it makes each time.
        return _Block(np.asarray(mapped), file)

    def _write(self, vectors: _HalfMatrix) -> dict[str, Any]:
        path = new_file(self.folder, ".rows")
        try:
            vectors.tofile(path)
            return describe(path)
        except OSError:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise
