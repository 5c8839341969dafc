"""What speaks for a sentence as an answer."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import Evidence
from rag.extracts import find_extracts
from rag.sentence_fit import SIGNS, Signs, as_row, fit
from rag.vectors import CachedEmbedder
from tests.fakes import HashedWordsEmbedder
from tests.rag.passages import make_hit

EMBEDDER = CachedEmbedder(HashedWordsEmbedder())
TEXTS = st.text(alphabet="aAbe 12.,:|#\n?“ü水", max_size=120)


def test_the_fit_is_the_weighted_sum_of_the_signs() -> None:
    signs = Signs(covered=0.5, named=0.2, tokens=0.4, passage=0.6, kind=1.0, fragment=1.0)
    expected = -1.75 + 0.75 * 0.7 + 3.0 * 0.4 + 1.4 * 0.6 + 0.27 - 0.4
    assert abs(fit(signs) - expected) < 1e-12
    assert abs(fit(Signs(cell=1.0)) - fit(Signs()) - 0.3) < 1e-12
    assert abs(fit(Signs(elsewhere=0.5)) - fit(Signs()) + 0.5) < 1e-12
    by_words = -0.3 + 1.31 * 0.7 + 0.25 - 0.6
    assert abs(fit(signs, words_alone=True) - by_words) < 1e-12
    assert as_row(signs) == [asdict(signs)[name] for name in SIGNS]


def test_a_row_whose_name_and_column_are_asked_for_fits_better_than_its_caption() -> None:
    text = (
        "Table 2. Visits per 100 blossoms.\nMeans of six orchards\n\n | 2021 | 2022 | 2023\n"
        "Mown | 3.1 | 2.8 | 3.3\nStrip | 4.6 | 5.9 | 5.0"
    )
    question = "How many visits per 100 blossoms had orchards with a strip in 2022?"
    evidence = Evidence([make_hit(text)], question=question)
    best, *_ = find_extracts(question, evidence, embedder=EMBEDDER)
    assert best.quote.text == "Strip | 4.6 | 5.9 | 5.0"
    assert best.signs.cell == 1.0


def test_what_stands_above_labelled_lines_is_what_each_of_them_is_about() -> None:
    """Only the line with a figure was about the title: who chairs it was answered by its date."""
    text = (
        "Meeting notes of the harbour committee\nDate: Tuesday 3 June 2025, Room 2\n"
        "Present: Ines Duarte (chair), Paul Whitcombe\n\nThe grant is 12,000 euros."
    )
    question = "Who chairs the harbour committee?"
    evidence = Evidence([make_hit(text)], question=question)
    best, *_ = find_extracts(question, evidence, embedder=EMBEDDER)
    assert best.quote.text == "Present: Ines Duarte (chair), Paul Whitcombe"
    assert (best.signs.covered, best.signs.fragment) == (1.0, 0.0)


def test_a_yes_or_a_no_needs_no_word_that_the_question_lacks() -> None:
    """ "Smoking is not allowed" says nothing new to "Is smoking allowed?", and was left out."""
    text = "## Smoking in rooms\n\nSmoking is not allowed in rooms. Breakfast is at seven."
    for question, answer in [
        ("Is smoking allowed in rooms?", "Smoking is not allowed in rooms."),
        ("Where is smoking allowed in rooms?", "Breakfast is at seven."),
    ]:
        evidence = Evidence([make_hit(text)], question=question)
        best, *_ = find_extracts(question, evidence, embedder=EMBEDDER)
        assert best.quote.text == answer


def test_a_heading_of_two_lines_is_a_fragment() -> None:
    """Of two lines it was taken for a sentence, and quoted as an answer."""
    title = "Hedges and bees:\nresults of a trial"
    question = "Which trial was about hedges?"
    evidence = Evidence(
        [
            make_hit(
                f"{title}\n\nThe trial ran for three years.",
                heading="Bees > Hedges and bees: results of a trial",
            )
        ],
        question=question,
    )
    found = {e.quote.text: e.signs for e in find_extracts(question, evidence, embedder=EMBEDDER)}
    assert [text for text, signs in found.items() if signs.fragment] == [title]


@pytest.mark.parametrize(
    ("question", "is_fragment"),
    [("When do outlines have to be in?", False), ("Who writes the outlines?", True)],
)
def test_a_row_with_a_date_is_no_fragment_where_a_date_is_asked_for(
    question: str, is_fragment: bool
) -> None:
    """A day is no amount, so the row of a timetable counted as a heading."""
    text = "Step | Date\nDeadline for outlines | 14 February, noon\nDecisions | 20 June"
    found = find_extracts(
        question, Evidence([make_hit(text)], question=question), embedder=EMBEDDER
    )
    (row,) = (each for each in found if each.quote.text.startswith("Deadline"))
    assert bool(row.signs.fragment) is is_fragment


@pytest.mark.parametrize(
    ("start", "page", "is_fragment"), [(0, 1, False), (4350, 1, True), (0, 2, True)]
)
def test_the_end_of_a_sentence_is_a_fragment(start: int, page: int, is_fragment: bool) -> None:
    """The rest of a list of risks, a page long, was quoted as an answer; a note may begin so."""
    text = "by, among other things, the behavior of card members; our ability to retain them."
    hit = make_hit(text, start=start, page=page)
    question = "Was it able to retain card members?"
    (extract,) = find_extracts(question, Evidence([hit], question=question), embedder=EMBEDDER)
    assert bool(extract.signs.fragment) is is_fragment


@given(question=TEXTS, text=TEXTS, name=TEXTS, is_known=st.booleans())
def test_any_text_has_signs_within_their_ranges(
    question: str, text: str, name: str, is_known: bool
) -> None:
    evidence = Evidence([make_hit(text, document=name)], question=question)
    embedder = EMBEDDER if is_known else None
    for extract in find_extracts(question, evidence, embedder=embedder):
        signs = asdict(extract.signs)
        assert -1.0 <= signs.pop("tokens") <= 0.7
        assert -1.0 <= signs.pop("passage") <= 1.0
        assert all(-1e-9 <= value <= 1.0 + 1e-9 for value in signs.values())
        assert extract.fit == fit(extract.signs, words_alone=embedder is None)
