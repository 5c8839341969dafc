"""What a question asks for, by its words."""

from __future__ import annotations

import pytest

from rag.question_kind import QuestionKind, asks_more_than_a_fact, has_kind, question_kind


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Why is the mill made of brick?", QuestionKind.CAUSE),
        ("What is the reason for the delay?", QuestionKind.CAUSE),
        ("What drove the change of gross margin?", QuestionKind.CAUSE),
        ("What is driving the growth in Asia?", QuestionKind.CAUSE),
        ("Who was the driver of the bus?", QuestionKind.NAME),
        ("How many people drove there?", QuestionKind.AMOUNT),
        ("How often is the filter changed?", QuestionKind.FREQUENCY),
        ("Since when has it been closed?", QuestionKind.DATE),
        ("Can I bring my dog?", QuestionKind.YES_OR_NO),
        ("And is it open on Sundays?", QuestionKind.YES_OR_NO),
        ("Do they say how much it costs?", QuestionKind.AMOUNT),
        ("May 2024 revenue", QuestionKind.OTHER),
        ("Could you explain how it works?", QuestionKind.OTHER),
        ("What is fog?", QuestionKind.OTHER),
    ],
)
def test_the_words_of_a_question_tell_what_it_asks_for(question: str, kind: QuestionKind) -> None:
    assert question_kind(question) is kind
    more = kind in (QuestionKind.CAUSE, QuestionKind.OTHER)
    assert asks_more_than_a_fact(question) is more


@pytest.mark.parametrize(
    ("sentence", "gives_one"),
    [
        ("The increase was primarily due to the opening of 47 stores.", 1.0),
        ("Growth was driven by new stores.", 1.0),
        ("He had driven by night.", 1.0),  # words alone cannot tell
        ("Inventories totaled $1.6 billion.", 0.0),
    ],
)
def test_a_reason_is_known_by_the_words_that_give_one(sentence: str, gives_one: float) -> None:
    assert has_kind(sentence, "What drove the increase?") == gives_one
