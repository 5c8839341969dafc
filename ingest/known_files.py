"""Whether a file is in the library already, by its place or by its bytes."""

from __future__ import annotations

from collections.abc import Collection

from ingest.loaders import FileKind
from ingest.naming import archive_of
from ingest.originals import Fingerprint
from ingest.outcomes import FileOutcome, Outcome, shown_name
from ingest.records import DocumentRecord, PendingFile
from ingest.store import Store


def known_outcome(
    store: Store, file: PendingFile, content: Fingerprint, beside: Collection[str] = ()
) -> FileOutcome | None:
    """The outcome for a file whose bytes the collection holds already.

    beside: the sources of all files in the archive that it came out of. What came out of an
    archive goes with it, and so stands for no file that is not in there.
    """
    same = store.find_source(file.collection, file.source)
    if same is not None and _is_whole_archive(same):
        return None
    reason = ""
    if same is None or same.sha256 != content.sha256:
        twins = store.find_content(file.collection, content.sha256)
        staying = (
            twin
            for twin in twins
            if archive_of(twin.name, twin.path) is None or twin.path in beside
        )
        same = next(staying, None)
        if same is None:
            return None
        reason = f"{file.name} has the same content as {same.path}, which is in the library."
    return FileOutcome(
        path=shown_name(file),
        outcome=Outcome.UNCHANGED,
        reason=reason,
        document_id=same.document_id,
        pages=same.page_count,
        chunks=same.chunk_count,
    )


def _is_whole_archive(record: DocumentRecord) -> bool:
    """Whether an older version stored an archive as one document; it is read again, file by file.

    An archive in an archive still is one.
    """
    is_archive = record.media_type == FileKind.ZIP.value
    return is_archive and archive_of(record.name, record.path) is None
