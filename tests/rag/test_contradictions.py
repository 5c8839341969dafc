"""Documents that say different things: both are shown, with their sources, and nothing else is."""

from __future__ import annotations

import pytest

from rag.answer import Answerer, AnswerOptions
from rag.contradictions import INTRODUCTION
from rag.reading import LARGE_READER, MEDIUM_READER, SMALL_READER, Reading
from rag.results import Answer
from tests.fakes import ScriptedGenerator, yes_against_no
from tests.rag.passages import FakeSearch, make_hit

OPENED = "The Orlin bridge was opened on 4 May 1922."
READINGS = {"small": SMALL_READER, "medium": MEDIUM_READER, "large": LARGE_READER}


def ask(question: str, said: str, *texts: str, reading: Reading = LARGE_READER) -> Answer:
    """The answer where each text is a document of its own and the model says `said`.

    A model that judges is sure of all of them.
    """
    search = FakeSearch([make_hit(text, document=f"{i}.txt") for i, text in enumerate(texts)])
    return Answerer(
        search,
        lambda: ScriptedGenerator(said, first=lambda _: yes_against_no(3.0)),
        pages=search,
        options=AnswerOptions(reading=reading),
    ).ask(question)


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize(
    ("question", "true", "false"),
    [
        (
            "When was the Orlin bridge opened?",
            OPENED,
            "The Orlin bridge was opened on 9 June 1931.",
        ),
        (
            "How tall is the Garrow lighthouse?",
            "The Garrow lighthouse is 37 metres tall.",
            "The Garrow lighthouse is 52 metres tall.",
        ),
        (
            "Who designed the Corran chapel?",
            "The Corran chapel was designed by Edith Varga.",
            "The Corran chapel was designed by Otto Brandt.",
        ),
    ],
    ids=["date", "amount", "name"],
)
def test_both_sides_are_shown_with_their_sources(
    question: str, true: str, false: str, reading: Reading
) -> None:
    """As in RGB's counterfactual set, whichever of the two the model takes."""
    for said, other in ((true, false), (false, true)):
        answer = ask(question, f"{said} [1]", true, false, reading=reading)
        assert INTRODUCTION in answer.text
        assert {citation.quote for citation in answer.citations} == {said, other}
        assert {citation.document_name for citation in answer.citations} == {"0.txt", "1.txt"}
        assert [citation.marker for citation in answer.citations] == [1, 2]
        first, second = (citation.quote for citation in answer.citations)
        assert answer.text == f"{first[:-1]} [1]. {INTRODUCTION}{second[:-1]} [2]."


@pytest.mark.parametrize(
    "other",
    [
        "On 4 May 1922 the Orlin bridge was opened.",
        "The Tarn weir was opened on 9 June 1931.",
        "The Orlin bridge was closed on 9 June 1931.",
        "The Orlin bridge is 310 metres long.",
        "The second Orlin bridge",
    ],
    ids=["agrees", "of something else", "another event", "another figure", "heading"],
)
def test_what_does_not_contradict_is_not_shown(other: str) -> None:
    answer = ask("When was the Orlin bridge opened?", OPENED, OPENED, other)
    assert INTRODUCTION not in answer.text
    assert len(answer.citations) == 1


def test_a_figure_of_another_year_is_no_contradiction() -> None:
    answer = ask(
        "What was the revenue of Corran Ltd in 2023?",
        "The revenue of Corran Ltd in 2023 was 4.2 million crowns.",
        "The revenue of Corran Ltd in 2023 was 4.2 million crowns.",
        "The revenue of Corran Ltd in 2022 was 3.9 million crowns.",
    )
    assert INTRODUCTION not in answer.text


def test_a_second_figure_in_the_same_document_is_no_contradiction() -> None:
    text = "The old tower is 12 metres tall. The new tower is 14 metres tall."
    answer = ask("How tall is the old tower?", "The old tower is 12 metres tall.", text)
    assert INTRODUCTION not in answer.text


def test_many_documents_that_say_the_same_other_thing_are_one() -> None:
    others = ["The Orlin bridge was opened on 9 June 1931."] * 3
    answer = ask("When was the Orlin bridge opened?", OPENED, OPENED, *others)
    assert answer.text.count(INTRODUCTION) == 1
    assert len(answer.citations) == 2
