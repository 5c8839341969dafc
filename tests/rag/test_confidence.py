from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.confidence import confidence

SIMILARITIES = st.none() | st.floats(-1, 1)
JUDGEMENTS = st.none() | st.floats(-8, 8)


def test_nothing_known_is_no_confidence() -> None:
    assert confidence(None, stated=None) is None


def test_it_is_the_logistic_function_of_the_weighted_sum() -> None:
    found = confidence(0.6, fit=1.2, stated=None, mismatch=0.5)
    assert found is not None
    assert found.value == pytest.approx(1 / (1 + math.exp(3.11 - 3.23 * 0.6 - 1.14 * 1.2 + 0.5)))
    assert (found.similarity, found.fit, found.mismatch) == (0.6, 1.2, 0.5)


@given(similarity=SIMILARITIES, fit=st.floats(-2, 3), stated=JUDGEMENTS, more=st.floats(0, 1))
def test_it_is_a_probability_that_grows_with_what_is_known(
    similarity: float | None, fit: float, stated: float | None, more: float
) -> None:
    found = confidence(similarity, fit=fit, stated=stated)
    if found is None:
        return
    assert 0.0 < found.value < 1.0
    nearer = confidence(None if similarity is None else similarity + more, fit=fit, stated=stated)
    surer = confidence(similarity, fit=fit, stated=None if stated is None else stated + more)
    better = confidence(similarity, fit=fit + more, stated=stated)
    for grown in (nearer, surer, better):
        assert grown is not None
        assert grown.value >= found.value
