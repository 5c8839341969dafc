"""Where an addition stands, as its caller is told, and that its caller wants it to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from ingest.outcomes import FileOutcome


class Stage(StrEnum):
    """What is being done with a file."""

    READING = "reading"
    EMBEDDING = "embedding"
    STORING = "storing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an add stands.

    file_index: 1-based, the smallest first. name: of the file. pages, chunks: of it, 0 until
    known. chunks_embedded: of `chunks`. bytes_done, bytes_total: of all files, one counted when
    it is done. Files that are embedded together report in turns. The files of an archive have
    its file_index, and the last of them its byte_size.
    outcome: with Stage.DONE only.
    """

    stage: Stage
    file_index: int
    file_count: int
    name: str
    path: str
    byte_size: int = 0
    pages: int = 0
    chunks: int = 0
    chunks_embedded: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    outcome: FileOutcome | None = None

    @property
    def fraction(self) -> float:
        """How much of all bytes is done, in [0, 1]; what is embedded of this file counts."""
        within = self.chunks_embedded / self.chunks if self.chunks else 0.0
        done = self.bytes_done + (0 if self.outcome else within * self.byte_size)
        return min(1.0, done / self.bytes_total) if self.bytes_total else 0.0


ProgressCallback = Callable[[Progress], None]


class Totals:
    """Bytes of a run's files: all, and of those that are done."""

    def __init__(self, bytes_total: int) -> None:
        self.bytes_total = bytes_total
        self.bytes_done = 0


class Reporter:
    """Reports one file's progress; keeps what was said before.

    place: of the file, or of the archive that it is in, among what was given, from 0.
    """

    def __init__(
        self, progress: ProgressCallback | None, totals: Totals, initial: Progress, *, place: int
    ) -> None:
        self.place = place
        self._progress = progress
        self._totals = totals
        self._state = initial

    def of_member(self, name: str, *, is_last: bool) -> Reporter:
        """Of a file of this archive, whose bytes count when its last file is done."""
        byte_size = self._state.byte_size if is_last else 0
        state = replace(self._state, name=name, pages=0, byte_size=byte_size)
        return Reporter(self._progress, self._totals, state, place=self.place)

    def __call__(
        self,
        stage: Stage,
        *,
        pages: int | None = None,
        chunks: int | None = None,
        chunks_embedded: int | None = None,
        outcome: FileOutcome | None = None,
    ) -> None:
        state = self._state
        self._totals.bytes_done += state.byte_size if stage is Stage.DONE else 0
        self._state = replace(
            state,
            stage=stage,
            pages=state.pages if pages is None else pages,
            chunks=state.chunks if chunks is None else chunks,
            chunks_embedded=state.chunks_embedded if chunks_embedded is None else chunks_embedded,
            bytes_done=self._totals.bytes_done,
            outcome=outcome,
        )
        if self._progress is not None:
            self._progress(self._state)


class Cancelled(Exception):
    """The caller's event was set; nothing of the files in hand was stored."""


def stop_if(cancel: threading.Event | None) -> None:
    """Raises Cancelled if the caller's event is set."""
    if cancel is not None and cancel.is_set():
        raise Cancelled
