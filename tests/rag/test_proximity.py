from __future__ import annotations

import pytest

from rag.proximity import pair_share


@pytest.mark.parametrize(
    ("query", "passage", "share"),
    [
        pytest.param("stone bridge", "the stone bridge", 1.0, id="together"),
        pytest.param("stone bridge", "bridge of grey stone", 1.0, id="the other way round"),
        pytest.param("stone bridge", "stone a b c d bridge", 1.0, id="five apart"),
        pytest.param("stone bridge", "stone a b c d e bridge", 0.0, id="six apart"),
        pytest.param("old stone bridge", "a stone bridge", 0.5, id="one pair of two"),
        pytest.param("stone stone", "one stone", 0.0, id="a word is not near itself"),
        pytest.param("bridge", "bridge", 0.0, id="one word has no pair"),
        pytest.param("", "bridge", 0.0, id="nothing is asked"),
    ],
)
def test_pairs_of_the_question_are_looked_for_near_each_other(
    query: str, passage: str, share: float
) -> None:
    assert pair_share(query.split(), passage.split()) == pytest.approx(share)
