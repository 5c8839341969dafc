"""How completions are asked for and read, and what those of one answer have cost together."""

from __future__ import annotations

import threading

import pytest

from inference.request import Message, Priority, Prompt, QueueFull, Request, SamplingParams
from rag.generator import Draft, Spent, complete, generate, submit, together
from rag.results import AnswerUsage
from tests.fakes import ScriptedGenerator, ScriptedStream

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


LOOP = "Diesel is sold. Diesel is sold. Ice is sold."


class BusyGenerator(ScriptedGenerator):
    """Has no room for the first two requests."""

    refused = 0

    def submit(self, request: Request) -> ScriptedStream:
        if self.refused < 2:
            self.refused += 1
            raise QueueFull("full", 0.0)
        return super().submit(request)


def asking(generator: ScriptedGenerator, priority: Priority = Priority.BATCH) -> Request:
    prompt = generator.encode_chat([Message("user", "What is sold?")])
    return Request(prompt, SamplingParams(), priority=priority)


def test_an_answer_ends_where_it_repeats_itself_and_a_form_does_not() -> None:
    """A form's value may have the same sentence twice: cut there, it would be no JSON."""
    generator = ScriptedGenerator(LOOP)
    draft = Draft()
    for _ in generate(generator, asking(generator), draft, None):
        pass
    assert draft.text == "Diesel is sold. Diesel is sold."
    whole = complete(generator, asking(generator), None)
    assert whole.text == LOOP
    assert not whole.cancelled
    assert whole.used.completion_tokens == len(LOOP.split())


def test_a_batch_waits_for_room_and_a_person_is_refused() -> None:
    generator = BusyGenerator(LOOP)
    with pytest.raises(QueueFull):
        submit(generator, asking(generator, Priority.INTERACTIVE), None)
    assert complete(generator, asking(generator), None).text == LOOP
    assert generator.refused == 2


def test_who_is_cancelled_while_waiting_has_asked_nothing() -> None:
    generator = ScriptedGenerator(LOOP, refuse=QueueFull("full", 60.0))
    cancel = threading.Event()
    cancel.set()
    draft = complete(generator, asking(generator), cancel)
    assert (draft.cancelled, draft.text, draft.used) == (True, "", AnswerUsage())
    draft = Draft()
    assert list(generate(generator, asking(generator), draft, cancel)) == []
    assert draft.cancelled


def test_a_cancelled_completion_is_what_there_is() -> None:
    generator = ScriptedGenerator("", hold=True)
    cancel = threading.Event()
    cancel.set()
    assert complete(generator, asking(generator), cancel).cancelled
    assert generator.streams[0].cancelled.is_set()
