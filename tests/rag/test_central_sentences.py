"""Which sentences stand for a document."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rag.central_sentences import central, stands_alone


def by_hand(vectors: NDArray[np.float32], count: int, opening: list[bool]) -> list[int]:
    """Maximal marginal relevance to the centroid, one comparison at a time."""
    centre = sum(vectors) / len(vectors)
    centre = centre / max(float(np.linalg.norm(centre)), 1e-12)
    chosen: list[int] = []
    while len(chosen) < min(count, len(vectors)):
        worth = {}
        for row in set(range(len(vectors))) - set(chosen):
            about = float(vectors[row] @ centre) + 0.1 * opening[row]
            nearest = max([0.0, *(float(vectors[row] @ vectors[other]) for other in chosen)])
            worth[row] = 0.7 * about - 0.3 * nearest
        chosen.append(max(worth, key=worth.__getitem__))
    return sorted(chosen)


# Two are equally near to their mean, and rounding would choose.
@given(st.integers(1, 30).filter(lambda n: n != 2), st.integers(1, 8), st.integers(0, 1000))
def test_they_are_near_to_the_whole_and_not_to_one_another(n: int, count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, 12)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    opening = [bool(each) for each in random.integers(0, 2, n)]
    assert central(vectors, count, opening=opening) == by_hand(vectors, count, opening)


def test_what_is_said_twice_is_told_once() -> None:
    vectors = np.array([[1, 0, 0], [1, 0, 0], [0.6, 0.8, 0]], dtype=np.float32)
    assert central(vectors, 2, opening=[False] * 3) == [0, 2]


@pytest.mark.parametrize(
    ("sentence", "alone"),
    [
        ("The ferry to Grey Island takes 50 minutes.", True),
        ("It takes 50 minutes to Grey Island by ferry.", False),
        ("However, the ferry to Grey Island takes 50 minutes.", False),
        ("The ferries to Grey Island are these:", False),
        ("How long does the ferry to Grey Island take?", False),
        ("The ferry to Grey Island", False),
        ("Ferry | Grey Island | 50 minutes.", False),
        ("- The ferry to Grey Island takes 50 minutes.", False),
        ("Ferry: to Grey Island in 50 minutes.", False),
        ("Yes, it does.", False),
        ("员工每年有15天带薪年假。", True),
    ],
)
def test_only_a_sentence_that_can_be_understood_alone_is_quoted(
    sentence: str, *, alone: bool
) -> None:
    assert stands_alone(sentence) is alone
