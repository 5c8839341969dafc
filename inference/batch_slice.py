"""What one completion computes in one batch. Knows tokens and positions, and no model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from inference.completion import Completion, PlacedBlock, Stretch


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of one completion in a batch: `count` pending tokens, then `drafts`.

    stretches: where those tokens are; the blocks between them are placed before the batch runs.
    cells: how many it takes, for rows and placed blocks.
    """

    completion: Completion
    count: int
    drafts: tuple[int, ...] = ()
    stretches: tuple[Stretch, ...] = field(init=False)
    cells: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stretches", tuple(_first(self.completion, self.count)))
        cells = self.end - self.completion.computed + len(self.drafts)
        object.__setattr__(self, "cells", cells)

    @property
    def rows(self) -> int:
        """How many rows of the batch it takes."""
        return self.count + len(self.drafts)

    @property
    def blocks(self) -> list[PlacedBlock]:
        """Those between its tokens, to be placed before the batch runs."""
        return [stretch.before for stretch in self.stretches if stretch.before is not None]

    @property
    def end(self) -> int:
        """The position after its pending tokens."""
        return self.stretches[-1].end

    @property
    def positions(self) -> list[int]:
        """Of each row."""
        pending = [p for stretch in self.stretches for p in range(stretch.start, stretch.end)]
        return [*pending, *range(self.end, self.end + len(self.drafts))]


def _first(completion: Completion, count: int) -> Iterator[Stretch]:
    """The stretches of the first `count` pending tokens."""
    for stretch in completion.stretches():
        if count <= 0:
            return
        yield replace(stretch, end=min(stretch.end, stretch.start + count))
        count -= stretch.end - stretch.start
