"""Which documents an argument of a command means: by id, name or path, or an archive's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.command_options import CommandFailed
from ingest.naming import archive_of

if TYPE_CHECKING:
    from ingest.records import DocumentRecord

SHOWN_ID_CHARS = 12  # of a document's id; at least _ID_PREFIX_CHARS name it
_ID_PREFIX_CHARS = 4


def find_documents(records: Sequence[DocumentRecord], wanted: str) -> list[DocumentRecord]:
    """The one document, or all of the one archive, that `wanted` names. Raises CommandFailed."""
    path = str(Path(wanted).absolute())
    archives: dict[tuple[str, str], list[DocumentRecord]] = {}
    for record in records:
        archive = archive_of(record.name, record.path)
        if archive is not None and (archive[0] == wanted or archive[1] in (wanted, path)):
            archives.setdefault((record.collection, archive[1]), []).append(record)
    if len(archives) > 1:
        places = ", ".join(f"{path} ({collection})" for collection, path in archives)
        raise CommandFailed(f"{wanted!r} names several archives: {places}; use ids")
    return next(iter(archives.values()), []) or [find_document(records, wanted)]


def find_document(records: Sequence[DocumentRecord], wanted: str) -> DocumentRecord:
    """The one document that `wanted` names. Raises CommandFailed."""
    path = str(Path(wanted).absolute())
    found = [r for r in records if wanted == r.document_id or wanted == r.name or path == r.path]
    if not found and len(wanted) >= _ID_PREFIX_CHARS:
        found = [r for r in records if r.document_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandFailed(f"no document is called {wanted!r}; paperlight list shows them all")
    ids = ", ".join(record.document_id[:SHOWN_ID_CHARS] for record in found)
    raise CommandFailed(f"{wanted!r} names several documents; use one of the ids {ids}")
