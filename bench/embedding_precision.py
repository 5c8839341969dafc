"""Do passages embedded in eight bits rank as they do in float32?

Hypothesis: nDCG@10 and hit@1 of the dense ranking alone are no lower with the runtime in use than
with PyTorch in float32, which computes what `SentenceTransformer.encode` does. Both embed the same
passages and queries of a retrieval set, cut as for a library; every passage is compared with every
query; an entry ranks by its best passage. The bundled embedding model, on the CPU.

    .venv/bin/python bench/embedding_precision.py SET [--corpus FILE]

SET, FILE: as `paperlight eval retrieval` takes them. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from inference.models import bundled_embedder
from ingest.embedding import SentenceEmbedder
from ingest.records import FloatMatrix
from ingest.store import Store
from rag.retrieval_evaluation import compare, hit_at, ndcg_at, store_entries
from rag.retrieval_sets import RetrievalSet, load_retrieval_sets
from rag.settings import Settings, set_environment

MEASURES = {"ndcg@10": ndcg_at(10), "hit@1": hit_at(1)}


def passage_vectors(
    retrieval_set: RetrievalSet, embedder: SentenceEmbedder
) -> tuple[list[str], FloatMatrix]:
    """The entry's key and the vector of each passage."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        Store(Path(temporary) / "library.sqlite3") as store,
    ):
        store_entries(store, retrieval_set.entries, embedder)
        chunks = list(store.chunks(store.chunk_ids()))
        ids, vectors = store.vectors([chunk.chunk_id for chunk in chunks])
    rows = {chunk_id: row for row, chunk_id in enumerate(ids.tolist())}
    ordered = vectors[[rows[chunk.chunk_id] for chunk in chunks]]
    return [chunk.document_path for chunk in chunks], ordered


def values(
    retrieval_set: RetrievalSet, keys: list[str], passages: FloatMatrix, queries: FloatMatrix
) -> dict[str, list[float]]:
    """Measure -> its value for each query."""
    found: dict[str, list[float]] = {name: [] for name in MEASURES}
    for query, similarities in zip(retrieval_set.queries, queries @ passages.T, strict=True):
        ranked = list(dict.fromkeys(keys[row] for row in np.argsort(-similarities, kind="stable")))
        for name, measure in MEASURES.items():
            found[name].append(measure(ranked, query.relevant))
    return found


def main() -> None:
    """Measure, print a line for each set and measure, then the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=Path)
    parser.add_argument("--corpus", type=Path)
    options = parser.parse_args()
    set_environment()
    settings = Settings()
    path = bundled_embedder(settings.models_path)
    in_use = SentenceEmbedder(path, converted=settings.models_path / "converted", device="cpu")
    precise = SentenceEmbedder(path, device="cpu")
    reports = []
    for retrieval_set in load_retrieval_sets(options.set, corpus=options.corpus):
        texts = [query.text for query in retrieval_set.queries]
        keys, expected = passage_vectors(retrieval_set, precise)
        same_keys, got = passage_vectors(retrieval_set, in_use)
        assert keys == same_keys
        before = values(retrieval_set, keys, expected, precise.embed_queries(texts))
        after = values(retrieval_set, keys, got, in_use.embed_queries(texts))
        cosines = (expected * got).sum(axis=1)
        report: dict[str, object] = {
            "set": retrieval_set.name,
            "passages": len(keys),
            "queries": len(texts),
            "least_cosine": round(float(cosines.min()), 4),
            "mean_cosine": round(float(cosines.mean()), 4),
        }
        for name in MEASURES:
            compared = compare(before[name], after[name])
            report[name] = {
                precise.runtime: round(float(np.mean(before[name])), 4),
                in_use.runtime: round(float(np.mean(after[name])), 4),
                "difference": round(compared.difference, 4),
                "interval": [round(compared.low, 4), round(compared.high, 4)],
            }
            print(f"{retrieval_set.name} {name}: {report[name]}", flush=True)
        print(f"cosines: least {report['least_cosine']}, mean {report['mean_cosine']}")
        reports.append(report)
    print(
        json.dumps({"benchmark": "embedding precision", "model": in_use.identity, "sets": reports})
    )


if __name__ == "__main__":
    main()
