"""The table `meta`: the library's generation and id, and the model that made its vectors.

Functions over a connection; whoever calls them says which transaction they are part of.
"""

from __future__ import annotations

import sqlite3

from ingest.errors import EmbedderMismatch


def value_of(connection: sqlite3.Connection, key: str) -> str | None:
    """The value of a key, or None."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row[0]) if row else None


def set_value(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Write a key's value over what it was."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def generation(connection: sqlite3.Connection) -> int:
    """Goes up with every change of the documents, in any process."""
    return int(value_of(connection, "generation") or 0)


def raise_generation(connection: sqlite3.Connection) -> None:
    """Say that the documents have changed."""
    connection.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")


def embedder(connection: sqlite3.Connection) -> tuple[str, int] | None:
    """Identity and dimensions of the embedding model of the vectors, or None so far."""
    identity, dimensions = value_of(connection, "embedder"), value_of(connection, "dimensions")
    return (identity, int(dimensions)) if identity and dimensions else None


def bind_embedder(connection: sqlite3.Connection, identity: str, dimensions: int) -> None:
    """Note which model makes the vectors. Raises EmbedderMismatch if another made those there."""
    bound = embedder(connection)
    if bound == (identity, dimensions):
        return
    if bound is not None and connection.execute("SELECT 1 FROM vectors LIMIT 1").fetchone():
        raise EmbedderMismatch(
            stored=f"{bound[0]} ({bound[1]} dimensions)",
            given=f"{identity} ({dimensions} dimensions)",
        )
    set_value(connection, "embedder", identity)
    set_value(connection, "dimensions", str(dimensions))
