"""The keyword index: FTS5's table of the terms of each passage and of its surroundings.

Which terms a text has is for ingest/keywords.py to say. Functions over a connection; whoever calls
them says which transaction they are part of.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ingest import meta_table
from ingest.allowed_chunks import AllowedChunks
from ingest.database import rows_of_ids
from ingest.document_rows import CHUNK_QUERY, chunk_of
from ingest.keywords import TERMS_VERSION, query_terms, terms
from ingest.records import NewDocument

# Weight in BM25 of a term in the passage's surroundings (document name, title, headings). On 33
# FinanceBench questions the evidence page was in the first 10 for .273 at 0, .364 at .4, .394 at 1.
_CONTEXT_WEIGHT = 1.0
# BM25's k1 as FTS5 has it built in.
FTS5_K1 = 1.2
_REBUILT_AT_ONCE = 1000  # passages
_INSERT = "INSERT INTO keywords (rowid, passage, context) VALUES (?, ?, ?)"

KeywordRow = tuple[str, str]
"""The terms of a passage and of its surroundings, each with a space between."""


def rows_of(new: NewDocument) -> list[KeywordRow]:
    """The rows of a document's passages, in order. Stemming takes its time."""
    contexts: dict[str, str] = {}
    rows = []
    for chunk in new.chunks:
        if chunk.heading not in contexts:
            contexts[chunk.heading] = _context_terms(new.name, new.document.title, chunk.heading)
        rows.append((" ".join(terms(chunk.text)), contexts[chunk.heading]))
    return rows


def insert(
    connection: sqlite3.Connection, chunk_ids: Sequence[int], rows: Sequence[KeywordRow]
) -> None:
    """Insert the rows of these passages."""
    connection.executemany(
        _INSERT, ((chunk_id, *row) for chunk_id, row in zip(chunk_ids, rows, strict=True))
    )


def delete(connection: sqlite3.Connection, document_id: str) -> None:
    """Delete the rows of a document's passages; its terms stay in the file until `optimize`."""
    connection.execute(
        "DELETE FROM keywords WHERE rowid IN (SELECT chunk_id FROM chunks WHERE document_id = ?)",
        (document_id,),
    )


def optimize(connection: sqlite3.Connection) -> None:
    """Merge FTS5's segments: it keeps deleted terms in them until then.

    It takes as long as writing all keywords anew, however much was deleted.
    """
    connection.execute("INSERT INTO keywords (keywords) VALUES ('optimize')")


def search(
    connection: sqlite3.Connection, query: str, k: int, allowed: AllowedChunks | None, *, k1: float
) -> list[tuple[int, float]]:
    """The k passages that match best: (chunk id, BM25), best first; see Store.search_keywords."""
    match = " OR ".join(_quoted(term) for term in query_terms(query))
    if not match or k < 1 or (allowed is not None and not len(allowed)):
        return []
    # A column's weight multiplies its counts, and w f / (w f + k1 L) = f / (f + (k1 / w) L): so the
    # weight of both stands for the constant that FTS5 has built in.
    weight = FTS5_K1 / k1
    parameters: dict[str, Any] = {
        "match": match,
        "k": k,
        "passage": weight,
        "context": weight * _CONTEXT_WEIGHT,
    }
    scope = ""
    if allowed is not None:
        # FTS5 walks through the range alone. Within it a passage that has the words is looked
        # up in the marks: a table of ids, or a join, took longer than the search itself.
        scope = (
            "AND rowid BETWEEN :first AND :last AND substr(:marks, rowid - :first + 1, 1) = x'01'"
        )
        first, last = int(allowed.ids[0]), int(allowed.ids[-1])
        parameters |= {"first": first, "last": last, "marks": allowed.marks}
    rows = connection.execute(
        "SELECT rowid, -bm25(keywords, :passage, :context) AS similarity FROM keywords"  # noqa: S608
        f" WHERE keywords MATCH :match {scope} ORDER BY similarity DESC, rowid LIMIT :k",
        parameters,
    )
    return [(int(chunk_id), float(similarity)) for chunk_id, similarity in rows]


def terms_of(
    connection: sqlite3.Connection, chunk_ids: Sequence[int]
) -> dict[int, tuple[list[str], list[str]]]:
    """Passage -> its terms in order, and those of its surroundings."""
    query = "SELECT rowid, passage, context FROM keywords WHERE rowid IN"
    return {
        chunk_id: (passage.split(), context.split())
        for chunk_id, passage, context in rows_of_ids(connection, query, chunk_ids)
    }


def rebuild(connection: sqlite3.Connection) -> None:
    """Make the index anew from the passages, with the terms that questions have now."""
    connection.execute("DELETE FROM keywords")
    rows = connection.execute(CHUNK_QUERY + "ORDER BY c.chunk_id")
    titles = dict(connection.execute("SELECT document_id, title FROM documents").fetchall())
    while batch := rows.fetchmany(_REBUILT_AT_ONCE):
        for chunk in map(chunk_of, batch):
            title = titles[chunk.document_id]
            context = _context_terms(chunk.document_name, title, chunk.heading)
            connection.execute(_INSERT, (chunk.chunk_id, " ".join(terms(chunk.text)), context))
    # Deleting a row takes its terms out as its content names them; where the two disagree,
    # only this begins the index from nothing.
    connection.execute("INSERT INTO keywords (keywords) VALUES ('rebuild')")
    meta_table.set_value(connection, "terms_version", str(TERMS_VERSION))


def has_current_terms(connection: sqlite3.Connection) -> bool:
    """Whether its terms are those that questions have; an older version of us had others."""
    return meta_table.value_of(connection, "terms_version") == str(TERMS_VERSION)


def check(connection: sqlite3.Connection) -> None:
    """Have FTS5 compare its structures with the terms they were made from; it has to write for it.

    Raises sqlite3.DatabaseError where they disagree.
    """
    connection.execute("INSERT INTO keywords (keywords) VALUES ('integrity-check')")


def _context_terms(name: str, title: str, heading: str) -> str:
    return " ".join(dict.fromkeys(terms(f"{name}\n{title}\n{heading}")))


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'
