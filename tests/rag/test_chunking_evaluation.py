from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.chunking_evaluation import (
    TextSpan,
    evaluate_chunking,
    load_chunking_set,
    span_measures,
    store_baseline,
    store_texts,
)
from rag.retrieval_sets import RetrievalSetError
from tests.fakes import HashedWordsEmbedder

LEFT = "The old mill stands by the river.\r\n"
RIGHT = "A lighthouse guards the northern bay."


def test_measures_are_the_worked_example() -> None:
    # a: |--reference 10..30--|   |--reference 50..60--|   30 characters wanted
    #          |-- 20..55 ------------| and 25..35 again     45 retrieved, and 15 of text b: 60
    # found: 20..30 and 50..55 = 15; missed: 10..20 and 55..60 = 15
    found = span_measures(
        [TextSpan("a", 10, 30), TextSpan("a", 50, 60)],
        [TextSpan("a", 20, 55), TextSpan("b", 10, 25), TextSpan("a", 25, 35)],
    )
    assert found == {"recall": 15 / 30, "precision": 15 / 60, "iou": 15 / (60 + 15)}


def test_nothing_found_is_zero_and_everything_alone_is_one() -> None:
    wanted = [TextSpan("a", 0, 4)]
    assert span_measures(wanted, []) == {"recall": 0.0, "precision": 0.0, "iou": 0.0}
    assert span_measures(wanted, wanted) == {"recall": 1.0, "precision": 1.0, "iou": 1.0}


def test_a_folder_is_searched_and_measured(
    tmp_path: Path, store: Store, fake_embedder: HashedWordsEmbedder
) -> None:
    folder = _folder(tmp_path, content=RIGHT)
    chosen = load_chunking_set(folder)
    assert chosen.texts["tiny"] == LEFT + RIGHT  # line ends as they are
    store_texts(store, chosen, fake_embedder)
    size = fake_embedder.dimensions
    with Store(tmp_path / "baseline.db") as baseline:
        store_baseline(baseline, chosen, fake_embedder)
        figures = evaluate_chunking(
            chosen,
            store,
            VectorIndex(tmp_path / "one", size),
            baseline,
            VectorIndex(tmp_path / "other", size),
            fake_embedder,
        )
    by_system = {each.system: each for each in figures.systems}
    # Both cut the short text into one chunk, all of it.
    whole = pytest.approx(len(RIGHT) / len(LEFT + RIGHT))
    for system in ("passages", "chunks", "recursive-dense", "recursive-bm25"):
        assert by_system[system].figure("recall") == 1.0
        assert by_system[system].figure("precision") == whole
        assert by_system[system].figure("iou") == whole
    assert by_system["sentences"].figure("iou") == 1.0
    assert by_system["product"].figure("recall") == 1.0


def test_spans_that_do_not_fit_the_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RetrievalSetError, match="fresh copy"):
        load_chunking_set(_folder(tmp_path, content="something else"))
    with pytest.raises(RetrievalSetError, match=r"questions_df\.csv"):
        load_chunking_set(tmp_path)


def _folder(tmp_path: Path, *, content: str) -> Path:
    folder = tmp_path / "set"
    (folder / "corpora").mkdir(parents=True)
    (folder / "corpora" / "tiny.md").write_bytes((LEFT + RIGHT).encode())
    start = len(LEFT)
    span = {"content": content, "start_index": start, "end_index": start + len(RIGHT)}
    with (folder / "questions_df.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["question", "references", "corpus_id"])
        rows.writerow(["What guards the northern bay?", json.dumps([span]), "tiny"])
        rows.writerow(["Of a text that is not here?", json.dumps([span]), "absent"])
    return folder
