"""How fast do files become searchable, beside sentence-transformers' embedding of them alone?

Hypothesis: the whole pipeline (reading, chunking, embedding, storing, indexing, saving) is at least
2.5 times as fast as `SentenceTransformer.encode` of the same passages as it comes (float32, batches
of 32), and reaches 0.85 of what the runtime in use embeds by itself. The three alternate in one
process after a warm-up; every pipeline run fills a new library; figures are medians. The bundled
embedding model, on the CPU; the conversion for this machine, once, is not counted.

    .venv/bin/python bench/ingestion.py FILE... [--repeats 3] [--check]

--check embeds a few passages with both and prints the least cosine. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch
from sentence_transformers import SentenceTransformer

from inference.models import bundled_embedder
from ingest.chunking import passage_text
from ingest.embedding import SentenceEmbedder
from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.settings import Settings, set_environment


def add_files(files: list[Path], embedder: SentenceEmbedder, folder: Path) -> Store:
    """Files to a saved index, by the whole pipeline, into a new library."""
    store = Store(folder / "library.sqlite3")
    report = Ingestor(store, VectorIndex(folder / "index", embedder.dimensions), embedder).add(
        files
    )
    assert all(file.document_id for file in report.files), report
    return store


def passages_of(store: Store, embedder: SentenceEmbedder) -> list[str]:
    """What was embedded, in the order of the documents."""
    return [
        passage_text(
            chunk.text,
            name=document.name,
            title=document.title,
            heading=chunk.heading,
            page_number=chunk.page_number,
            count_tokens=embedder.count_tokens,
        )
        for document in store.documents()
        for chunk in store.document_chunks(document.document_id)
    ]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Measure, print a line each, then the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="compare vectors, too")
    options = parser.parse_args()
    set_environment()
    settings = Settings()
    model_path = bundled_embedder(settings.models_path)
    embedder = SentenceEmbedder(
        model_path, converted=settings.models_path / "converted", device="cpu"
    )
    usual = SentenceTransformer(str(model_path), device="cpu", local_files_only=True)
    files = [path.resolve() for path in options.files]

    with tempfile.TemporaryDirectory() as temporary:
        folders = (Path(temporary) / str(number) for number in range(options.repeats + 1))

        def add() -> Store:
            folder = next(folders)
            folder.mkdir()
            return add_files(files, embedder, folder)

        with add() as store:  # the warm-up of the pipeline and its runtime
            texts = passages_of(store, embedder)
        usual.encode(texts[:32], batch_size=32)
        runs: dict[str, list[float]] = {"encode": [], "runtime": [], "pipeline": []}
        for _ in range(options.repeats):
            runs["encode"].append(seconds(lambda: usual.encode(texts, batch_size=32)))
            runs["runtime"].append(seconds(lambda: embedder.embed_passages(texts)))
            runs["pipeline"].append(seconds(lambda: add().close()))

    names = {
        "encode": f"SentenceTransformer.encode, {torch.get_num_threads()} threads",
        "runtime": embedder.runtime,
        "pipeline": "the whole pipeline",
    }
    medians = {what: statistics.median(values) for what, values in runs.items()}
    for what, median in medians.items():
        print(f"{names[what]:45} {median:7.2f} s {len(texts) / median:7.1f} passages/s")
    ratio = medians["encode"] / medians["pipeline"]
    share = medians["runtime"] / medians["pipeline"]
    print(f"pipeline: {ratio:.2f}x of encode alone, {share:.2f} of the runtime's own speed")
    tokens = sum(map(embedder.count_tokens, texts))
    report = {
        "benchmark": "ingestion",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "model": embedder.identity,
        "runtime": embedder.runtime,
        "files": [path.name for path in files],
        "passages": len(texts),
        "tokens_a_passage": round(tokens / len(texts), 1),
        "seconds": runs,
        "times_encode": round(ratio, 3),
        "share_of_runtime": round(share, 3),
    }
    if options.check:
        some = texts[:: max(1, len(texts) // 100)]
        expected = usual.encode(some, batch_size=1, normalize_embeddings=True)
        report["least_cosine"] = float((expected * embedder.embed_passages(some)).sum(1).min())
        print(f"least cosine of {len(some)} passages: {report['least_cosine']:.4f}")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
