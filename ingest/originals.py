"""Copies of the files that were added, kept by content under names that the library chooses.

    <library>/originals/ab/abcd...ef.pdf     sha256 of the bytes, suffix of the sniffed kind
    <library>/staging/<owner>.<random>       on its way in; owner: the claim of who works on it
    <library>/staging/<owner>.<random>.7     a file of an archive, unpacked

No part of a path comes from a user's file name. A file appears under its final name complete or
not at all (written, synced, then renamed).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from ingest.storage_failures import named_storage_failures

_COPY_BYTES = 1 << 20
SUFFIXES = {
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/epub+zip": ".epub",
    "application/rtf": ".rtf",
    "message/rfc822": ".eml",
    "application/mbox": ".mbox",
    "application/vnd.ms-outlook": ".msg",
    "application/zip": ".zip",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "text/vtt": ".vtt",
    "text/plain": ".txt",
}


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a file's bytes are: their SHA-256 (lower-case hex) and how many there are."""

    sha256: str
    byte_size: int


class Originals:
    """The folder of originals and the staging folder beside it. Thread-safe."""

    def __init__(self, library: Path) -> None:
        self._library = library
        self.folder = library / "originals"
        self.staging = library / "staging"

    def stage(self, source: BinaryIO, *, owner: str = "") -> tuple[Path, Fingerprint]:
        """Copy a stream into the staging folder; on disk for good when this returns.

        owner: the claim of who works on it; "" for nobody, whose files anybody may delete.
        Raises DiskFull, LibraryReadOnly.
        """
        with named_storage_failures(self._library):
            self.staging.mkdir(parents=True, exist_ok=True)
            return self._stage(source, self.staging / f"{owner}.{uuid.uuid4().hex}")

    def _stage(self, source: BinaryIO, target: Path) -> tuple[Path, Fingerprint]:
        try:
            with target.open("xb") as file:
                fingerprint = copy_stream(source, file)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target, fingerprint

    def room(self, *, owner: str) -> Path:
        """The beginning of paths of staged files that nobody else has: add a number to it.

        Raises DiskFull, LibraryReadOnly.
        """
        with named_storage_failures(self._library):
            self.staging.mkdir(parents=True, exist_ok=True)
        return self.staging / f"{owner}.{uuid.uuid4().hex}."

    def discard_all(self, room: Path) -> None:
        """Delete every staged file whose path begins with this one."""
        for staged in self.staging.glob(f"{room.name}*"):
            self.discard(staged)

    def discard(self, staged: Path) -> None:
        """Delete a staged file. Harmless if it is gone, and for any path that is not staged."""
        if staged.absolute().parent == self.staging.absolute():
            with suppress(FileNotFoundError):
                staged.unlink()

    def place(self, staged: Path, *, sha256: str, media_type: str) -> str:
        """Make a staged file an original; returns its name, relative to the folder.

        The staged file stays until `discard`: a process killed before the document is stored has
        then lost nothing, and the original is an orphan that the doctor finds.
        """
        relative = f"{sha256[:2]}/{sha256}{SUFFIXES.get(media_type, '.bin')}"
        target = self.folder / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        complete = target.with_name(f"{target.name}.{uuid.uuid4().hex}")
        try:
            complete.hardlink_to(staged)
        except OSError:  # a file system without links
            shutil.copyfile(staged, complete)
        complete.replace(target)
        complete.unlink(missing_ok=True)  # renaming a link onto the same file leaves both
        sync_folder(target.parent)
        return relative

    def delete(self, relative: str) -> None:
        """Delete an original. Harmless if it is gone."""
        with suppress(FileNotFoundError):
            (self.folder / relative).unlink()
        with suppress(OSError):  # others may lie beside it
            (self.folder / relative).parent.rmdir()

    @staticmethod
    def owner_of(staged: Path) -> str:
        """The claim that a staged file belongs to."""
        return staged.name.partition(".")[0]

    def all(self) -> Iterator[str]:
        """Every file in the folder, relative to it."""
        if self.folder.is_dir():
            for path in self.folder.rglob("*"):
                if path.is_file():
                    yield path.relative_to(self.folder).as_posix()

    def staged(self) -> Iterator[Path]:
        """Every file in the staging folder."""
        if self.staging.is_dir():
            yield from (path for path in self.staging.iterdir() if path.is_file())


def fingerprint(path: Path) -> Fingerprint:
    """SHA-256 and size of a file. Raises OSError."""
    with path.open("rb") as file:
        return copy_stream(file, None)


def copy_stream(source: IO[bytes], target: IO[bytes] | None) -> Fingerprint:
    """Read all of `source`, into `target` if there is one, and say what it was."""
    digest = hashlib.sha256()
    size = 0
    while block := source.read(_COPY_BYTES):
        digest.update(block)
        size += len(block)
        if target is not None:
            target.write(block)
    return Fingerprint(digest.hexdigest(), size)


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system lets a folder be synced."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
