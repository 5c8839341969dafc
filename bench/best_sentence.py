"""How often the sentence that fits a question best has the answer, and the weights of its signs.

    .venv/bin/python bench/best_sentence.py [SQUAD.json CLAPNQ ...] [--fit]

Asked are questions about data/samples, others about bench/questions/documents, which nothing was
fitted on, and those of the sets that are named. No model is asked. --fit: a log-linear model, of
all signs, of which sentence has the answer, fitted to all but the documents; half of each set is
fitted on and the other measured, both ways. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.command_options import Options
from app.evaluation_library import filled_folder
from rag.answer_sets import Answerable, AnswerSet, Question, load_answer_sets
from rag.context import merge_adjacent
from rag.evidence import Evidence
from rag.extracts import Extract, find_extracts
from rag.library import Library
from rag.library_parts import LibraryParts
from rag.results import Hit
from rag.sentence_fit import SIGNS, as_row
from rag.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
OWN = {
    "samples": ROOT / "data" / "samples",
    "documents": ROOT / "bench" / "questions" / "documents",
}
UNSEEN = "documents"
SEED = 5
PASSAGES = 5
L2 = 1e-3


@dataclass(frozen=True, slots=True)
class Case:
    """A question's sentences, the one that fits best first.

    signs: (n, signs) float64. right: (n,) bool, whether a sentence has the answer.
    """

    signs: np.ndarray
    right: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", type=Path, nargs="*", help="SQuAD files, ClapNQ folders")
    parser.add_argument("--questions", type=int, default=600, help="at most, of each set")
    parser.add_argument("--fit", action="store_true", help="fit the weights anew")
    arguments = parser.parse_args()
    sets = [own_set(name, folder) for name, folder in OWN.items()]
    sets += [public_set(path, arguments.questions) for path in arguments.sets]
    with tempfile.TemporaryDirectory() as home:
        cases = {chosen.name: cases_of(chosen, Path(home)) for chosen in sets}
    report: dict[str, Any] = {"benchmark": "best_sentence", "seed": SEED, "sets": {}}
    for name, of_set in cases.items():
        figures = {f"in first {k}": share_in_first(of_set, k) for k in (1, 3, 5)}
        report["sets"][name] = {"questions": len(of_set), **figures}
        print(f"{name}, {len(of_set)} questions:", figures)
    if arguments.fit:
        fitted_on = {name: of_set for name, of_set in cases.items() if name != UNSEEN}
        weights = fit(list(fitted_on.values()))
        report["weights"] = {n: round(float(w), 2) for n, w in zip(SIGNS, weights, strict=True)}
        report["fitted"] = cross_validated(fitted_on)
        report["fitted"][UNSEEN] = picked(cases[UNSEEN], weights)
        print("weights:", report["weights"])
        print("best sentence right, by fitted weights:", report["fitted"])
    print(json.dumps(report))


def own_set(name: str, folder: Path) -> AnswerSet:
    """The questions about the files of a folder."""
    (chosen,) = load_answer_sets(ROOT / "bench" / "questions" / f"{name}.jsonl")
    return replace(chosen, files=tuple(sorted(folder.iterdir())))


def public_set(path: Path, questions: int) -> AnswerSet:
    (chosen,) = load_answer_sets(path)
    return chosen.sample(questions, seed=SEED)


def cases_of(chosen: AnswerSet, home: Path) -> list[Case]:
    """Of its answerable questions, asked of a library that has its texts or files."""
    options = Options()
    settings = options.settings()
    with Library.open(home / "embedder", settings=settings) as library:
        folder = filled_folder(options, home, chosen, library.embedder)
    return list(asked(chosen.questions, folder, settings))


def asked(questions: Sequence[Question], folder: Path, settings: Settings) -> Iterator[Case]:
    """The answerable ones."""
    parts = LibraryParts(folder, settings)
    try:
        for question in questions:
            if question.answerable is not Answerable.YES:
                continue
            hits = parts.search.search(question.text, PASSAGES)
            passages = merge_adjacent(hits, lambda d, p: parts.store.page(d, p).text)
            evidence = Evidence(passages, question=question.text)
            extracts = find_extracts(question.text, evidence, embedder=parts.vectors.get())
            right = [has_answer(question, passages, extract) for extract in extracts]
            signs = np.array([as_row(extract.signs) for extract in extracts])
            yield Case(signs.reshape(len(extracts), len(SIGNS)), np.array(right, dtype=bool))
    finally:
        parts.close()


def has_answer(question: Question, passages: Sequence[Hit], extract: Extract) -> bool:
    """Whether a sentence is of the right document, and has a right answer or a gold sentence."""
    hit = passages[extract.quote.passage]
    if question.document not in (hit.document_path, hit.document_name):
        return False
    if question.sentences:
        start, end = extract.quote.start, extract.quote.end
        gold = (question.sentences[number] for number in question.supporting)
        return any(max(a, start) < min(b, end) for a, b in gold)
    said = plain(extract.text)
    return any(plain(gold) in said for gold in question.gold)


def plain(text: str) -> str:
    return " ".join(text.casefold().split())


def share_in_first(cases: Sequence[Case], k: int) -> float:
    return round(float(np.mean([case.right[:k].any() for case in cases])), 3)


def picked(cases: Sequence[Case], weights: np.ndarray) -> float:
    """The share of cases whose best sentence by these weights is right."""
    return round(
        float(
            np.mean(
                [
                    bool(len(case.right)) and case.right[int(np.argmax(case.signs @ weights))]
                    for case in cases
                ]
            )
        ),
        3,
    )


def cross_validated(sets: dict[str, list[Case]]) -> dict[str, float]:
    """Set -> `picked`, of weights that were fitted to the other half of every set."""
    halves = [
        [[case for i, case in enumerate(cases) if i % 2 == half] for cases in sets.values()]
        for half in (0, 1)
    ]
    fitted = [fit(half) for half in halves]
    return {
        name: round(float(np.mean([picked(halves[h][at], fitted[1 - h]) for h in (0, 1)])), 3)
        for at, name in enumerate(sets)
    }


def fit(sets: Sequence[Sequence[Case]]) -> np.ndarray:
    """(signs,) weights of the likeliest log-linear model; every set counts as much as another."""
    rows: list[np.ndarray] = []
    right: list[np.ndarray] = []
    owners: list[int] = []
    counts: list[float] = []
    for cases in sets:
        usable = [case for case in cases if case.right.any()]
        for case in usable:
            owners += [len(counts)] * len(case.right)
            rows.append(case.signs)
            right.append(case.right)
            counts.append(1.0 / len(usable))
    signs = torch.tensor(np.concatenate(rows), dtype=torch.float32)
    owner, is_right = torch.tensor(owners), torch.tensor(np.concatenate(right))
    share = torch.tensor(counts, dtype=torch.float32)
    share = share / share.sum()
    weights = torch.zeros(len(SIGNS), requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        grown = (signs @ weights).exp()
        totals = torch.zeros(len(counts)).index_add(0, owner, grown)
        rights = torch.zeros(len(counts)).index_add(0, owner, grown * is_right)
        value = -(share * (rights / totals).log()).sum() + L2 * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach().numpy().astype(np.float64)


if __name__ == "__main__":
    main()
