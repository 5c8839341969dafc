from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.retrieval_evaluation import (
    MEASURES,
    RERANKED,
    compare,
    evaluate_set,
    sampled,
    store_entries,
    values_of_run,
)
from rag.retrieval_sets import (
    Entry,
    RetrievalQuery,
    RetrievalSet,
    RetrievalSetError,
    load_retrieval_sets,
)
from tests.fakes import HashedWordsEmbedder, TableReranker


def test_ndcg_is_the_worked_example() -> None:
    # Järvelin & Kekäläinen's gains with log2(rank + 1): 3 at rank 1, 2 at rank 3; ideal 3, 2.
    value = MEASURES["ndcg@10"](["a", "x", "b"], {"a": 3.0, "b": 2.0})
    assert value == pytest.approx((3 + 2 / 2) / (3 + 2 / math.log2(3)))


def test_measures_count_what_they_say() -> None:
    ranked, relevant = ["doc#2", "doc#3", "other#1"], {"doc#3": 1.0, "more#9": 1.0}
    found = {name: measure(ranked, relevant) for name, measure in MEASURES.items()}
    assert (found["hit@1"], found["hit@5"], found["all@5"], found["recall@5"]) == (0, 1, 0, 0.5)
    assert (found["page@5"], found["document@5"]) == (1, 1)


def test_a_paired_test_tells_a_change_from_chance() -> None:
    better = compare([0.0] * 30, [1.0] * 30)
    assert better.difference == better.low == 1.0
    assert better.p_value < 0.001
    assert compare([0.0, 1.0] * 10, [1.0, 0.0] * 10).p_value == 1.0


def test_a_beir_folder_is_searched_and_measured(
    tmp_path: Path, store: Store, fake_embedder: HashedWordsEmbedder
) -> None:
    folder = tmp_path / "tiny"
    (folder / "qrels").mkdir(parents=True)
    texts = {"a": "apples grow here", "b": "the bridge is old", "c": "boats sail far"}
    rows = [json.dumps({"_id": k, "title": "", "text": t}) for k, t in texts.items()]
    (folder / "corpus.jsonl").write_text("\n".join(rows), "utf-8")
    (folder / "queries.jsonl").write_text(
        '{"_id": "1", "text": "an old bridge"}\n{"_id": "2", "text": "not judged"}', "utf-8"
    )
    (folder / "qrels" / "test.tsv").write_text("q\tc\ts\n1\tb\t2\n1\ta\t0\n", "utf-8")
    (tiny,) = load_retrieval_sets(folder)
    store_entries(store, tiny.entries, fake_embedder)
    store_entries(store, tiny.entries, fake_embedder)  # what is there is not put again
    index = VectorIndex(tmp_path / "index", fake_embedder.dimensions)
    figures = evaluate_set(tiny, store, index, fake_embedder, cache=tmp_path)
    assert (figures.queries, figures.chunks) == (1, 3)
    assert {s.system: s.figure("ndcg@10") for s in figures.systems} == dict.fromkeys(
        ("product", "dense", "bm25", "sum"), 1.0
    )


def test_a_reranker_is_one_more_system(
    tmp_path: Path, store: Store, fake_embedder: HashedWordsEmbedder
) -> None:
    texts = ("the old bridge of wood", "an old bridge of stone", "boats")
    entries = tuple(Entry(str(n), "", text) for n, text in enumerate(texts))
    query = RetrievalQuery("q", "the old bridge", {"1": 1.0})
    chosen = RetrievalSet("tiny", entries, (), (query,), ("hit@1", "ndcg@10"))
    store_entries(store, entries, fake_embedder)
    figures = evaluate_set(
        chosen,
        store,
        VectorIndex(tmp_path / "index", fake_embedder.dimensions),
        fake_embedder,
        cache=tmp_path,
        systems=("product", RERANKED),
        reranker=TableReranker({"stone": 0.9, "": 0.1}),
        candidates=2,
    )
    assert {s.system: s.figure("hit@1") for s in figures.systems} == {"product": 0, RERANKED: 1}


def test_a_sample_of_the_queries_is_the_same_in_every_run() -> None:
    queries = tuple(RetrievalQuery(str(n), "text", {"a": 1.0}) for n in range(50))
    whole = RetrievalSet("tiny", (), (), queries, ("hit@1",))
    sample = sampled(whole, 10)
    assert sample == sampled(whole, 10)
    assert len(sample.queries) == 10
    assert [int(query.key) for query in sample.queries] == sorted(
        {int(query.key) for query in sample.queries}
    )
    assert sampled(whole, 50) is whole


def test_a_folder_without_sets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RetrievalSetError, match="BEIR"):
        load_retrieval_sets(tmp_path)


def test_a_run_without_the_values_of_its_queries_cannot_be_compared(tmp_path: Path) -> None:
    systems: dict[str, dict[str, object]] = {"product": {"ndcg@10": 0.5}}
    file = tmp_path / "old.json"
    file.write_text(json.dumps({"sets": [{"set": "one", "systems": systems}]}), "utf-8")
    with pytest.raises(RetrievalSetError, match="run the earlier version again"):
        values_of_run(file)
    systems["product"] = {"values": {"ndcg@10": [0.25, 0.75]}}
    file.write_text(json.dumps({"sets": [{"set": "one", "systems": systems}]}), "utf-8")
    assert values_of_run(file) == {"one": {"ndcg@10": [0.25, 0.75]}}
