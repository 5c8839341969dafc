"""Is a library of a million passages searched in a millisecond, as if all vectors were compared?

Hypothesis, for 1,000,000 vectors on one core, one query at a time: recall@10 >= .99, median
<= 1 ms, 99th percentile <= 3 ms, opened in < 1 s, <= 500 MB resident without what is mapped; on all
cores >= 2,000 vectors/s are added while it is searched, and what is deleted is not found after.

    paperlight --library LIBRARY add FILE...
    .venv/bin/python bench/million_passages.py LIBRARY --output bench/results/million_passages.json

The vectors are those of a library's passages, again and again, each time with other noise; queries
are passages that were left out. Noise of length 0.6 beside a unit vector puts two copies of a
passage at a cosine of about .74, as near as passages of one subject are. The oracle compares all in
NumPy. The index is measured in a process of its own that opens what was saved; the store's own
reading and writing is not part of it. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt

from ingest.records import ChunkIds, FloatMatrix
from ingest.store import Store
from ingest.vector_index import VectorIndex

K = 10
STEP = 20_000  # rows that are made or compared at once
ADDED = 20_000
ADDED_A_SYNC = 500  # passages of one document
DELETED = 1_000
SHARES = (0.001, 0.01, 0.1, 0.5)  # of all passages, that a filter leaves
Found = list[list[tuple[int, float]]]


class Table:
    """A store's table of vectors, as the index sees it: rows of a file; an id is row + 1."""

    library_id = "million"

    def __init__(self, path: Path, count: int) -> None:
        self._matrix: FloatMatrix = np.load(path, mmap_mode="r")
        self._count = count
        self._deleted: ChunkIds = np.empty(0, dtype=np.int64)
        self.generation = 1

    def add(self, count: int) -> None:
        self._count += count
        self.generation += 1

    def delete(self, ids: ChunkIds) -> None:
        self._deleted = np.append(self._deleted, ids)
        self.generation += 1

    def snapshot(self) -> tuple[int, ChunkIds]:
        ids = np.setdiff1d(np.arange(1, self._count + 1), self._deleted, assume_unique=True)
        return self.generation, ids

    def added_after(self, chunk_id: int) -> tuple[int, int, ChunkIds]:
        added = np.arange(max(chunk_id, 0) + 1, self._count + 1)
        return self.generation, self._count - len(self._deleted), added

    def vectors(self, chunk_ids: ChunkIds | Sequence[int]) -> tuple[ChunkIds, FloatMatrix]:
        ids = np.asarray(chunk_ids, dtype=np.int64)
        return ids, self._matrix[ids - 1]


def repeated(base: FloatMatrix, count: int, noise: float, path: Path) -> None:
    """Write (count, dim) float32 unit vectors: the base over and over, with noise."""
    random = np.random.default_rng(1)
    shape = (count, base.shape[1])
    out = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for start in range(0, count, STEP):
        rows = base[np.arange(start, min(start + STEP, count)) % len(base)]
        scale = np.float32(noise / np.sqrt(shape[1]))
        rows = rows + scale * random.standard_normal(rows.shape, dtype=np.float32)
        out[start : start + len(rows)] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    out.flush()


def nearest(path: Path, queries: FloatMatrix, ids: ChunkIds) -> npt.NDArray[np.int64]:
    """(n, K) ids of the most similar among these ids, by comparing all."""
    matrix = np.load(path, mmap_mode="r")
    best = np.empty((len(queries), 0), dtype=np.int64)
    cosines = np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(ids), STEP):
        some = ids[start : start + STEP]
        best = np.hstack([best, np.broadcast_to(some, (len(queries), len(some)))])
        cosines = np.hstack([cosines, queries @ matrix[some - 1].T])
        order = np.argpartition(-cosines, K, axis=1)[:, :K]
        best, cosines = (np.take_along_axis(both, order, axis=1) for both in (best, cosines))
    return best


def recall(found: Found, truth: npt.NDArray[np.int64]) -> float:
    """The share of the truly nearest that was found."""
    hits = [
        len({i for i, _ in row} & set(best.tolist()))
        for row, best in zip(found, truth, strict=True)
    ]
    return round(sum(hits) / truth.size, 4)


def one_by_one(
    index: VectorIndex, queries: FloatMatrix, allowed: ChunkIds | None = None
) -> tuple[Found, dict[str, float]]:
    """What each query found, and the percentiles of their times in ms."""
    found: Found = []
    milliseconds: list[float] = []
    for query in queries:
        started = time.perf_counter()
        found += index.search(query[None, :], K, allowed=allowed)
        milliseconds.append(1000 * (time.perf_counter() - started))
    return found, percentiles(milliseconds)


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    work()
    return round(time.perf_counter() - started, 3)


def resident_mb() -> dict[str, int]:
    """Memory of this process: its own, and pages of files that are mapped (Linux)."""
    lines = (line.split() for line in Path("/proc/self/status").read_text("ascii").splitlines())
    fields = {line[0]: int(line[1]) for line in lines if line[0] in ("RssAnon:", "RssFile:")}
    return {"own": fields["RssAnon:"] // 1024, "mapped": fields["RssFile:"] // 1024}


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process and the libraries' threads on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@dataclass(frozen=True)
class Task:
    """What the measuring process is told. vectors: count + ADDED rows. truth: (n, K) ids."""

    folder: Path
    vectors: Path
    count: int
    queries: FloatMatrix
    truth: npt.NDArray[np.int64]


def build(task: Task) -> dict[str, Any]:
    """Make and save the index."""
    dim = task.queries.shape[1]
    index, table = VectorIndex(task.folder, dim), Table(task.vectors, task.count)
    built = seconds(lambda: index.adapt(table))
    saved = seconds(index.save)
    size = sum(path.stat().st_size for path in task.folder.iterdir())
    return {"build_seconds": built, "save_seconds": saved, "disk_mb": size >> 20}


def measure(task: Task) -> dict[str, Any]:
    """Open what was saved, search, add, delete."""
    import faiss  # the index loads it when it is opened: not part of that

    faiss.omp_set_num_threads(1)
    before = resident_mb()
    table = Table(task.vectors, task.count)
    index = VectorIndex(task.folder, task.queries.shape[1])
    result: dict[str, Any] = {"open_seconds": seconds(lambda: index.sync(table))}
    with one_core():
        _, result["first_searches"] = one_by_one(index, task.queries)
        found, result["searches"] = one_by_one(index, task.queries)
        result["recall_at_10"] = recall(found, task.truth)
        result["resident_mb"] = resident_mb() | {"own_before_opening": before["own"]}
        result["filters"] = filters(index, task)
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    result |= changes(index, table, task)
    result["save_seconds_after_changes"] = seconds(index.save)
    return result


def filters(index: VectorIndex, task: Task) -> dict[str, dict[str, float]]:
    """Searches among a share of the passages only, picked in runs as documents are."""
    queries = task.queries[:50]
    result: dict[str, dict[str, float]] = {}
    for share in SHARES:
        runs = np.random.default_rng(2).random(-(-task.count // 100)) < share
        runs[0] = True  # some, in a small trial
        allowed = np.flatnonzero(np.repeat(runs, 100)[: task.count]) + 1
        found, times = one_by_one(index, queries, allowed)
        truth = nearest(task.vectors, queries, allowed)
        result[str(share)] = times | {"recall_at_10": recall(found, truth)}
    return result


def changes(index: VectorIndex, table: Table, task: Task) -> dict[str, Any]:
    """Additions while another thread searches, then deletions."""
    stop = threading.Event()
    milliseconds: list[float] = []

    def search() -> None:
        while not stop.is_set():
            place = len(milliseconds) % len(task.queries)
            started = time.perf_counter()
            index.search(task.queries[place : place + 1], K)
            milliseconds.append(1000 * (time.perf_counter() - started))

    searcher = threading.Thread(target=search)
    searcher.start()
    started = time.perf_counter()
    for _ in range(ADDED // ADDED_A_SYNC):
        table.add(ADDED_A_SYNC)
        index.sync(table)
    rate = ADDED / (time.perf_counter() - started)
    stop.set()
    searcher.join()
    added = np.arange(task.count + 1, task.count + ADDED + 1)
    _, vectors = table.vectors(added[:200])
    found = index.search(vectors, 1)
    deleted = np.random.default_rng(3).choice(task.truth.ravel(), DELETED, replace=False)
    deleted = np.unique(deleted)
    table.delete(deleted)
    delete_seconds = seconds(lambda: index.sync(table))
    left = {i for row in index.search(task.queries, K) for i, _ in row} & set(deleted.tolist())
    return {
        "added_a_second_while_searched": round(rate),
        "searches_meanwhile": percentiles(milliseconds) | {"count": len(milliseconds)},
        "added_found": sum(
            row[0][0] == wanted for row, wanted in zip(found, added[:200].tolist(), strict=True)
        )
        / 200,
        "deleted": len(deleted),
        "delete_seconds": delete_seconds,
        "deleted_found": len(left),
    }


def main() -> None:
    """Make the vectors, build, measure; print the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("library", type=Path, help="a library's folder: its passages' vectors")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--noise", type=float, default=0.6)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with Store(options.library / "library.sqlite3") as store:
        embedder = store.embedder
        _, real = store.vectors(store.chunk_ids())
    real = np.random.default_rng(0).permutation(real)
    queries, base = real[: options.queries], real[options.queries :]
    with (
        tempfile.TemporaryDirectory() as temporary,
        ProcessPoolExecutor(
            1, mp_context=multiprocessing.get_context("spawn"), max_tasks_per_child=1
        ) as process,
    ):
        vectors = Path(temporary) / "vectors.npy"
        repeated(base, options.count + ADDED, options.noise, vectors)
        truth = nearest(vectors, queries, np.arange(1, options.count + 1))
        task = Task(Path(temporary) / "index", vectors, options.count, queries, truth)
        print("vectors are made", file=sys.stderr)
        built = process.submit(build, task).result()
        print(built, file=sys.stderr)
        measured = process.submit(measure, task).result()
    result = {
        "benchmark": "million_passages",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "embedder": embedder and embedder[0],
        "count": options.count,
        "dimensions": base.shape[1],
        "real_passages": len(base),
        "noise": options.noise,
        "queries": len(queries),
        **built,
        **measured,
    }
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
