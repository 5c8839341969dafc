from __future__ import annotations

from dataclasses import replace

import pytest

from rag.evidence import Evidence
from rag.extracts import Extract, find_extracts
from rag.grounding import Grounded, ground
from rag.reading import (
    LARGE_READER,
    MEDIUM_READER,
    SMALL_READER,
    Focus,
    Reading,
    focused,
    reading_for,
)
from rag.refusal import REFUSAL
from tests.rag.passages import make_hit

TEXT = "Frontex, the agency for border security, sits in Warsaw. It was founded in 2004."

QUESTION = "What is the name of the agency for border security?"


def grounded(
    draft: str, reading: Reading, *, question: str = QUESTION, text: str = TEXT
) -> Grounded:
    evidence = Evidence([make_hit(text)], question=question)
    return ground(draft, evidence, find_extracts(question, evidence), reading=reading)


def test_a_supported_draft_is_shown_with_its_citation() -> None:
    result = grounded("The agency for border security is Frontex.", LARGE_READER)
    assert result.text == "The agency for border security is Frontex [1]."
    assert not result.refused
    assert result.citations[0].quote.startswith("Frontex, the agency")


def test_a_draft_that_cannot_be_found_gives_way_to_the_best_sentence() -> None:
    result = grounded(
        "The agency is called NABR, the Border Agency.", replace(LARGE_READER, quote_fit=0.5)
    )
    assert result.text.startswith("Frontex, the agency for border security, sits")
    assert result.text.endswith("[1].")


def test_without_a_sentence_that_fits_it_is_refused() -> None:
    result = grounded(
        "It was opened by King Olav in 1788.", LARGE_READER, question="Who baked the cake?"
    )
    assert result.refused
    assert result.text.startswith(REFUSAL)
    assert result.citations == ()


@pytest.mark.parametrize("draft", ["The documents do not say.", "", " \n"])
def test_a_large_reader_is_believed_when_it_does_not_know(draft: str) -> None:
    assert grounded(draft, LARGE_READER).refused


def test_a_smaller_reader_is_not_believed_against_a_sentence_that_fits() -> None:
    reading = replace(MEDIUM_READER, refusal_fit=0.8, quote_fit=0.8)
    result = grounded("The documents do not say.", reading)
    assert result.text.startswith("Frontex")


def test_a_true_statement_that_answers_something_else_is_not_the_answer() -> None:
    result = grounded(
        "It was founded in 2004.",
        LARGE_READER,
        question="How many officers guard the eastern frontier of Poland?",
    )
    assert result.refused


def test_who_asks_for_more_than_a_fact_gets_the_sentences_that_go_with_the_best() -> None:
    """Cited sentences were a quarter of those that a person would cite."""
    about = (
        "Frontex is the agency for border security. As an agency, Frontex guards borders by sea."
    )
    what = grounded("", SMALL_READER, question="What is the agency Frontex?", text=about)
    assert what.text == (
        "Frontex is the agency for border security [1]. "
        "As an agency, Frontex guards borders by sea [2]."
    )
    draft = "As an agency, Frontex guards borders by sea."
    writer = replace(SMALL_READER, writes=True)
    drafted = grounded(draft, writer, question="What is the agency Frontex?", text=about)
    assert [c.quote for c in drafted.citations] == [c.quote for c in reversed(what.citations)]
    when = grounded("", SMALL_READER, question="When was the agency Frontex founded?")
    assert len(when.citations) == 1


def test_models_are_used_by_their_size() -> None:
    assert reading_for(135_000_000) is SMALL_READER
    assert reading_for(1_500_000_000) is MEDIUM_READER
    for parameters in (1_500_000_000, 8_000_000_000):
        assert reading_for(parameters, keeps_passages=True).focus is None
    assert reading_for(8_000_000_000) is LARGE_READER
    assert reading_for(0) is LARGE_READER


def test_focus_shows_the_best_sentences_as_spans_of_the_page() -> None:
    hit = make_hit(TEXT, start=50)
    evidence = Evidence([hit], question=QUESTION)
    (shown, *_) = focused(evidence, find_extracts(QUESTION, evidence), Focus(0.05, 1))
    assert shown.text == TEXT[shown.start - 50 : shown.end - 50]
    assert shown.text.startswith("Frontex")
    assert len(shown.text) < len(TEXT)
    assert focused(evidence, [], Focus(0.05, 1)) == [hit]


def test_focus_shows_neighbours_and_joins_what_touches() -> None:
    text = "One is red. Two is blue. Three is green. Four is grey. Five is black. Six is pink."
    evidence = Evidence([make_hit(text, start=9)], question="What colour is Two? And Six?")
    quotes = [evidence.quote(evidence.sentences[0][index]) for index in (1, 5, 2)]
    extracts = [Extract(quote, fit) for quote, fit in zip(quotes, (1.0, 0.9, 0.8), strict=True)]
    shown = focused(evidence, extracts, Focus(margin=0.15, most=3, neighbours=1))
    assert [hit.text for hit in shown] == [
        "One is red. Two is blue. Three is green.",
        "Five is black. Six is pink.",
    ]
    assert [hit.start for hit in shown] == [9, 9 + text.index("Five")]
    joined = focused(evidence, extracts, Focus(margin=0.3, most=3, neighbours=1))
    assert [hit.text for hit in joined] == [text]


def test_a_table_stands_with_the_sentence_that_announces_it() -> None:
    """An answer once was "The following table summarizes our cash flows:" and no table."""
    table = "Operating activities | 1,824\nInvesting activities | (962)"
    question = "What were the cash flows from operating activities?"
    for text, expected in (
        (f"The following table shows our cash flows:\n{table}\nPrices rose.", True),
        ("The following table shows our cash flows:\n\nPrices rose in spring.", False),
    ):
        evidence = Evidence([make_hit(text)], question=question)
        quotes = [extract.quote.text for extract in find_extracts(question, evidence)]
        assert any(quote.endswith(f"cash flows:\n{table}") for quote in quotes) is expected
        assert not any(quote.endswith(":") for quote in quotes)
