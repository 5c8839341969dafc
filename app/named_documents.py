"""Which documents an argument of a command means: by id, name or path, or an archive's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.command_options import CommandFailed, kept_path
from ingest.errors import DocumentNotFound
from ingest.naming import archive_of, as_kept
from ingest.search_filter import named_documents

if TYPE_CHECKING:
    from ingest.records import DocumentRecord

SHOWN_ID_CHARS = 12  # of a document's id; at least _ID_PREFIX_CHARS name it
_ID_PREFIX_CHARS = 4
_PATTERN_CHARS = frozenset("*?[")


def find_documents(records: Sequence[DocumentRecord], wanted: str) -> list[DocumentRecord]:
    """The one document, or all of the one archive or of the pattern, that `wanted` names.

    Raises CommandFailed where it names several, DocumentNotFound.
    """
    wanted = as_kept(wanted)
    path = str(Path(wanted).absolute())
    archives: dict[tuple[str, str], list[DocumentRecord]] = {}
    for record in records:
        archive = archive_of(record.name, record.path)
        if archive is not None and (archive[0] == wanted or archive[1] in (wanted, path)):
            archives.setdefault((record.collection, archive[1]), []).append(record)
    if len(archives) > 1:
        places = ", ".join(f"{path} ({collection})" for collection, path in archives)
        raise CommandFailed(f"{wanted!r} names several archives: {places}; use ids")
    return (
        next(iter(archives.values()), [])
        or _of_pattern(records, wanted)
        or [find_document(records, wanted)]
    )


def _of_pattern(records: Sequence[DocumentRecord], wanted: str) -> list[DocumentRecord]:
    """What --document means by the same pattern; a name that has its characters comes first."""
    if not _PATTERN_CHARS & set(wanted) or _called(records, wanted):
        return []
    pattern = kept_path(wanted)
    named = named_documents([pattern], [(r.document_id, r.name, r.path) for r in records])
    return [record for record in records if record.document_id in named[pattern]]


def _called(records: Sequence[DocumentRecord], wanted: str) -> list[DocumentRecord]:
    path = str(Path(wanted).absolute())
    return [r for r in records if wanted == r.document_id or wanted == r.name or path == r.path]


def find_document(records: Sequence[DocumentRecord], wanted: str) -> DocumentRecord:
    """The one document that `wanted` names. Raises CommandFailed, DocumentNotFound."""
    wanted = as_kept(wanted)
    found = _called(records, wanted)
    if not found and len(wanted) >= _ID_PREFIX_CHARS:
        found = [r for r in records if r.document_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise DocumentNotFound(wanted)
    ids = ", ".join(record.document_id[:SHOWN_ID_CHARS] for record in found)
    raise CommandFailed(f"{wanted!r} names several documents; use one of the ids {ids}")
