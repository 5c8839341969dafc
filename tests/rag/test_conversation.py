from __future__ import annotations

import pytest

from rag.conversation import leans_on_earlier, standalone_question
from rag.results import Turn
from rag.settings import MOST_QUESTION_CHARS

REVENUE = Turn("What was the revenue of Brindle Bikes in 2023?", "It was 4 million [1].")


@pytest.mark.parametrize(
    "question",
    [
        "Why?",
        "When was it founded?",
        "Who are its owners?",
        "And in 2022 for wheels?",
        "How many were there in 2022?",
    ],
)
def test_a_follow_up_takes_the_question_before_with_it(question: str) -> None:
    assert standalone_question(question, [REVENUE]) == f"{REVENUE.question} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "When was the Tamber bridge opened?",
        "How many employees has the harbour?",
        "How many trawlers are there?",
        "Who is the treasurer?",
    ],
)
def test_a_new_topic_stands_alone(question: str) -> None:
    """One with "there", or with one word of its own, had the topic before put before it."""
    assert standalone_question(question, [REVENUE]) == question


def test_a_chain_of_follow_ups_goes_back_to_its_topic() -> None:
    history = [Turn("Old topic of the harbour walls?", ""), REVENUE, Turn("And in 2022?", "")]
    expected = f"{REVENUE.question} And in 2022? Why was it lower?"
    assert standalone_question("Why was it lower?", history) == expected


@pytest.mark.parametrize(
    ("question", "year"),
    [
        ("What about 2022?", 2022),
        ("And in 2021?", 2021),
        ("And the year before?", 2022),
        ("the previous year", 2022),
        ("And the year after that?", 2024),
    ],
)
def test_another_year_is_asked_the_same(question: str, year: int) -> None:
    """Both years were in the question that was searched for, and the first was answered again."""
    asked = f"What was the revenue of Brindle Bikes in {year}?"
    assert standalone_question(question, [REVENUE]) == asked
    assert standalone_question("And the year before?", [REVENUE, Turn(question, "")]) == (
        f"What was the revenue of Brindle Bikes in {year - 1}?"
    )


def test_another_name_is_asked_the_same() -> None:
    """Both names were in the question that was searched for, and the first was answered again."""
    asked = "What was the revenue of Dunmore Tea in 2023?"
    assert standalone_question("And Dunmore Tea?", [REVENUE]) == asked
    assert standalone_question("What about Dunmore Tea?", [REVENUE]) == asked
    later = [REVENUE, Turn("And Dunmore Tea?", "")]
    assert standalone_question("And in 2022?", later) == asked.replace("2023", "2022")
    two = Turn("Is Arden larger than Brill or Callow?", "")
    assert standalone_question("And Esker?", [two]) == f"{two.question} And Esker?"


@pytest.mark.parametrize("earlier", ["Why?", "Did it grow from 2022 to 2023?"])
def test_another_year_of_no_year_or_two_takes_the_question_before_with_it(earlier: str) -> None:
    assert standalone_question("And in 2021?", [Turn(earlier, "")]) == f"{earlier} And in 2021?"


def test_without_history_nothing_changes() -> None:
    assert leans_on_earlier("Why?")
    assert standalone_question("Why?", []) == "Why?"


def test_a_question_of_pages_does_not_grow_by_those_before_it() -> None:
    """Each of the three turns before could double what was searched for."""
    pages = "Is it so? ".ljust(MOST_QUESTION_CHARS, "x")
    assert standalone_question(pages, [Turn(pages, "It is.")]) == pages
