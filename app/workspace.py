"""What one serving process shares: the library, its settings, and how far its start has come.

The server's lifespan installs it; the page's script and the API look it up. Streamlit runs the
page's script anew for every interaction, so the library cannot be handed to it as an argument.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum

from rag.library import Library
from rag.settings import Settings


class StartStage(Enum):
    """Where a starting server stands."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class StartStatus:
    """A snapshot of the start.

    what: what is being done, or why it failed, for a person to read.
    fraction: of that, in [0, 1], or None where it is not known.
    """

    stage: StartStage = StartStage.STARTING
    what: str = "Starting"
    fraction: float | None = None


class StartProgress:
    """The start's status, written by one thread and read by any."""

    def __init__(self) -> None:
        self._status = StartStatus()
        self._changed = threading.Condition()

    @property
    def status(self) -> StartStatus:
        """How far the start has come."""
        return self._status

    @property
    def is_ready(self) -> bool:
        """Whether questions are answered without waiting."""
        return self._status.stage is StartStage.READY

    def tell(self, what: str, fraction: float | None = None) -> None:
        """A step of the start."""
        self._set(StartStatus(StartStage.STARTING, what, fraction))

    def finish(self) -> None:
        """Everything is there."""
        self._set(StartStatus(StartStage.READY, "Ready", 1.0))

    def fail(self, reason: str) -> None:
        """It will not become ready."""
        self._set(StartStatus(StartStage.FAILED, reason))

    def wait(self, timeout_seconds: float) -> StartStatus:
        """Wait until the start has ended, well or not."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._status.stage is not StartStage.STARTING, timeout_seconds
            )
        return self._status

    def _set(self, status: StartStatus) -> None:
        with self._changed:
            self._status = status
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the page and the API work with."""

    library: Library
    settings: Settings
    start: StartProgress = field(default_factory=StartProgress)


_current: Workspace | None = None


def install(workspace: Workspace | None) -> None:
    """Make a workspace the process's own, or take it away."""
    global _current
    _current = workspace


def current() -> Workspace:
    """The process's workspace. Raises RuntimeError when no server runs here."""
    if _current is None:
        raise RuntimeError("no workspace is installed; the page runs under `paperlight serve`")
    return _current
