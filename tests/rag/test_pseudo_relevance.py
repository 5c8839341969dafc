from __future__ import annotations

import numpy as np
import pytest

from rag.pseudo_relevance import moved_towards

EAST, NORTH = np.eye(3, dtype=np.float32)[:2]
WEST = -EAST


def test_a_worked_example() -> None:
    # (1, 0, 0) + .5 * mean of (0, 1, 0) and (0, 0, 1) is (1, .25, .25), of length sqrt(1.125).
    best = np.array([[0, 1, 0], [0, 0, 1]], dtype=np.float32)
    moved = moved_towards(EAST, best, share=0.5)
    assert moved.dtype == np.float32
    assert moved == pytest.approx(np.array([1, 0.25, 0.25]) / np.sqrt(1.125))


def test_nothing_found_or_no_share_leaves_the_query() -> None:
    assert moved_towards(EAST, np.empty((0, 3), dtype=np.float32), share=0.7) is EAST
    assert moved_towards(EAST, NORTH[np.newaxis], share=0.0) == pytest.approx(EAST)


def test_passages_that_cancel_the_query_out_leave_it() -> None:
    assert moved_towards(EAST, WEST[np.newaxis], share=1.0) is EAST


def test_the_share_is_no_less_than_none() -> None:
    with pytest.raises(ValueError, match=r"got -0\.1"):
        moved_towards(EAST, NORTH[np.newaxis], share=-0.1)


def test_the_order_is_that_of_both_cosines() -> None:
    """Ranking by the moved query is ranking by its cosine and the mean cosine with the best."""
    generator = np.random.default_rng(3)
    passages = generator.normal(size=(40, 8)).astype(np.float32)
    passages /= np.linalg.norm(passages, axis=1, keepdims=True)
    query, best, share = passages[0], passages[1:4], 0.7
    by_hand = [
        float(p @ query) + share * sum(float(p @ other) for other in best) / 3 for p in passages
    ]
    ranked = np.argsort(-(passages @ moved_towards(query, best, share=share)))
    assert ranked.tolist() == np.argsort(-np.array(by_hand)).tolist()
