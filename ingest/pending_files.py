"""The list of files that were accepted and are not finished, so that a kill forgets none.

Functions over a connection; whoever calls them says which transaction they are part of.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ingest.records import PendingFile


def insert(connection: sqlite3.Connection, files: Sequence[PendingFile]) -> list[PendingFile]:
    """Write files down; gives them back with their ids."""
    now = datetime.now(UTC).isoformat()
    accepted = []
    for file in files:
        cursor = connection.execute(
            "INSERT INTO pending (owner, path, staged, name, source, collection,"
            " accepted_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                file.owner,
                os.fsencode(file.path),
                file.staged,
                file.name,
                file.source,
                file.collection,
                now,
            ),
        )
        accepted.append(replace(file, pending_id=int(cursor.lastrowid or 0)))
    return accepted


def all_pending(connection: sqlite3.Connection) -> list[PendingFile]:
    """Files of this and of any process, in order."""
    rows = connection.execute(
        "SELECT pending_id, path, staged, name, source, collection, owner FROM pending"
        " ORDER BY pending_id"
    )
    return [
        PendingFile(
            pending_id=pending_id,
            path=Path(os.fsdecode(path)),
            staged=bool(staged),
            name=name,
            source=source,
            collection=collection,
            owner=owner,
        )
        for pending_id, path, staged, name, source, collection, owner in rows
    ]


def strike(connection: sqlite3.Connection, pending_ids: Sequence[int]) -> None:
    """Take files off the list; those that are not on it make no difference."""
    connection.executemany(
        "DELETE FROM pending WHERE pending_id = ?", [(pending_id,) for pending_id in pending_ids]
    )
