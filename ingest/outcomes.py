"""What became of the files of an addition: added, unchanged, replaced, moved, or skipped."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ingest.errors import PasswordNeeded, UnreadableFile
from ingest.records import PendingFile

UPLOAD = "upload:"  # the beginning of an upload's source
# What is the matter with one file, and not with the library.
FILE_ERRORS = (UnreadableFile, OSError, MemoryError)


class Outcome(StrEnum):
    """What became of a file."""

    ADDED = "added"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    MOVED = "moved"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file.

    path: as it is kept, see ingest.naming; for an upload, its name; of a file in an archive, the
    archive's and its name. reason: one sentence, "" where there is nothing to explain.
    document_id: "" when skipped. pages, chunks: of the stored document.
    needs_password: it was skipped because no password, or a wrong one, was given.
    """

    path: str
    outcome: Outcome
    reason: str = ""
    document_id: str = ""
    pages: int = 0
    chunks: int = 0
    needs_password: bool = False


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of every file, in the order they were taken. cancelled: not all were.

    Instead of an archive that could be unpacked, the files in it.
    """

    files: tuple[FileOutcome, ...]
    cancelled: bool = False

    def count(self, outcome: Outcome) -> int:
        """How many files had this outcome."""
        return sum(file.outcome is outcome for file in self.files)


def shown_name(file: PendingFile) -> str:
    """What an outcome calls a file."""
    return file.name if file.source.startswith(UPLOAD) else file.source


def skipped(file: PendingFile, error: Exception) -> FileOutcome:
    """The outcome of a file that something is wrong with. error: one of FILE_ERRORS."""
    if isinstance(error, UnreadableFile):
        reason = f"{file.name} {error}"
    elif isinstance(error, OSError):
        reason = f"{file.name} cannot be read: {error.strerror or error}."
    else:
        reason = f"{file.name} needs more memory than there is; split it into smaller files."
    needs_password = isinstance(error, PasswordNeeded)
    return FileOutcome(shown_name(file), Outcome.SKIPPED, reason, needs_password=needs_password)
