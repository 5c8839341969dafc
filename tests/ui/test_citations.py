"""The quoted passage inside its page's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.citations import CONTEXT_CHARS, PAGE_CHARS, Excerpt, excerpt, place_name, unwrapped


def test_a_short_page_is_shown_whole_around_its_quote() -> None:
    assert excerpt("It was blue. We saw it.", 3, 6) == Excerpt("It ", "was", " blue. We saw it.")


def test_a_long_page_is_cut_at_words_around_the_quote() -> None:
    text = "before " * 1_000 + "QUOTE" + " after" * 1_000
    shown = excerpt(text, 7_000, 7_005)
    assert shown.quote == "QUOTE"
    assert shown.before.startswith("…before ")
    assert shown.after.endswith(" …")
    assert len(shown.before) <= CONTEXT_CHARS + 1


def test_a_page_without_a_quote_is_shown_from_its_start() -> None:
    assert excerpt("Short.", 0, 0) == Excerpt("Short.", "", "")
    assert excerpt("x" * (PAGE_CHARS + 1), 0, 0).before == "x" * PAGE_CHARS + "…"


@given(st.text(), st.integers(-5, 50), st.integers(-5, 50))
def test_an_excerpt_of_a_short_page_is_that_page(text: str, start: int, end: int) -> None:
    shown = excerpt(text, start, end)
    assert shown.before + shown.quote + shown.after == text


@pytest.mark.parametrize(
    ("number", "index", "count", "name"),
    [
        (3, 2, 12, "Page 3 of 12"),
        (None, 0, 1, "Whole text"),
        (None, 1, 4, "Section 2 of 4"),
    ],
    ids=["page", "one-section", "section"],
)
def test_a_place_is_named_as_its_format_counts(
    number: int | None, index: int, count: int, name: str
) -> None:
    assert place_name(number, index, count) == name


def test_lines_broken_for_the_paper_are_joined_and_others_kept() -> None:
    page = "Heading\nA storm damaged the blades of\nturbine six for weeks.\nThe end.\n\nNew part"
    assert unwrapped(page) == (
        "Heading\nA storm damaged the blades of turbine six for weeks.\nThe end.\n\nNew part"
    )


@given(st.text(alphabet="ab.\n "))
def test_joining_lines_moves_no_character(text: str) -> None:
    joined = unwrapped(text)
    assert len(joined) == len(text)
    assert all(a == b or (a, b) == ("\n", " ") for a, b in zip(text, joined, strict=True))
