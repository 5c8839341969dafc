"""Who works on what: a claim is a lock file that the operating system frees when its holder dies.

A file that a dead process left unfinished can so be told from one that a live process is working
on, without clocks, heartbeats or process ids (which are used again).
"""

from __future__ import annotations

import os
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Self

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


class Claim:
    """A held claim. `owner` names it; release it, or use it in a `with`."""

    def __init__(self, folder: Path, owner: str, descriptor: int) -> None:
        self.owner = owner
        self._path = folder / owner
        self._descriptor = descriptor

    @classmethod
    def new(cls, folder: Path) -> Self:
        """Hold a claim that nobody held before."""
        while True:
            # Somebody who looks which claims are held may be holding this one for that moment.
            claim = cls.take(folder, uuid.uuid4().hex)
            if claim is not None:
                return claim

    @classmethod
    def take(cls, folder: Path, owner: str) -> Self | None:
        """Hold the claim of a process that is gone, or None if its holder lives."""
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            descriptor = os.open(folder / owner, os.O_RDWR | os.O_CREAT, 0o600)
            if not _try_lock(descriptor):
                os.close(descriptor)
                return None
            if _is_file_at(folder / owner, descriptor):
                return cls(folder, owner, descriptor)
            os.close(descriptor)  # released and deleted by another since it was opened

    @classmethod
    def is_held(cls, folder: Path, owner: str) -> bool:
        """Whether its holder lives. Writes nothing where there is no such claim."""
        if not owner or not (folder / owner).exists():
            return False
        claim = cls.take(folder, owner)
        if claim is not None:
            claim.release()
        return claim is None

    def release(self) -> None:
        """Give it up. Harmless when repeated."""
        if self._descriptor >= 0:
            with suppress(PermissionError):  # Windows keeps the name of an open file
                self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _is_file_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
