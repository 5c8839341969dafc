"""Where a value stands: spellings of numbers, dates and names, against worked examples."""

from __future__ import annotations

import pytest

from rag.evidence import Evidence
from rag.extracts import find_extracts
from rag.value_support import find_support, numbers_of, states_date, states_number, states_text
from tests.rag.passages import make_hit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Revenue was $4.2 million.", 4_200_000),
        ("Revenue was $4.2 million.", 4.2),
        ("Sold: 1,234,567 units", 1234567),
        ("a margin of 12.50 %", 12.5),
        ("a loss of -3.5 per cent", -3.5),
        ("net loss (1,200)", -1200),
        ("3bn people", 3e9),
        ("in 2023", 2023),
    ],
)
def test_a_number_is_known_in_its_usual_spellings(text: str, value: float) -> None:
    assert states_number(text, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("Revenue was $4.2 million.", 42), ("version 1.2.3", 1.2), ("41 metres", 4), ("B12", 11)],
)
def test_another_number_is_not_taken_for_it(text: str, value: float) -> None:
    assert not states_number(text, value)


@pytest.mark.parametrize(
    ("text", "value", "stated"),
    [
        ("signed by Ines\nCalloway,", "ines calloway", True),
        ("order AB-12 came", "AB-1", False),
        ("ＡＢＣ株式会社は東京にある", "東京", True),
        ("the cat", "cat.", True),
        ("concatenate", "cat", False),
        ("anything", " . ", False),
    ],
)
def test_text_is_looked_for_in_whole_words(text: str, value: str, stated: bool) -> None:
    assert states_text(text, value) is stated


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("opened on 4 May 1922", True),
        ("opened May 4, 1922", True),
        ("am 04.05.1922 eröffnet", True),
        ("1922-05-04T10:00", True),
        ("opened in May 1922", False),
        ("14/05/1922", False),
    ],
)
def test_a_date_is_known_by_its_parts(text: str, stated: bool) -> None:
    assert states_date(text, "1922-05-04") is stated


def test_of_several_places_the_one_that_fits_the_field_is_cited() -> None:
    text = "The tower has 41 steps. The lighthouse is 41 metres tall. It cost 41 crowns."
    evidence = Evidence([make_hit(text, start=5)], question="height of the lighthouse in metres")
    extracts = find_extracts(evidence.question, evidence)
    quote = find_support(41, evidence, extracts, is_inferred=False, least_fit=0.9)
    assert quote is not None
    assert quote.text == "The lighthouse is 41 metres tall."
    assert (quote.start, quote.end) == (5 + text.index("The light"), 5 + text.index(" It cost"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Dogs are allowed on the ferry.", True),
        ("Dogs are allowed on the ferry to Grey Island when they are kept on a lead.", True),
        ("The harbour sells diesel, ice and fresh water.", False),
    ],
)
def test_a_truth_value_rests_on_a_sentence_that_fits_and_on_none_that_does_not(
    text: str, found: bool
) -> None:
    evidence = Evidence([make_hit(text)], question="dogs allowed ferry")
    extracts = find_extracts(evidence.question, evidence)
    quote = find_support(True, evidence, extracts, is_inferred=True, least_fit=0.9)
    assert (quote.text if quote else None) == (text if found else None)
    assert not find_support(True, evidence, extracts, is_inferred=False, least_fit=0.0)


def test_a_number_that_no_float_holds_is_none() -> None:
    """A form with a field for a number ended with an OverflowError over such a page."""
    assert numbers_of(f"{'1' * 400} and 12") == [12]
