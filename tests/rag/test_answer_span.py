"""The words of a sentence that answer. Right ones are read off the sentence by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.answer_span import candidates, pick_answer
from tests.rag.test_citations import anything, texty

MILL = "The mill at Corran was built in 1788 by Thomas Hale and burned down in March 1901."


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        ("When was the mill at Corran built?", MILL, "1788"),
        ("Who built the mill at Corran?", MILL, "Thomas Hale"),
        ("How many passengers does the ferry carry?", "The ferry carries 120 passengers.", "120"),
        ("Where does the agency sit?", "The agency sits in Warsaw, near the station.", "Warsaw"),
    ],
)
def test_the_words_that_answer_are_picked(question: str, sentence: str, answer: str) -> None:
    assert pick_answer(question, sentence) == answer


@pytest.mark.parametrize(
    ("question", "sentence", "answer"),
    [
        # "1", the number of the item, was picked.
        (
            "By when do I have to send it?",
            "1. You must send it by 15 August 2024.",
            "15 August 2024",
        ),
        # "2", "48" and "86.4" were.
        ("When does the music stop?", "It stops at 2 am, for the neighbours.", "2 am"),
        ("How quickly must I report it?", "Report it within 48 hours, please.", "48 hours"),
        ("How heavy was the ball?", "The ball had a mass of 86.4 g.", "86.4 g"),
        # "6" was: the day.
        ("How much is a lunch?", "From 6 November a lunch costs £2.65.", "£2.65"),
    ],
)
def test_an_amount_or_a_time_is_picked_with_its_unit(
    question: str, sentence: str, answer: str
) -> None:
    assert pick_answer(question, sentence) == answer


def test_nothing_is_picked_where_it_is_not_known_what_is_asked_for() -> None:
    assert pick_answer("Wann wurde die Mühle gebaut?", "Die Mühle wurde 1788 gebaut.") == ""
    assert pick_answer("When was it?", "") == ""
    assert pick_answer("When was the mill built?", "the mill was built when") == ""


@given(question=texty | anything, sentence=texty | anything, known=st.booleans())
def test_candidates_are_words_of_the_sentence_that_the_question_lacks(
    question: str, sentence: str, known: bool
) -> None:
    asked = f"When was the mill built? {question}" if known else question
    for candidate in candidates(asked, sentence):
        assert 0 <= candidate.start < candidate.end <= len(sentence)
        text = sentence[candidate.start : candidate.end]
        assert text == text.strip()
        assert candidate.features
