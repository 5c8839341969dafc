"""Files that a saved index consists of: written whole, and told from damaged ones.

What describes a file (name, size, checksum) is plain data for the index's manifest.
"""

from __future__ import annotations

import os
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PREFIX = "vectors-"
_READ_BYTES = 1 << 22


def new_file(folder: Path, suffix: str) -> Path:
    """A path that no process uses; the folder is made. suffix: with its dot. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{PREFIX}{uuid.uuid4().hex}{suffix}"


def describe(path: Path) -> dict[str, Any]:
    """Put a complete file on the disk for good and say how it is recognised. Raises OSError."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())
    return {"name": path.name, "bytes": path.stat().st_size, "crc32": _checksum(path)}


def described_file(
    folder: Path, description: Mapping[str, Any], *, by_size_alone: bool = False
) -> Path:
    """The file that `describe` described.

    by_size_alone: do not read it. Raises ValueError if it is another file or a damaged one,
    KeyError if the description is none, FileNotFoundError.
    """
    name = str(description["name"])
    if Path(name).name != name or not name.startswith(PREFIX):
        raise ValueError(f"expected a file of the index, got {name!r}")
    path = folder / name
    if path.stat().st_size != description["bytes"]:
        raise ValueError(f"{name} has another size than was saved")
    if not by_size_alone and _checksum(path) != description["crc32"]:
        raise ValueError(f"{name} has another content than was saved")
    return path


def _checksum(path: Path) -> int:
    """CRC-32 of a file: against accidents, which is all that can befall our own file."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum
