from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from rag.late_interaction import token_similarities

Vectors = npt.NDArray[np.float32]


def unit_rows(count: int, seed: int) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_worked_example() -> None:
    # The question's first token is in the passage itself (1), its second at 60 degrees (0.5).
    question = np.array([[1, 0], [0, 1]], dtype=np.float32)
    passage = np.array([[1, 0], [np.sqrt(0.75), 0.5]], dtype=np.float32)
    assert token_similarities(question, [passage]) == pytest.approx([(1 + 0.5) / 2])


def test_it_is_the_mean_of_each_tokens_best() -> None:
    question = unit_rows(4, seed=1)
    passages = [unit_rows(count, seed=count) for count in (1, 5, 9)]
    by_hand = [
        sum(max(sum(x * y for x, y in zip(q, p, strict=True)) for p in passage) for q in question)
        / len(question)
        for passage in passages
    ]
    assert token_similarities(question, passages) == pytest.approx(by_hand, abs=1e-6)


def test_without_tokens_there_is_no_likeness() -> None:
    nothing, something = np.empty((0, 6), dtype=np.float32), unit_rows(2, seed=1)
    assert token_similarities(nothing, [something]) == [0.0]
    assert token_similarities(something, [nothing]) == [0.0]
    assert token_similarities(something, []) == []
