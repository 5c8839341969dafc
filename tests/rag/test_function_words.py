"""Words of a question that say nothing, in the question's own language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.function_words import certain_language_of, function_terms
from rag.question_kind import asked_terms
from rag.terms import content_terms


@pytest.mark.parametrize(
    ("question", "left"),
    [
        ("Wie hoch ist die Kaution?", "Kaution"),
        ("Was kostet das Zimmer im Winter?", "kostet Zimmer Winter"),
        ("Quel est le montant de la caution ?", "montant caution"),
        ("¿Cuánto cuesta la habitación?", "cuesta habitación"),
        ("Quanto costa la camera?", "costa camera"),
        ("Qual é o preço do quarto?", "preço quarto"),
        ("Hoeveel kost de kamer in de winter?", "kost kamer winter"),
        ("押金多少钱？", "押金"),
        ("会议由谁主持？", "会议 主持"),
        ("Was the war over when men began to die?", "war men began die"),
        ("What does a de luxe room cost?", "de luxe room cost"),
    ],
)
def test_what_is_left_of_a_question_is_what_it_is_about(question: str, left: str) -> None:
    """The words that documents have least weigh most: "hoch" more than "Kaution"."""
    assert asked_terms(question) == content_terms(left)


@given(st.text(max_size=60))
def test_of_any_text_nothing_but_function_words_is_left_out(text: str) -> None:
    assert content_terms(text) - asked_terms(text) <= function_terms(text) | content_terms(text)
    assert not function_terms("")


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Who wasn't on Celeron's expedition?", ""),
        ("What tribes weren't in Father Le Loutre's War?", ""),
        ("who won last year's ncaa women's basketball", ""),
        ("Qu'est-ce qu'il n'a pas payé ?", "French"),
        ("Cos'è la caparra?", "Italian"),
    ],
)
def test_an_english_apostrophe_is_not_french(question: str, language: str) -> None:
    """Of "wasn't" and "Celeron's" a "t" and an "s" were French words: the refusal was in French."""
    assert certain_language_of(question) == language
