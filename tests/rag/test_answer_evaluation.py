from __future__ import annotations

import pytest

from rag.answer_evaluation import (
    BALANCED,
    agrees,
    answer_all,
    contains_any,
    judge,
    measures_of,
    token_f1,
)
from rag.answer_sets import Answerable, AnswerSet, JudgedBy, Question
from rag.results import Answer, AnswerTimings, AnswerUsage, Citation

PAGE = "One sentence. Another sentence. A third one."
SPANS = ((0, 13), (14, 31), (32, 44))


def citation(document: str = "town.pdf", start: int = 0, end: int = 13) -> Citation:
    return Citation(1, document, document, document, 3, 0, PAGE[start:end], start, end, "")


def answer(
    text: str, *citations: Citation, refused: bool = False, short: str = "", tokens: int = 100
) -> Answer:
    usage, timings = AnswerUsage(tokens, tokens // 2, 10), AnswerTimings(0.1, 0.2, 0.4)
    return Answer("?", text, refused, (), citations, usage, timings, "model", short=short)


REFUSAL = answer("The documents do not say.", refused=True)


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


@pytest.mark.parametrize(
    ("said", "gold", "f1"),
    [
        ("the Tower", "tower", 1.0),
        ("in the old Tower", "tower of London", 2 * 1 / (3 + 3)),  # 1 of 3 and 1 of 3 words
        ("a bridge", "tower", 0.0),
        ("", "tower", 0.0),
    ],
)
def test_f1_is_of_words_as_squad_counts_them(said: str, gold: str, f1: float) -> None:
    assert token_f1(said, gold) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "gold", "right"),
    [
        ("Capital expenditure was $1,577 million in 2018 [1].", "$1577.00", True),
        ("Net PP&E was 8,738 million.", "$8.70", True),  # rounded, and in billions
        ("It was $1,373 million in 2017 [1577].", "$1577.00", False),
        ("In 2018 it fell.", "$2018.5", False),  # a year is no figure
        ("Yes, members stayed.", "Yes", True),
        ("No, they left.", "Yes", False),
        ("Customer deposits were the largest.", "Customer deposits", True),
        ("Long-term debt.", "Customer deposits", False),
    ],
)
def test_figures_agree_at_any_scale_and_rounded(text: str, gold: str, right: bool) -> None:
    assert agrees(text, gold) is right


def test_citations_are_counted_as_sentences() -> None:
    question = Question(
        "?", ("gold",), document="town.pdf", page=3, sentences=SPANS, supporting=frozenset({0, 2})
    )
    said = answer("x", citation(), citation(start=14, end=31), citation("other.pdf"))
    values = judge(question, said, judged_by=JudgedBy.SPANS, page_text=lambda *_: PAGE)
    assert values["citation precision"] == pytest.approx(1 / 3)  # two sentences and a stranger
    assert values["citation recall"] == pytest.approx(1 / 2)
    assert values["cites document"] == values["cites page"] == values["resolves"] == 1.0


def test_a_citation_of_text_that_is_not_there_does_not_resolve() -> None:
    gone = judge(Question("?", ("x",)), answer("x", citation()), page_text=lambda *_: "Other text.")
    assert gone["resolves"] == 0.0


def test_true_and_false_sources_side_by_side_count() -> None:
    question = Question(
        "?", ("Tampa",), contested=frozenset({"false"}), true_entries=frozenset({"true"})
    )
    one_side = answer("Glendale", citation("false"))
    both = answer("Glendale or Tempe", citation("false"), citation("true"))
    assert judge(question, one_side)["right or both sides"] == 0.0
    assert judge(question, both)["right or both sides"] == 1.0
    assert judge(question, answer("Tampa"))["right or both sides"] == 1.0


def test_a_worked_example_of_the_figures() -> None:
    asked = AnswerSet(
        "worked",
        (),
        (),
        (
            Question("a", ("1922",)),
            Question("b", ("13 tonnes",)),
            Question("c", ("Maud",)),
            Question("d", answerable=Answerable.NO),
            Question("e", answerable=Answerable.NO),
            Question("f", answerable=Answerable.OFF_TOPIC),
        ),
    )
    answers = {
        "a": answer("It was opened in 1922 [1].", short="1922", tokens=50),
        "b": answer("It weighs 13 tonnes in all [1]."),
        "c": REFUSAL,
        "d": REFUSAL,
        "e": answer("In 1788 [1]."),
        "f": REFUSAL,
    }
    told: list[tuple[int, int]] = []
    figures = answer_all(
        "ours",
        answers.__getitem__,
        asked,
        page_text=lambda *_: PAGE,
        progress=lambda *at: told.append(at),
    )
    assert figures.figure("contains gold") == pytest.approx(2 / 3)
    assert figures.figure("exact match") == pytest.approx(1 / 3)
    assert figures.figure("F1") == pytest.approx((1 + 2 * 2 / (6 + 2) + 0) / 3)
    assert figures.figure("answers") == pytest.approx(2 / 3)
    assert figures.figure("declines") == pytest.approx(1 / 2)
    assert figures.figure(BALANCED) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert figures.figure("declines off-topic") == 1.0
    assert figures.figure("correct") is None
    assert "correct" not in measures_of([figures])
    interval = figures.interval("contains gold")
    assert interval is not None
    assert 0.0 <= interval[0] < 2 / 3 < interval[1] <= 1.0
    assert figures.prompt_tokens == pytest.approx((50 + 5 * 100) / 6)
    assert figures.computed_prompt_tokens == pytest.approx((25 + 5 * 50) / 6)
    assert told[-1] == (6, 6)


def test_an_answer_without_spaces_is_found_inside_a_sentence() -> None:
    """No Chinese answer counted as right: none stood between spaces."""
    assert contains_any("第六届立法会共有70个议席。", ["立法会"])
    assert not contains_any("第六届立法会共有70个议席。", ["行政会"])
    assert not contains_any("The mill was rebuilt.", ["built"])
