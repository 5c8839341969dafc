"""How long PostgreSQL with pgvector takes to take passages in and to search them, by their number.

    .venv/bin/python bench/shared_index.py --output bench/results/shared_index.json

Hypothesis: comparing all is quick enough up to 50,000 passages, and a graph has nearly all of the
best beyond (ingest/postgres_search.py). The server is the tests' own, on this machine, so nothing
is said of a network. Vectors are 2,000 clusters with noise, queries are others of the same
clusters; what is best beyond a query's own cluster is chance, which is hard on recall@100. Seconds
by the wall clock, milliseconds a query, one at a time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest import postgres_search
from ingest.library_contents import ChunkSpan, LibraryContents
from ingest.postgres_index import PostgresServer
from ingest.records import ChunkIds, FloatMatrix, StoredChunk
from ingest.shared_index import SharedIndex
from tests.postgres import running_postgres

DIM = 384
K = 100  # what a question asks for
CLUSTERS = 2_000
A_DOCUMENT = 100  # passages
TEXT = "A passage of about one hundred and sixty-five tokens has some seven hundred letters. " * 8


class Table:
    """A store of documents of A_DOCUMENT passages, as the index sees it; an id is a row + 1."""

    def __init__(self, matrix: FloatMatrix) -> None:
        self._matrix = matrix
        self.generation = 1
        self.embedder = ("clusters", DIM)

    def contents(self) -> tuple[int, LibraryContents]:
        count = len(self._matrix)
        spans = {
            f"{row:020x}": ChunkSpan(row + 1, A_DOCUMENT) for row in range(0, count, A_DOCUMENT)
        }
        return self.generation, LibraryContents(spans, count)

    def chunks(self, chunk_ids: Iterable[int]) -> list[StoredChunk]:
        return [
            StoredChunk(
                int(i),
                f"{(int(i) - 1) // A_DOCUMENT * A_DOCUMENT:020x}",
                *("name", "/path", "default", 1, 0, 0, len(TEXT), TEXT, "Heading"),
            )
            for i in chunk_ids
        ]

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]:
        ids = np.asarray(chunk_ids, dtype=np.int64)
        return ids, self._matrix[ids - 1]

    def snapshot(self) -> tuple[int, ChunkIds]:
        return self.generation, np.arange(1, len(self._matrix) + 1)


def clustered(count: int, seed: int) -> FloatMatrix:
    """(count, DIM) float32 unit vectors."""
    centres = np.random.default_rng(0).standard_normal((CLUSTERS, DIM), dtype=np.float32)
    random = np.random.default_rng(seed)
    rows = centres[random.integers(CLUSTERS, size=count)]
    rows = rows + 0.6 * random.standard_normal(rows.shape, dtype=np.float32)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 2)


def searched(
    index: SharedIndex, matrix: FloatMatrix, queries: FloatMatrix, allowed: ChunkIds | None = None
) -> dict[str, float]:
    """Median, 99th percentile and recall; the first query warms up."""
    index.search(queries[:1], K, allowed=allowed)
    times: list[float] = []
    recalls: dict[int, list[float]] = {10: [], K: []}
    for query in queries:
        started = time.perf_counter()
        (found,) = index.search(query[None, :], K, allowed=allowed)
        times.append(1000 * (time.perf_counter() - started))
        cosines = matrix @ query if allowed is None else matrix[allowed - 1] @ query
        best = np.sort(cosines)[::-1]
        for k, shares in recalls.items():
            # A graph's first ten are the ten best of all that it found.
            shares.append(float(np.mean([c >= best[k - 1] - 1e-5 for _, c in found[:k]])))
    return {
        "p50_ms": round(float(np.percentile(times, 50)), 1),
        "p99_ms": round(float(np.percentile(times, 99)), 1),
    } | {f"recall@{k}": round(float(np.mean(shares)), 4) for k, shares in recalls.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--counts", type=int, nargs="+", default=[20_000, 50_000, 100_000])
    parser.add_argument(
        "--in-view", type=int, nargs="+", default=[200, 400, 1000], help="hnsw.ef_search"
    )
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    result: dict[str, object] = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "dimensions": DIM,
        "k": K,
        "queries": options.queries,
    }
    queries = clustered(options.queries, seed=2)
    with running_postgres() as server:
        for count in options.counts:
            matrix = clustered(count, seed=1)
            table = Table(matrix)
            with server.database() as address:
                index = SharedIndex(PostgresServer(address, "0" * 32))
                taken_in = seconds(lambda i=index, t=table: i.sync(t))
                half = np.arange(1, count + 1, 2)
                postgres_search._EXACT_UP_TO = sys.maxsize
                figures: dict[str, object] = {
                    "passages_a_second": round(count / taken_in),
                    "compared_with_all": searched(index, matrix, queries),
                }
                postgres_search._EXACT_UP_TO = 1_000
                figures["graph_made_seconds"] = seconds(lambda i=index, t=table: i.adapt(t))
                for in_view in options.in_view:
                    postgres_search._IN_VIEW = in_view
                    figures[f"graph_{in_view}"] = searched(index, matrix, queries)
                    figures[f"graph_{in_view}_half_allowed"] = searched(
                        index, matrix, queries, half
                    )
                figures["sync_ms_when_nothing_changed"] = seconds(
                    lambda i=index, t=table: [i.sync(t) for _ in range(1000)]
                )
                result[str(count)] = figures
                index.close()
                print(json.dumps({str(count): figures}), file=sys.stderr)
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
