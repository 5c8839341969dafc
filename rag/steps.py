"""How far work has come that threads do side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Steps:
    """Counts steps. Thread-safe. progress: told steps done and in all, from several threads.

    count: of all steps that are known of so far.
    """

    def __init__(self, progress: Callable[[int, int], None] | None, count: int = 0) -> None:
        self.count = count
        self._progress = progress
        self._done = 0
        self._lock = threading.Lock()

    def finish_one(self) -> None:
        """Count one as done, and tell."""
        with self._lock:
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self.count)
