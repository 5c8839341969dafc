"""Tokens -> text as it may be shown: whole characters only, nothing that could be a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Turns the byte pieces of one completion into text.

    stop: the text ends before the first of these. A tail that could still become one is held back
    until it is decided.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(stop)
        self._held = ""
        self.stopped = False

    def push(self, piece: bytes) -> str:
        """Text that is certain after these bytes; sets `stopped` when a stop string is complete."""
        if self.stopped:
            return ""
        return self._release(self._decoder.decode(piece))

    def finish(self) -> str:
        """What was held back, when no more bytes will come."""
        if self.stopped:
            return ""
        text = self._release(self._decoder.decode(b"", final=True))
        rest, self._held = self._held, ""
        return text + rest

    def _release(self, text: str) -> str:
        held = self._held + text
        ends = [index for stop in self._stop if (index := held.find(stop)) >= 0]
        if ends:
            self.stopped = True
            self._held = ""
            return held[: min(ends)]
        keep = max((_overlap(held, stop) for stop in self._stop), default=0)
        self._held = held[len(held) - keep :]
        return held[: len(held) - keep]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest suffix of `text` that is a proper prefix of `stop`."""
    for count in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:count]):
            return count
    return 0
