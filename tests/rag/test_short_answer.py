"""The words that a model copies: which completions are an answer."""

from __future__ import annotations

import pytest

from rag.short_answer import read_short_answer


@pytest.mark.parametrize(
    ("question", "said", "words"),
    [
        ("When was the mill built?", " 1788,", "1788"),
        # It answers "What had the number of people declined to by 1945?" with "1945".
        ("What had the number of people declined to by 1945?", "1945", ""),
        ("When is the Midsummer's festival held?", "Midsummer", ""),
        ("What month are elections held in?", "May", "May"),
        ("Who built the mill at Corran?", "the Hales of Corran", "the Hales of Corran"),
        ("Who was made Governor of Samarqand?", "the", ""),
        ("Who rowed the ferry?", "They", ""),
        ("谁写了《哈利·波特》的作者", "作者", ""),
    ],
)
def test_words_that_say_nothing_new_answer_nothing(question: str, said: str, words: str) -> None:
    assert read_short_answer(said, question) == words
