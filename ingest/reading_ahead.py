"""Files of an addition are read in order, a few ahead of the one that is asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

from ingest.file_reading import FileReader, ReadResult
from ingest.progress import Reporter, Stage, stop_if
from ingest.records import PendingFile

_WATCH_CANCEL_SECONDS = 0.1
# Small files are read further ahead, so that there are some to be put together.
_SMALL_FILES_AHEAD = 16
_SMALL_FILES_BYTES = 1 << 20


class ReadAhead:
    """Has `reader` read files in `workers` threads; for one thread that asks for them in order.

    files: with their sizes in bytes, in the order in which they will be asked for.
    """

    def __init__(
        self, reader: FileReader, files: Iterable[tuple[PendingFile, int]], *, workers: int
    ) -> None:
        self._reader = reader
        self._waiting = deque(files)
        self._ahead = workers + 1
        self._bytes_ahead: dict[int, int] = {}
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="read")
        self._futures: dict[int, Future[ReadResult]] = {}

    def result(
        self, file: PendingFile, cancel: threading.Event | None, report: Reporter
    ) -> ReadResult:
        """What the reader made of a file. Raises what it raised, or Cancelled."""
        self._read_ahead()
        future = self._futures[file.pending_id]
        shown = 0
        while True:
            stop_if(cancel)
            if wait([future], timeout=_WATCH_CANCEL_SECONDS).done:
                del self._bytes_ahead[file.pending_id]
                return self._futures.pop(file.pending_id).result()
            if (pages := self._reader.pages_read(file.name)) > shown:
                shown = pages
                report(Stage.READING, pages=pages)

    def is_ready(self, file: PendingFile) -> bool:
        """Whether `result` would return at once."""
        future = self._futures.get(file.pending_id)
        return future is not None and future.done()

    def _read_ahead(self) -> None:
        """Have files read while few or little waits to be asked for."""
        while self._waiting:
            file, size = self._waiting[0]
            small = sum(self._bytes_ahead.values()) + size <= _SMALL_FILES_BYTES
            most = max(self._ahead, _SMALL_FILES_AHEAD if small else 0)
            if len(self._futures) >= most:
                return
            self._waiting.popleft()
            self._bytes_ahead[file.pending_id] = size
            self._futures[file.pending_id] = self._threads.submit(self._reader.read, file)

    def close(self) -> None:
        """Stop reading, end the workers, and delete the copies of what nobody asked for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._reader.close()
        self._threads.shutdown(wait=True)
        for future in self._futures.values():
            if not future.cancelled() and future.exception() is None:
                with suppress(OSError):
                    self._reader.discard(future.result())
        self._futures.clear()
