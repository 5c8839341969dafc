"""Which documents something holds under which ids, and whether one such state can follow another.

Pure. Two copies of one library (a replica, a backup put back) have the same identity and may have
gone different ways since. Ids tell: a library gives out ascending ones and none twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


class Relation(Enum):
    """What an index's contents are to those of the library that it is derived from."""

    SAME = "same"
    BEHIND = "behind"  # an earlier state of this library: to be brought up to date
    AHEAD = "ahead"  # a later one: this is an older copy of the library
    DIVERGED = "diverged"  # neither: two copies were changed, each on its own


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """The passages of a document: ids [first_chunk_id, first_chunk_id + count)."""

    first_chunk_id: int
    count: int

    @property
    def ids(self) -> range:
        """All of the ids, ascending."""
        return range(self.first_chunk_id, self.first_chunk_id + self.count)

    @property
    def last_chunk_id(self) -> int:
        """The highest of the ids."""
        return self.first_chunk_id + self.count - 1


@dataclass(frozen=True)
class LibraryContents:
    """The documents of a library, or of an index of it.

    spans: document id -> its passages. last_chunk_id: the highest id that was ever given out, to
        passages that are gone too; 0 before the first.
    """

    spans: Mapping[str, ChunkSpan]
    last_chunk_id: int

    @cached_property
    def fingerprint(self) -> str:
        """64 hexadecimal digits that no other contents have."""
        digest = hashlib.sha256(f"{self.last_chunk_id}\n".encode())
        for document_id in sorted(self.spans):
            span = self.spans[document_id]
            digest.update(f"{document_id} {span.first_chunk_id} {span.count}\n".encode())
        return digest.hexdigest()

    @property
    def passage_count(self) -> int:
        """How many passages all documents have."""
        return sum(span.count for span in self.spans.values())

    def missing_from(self, other: LibraryContents) -> dict[str, ChunkSpan]:
        """The documents that the other lacks or has under other ids, in the order of their ids."""
        missing = [item for item in self.spans.items() if other.spans.get(item[0]) != item[1]]
        return dict(sorted(missing, key=lambda item: item[1].first_chunk_id))

    def can_become(self, later: LibraryContents) -> bool:
        """Whether adding and removing documents can lead from here to the other contents.

        What was added since has ids above all that were given out before.
        """
        return self.last_chunk_id <= later.last_chunk_id and all(
            span.first_chunk_id > self.last_chunk_id for span in later.missing_from(self).values()
        )


def relation(index: LibraryContents, library: LibraryContents) -> Relation:
    """What the index's contents are to the library's."""
    if index.fingerprint == library.fingerprint:
        return Relation.SAME
    if index.can_become(library):
        return Relation.BEHIND
    return Relation.AHEAD if library.can_become(index) else Relation.DIVERGED
