"""ZIP archives: the files in them, within limits. No member's name is ever used as a path."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from ingest.errors import CorruptFile, EncryptedFile, FileTooLarge
from ingest.loaders.limits import LoadLimits
from ingest.loaders.zipped import check_unpacked_size

_MAX_MEMBERS = 10_000
_MAX_RATIO = 1_000  # deflate reaches 1,032 on zeros alone
_RATIO_FROM_BYTES = 10_000_000


def take_members(path: Path, limits: LoadLimits, take: Callable[[str, BinaryIO], None]) -> None:
    """Have `take` read every file in an archive: its name, as it is written there, and its bytes.

    Raises CorruptFile, EncryptedFile, FileTooLarge.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            check_unpacked_size(archive, limits)
            members = [entry for entry in archive.infolist() if not _is_skipped(entry)]
            if len(members) > _MAX_MEMBERS:
                raise FileTooLarge(f"has more than {_MAX_MEMBERS:,} files in it; split it.")
            for entry in members:
                if entry.flag_bits & 1:
                    raise EncryptedFile("is encrypted; unpack it and add the files in it.")
                if entry.file_size > max(_RATIO_FROM_BYTES, _MAX_RATIO * entry.compress_size):
                    raise FileTooLarge("unpacks to a thousand times its size; unpack it yourself.")
                with archive.open(entry) as stream:
                    take(entry.filename, cast(BinaryIO, stream))
    except (zipfile.BadZipFile, EOFError, NotImplementedError, OSError) as error:
        raise CorruptFile("is damaged and cannot be unpacked; get a fresh copy.") from error


def unpack_members(
    path: Path, limits: LoadLimits, target: Path, alive: Callable[[int], None]
) -> list[str]:
    """Write each file in an archive beside `target`; gives their names, as written there.

    target: the beginning of the paths to write: the n-th file, from 0, goes to "<target>n".
    alive: called with 0, for no page is read, after each file. Raises as `take_members`.
    """
    names: list[str] = []

    def take(name: str, stream: BinaryIO) -> None:
        with target.with_name(f"{target.name}{len(names)}").open("xb") as file:
            shutil.copyfileobj(stream, file)
            file.flush()
            os.fsync(file.fileno())  # it may become an original
        names.append(name)
        alive(0)

    take_members(path, limits, take)
    return names


def _is_skipped(entry: zipfile.ZipInfo) -> bool:
    """Folders, and what systems leave in archives beside the user's files."""
    parts = entry.filename.replace("\\", "/").split("/")
    return entry.is_dir() or any(
        part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in parts
    )
