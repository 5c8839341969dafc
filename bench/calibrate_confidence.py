"""Fits the weights of `rag.confidence`, and shows what each threshold answers and refuses.

    paperlight -m MODEL eval answers squad2 clapnq --system paperlight --texts answers.jsonl
    .venv/bin/python bench/calibrate_confidence.py answers.jsonl

Only questions that came as far as a confidence count; those of other things, which a dense
similarity tells apart anyway, and those that rag.mismatch sees something in are left out. Logistic
regression (scikit-learn, hardly shrunk: a cosine's range is small), in which every file counts as
much as another, judged by five-fold cross-validation; the curve is that of the whole fit.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold

SEED = 7
SHRINKAGE = 1000.0  # inverse of its strength
THRESHOLDS = np.arange(0.2, 0.81, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("texts", type=Path, nargs="+", help="what `eval answers --texts` wrote")
    files = [known(path) for path in parser.parse_args().texts]
    rows = [{**row, "weight": 1.0 / len(file)} for file in files for row in file]
    answerable = sum(row["kind"] == "answerable" for row in rows)
    print(f"{answerable} answerable questions, {len(rows) - answerable} others")
    for names in (("stated", "similarity", "fit"), ("similarity", "fit"), ("stated",)):
        chosen = [row for row in rows if has(row, names)]
        signals = np.array([[row["confidence"][name] for name in names] for row in chosen])
        wanted = np.array([row["kind"] == "answerable" for row in chosen])
        weights = np.array([row["weight"] for row in chosen])
        if len(set(wanted)) < 2:
            print(f"\n{' and '.join(names)}: too few questions")
            continue
        report(names, signals, wanted, weights * len(chosen) / weights.sum())


def known(path: Path) -> list[dict[str, Any]]:
    """The questions of a file for which a confidence is known, off-topic ones aside."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        sure = row.get("paperlight", {}).get("confidence")
        if sure is not None and not sure["mismatch"] and row["kind"] != "off-topic":
            found.append({"kind": row["kind"], "confidence": sure})
    return found


def has(row: dict[str, Any], names: tuple[str, ...]) -> bool:
    return all(row["confidence"][name] is not None for name in names)


def report(
    names: tuple[str, ...],
    signals: np.ndarray[Any, Any],
    wanted: np.ndarray[Any, Any],
    weights: np.ndarray[Any, Any],
) -> None:
    """Print the fit, its cross-validated quality and its curve."""
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    chances = np.zeros(len(wanted))
    for known_rows, unseen in folds.split(signals, wanted):
        fold = LogisticRegression(C=SHRINKAGE)
        fold.fit(signals[known_rows], wanted[known_rows], sample_weight=weights[known_rows])
        chances[unseen] = fold.predict_proba(signals[unseen])[:, 1]
    model = LogisticRegression(C=SHRINKAGE).fit(signals, wanted, sample_weight=weights)
    written = ", ".join(
        f"{name}={weight:.3f}" for name, weight in zip(names, model.coef_[0], strict=True)
    )
    print(f"\n{' and '.join(names)}: bias={model.intercept_[0]:.2f}, {written}")
    print(
        f"five folds: area under the curve {roc_auc_score(wanted, chances):.3f}, "
        f"balanced accuracy at 0.5 {balanced_accuracy_score(wanted, chances > 0.5):.3f}"
    )
    print("threshold  answers the answerable  refuses the others  balanced")
    fitted = model.predict_proba(signals)[:, 1]
    for threshold in THRESHOLDS:
        answers = (fitted[wanted] >= threshold).mean()
        refuses = (fitted[~wanted] < threshold).mean()
        balanced = (answers + refuses) / 2
        print(f"{threshold:9.2f}  {answers:22.2f}  {refuses:18.2f}  {balanced:8.3f}")


if __name__ == "__main__":
    main()
