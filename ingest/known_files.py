"""Whether a file is in the library already, by its place or by its bytes."""

from __future__ import annotations

import stat
from collections.abc import Collection
from dataclasses import dataclass, replace

from ingest.loaders import FileKind
from ingest.naming import archive_of, path_of
from ingest.originals import Fingerprint
from ingest.outcomes import FileOutcome, Outcome, shown_name
from ingest.records import DocumentRecord, PendingFile
from ingest.store import Store


@dataclass(frozen=True, slots=True)
class ToRead:
    """A file that has to be read.

    file: under the name and the source that its document is to have. moved_from: the document that
    has its bytes, from a place where there is no file any more.
    """

    file: PendingFile
    moved_from: DocumentRecord | None = None


def look_up(
    store: Store, file: PendingFile, content: Fingerprint, beside: Collection[str] = ()
) -> FileOutcome | ToRead:
    """The outcome for a file whose bytes the collection holds already; or that it is to be read.

    The document of a file that was moved under the same name moves with it.
    beside: the sources of all files in the archive that it came out of. What came out of an
    archive goes with it, and so stands for no file that is not in there.
    """
    same = store.find_source(file.collection, file.source)
    if same is not None and _is_whole_archive(same):
        return ToRead(file)
    if same is not None and same.sha256 == content.sha256:
        return ToRead(file) if same.is_outdated else _outcome(file, same)
    staying, gone = [], []
    for twin in store.find_content(file.collection, content.sha256):
        if archive_of(twin.name, twin.path) is not None:
            if twin.path in beside:
                staying.append(twin)
        elif not file.staged and is_original_gone(twin):
            gone.append(twin)
        else:
            staying.append(twin)
    if staying:
        staying.sort(key=lambda twin: twin.is_outdated)
        twin = staying[0]
        if twin.is_outdated:
            return ToRead(replace(file, name=twin.name, source=twin.path))
        reason = f"{file.name} has the same content as {twin.path}, which is in the library."
        return _outcome(file, twin, reason=reason)
    if not gone:
        return ToRead(file)
    # The name is part of what is embedded, and of the keywords: only under the same name can the
    # document stay as it is.
    twin = next((each for each in gone if each.name == file.name), gone[0])
    if twin.name != file.name or twin.is_outdated:
        return ToRead(file, moved_from=twin)
    if store.move(twin, file.source):
        return _outcome(file, twin, Outcome.MOVED, moved_reason(twin))
    return look_up(store, file, content, beside)  # another process was first


def moved_reason(document: DocumentRecord) -> str:
    """Why a file whose bytes are known is a document's new place."""
    return f"It was added as {document.path}, where there is no such file any more."


def is_original_gone(document: DocumentRecord) -> bool:
    """Whether the file, or the archive, that a document was added from is no longer there.

    False of what was uploaded, and of what cannot be looked at.
    """
    archive = archive_of(document.name, document.path)
    path = path_of(document.path if archive is None else archive[1])
    if not path.is_absolute():
        return False
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False


def _outcome(
    file: PendingFile,
    document: DocumentRecord,
    outcome: Outcome = Outcome.UNCHANGED,
    reason: str = "",
) -> FileOutcome:
    return FileOutcome(
        path=shown_name(file),
        outcome=outcome,
        reason=reason,
        document_id=document.document_id,
        pages=document.page_count,
        chunks=document.chunk_count,
    )


def _is_whole_archive(record: DocumentRecord) -> bool:
    """Whether an older version stored an archive as one document; it is read again, file by file.

    An archive in an archive still is one.
    """
    is_archive = record.media_type == FileKind.ZIP.value
    return is_archive and archive_of(record.name, record.path) is None
