"""What the completions of one answer have cost together."""

from __future__ import annotations

from inference.request import Prompt
from rag.generator import Spent, together
from rag.results import AnswerUsage

EXAMPLES = (1, 2, 3, 4, 5, 6)


def spent(*tokens: int, cached: int, said: int = 1) -> Spent:
    prompt = Prompt((*EXAMPLES, *tokens))
    return Spent(prompt, AnswerUsage(len(prompt.tokens), cached, said))


def test_what_prompts_begin_with_alike_counts_once() -> None:
    first = spent(7, 8, cached=0)
    second = spent(9, cached=6)  # found the examples
    reading = spent(7, 8, 10, cached=8, said=3)  # goes on from the first
    assert together([first, second, reading]) == AnswerUsage(
        prompt_tokens=8 + 1 + 1, cached_tokens=0, completion_tokens=5
    )


def test_what_was_computed_before_the_answer_is_counted_and_was_cached() -> None:
    assert together([spent(7, cached=6), spent(8, cached=6)]) == AnswerUsage(8, 6, 2)


def test_what_was_computed_again_counts_again() -> None:
    assert together([spent(7, cached=0), spent(8, cached=2)]) == AnswerUsage(14 - 2, 0, 2)
    assert together([]) == AnswerUsage()
