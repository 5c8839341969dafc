from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.evaluation import Question, contains_any, evaluate, load_questions, load_squad
from rag.results import Answer, AnswerTimings, AnswerUsage, Citation


def answer(text: str, *places: tuple[str, int | None], refused: bool = False) -> Answer:
    citations = tuple(
        Citation(n, "id", name, name, page, 0, "quote", 0, 5, text)
        for n, (name, page) in enumerate(places, start=1)
    )
    timings = AnswerTimings(0.1, 0.2, 0.4)
    return Answer("?", text, refused, (), citations, AnswerUsage(), timings, "model")


@pytest.mark.parametrize(
    ("text", "gold", "found"),
    [
        ("It was The Tower [1].", "tower", True),
        ("It was opened in 1922.", "192", False),
        ("On 4 May, 1922", "4 May 1922", True),
        ("Nothing", "", False),
        ("the", "the", False),
    ],
)
def test_gold_is_found_as_whole_words(text: str, gold: str, found: bool) -> None:
    assert contains_any(text, [gold]) is found


def test_a_worked_example_of_the_figures() -> None:
    questions = [
        Question("a", ("1922",), "town.pdf", 3),
        Question("b", ("13 tonnes",), "sales.pdf", 1),
        Question("c", ("Maud",)),
        Question("d", ()),
        Question("e", ()),
    ]
    answers = {
        "a": answer("In 1922 [1].", ("town.pdf", 3)),
        "b": answer("13 tonnes [1].", ("sales.pdf", 2)),
        "c": answer("The documents do not say.", refused=True),
        "d": answer("The documents do not say.", refused=True),
        "e": answer("In 1788 [1].", ("town.pdf", 1)),
    }
    figures = evaluate(questions, answers.__getitem__)
    assert figures.contains_gold == pytest.approx(2 / 3)
    assert figures.cites_document == 1.0
    assert figures.cites_page == 0.5
    assert figures.refused_answerable == pytest.approx(1 / 3)
    assert figures.refused_unanswerable == 0.5
    assert figures.balanced_refusal == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert (figures.first_token_seconds, figures.seconds) == (0.2, 0.4)


def test_no_questions_give_no_figures() -> None:
    figures = evaluate([], lambda text: answer(text))
    assert figures.contains_gold is None
    assert figures.balanced_refusal is None


def test_question_files_are_read(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    entries = [
        {"question": "Who?", "answer_contains": ["She"], "document": "a.pdf", "page": 2},
        {"question": "What?", "answer_contains": ["it", "that"], "page": None},
        {"question": "Why?", "answer_contains": [], "answerable": False},
    ]
    own.write_text(json.dumps(entries), "utf-8")
    assert load_questions(own) == [
        Question("Who?", ("She",), "a.pdf", 2),
        Question("What?", ("it", "that")),
        Question("Why?", ()),
    ]
    squad = tmp_path / "squad.json"
    asked = [
        {"question": " Who? ", "answers": [{"text": "She"}]},
        {"question": "Why?", "answers": [], "is_impossible": True},
    ]
    squad.write_text(json.dumps({"data": [{"paragraphs": [{"qas": asked}]}]}), "utf-8")
    assert load_squad(squad) == [Question("Who?", ("She",)), Question("Why?", ())]
