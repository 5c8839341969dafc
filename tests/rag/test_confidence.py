from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.confidence import confidence

SIMILARITIES = st.none() | st.floats(-1, 1)
JUDGEMENTS = st.none() | st.floats(-8, 8)


def test_nothing_known_is_no_confidence() -> None:
    assert confidence(None, None) is None


def test_it_is_the_logistic_function_of_the_weighted_sum() -> None:
    found = confidence(0.6, 2.0)
    assert found is not None
    assert found.value == pytest.approx(1 / (1 + math.exp(3.51 - 1.13 * 2.0 - 5.57 * 0.6)))
    assert (found.similarity, found.stated) == (0.6, 2.0)


@given(similarity=SIMILARITIES, stated=JUDGEMENTS, more=st.floats(0, 1))
def test_it_is_a_probability_that_grows_with_what_is_known(
    similarity: float | None, stated: float | None, more: float
) -> None:
    found = confidence(similarity, stated)
    if found is None:
        return
    assert 0.0 < found.value < 1.0
    nearer = confidence(None if similarity is None else similarity + more, stated)
    surer = confidence(similarity, None if stated is None else stated + more)
    assert nearer is not None
    assert surer is not None
    assert nearer.value >= found.value
    assert surer.value >= found.value
