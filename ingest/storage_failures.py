"""What the operating system and SQLite say of a full or read-only disk, in the library's words."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.errors import DiskFull, LibraryReadOnly

_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}
# SQLite reports a write that the disk had no room for as one of these, by where it happened.
_SQLITE_FULL = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMOPEN,
}
_SQLITE_PRIMARY_CODE = 0xFF  # the rest of a code says which kind of it


@contextmanager
def named_storage_failures(folder: Path) -> Iterator[None]:
    """Raises DiskFull or LibraryReadOnly in place of the errors that mean it; others pass.

    folder: the library's. To be put around what writes into it and nothing else: a user's file
    that may not be read is not the library's trouble.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFull(folder) from error
        if error.errno in _READ_ONLY:
            raise LibraryReadOnly(folder) from error
        raise
    except sqlite3.OperationalError as error:
        if is_full(error):
            raise DiskFull(folder) from error
        if error.sqlite_errorcode & _SQLITE_PRIMARY_CODE == sqlite3.SQLITE_READONLY:
            raise LibraryReadOnly(folder) from error
        raise


def is_full(error: sqlite3.OperationalError) -> bool:
    """Whether SQLite had no room on the disk."""
    return getattr(error, "sqlite_errorcode", 0) in _SQLITE_FULL
