"""Fits the weights of `rag.confidence`, and shows what each threshold answers and refuses.

    paperlight -m MODEL eval answers squad2 clapnq --system paperlight --texts answers.jsonl
    .venv/bin/python bench/calibrate_confidence.py answers.jsonl

Only questions that came as far as a confidence count; those of other things, which a dense
similarity tells apart anyway, are left out. Logistic regression on top of what rag.mismatch takes
off, in which every file counts as much as another and in it answerable questions as much as the
others, judged by five-fold cross-validation; the curve is that of the whole fit.
PAPERLIGHT_LEAST_CONFIDENCE=1 has nothing read or drafted, which saves most of the time.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rag.question_kind import asks_more_than_a_fact

SEED = 7
THRESHOLDS = np.arange(0.2, 0.81, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("texts", type=Path, nargs="+", help="what `eval answers --texts` wrote")
    files = [known(path) for path in parser.parse_args().texts]
    rows = [
        {**row, "weight": 0.5 / sum(other["kind"] == row["kind"] for other in file)}
        for file in files
        for row in file
    ]
    answerable = sum(row["kind"] == "answerable" for row in rows)
    print(f"{answerable} answerable questions, {len(rows) - answerable} others")
    facts, more = (
        [row for row in rows if asks_more_than_a_fact(row["question"]) is wanted]
        for wanted in (False, True)
    )
    for of, kind, names in (
        (facts, "a fact, ", ("stated", "fit")),
        (more, "more than a fact, ", ("stated", "similarity", "fit")),
        (rows, "", ("similarity", "fit", "standout")),
        (rows, "", ("stated",)),
    ):
        chosen = [row for row in of if has(row, names)]
        signals = np.array([[row["confidence"][name] for name in names] for row in chosen])
        wanted = np.array([row["kind"] == "answerable" for row in chosen])
        weights = np.array([row["weight"] for row in chosen])
        if len(set(wanted)) < 2:
            print(f"\n{kind}{' and '.join(names)}: too few questions")
            continue
        against = np.array([row["confidence"]["mismatch"] for row in chosen])
        report(kind, names, signals, against, wanted, weights / weights.sum())


def known(path: Path) -> list[dict[str, Any]]:
    """The questions of a file for which a confidence is known, off-topic ones aside."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        sure = row.get("paperlight", {}).get("confidence")
        if sure is not None and row["kind"] != "off-topic":
            found.append({"kind": row["kind"], "question": row["question"], "confidence": sure})
    return found


def has(row: dict[str, Any], names: tuple[str, ...]) -> bool:
    return all(row["confidence"][name] is not None for name in names)


def report(
    kind: str,
    names: tuple[str, ...],
    signals: np.ndarray[Any, Any],
    against: np.ndarray[Any, Any],
    wanted: np.ndarray[Any, Any],
    weights: np.ndarray[Any, Any],
) -> None:
    """Print the fit, its cross-validated quality and its curve."""
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    unseen_chances = np.zeros(len(wanted))
    for known_rows, unseen in folds.split(signals, wanted):
        fold = fit(
            signals[known_rows], against[known_rows], wanted[known_rows], weights[known_rows]
        )
        unseen_chances[unseen] = chances(fold, signals[unseen], against[unseen])
    bias, *of_signals = fit(signals, against, wanted, weights)
    written = ", ".join(f"{n}={w:.2f}" for n, w in zip(names, of_signals, strict=True))
    print(f"\n{kind}{' and '.join(names)}: bias={bias:.2f}, {written}")
    print(f"five folds: area under the curve {roc_auc_score(wanted, unseen_chances):.3f}")
    print("threshold  answers the answerable  refuses the others  balanced")
    fitted = chances(np.array([bias, *of_signals]), signals, against)
    for threshold in THRESHOLDS:
        answers = (fitted[wanted] >= threshold).mean()
        refuses = (fitted[~wanted] < threshold).mean()
        balanced = (answers + refuses) / 2
        print(f"{threshold:9.2f}  {answers:22.2f}  {refuses:18.2f}  {balanced:8.3f}")


def fit(
    signals: np.ndarray[Any, Any],
    against: np.ndarray[Any, Any],
    wanted: np.ndarray[Any, Any],
    weights: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    """The bias and the weight of each signal: the likeliest."""

    def loss(row: np.ndarray[Any, Any]) -> float:
        log_odds = row[0] + signals @ row[1:] - against
        return float((weights * np.logaddexp(0.0, np.where(wanted, -log_odds, log_odds))).sum())

    return np.asarray(minimize(loss, np.zeros(signals.shape[1] + 1)).x)


def chances(
    row: np.ndarray[Any, Any], signals: np.ndarray[Any, Any], against: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Of being answerable. row: what `fit` found."""
    return np.asarray(1.0 / (1.0 + np.exp(against - row[0] - signals @ row[1:])))


if __name__ == "__main__":
    main()
