"""Fits the weights of `rag.answer_span`, and shows how well they pick.

    .venv/bin/python bench/fit_answer_span.py dev-v2.0.json --output rag/answer_span_weights.json

For every answerable question of a SQuAD file, the sentence that has the answer. A conditional
log-linear model over the sentence's candidates whose target is each candidate's F1 with the right
answers, cubed; L2 regularisation, L-BFGS. Judged by five-fold cross-validation over articles, so
that no article is on both sides.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rag.answer_evaluation import token_f1
from rag.answer_span import Candidate, candidates
from rag.sentences import sentence_spans

FOLDS = 5
LEAST_WEIGHT = 0.05  # smaller ones change nothing and are left out of the file


@dataclass(frozen=True)
class Picking:
    """One question over the sentence that answers it. scores: F1 of every candidate."""

    article: int
    candidates: Sequence[Candidate]
    scores: np.ndarray[Any, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("squad", type=Path, help="a file of SQuAD 1.1 or 2.0")
    parser.add_argument("--l2", type=float, default=3e-4, help="regularisation (default: 3e-4)")
    parser.add_argument("--output", type=Path, help="where the weights go")
    arguments = parser.parse_args()
    rows = pickings(json.loads(arguments.squad.read_text("utf-8")))
    print(f"{len(rows)} questions, best candidate F1 {np.mean([r.scores.max() for r in rows]):.3f}")
    picked: list[float] = []
    for fold in range(FOLDS):
        weights = fit([r for r in rows if r.article % FOLDS != fold], arguments.l2)
        picked += [picked_f1(r, weights) for r in rows if r.article % FOLDS == fold]
    exact = np.mean([score == 1.0 for score in picked])
    print(f"five folds: F1 {np.mean(picked):.3f}, exact match {exact:.3f}")
    if arguments.output:
        weights = {
            name: round(weight, 2)
            for name, weight in sorted(fit(rows, arguments.l2).items())
            if abs(weight) >= LEAST_WEIGHT
        }
        arguments.output.write_text(
            json.dumps(weights, indent=0, ensure_ascii=False) + "\n", "utf-8"
        )
        print(f"{len(weights)} weights in {arguments.output}")


def pickings(squad: dict[str, Any]) -> list[Picking]:
    """The answerable questions whose sentence has candidates."""
    found = []
    for article, entry in enumerate(squad["data"]):
        for paragraph in entry["paragraphs"]:
            text = paragraph["context"]
            spans = sentence_spans(text)
            for asked in paragraph["qas"]:
                if not asked["answers"]:
                    continue
                at = asked["answers"][0]["answer_start"]
                span = next((s for s in spans if s.start <= at < s.end), None)
                if span is None:
                    continue
                sentence = text[span.start : span.end]
                of_sentence = candidates(asked["question"], sentence)
                gold = [answer["text"] for answer in asked["answers"]]
                scores = [
                    max(token_f1(sentence[c.start : c.end], right) for right in gold)
                    for c in of_sentence
                ]
                if scores:
                    found.append(Picking(article, of_sentence, np.array(scores)))
    return found


def fit(rows: Sequence[Picking], l2: float) -> dict[str, float]:
    """Feature -> weight."""
    names = sorted({f for row in rows for c in row.candidates for f in c.features})
    number = {name: index for index, name in enumerate(names)}
    indices: list[int] = []
    offsets: list[int] = []
    owners: list[int] = []
    targets: list[float] = []
    for owner, row in enumerate(rows):
        wanted = row.scores**3
        total = wanted.sum()
        for candidate, share in zip(row.candidates, wanted, strict=True):
            offsets.append(len(indices))
            indices += [number[feature] for feature in candidate.features]
            owners.append(owner)
            targets.append(share / total if total else 0.0)
    bag, starts = torch.tensor(indices), torch.tensor(offsets)
    owner_of, target = torch.tensor(owners), torch.tensor(targets, dtype=torch.float32)
    weights = torch.zeros(len(names), 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=80, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        scores = torch.nn.functional.embedding_bag(bag, weights, starts, mode="sum")[:, 0]
        totals = torch.zeros(len(rows)).index_add(0, owner_of, scores.exp()).log()
        value = -(target * (scores - totals[owner_of])).sum() / len(rows)
        value = value + l2 * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return dict(zip(names, weights.detach()[:, 0].tolist(), strict=True))


def picked_f1(row: Picking, weights: dict[str, float]) -> float:
    totals = [sum(weights.get(f, 0.0) for f in c.features) for c in row.candidates]
    return float(row.scores[int(np.argmax(totals))])


if __name__ == "__main__":
    main()
