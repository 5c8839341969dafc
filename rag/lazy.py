"""A value that is made on first need, once, whoever asks first. Knows nothing of what it holds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """A thread-safe value made by `make` at the first `get`.

    Those who ask while it is being made wait for it. A failure is raised to them and not kept:
    the next `get` tries again, since a missing model may have been fetched meanwhile.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._values: list[T] = []  # none or one; a list, since None is a value too

    @property
    def is_made(self) -> bool:
        """Whether `get` would return at once."""
        return bool(self._values)

    def get(self) -> T:
        """The value; made now if it was not. Raises what `make` raises."""
        for value in self._values:  # without the lock, where it is there
            return value
        with self._lock:
            if not self._values:
                self._values.append(self._make())
            return self._values[0]

    def take(self) -> T | None:
        """The value if it was made, which is then forgotten; waits while it is being made."""
        with self._lock:
            return self._values.pop() if self._values else None

    def get_soon(self) -> None:
        """Begin to make it in the background; a failure waits for the next `get` to raise it."""
        if not self._values and not self._lock.locked():
            threading.Thread(target=self._try, name="paperlight-load", daemon=True).start()

    def _try(self) -> None:
        try:
            self.get()
        except Exception:  # a thread boundary; the next `get` raises it to somebody
            return
