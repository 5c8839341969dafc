"""A whole library as one ZIP file, and a library out of such a file.

    manifest.json               format, version, embedder, and what each entry's bytes are
    library.db                  the store of one instant
    originals/ab/abcd...ef.pdf  as in the library's folder
    examples.json               and other files of the user's own in the library's folder

Derived things stay out. Nothing is compressed, so no entry can be larger than the archive.

Both ways, what is not whole lies in a folder beside its place, `.NAME.part`, and gets there by one
rename; what a killed process left there, the next one for the same place takes away.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from ingest.claims import Claim
from ingest.errors import (
    DiskFull,
    LibraryArchiveError,
    LibraryDamaged,
    LibraryReadOnly,
    LibraryTooNew,
)
from ingest.originals import Fingerprint, copy_stream, sync_folder
from ingest.storage_failures import named_storage_failures
from ingest.store import Store

FORMAT = "paperlight-library"
VERSION = 1
_MANIFEST = "manifest.json"
_ORIGINALS = "originals/"
_ORIGINAL = re.compile(r"originals/([0-9a-f]{2})/\1[0-9a-f]{62}\.[a-z0-9]{1,8}")
_MOST_MANIFEST_BYTES = 256 * 1024**2  # a million originals take 140 MB

Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the archive: its name there, and its bytes."""

    name: str
    byte_size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive says of itself. embedder: identity and dimensions, or None."""

    embedder: tuple[str, int] | None
    entries: tuple[Entry, ...]

    def as_json(self) -> bytes:
        """The manifest."""
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Raises LibraryArchiveError for another version, else ValueError, KeyError, TypeError."""
        read = json.loads(data)
        if read["format"] != FORMAT:
            raise ValueError
        if read["version"] != VERSION:
            raise LibraryArchiveError(
                f"The archive has version {read['version']}, but this program reads {VERSION};"
                " install the newer version."
            )
        identity = read["embedder"]
        embedder = None if identity is None else (str(identity[0]), int(identity[1]))
        return cls(embedder, tuple(Entry(**entry) for entry in read["entries"]))


def export_library(
    store: Store,
    archive: Path,
    *,
    own_files: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Contents:
    """Write a library as it is at this instant, while others may change it, into one file.

    own_files: names of files in its folder that come along, those that are there.
    Raises LibraryArchiveError.
    """
    archive = archive.absolute()
    _require_free(archive, overwrite=overwrite)
    with _failures_at(archive), _part(archive) as part:
        copied = part / store.path.name
        store.copy_to(copied)
        with Store(copied) as copy:
            copy.finish(copy.pending())
            copy.tidy()  # what was deleted leaves no trace in it either
            originals = copy.original_files()
        own = [store.path.parent / name for name in own_files]
        own = [path for path in own if path.is_file()]
        kept = {
            name: path
            for name in sorted(set(originals.values()))
            if (path := store.originals.folder / name).is_file()
        }
        sizes = [path.stat().st_size for path in (*kept.values(), *own, copied)]
        entries: list[Entry] = []
        whole = part / archive.name
        with zipfile.ZipFile(whole, "x") as target:
            write = _writer(target, entries, sum(sizes), progress)
            gone = {name for name, path in kept.items() if not write(_ORIGINALS + name, path)}
            for path in own:
                write(path.name, path)
            with Store(copied) as copy:  # whose documents may have been removed meanwhile
                missing = (originals.values() - kept.keys()) | gone
                copy.forget_originals(each for each, name in originals.items() if name in missing)
                embedder = copy.embedder
            write(copied.name, copied)
            contents = Contents(embedder, tuple(entries))
            target.writestr(_MANIFEST, contents.as_json())
        _sync(whole)
        _require_free(archive, overwrite=overwrite)
        whole.replace(archive)
        sync_folder(archive.parent)
    return contents


def import_library(
    archive: Path,
    folder: Path,
    *,
    database: str,
    own_files: Sequence[str] = (),
    progress: Progress | None = None,
) -> Contents:
    """Make a library of an archive at a folder that is empty or not there.

    database: its file's name there. own_files: names that it may have beside that.
    Nothing of the archive is believed. Raises LibraryArchiveError.
    """
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LibraryArchiveError(
            f"{folder} is not empty, and an import replaces nothing; name a new folder:"
            " paperlight -L FOLDER import FILE"
        )
    try:
        file = archive.open("rb")
    except OSError as error:
        raise LibraryArchiveError(f"{archive} cannot be read: {error.strerror}.") from error
    with file, _failures_at(folder), _part(folder) as part:
        unpacked = part / folder.name
        try:
            contents = _unpack(file, unpacked, {database, *own_files}, progress)
            _check_store(unpacked / database, contents)
        except LibraryTooNew as error:
            raise LibraryArchiveError(
                f"{archive} was written by a newer version of this program; install that one."
            ) from error
        except _MALFORMED as error:
            why = str(error) or "it is none, or it is damaged"
            raise LibraryArchiveError(
                f"{archive} is not what paperlight export writes ({why}); nothing was imported."
            ) from error
        if folder.exists():
            folder.rmdir()
        unpacked.rename(folder)
        sync_folder(folder.parent)
    return contents


class _Broken(Exception):
    """The archive is not as an export makes it; the message may say in what."""


# What zipfile, json and a wrong manifest raise.
_MALFORMED = (
    _Broken,
    zipfile.BadZipFile,
    EOFError,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


def _writer(
    target: zipfile.ZipFile, entries: list[Entry], total: int, progress: Progress | None
) -> Callable[[str, Path], bool]:
    """Puts a file into the archive; False if it is gone."""
    done = 0

    def write(name: str, path: Path) -> bool:
        nonlocal done
        try:
            source = path.open("rb")
        except FileNotFoundError:
            return False
        with source, target.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
            found = copy_stream(source, entry)
        entries.append(Entry(name, found.byte_size, found.sha256))
        done += found.byte_size
        if progress is not None:
            progress(done, max(done, total))
        return True

    return write


def _unpack(file: IO[bytes], folder: Path, others: set[str], progress: Progress | None) -> Contents:
    """Every entry as a file, when its name, kind, size and bytes are what they should be."""
    with zipfile.ZipFile(file) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        archive_bytes = os.fstat(file.fileno()).st_size
        if len(infos) != len(archive.infolist()):
            raise _Broken("a name stands twice")
        if sum(info.file_size for info in infos.values()) > archive_bytes:
            raise _Broken("it would unpack to more than it is")
        if infos[_MANIFEST].file_size > _MOST_MANIFEST_BYTES:
            raise _Broken("its manifest is too large")
        for info in infos.values():
            _check_kind(info)
        contents = Contents.from_json(archive.read(_MANIFEST))
        wanted = {entry.name: entry for entry in contents.entries}
        if wanted.keys() != infos.keys() - {_MANIFEST}:
            raise _Broken("it has not the files that its manifest says")
        done, total = 0, sum(info.file_size for info in infos.values())
        for name, entry in wanted.items():
            if name not in others and not _ORIGINAL.fullmatch(name):
                raise _Broken(f"a library has no {name!r}")
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, target.open("xb") as unpacked:
                found = copy_stream(source, unpacked)
            if found != Fingerprint(entry.sha256, entry.byte_size):
                raise _Broken(f"{name} has not the checksum that its manifest says")
            _sync(target)
            done += found.byte_size
            if progress is not None:
                progress(done, total)
    return contents


def _check_kind(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 or info.is_dir():
        raise _Broken(f"{info.filename!r} is not stored as an export does it")
    if kind not in (0, stat.S_IFREG):
        raise _Broken(f"{info.filename!r} is no file but a link")


def _check_store(database: Path, contents: Contents) -> None:
    """That the store is one, and belongs to the rest.

    An original's path is where the library reads and deletes: none may lead out of its folder.
    """
    try:
        store = Store.received(database)
    except LibraryDamaged as error:
        raise _Broken("its database is not as Paperlight makes it, or is damaged") from error
    with store:
        originals = {_ORIGINALS + name for name in store.original_files().values()}
        if originals != {e.name for e in contents.entries if e.name.startswith(_ORIGINALS)}:
            raise _Broken("its originals are not those of its documents")
        if store.embedder != contents.embedder:
            raise _Broken("its vectors are not of the embedder that its manifest says")


@contextmanager
def _part(place: Path) -> Iterator[Path]:
    """A folder beside a place for what is to become it, for this process alone; then deleted."""
    claim = Claim.take(place.parent, f".{place.name}.claim")
    if claim is None:
        raise LibraryArchiveError(f"Another process is writing {place}; wait for it.")
    part = place.with_name(f".{place.name}.part")
    with claim:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _failures_at(place: Path) -> Iterator[None]:
    """What keeps a place from being written, in a sentence."""
    try:
        with named_storage_failures(place.parent):
            yield
    except DiskFull as error:
        raise LibraryArchiveError(
            f"The disk of {place.parent} is full: free some space there and do the same again."
        ) from error
    except LibraryReadOnly as error:
        raise LibraryArchiveError(
            f"{place.parent} may not be written to: allow it, or name another folder."
        ) from error
    except OSError as error:
        raise LibraryArchiveError(f"{place} cannot be written: {error}.") from error


def _require_free(archive: Path, *, overwrite: bool) -> None:
    if archive.is_dir() or (archive.exists() and not overwrite):
        raise LibraryArchiveError(
            f"{archive} is there already; name another file"
            + (", not a folder." if archive.is_dir() else ", or replace it with --force.")
        )
    if not archive.parent.is_dir():
        raise LibraryArchiveError(f"There is no folder {archive.parent}; make it first.")


def _sync(path: Path) -> None:
    """Have a file on the disk for good."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
