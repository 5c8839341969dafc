from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.confidence import Confidence, confidence

SIMILARITIES = st.none() | st.floats(-1, 1)
JUDGEMENTS = st.none() | st.floats(-8, 8)


def test_nothing_known_is_no_confidence() -> None:
    assert confidence(None, stated=None) is None


def test_it_is_the_logistic_function_of_the_weighted_sum() -> None:
    found = confidence(0.6, fit=1.1, standout=0.4, stated=None, mismatch=0.5)
    assert found is not None
    log_odds = -2.5 + 2.0 * 0.6 + 1.2 * 1.1 + 1.5 * 0.4 - 0.5
    assert found.value == pytest.approx(1 / (1 + math.exp(-log_odds)))
    assert (found.similarity, found.fit, found.mismatch, found.standout) == (0.6, 1.1, 0.5, 0.4)


def test_a_cosine_says_nothing_of_a_question_in_another_language() -> None:
    """ "Wie hoch ist die Kaution?" was refused, with "Die Kaution beträgt ..." as the best."""
    for similarity in (0.2, 0.8):
        found = confidence(similarity, fit=1.2, stated=None, is_english=False)
        assert found is not None
        assert found.value == pytest.approx(1 / (1 + math.exp(3.7 - 4.0 * 1.2)))


def test_of_what_several_sentences_answer_a_judge_of_one_has_less_to_say() -> None:
    of_a_fact = [confidence(0.5, stated=stated) for stated in (-1.0, 1.0)]
    of_more = [confidence(0.5, stated=stated, asks_more=True) for stated in (-1.0, 1.0)]
    unsure, sure = (each.value for each in of_a_fact if each)
    less_unsure, less_sure = (each.value for each in of_more if each)
    assert unsure < less_unsure < 0.5 < less_sure < sure


@given(
    similarity=SIMILARITIES,
    fit=st.floats(-2, 3),
    stated=JUDGEMENTS,
    more=st.floats(0, 1),
    asks_more=st.booleans(),
)
def test_it_is_a_probability_that_grows_with_what_is_known(
    similarity: float | None, fit: float, stated: float | None, more: float, asks_more: bool
) -> None:
    def of(similarity: float | None, fit: float, stated: float | None) -> Confidence | None:
        return confidence(similarity, fit=fit, stated=stated, asks_more=asks_more)

    found = of(similarity, fit, stated)
    if found is None:
        return
    assert 0.0 < found.value < 1.0
    nearer = of(None if similarity is None else similarity + more, fit, stated)
    surer = of(similarity, fit, None if stated is None else stated + more)
    better = of(similarity, fit + more, stated)
    for grown in (nearer, surer, better):
        assert grown is not None
        assert grown.value >= found.value
