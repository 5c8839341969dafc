"""The passages that a filter leaves, in the forms that searches need. Pure.

A document's passages have consecutive ids, for they are stored in one transaction and ids are
never used again; so a filter of documents is a few ranges of ids, however many passages it leaves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ingest.records import ChunkIds


@dataclass(frozen=True, slots=True, eq=False)
class AllowedChunks:
    """A set of passages. Kept and shared by searches: not to be written to.

    ids: (n,) int64, ascending.
    marks: a byte for each id from the first to the last, 1 where the id is in the set.
    """

    ids: ChunkIds
    marks: bytes = field(repr=False)

    @classmethod
    def of_ranges(cls, ranges: Iterable[tuple[int, int]]) -> AllowedChunks:
        """The passages of some documents. ranges: (first id, how many), ascending, apart."""
        ids = ids_of_ranges(ranges)
        ids.flags.writeable = False
        if not len(ids):
            return cls(ids, b"")
        marks = np.zeros(ids[-1] - ids[0] + 1, dtype=np.uint8)
        marks[ids - ids[0]] = 1
        return cls(ids, marks.tobytes())

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, chunk_id: int) -> bool:
        place = chunk_id - int(self.ids[0]) if len(self.ids) else -1
        return 0 <= place < len(self.marks) and self.marks[place] == 1


def ids_of_ranges(ranges: Iterable[tuple[int, int]]) -> ChunkIds:
    """Every id of some ranges (first id, how many) that ascend and are apart."""
    table = np.array(list(ranges), dtype=np.int64).reshape(-1, 2)
    firsts, counts = table[:, 0], table[:, 1]
    # first:  7  20      count: 3  2      before: 0  3
    # ids:    7 8 9  20 21  =  (7 7 7 17 17) + (0 1 2 3 4)
    before = np.cumsum(counts) - counts
    ids: ChunkIds = np.repeat(firsts - before, counts) + np.arange(counts.sum())
    return ids
