from __future__ import annotations

import pytest

from rag.doubt import NOT_STATED, doubt_messages, doubt_sampling, finds_words


@pytest.mark.parametrize(
    ("said", "found"),
    [("1788", True), (f" {NOT_STATED}", False), ("", False), ("the mill", False)],
)
def test_words_are_found_unless_there_are_none_or_only_the_questions(
    said: str, found: bool
) -> None:
    assert finds_words(said, "When was the mill built?") is found


def test_all_questions_begin_with_the_same_messages_and_may_say_that_nothing_is_stated() -> None:
    one, other = doubt_messages("Who?", "A text."), doubt_messages("When?", "Another.")
    assert one[:-1] == other[:-1]
    assert one[-1].text == "Text:\nA text.\n\nQuestion: Who?"
    constraint = doubt_sampling("A text.").verbatim
    assert constraint is not None
    assert (constraint.texts, constraint.phrases) == (("A text.",), (NOT_STATED,))
