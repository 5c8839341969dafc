"""Public retrieval sets in their own formats -> entries, queries and what is relevant to each.

Pure reading; knows no library and no model. Understood are a BEIR folder (corpus.jsonl,
queries.jsonl, qrels/*.tsv), a SQuAD file (paragraphs are the entries), rows of multi-hop questions
beside their pooled corpus (HotpotQA, 2WikiMultiHopQA, MuSiQue), ClapNQ (answerable.jsonl) and page
evidence (FinanceBench: questions.jsonl and pdfs/). A folder of such files is all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class RetrievalSetError(ValueError):
    """A path holds no retrieval set that is understood; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A text that is to be found. key: unique in its set."""

    key: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class RetrievalQuery:
    """A query and its judgements: key of an entry (or page) -> gain above 0."""

    key: str
    text: str
    relevant: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """What is searched, what is asked, and by what it is judged.

    entries: the texts; () where `files` are the documents. files: to be ingested as they are;
    then keys are made by `page_key`. measures: names of rag.retrieval_evaluation.MEASURES, the
    set's usual figure first.
    """

    name: str
    entries: tuple[Entry, ...]
    files: tuple[Path, ...]
    queries: tuple[RetrievalQuery, ...]
    measures: tuple[str, ...]


def page_key(document: str, page: int) -> str:
    """The key of a page. document: file name without suffix. page: 1-based."""
    return f"{document}#{page}"


def load_retrieval_sets(path: Path, *, corpus: Path | None = None) -> list[RetrievalSet]:
    """The retrieval sets at a path, sorted by name.

    corpus: corpus.jsonl of a BEIR folder that lies elsewhere. Raises RetrievalSetError.
    """
    found = list(_sets_at(path, corpus))
    if not found:
        raise RetrievalSetError(
            f"Expected a BEIR folder, a SQuAD file, a multi-hop set or page evidence at {path},"
            " and found none; see paperlight eval retrieval --help."
        )
    return found


def _sets_at(path: Path, corpus: Path | None) -> Iterator[RetrievalSet]:
    if path.is_dir():
        beir_corpus = corpus or path / "corpus.jsonl"
        if (path / "queries.jsonl").is_file():
            if not beir_corpus.is_file():
                raise RetrievalSetError(f"{path} has no corpus.jsonl; name it with --corpus.")
            yield _beir(path, beir_corpus)
        elif (path / "answerable.jsonl").is_file():
            yield _clapnq(path)
        elif (path / "questions.jsonl").is_file() and (path / "pdfs").is_dir():
            yield _page_evidence(path)
        else:
            for inside in sorted(path.iterdir()):
                if inside.suffix in (".json", ".jsonl"):
                    yield from _sets_at(inside, corpus)
    elif path.suffix == ".json" and (squad := _squad(path)) is not None:
        yield squad
    elif path.suffix == ".jsonl" and path.with_suffix(".corpus.jsonl").is_file():
        yield _multi_hop(path)


def _beir(folder: Path, corpus: Path) -> RetrievalSet:
    judgements: dict[str, dict[str, float]] = {}
    for file in sorted((folder / "qrels").glob("*.tsv")):
        for line in file.read_text("utf-8").splitlines()[1:]:
            query, entry, gain = line.split("\t")
            if float(gain) > 0:
                judgements.setdefault(query, {})[entry] = float(gain)
    queries = tuple(
        RetrievalQuery(row["_id"], row["text"], judgements[row["_id"]])
        for row in _rows(folder / "queries.jsonl")
        if row["_id"] in judgements
    )
    measures = ("ndcg@10", "recall@10", "hit@1")
    return RetrievalSet(folder.name, _corpus(corpus), (), queries, measures)


def _squad(path: Path) -> RetrievalSet | None:
    loaded = json.loads(path.read_text("utf-8"))
    if not isinstance(loaded, dict) or "data" not in loaded:
        return None
    entries: dict[str, Entry] = {}  # a paragraph that stands twice is one entry
    queries = []
    for article in loaded["data"]:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            entry = entries.setdefault(text, Entry(f"p{len(entries)}", "", text))
            queries += [
                RetrievalQuery(str(asked["id"]), asked["question"].strip(), {entry.key: 1.0})
                for asked in paragraph["qas"]
                if not asked.get("is_impossible")
            ]
    name = path.stem if path.stem != "dev-v2.0" else "squad2"
    return RetrievalSet(name, tuple(entries.values()), (), tuple(queries), ("hit@1", "hit@5"))


def _clapnq(folder: Path) -> RetrievalSet:
    entries = _corpus(folder / "corpus.jsonl")
    keys = {entry.text: entry.key for entry in entries}
    queries = tuple(
        RetrievalQuery(row["id"], row["input"], {keys[row["passages"][0]["text"]]: 1.0})
        for row in _rows(folder / "answerable.jsonl")
        if row["passages"][0]["text"] in keys
    )
    return RetrievalSet(folder.name, entries, (), queries, ("hit@1", "hit@5"))


def _multi_hop(path: Path) -> RetrievalSet:
    entries = _corpus(path.with_suffix(".corpus.jsonl"))
    by_text = {(entry.title, _squeezed(entry.text)): entry.key for entry in entries}
    queries = tuple(
        RetrievalQuery(
            str(row.get("_id") or row["id"]),
            row["question"],
            {by_text[gold]: 1.0 for gold in _gold_paragraphs(row) if gold in by_text},
        )
        for row in _rows(path)
    )
    return RetrievalSet(path.stem, entries, (), queries, ("all@5", "recall@5", "hit@1"))


def _gold_paragraphs(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "paragraphs" in row:
        return [
            (p["title"], _squeezed(p["paragraph_text"]))
            for p in row["paragraphs"]
            if p["is_supporting"]
        ]
    titles = {title for title, _ in row["supporting_facts"]}
    return [
        (title, _squeezed("".join(sentences)))
        for title, sentences in row["context"]
        if title in titles
    ]


def _page_evidence(folder: Path) -> RetrievalSet:
    files = tuple(sorted((folder / "pdfs").glob("*.pdf")))
    here = {file.stem for file in files}
    queries = []
    for row in _rows(folder / "questions.jsonl"):
        pages = {
            # Page numbers of the evidence begin with 0.
            page_key(evidence["doc_name"], evidence["evidence_page_num"] + 1): 1.0
            for evidence in row["evidence"]
            if evidence["doc_name"] in here
        }
        if pages:
            queries.append(RetrievalQuery(row["financebench_id"], row["question"], pages))
    return RetrievalSet(folder.name, (), files, tuple(queries), ("page@5", "document@5"))


def _corpus(path: Path) -> tuple[Entry, ...]:
    return tuple(Entry(row["_id"], row.get("title", ""), row["text"]) for row in _rows(path))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _squeezed(text: str) -> str:
    return "".join(text.split())
