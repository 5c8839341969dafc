"""What a filter leaves of a library: asked of its database, and kept for the next search."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from ingest import meta_table
from ingest.allowed_chunks import AllowedChunks
from ingest.database import Database
from ingest.errors import InvalidFilter
from ingest.search_filter import SearchFilter, named_documents

_FILTERS_KEPT = 8  # with what they leave: up to 9 MB each at a million passages
# The documents `d` that a filter leaves; its parameters are those of `filter_parameters`.
FITS_FILTER = """(:collection IS NULL OR collection = :collection)
AND (:since IS NULL OR added_at >= :since) AND (:before IS NULL OR added_at < :before)
AND (:media_types IS NULL OR media_type IN (SELECT value FROM json_each(:media_types)))
AND (:documents IS NULL OR d.document_id IN (SELECT value FROM json_each(:documents)))"""
# A cross join, because SQLite looks through the tables in its order then: the few documents, not
# all the passages.
_RANGES_QUERY = f"""
SELECT c.chunk_id, d.chunk_count FROM documents d CROSS JOIN chunks c USING (document_id)
WHERE c.ordinal = 0 AND {FITS_FILTER} ORDER BY c.chunk_id
"""  # noqa: S608 (constant text)


class FilteredPassages:
    """The passages that filters leave. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[tuple[int, SearchFilter], AllowedChunks] = OrderedDict()
        self._lock = threading.Lock()

    def allowed(self, search_filter: SearchFilter) -> AllowedChunks:
        """The passages that a filter leaves.

        Cheap for a filter that was used since the last change of the documents.
        Raises InvalidFilter if it names a document that is not there.
        """
        with self._database.connection() as connection:
            key = (meta_table.generation(connection), search_filter)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._database.reading() as connection:
            key = (meta_table.generation(connection), search_filter)
            allowed = AllowedChunks.of_ranges(passage_ranges(connection, search_filter))
        with self._lock:
            for old in [old for old in self._kept if old[0] < key[0]]:
                del self._kept[old]
            self._kept[key] = allowed
            if len(self._kept) > _FILTERS_KEPT:
                self._kept.popitem(last=False)
        return allowed


def passage_ranges(
    connection: sqlite3.Connection, search_filter: SearchFilter | None
) -> Iterator[tuple[int, int]]:
    """(first id, how many) of the passages of each document that a filter leaves, ascending.

    See ingest.allowed_chunks. Raises InvalidFilter.
    """
    return connection.execute(_RANGES_QUERY, filter_parameters(connection, search_filter))


def filter_parameters(
    connection: sqlite3.Connection, search_filter: SearchFilter | None
) -> dict[str, Any]:
    """What FITS_FILTER needs. Raises InvalidFilter for a name that no document has."""
    if not search_filter:
        return dict.fromkeys(("collection", "since", "before", "media_types", "documents"))
    since, before = search_filter.since, search_filter.before
    return {
        "collection": search_filter.collection,
        # As text they are in order: all are in UTC, and "+" comes before ".".
        "since": since and since.isoformat(),
        "before": before and before.isoformat(),
        "media_types": json.dumps(search_filter.media_types) if search_filter.types else None,
        "documents": _named(connection, search_filter.documents),
    }


def _named(connection: sqlite3.Connection, names: Sequence[str]) -> str | None:
    """The ids of the documents that these name, as JSON; None for no names."""
    if not names:
        return None
    everything = connection.execute("SELECT document_id, name, source FROM documents").fetchall()
    found = named_documents(names, everything)
    missing = [name for name, ids in found.items() if not ids]
    if missing:
        raise InvalidFilter(
            f"No document is called {missing[0][:200]!r}; give an id, a name, a path, or a pattern"
            " such as 'report*.pdf'. paperlight list shows all documents."
        )
    return json.dumps(sorted(set().union(*found.values())))
