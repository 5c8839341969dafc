"""Does a filter cost a search less than the search itself, however much it leaves?

Hypothesis, for 300,000 passages in 3,000 documents: what a filter leaves is known within 50 ms the
first time and 1 ms after; the words of a question are searched within a filter no slower than
everywhere; after a deletion the index learns what is left in a tenth of the time that reading the
ids beside the vectors took (the way until November 2026, 300 ms).

    .venv/bin/python bench/filtered_search.py --output bench/results/filtered_search.json

The passages are 40 words drawn from a Zipf distribution (seed 0), the vectors random: only the
store is measured; for the vectors' index see bench/million_passages.py. The system's file cache is
warm. Times are in ms: the first, and the median of the next five. The last line is JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from ingest.documents import Chunk, Document, Page
from ingest.records import NewDocument
from ingest.search_filter import SearchFilter
from ingest.store import Store

A_DOCUMENT = 100  # passages
WORDS_A_PASSAGE = 40
VOCABULARY = 30_000
DIMENSIONS = 384
MEDIA_TYPES = ("application/pdf", "text/plain", "text/html")
RANKS = {"rare": (9_001, 15_001, 20_001), "usual": (303, 502, 901), "common": (11, 12, 13)}


def collection_of(number: int) -> str:
    """The collections lie among one another: none is one range of ids."""
    shares = ((1000, 0, "thousandth"), (100, 1, "hundredth"), (10, 2, "tenth"), (2, 1, "half"))
    return next((name for every, rest, name in shares if number % every == rest), "rest")


def documents(passages: int) -> Iterator[NewDocument]:
    """Documents of so many passages in all."""
    random = np.random.default_rng(0)
    words = np.array([f"w{''.join(chr(97 + int(d)) for d in str(i))}" for i in range(VOCABULARY)])
    shares = 1 / np.arange(1, VOCABULARY + 1)
    shares /= shares.sum()
    for number in range(passages // A_DOCUMENT):
        drawn = random.choice(words, (A_DOCUMENT, WORDS_A_PASSAGE), p=shares)
        texts = [" ".join(row) for row in drawn]
        vectors = random.standard_normal((A_DOCUMENT, DIMENSIONS), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        pages = tuple(Page(page, text) for page, text in enumerate(texts, 1))
        yield NewDocument(
            name=f"document {number}.pdf",
            source=f"/documents/{number}.pdf",
            collection=collection_of(number),
            sha256=hashlib.sha256(str(number).encode()).hexdigest(),
            byte_size=1,
            document=Document("", MEDIA_TYPES[number % len(MEDIA_TYPES)], pages),
            chunks=[Chunk(page, 0, len(text), text) for page, text in enumerate(texts)],
            vectors=vectors,
        )


def query(kind: str) -> str:
    return " ".join(f"w{''.join(chr(97 + int(d)) for d in str(rank))}" for rank in RANKS[kind])


def times(work: Callable[[], object]) -> dict[str, float]:
    """Milliseconds of the first call and the median of five more."""
    milliseconds = []
    for _ in range(6):
        started = time.perf_counter()
        work()
        milliseconds.append(1000 * (time.perf_counter() - started))
    first, *others = milliseconds
    return {"first": round(first, 2), "next": round(float(np.median(others)), 2)}


def filters(store: Store) -> dict[str, SearchFilter]:
    records = store.documents()
    some = records[len(records) // 3]
    half = records[len(records) // 2]
    return {
        "one document": SearchFilter(documents=[some.document_id]),
        **{
            f"a {name} by collection": SearchFilter(collection=name)
            for name in ("thousandth", "hundredth", "tenth", "half")
        },
        "a third by type": SearchFilter(types=["pdf"]),
        "a half by date": SearchFilter(since=half.added_at),
        "a third by pattern": SearchFilter(documents=["document 1*.pdf"]),
    }


def measure(store: Store) -> dict[str, Any]:
    result: dict[str, Any] = {"ids_of_all_ms": times(store.snapshot), "filters": {}}
    result["ids_of_all_beside_their_vectors_ms"] = times(store.chunk_ids)
    result["everywhere"] = {
        kind: times(lambda kind=kind: store.search_keywords(query(kind), 100)) for kind in RANKS
    }
    result["matches"] = {kind: len(store.search_keywords(query(kind), 10**7)) for kind in RANKS}
    for name, chosen in filters(store).items():
        left = times(lambda chosen=chosen: store.allowed(chosen))
        allowed = store.allowed(chosen)
        assert allowed is not None
        result["filters"][name] = {
            "passages": len(allowed),
            "what_is_left_ms": left,
            "words_ms": {
                kind: times(
                    lambda kind=kind, allowed=allowed: store.search_keywords(
                        query(kind), 100, allowed=allowed
                    )
                )
                for kind in RANKS
            },
        }
    return result


def main() -> None:
    """Make the library, measure, print the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--passages", type=int, default=300_000)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as temporary,
        Store(Path(temporary) / "library.db") as store,
    ):
        for new in documents(options.passages):
            store.put(new, embedder="random")
        print("the library is made", file=sys.stderr)
        measured = measure(store)
    result = {
        "benchmark": "filtered_search",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "passages": options.passages,
        **measured,
    }
    if options.output:
        options.output.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
