"""How PostgreSQL finds the passages nearest to a query: compared with all, or by pgvector's graph.

A graph (HNSW) is made where there are too many to compare with all, and where it gives fewer than
were asked for, all are compared after all.
"""

from __future__ import annotations

import math

from psycopg import sql

from ingest.postgres_connections import Connection, Ids
from ingest.postgres_tables import PostgresTables
from ingest.records import ChunkIds, FloatMatrix

# Up to here a query is compared with every passage, which is exact. See docs/decisions.md.
_EXACT_UP_TO = 50_000
_MAX_HNSW_DIMENSIONS = 2_000  # pgvector's limit
# Passages that a search in the graph keeps in view (hnsw.ef_search), the most that pgvector takes;
# its usual 40 would end a search for 100 after 40. Of 100,000, 400 had .96 of the best in 10 ms,
# 1,000 have .99 in 25.
_IN_VIEW = 1000
_ITERATIVE_SINCE = (0, 8)  # pgvector's version that goes on where a filter leaves too few
# PostgreSQL's settings for an exact search: the graph is out; ids are still looked up, by a bitmap.
_EXACT = {"enable_indexscan": "off"}


def compares_all(count: int) -> bool:
    """Whether so few passages need no graph."""
    return count <= _EXACT_UP_TO


def can_have_graph(dimensions: int) -> bool:
    """Whether pgvector makes graphs of such vectors."""
    return dimensions <= _MAX_HNSW_DIMENSIONS


def make_graph(connection: Connection, tables: PostgresTables) -> None:
    """Have the graph made from the passages that are there; it takes in later ones by itself."""
    connection.execute(
        tables.sql("CREATE INDEX {graph} ON {passages} USING hnsw (embedding vector_cosine_ops)")
    )


def nearest(
    connection: Connection,
    tables: PostgresTables,
    query: FloatMatrix,
    k: int,
    *,
    allowed: ChunkIds | None,
    pgvector_version: tuple[int, int],
) -> list[tuple[int, float]]:
    """(chunk id, cosine), best first; see IndexServer.search."""
    chosen = None if allowed is None else Ids(allowed)
    if chosen is None or not compares_all(len(chosen.values)):
        settings = _by_graph(iterative=pgvector_version >= _ITERATIVE_SINCE)
        found = _search(connection, tables, query, k, chosen, settings=settings)
        # A search in the graph may end before it has found as many as there are.
        if len(found) >= k:
            return found
    return _search(connection, tables, query, k, chosen, settings=_EXACT)


def _by_graph(*, iterative: bool) -> dict[str, str]:
    """PostgreSQL's settings for a search in the graph."""
    settings = {"hnsw.ef_search": str(_IN_VIEW)}
    return settings | {"hnsw.iterative_scan": "strict_order"} if iterative else settings


def _search(
    connection: Connection,
    tables: PostgresTables,
    query: FloatMatrix,
    k: int,
    allowed: Ids | None,
    *,
    settings: dict[str, str],
) -> list[tuple[int, float]]:
    scope = sql.SQL("" if allowed is None else "WHERE chunk_id = ANY(%(allowed)s)")
    statement = tables.sql(
        "SELECT chunk_id, 1 - (embedding <=> %(query)s) FROM {passages} {scope}"
        " ORDER BY embedding <=> %(query)s LIMIT %(k)s",
        scope=scope,
    )
    with connection.pipeline(), connection.transaction():
        for setting, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (setting, value))
        cursor = connection.execute(
            statement, {"query": query, "allowed": allowed, "k": k}, binary=True
        )
        rows = cursor.fetchall()
    found = [
        # No cosine with a query of zeros.
        (int(chunk_id), 0.0 if math.isnan(cosine) else min(1.0, max(-1.0, cosine)))
        for chunk_id, cosine in rows
    ]
    return sorted(found, key=lambda hit: (-hit[1], hit[0]))
