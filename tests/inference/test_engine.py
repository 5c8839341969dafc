"""The engine, step by step, while llama.cpp refuses or fails batches.

What llama_decode returns is forced; everything else is real. Status 1 (no room) changes nothing in
the cache. A fatal one may leave the cells of micro-batches that went before the one that failed:
"failed late" computes the batch and then says that it failed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.completion import Completion
from inference.engine import Engine
from inference.engine_config import EngineConfig
from inference.llama.context import DecodeStatus
from inference.request import (
    FinishReason,
    InferenceError,
    Priority,
    Prompt,
    Request,
    SamplingParams,
    TokenEvent,
)

pytestmark = pytest.mark.model

OK, NO_ROOM, FAILED, FAILED_LATE = "ok", "no room", "failed", "failed late"
MOST_STEPS = 600
CELLS = 256


@dataclass
class Asked:
    """A request in the engine, and all that its sink was told."""

    completion: Completion
    told: list[TokenEvent | InferenceError] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.told if isinstance(event, TokenEvent))

    @property
    def ends(self) -> list[FinishReason | InferenceError]:
        return [
            event if isinstance(event, InferenceError) else event.finish_reason
            for event in self.told
            if isinstance(event, InferenceError) or event.finish_reason is not None
        ]


class ForcedStatuses:
    """Stands before `Context.decode`: the next batches end as it is told, later ones as they do."""

    def __init__(self, decode: Callable[..., DecodeStatus]) -> None:
        self._decode = decode
        self.next: list[str] = []

    def __call__(self, *batch: Any) -> DecodeStatus:
        forced = self.next.pop(0) if self.next else OK
        if forced == NO_ROOM:
            return DecodeStatus.NO_ROOM
        if forced == FAILED:
            return DecodeStatus.FAILED
        status = self._decode(*batch)
        return DecodeStatus.FAILED if forced == FAILED_LATE else status


@dataclass
class Driven:
    """An engine whose steps are called by the test."""

    engine: Engine
    forced: ForcedStatuses

    def ask(
        self,
        tokens: tuple[int, ...],
        *,
        most: int = 4,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
    ) -> Asked:
        # No end of generation: how long a completion is does not depend on the model.
        never = {self.engine.tokenizer.eos: float("-inf")}
        sampling = SamplingParams(max_tokens=most, logit_bias=never)
        request = Request(Prompt(tokens), sampling, priority, client=client)
        self.engine.validate(request)
        told: list[TokenEvent | InferenceError] = []
        completion = Completion(request, told.append, time.monotonic())
        self.engine.enqueue(completion)
        return Asked(completion, told)

    def step(self) -> None:
        self.engine.step()
        self.engine.check()

    def run(self) -> None:
        for _ in range(MOST_STEPS):
            if not self.engine.has_work:
                return
            self.step()
        raise AssertionError("the engine goes round in circles")

    def empty(self) -> None:
        """Forget what is kept for later; all cells must then be free."""
        self.engine.cache.drop_retained()
        self.engine.check()
        assert self.engine.cache.free == self.engine.context.cells


@pytest.fixture(scope="module")
def loaded(llm_path: Path) -> Iterator[Driven]:
    config = EngineConfig(
        llm_path, context_tokens=CELLS, batch_tokens=64, max_sequences=3, threads=2
    )
    engine = Engine(config)
    forced = ForcedStatuses(engine.context.decode)
    engine.context.decode = forced  # type: ignore[method-assign]
    yield Driven(engine, forced)
    engine.close()


@pytest.fixture
def driven(loaded: Driven) -> Driven:
    loaded.forced.next.clear()
    loaded.empty()
    return loaded


def words(driven: Driven, text: str) -> tuple[int, ...]:
    return tuple(driven.engine.tokenizer.encode(text))


def alone(driven: Driven, tokens: tuple[int, ...]) -> str:
    asked = driven.ask(tokens)
    driven.run()
    driven.empty()
    return asked.text


@pytest.mark.parametrize("status", [NO_ROOM, FAILED, FAILED_LATE])
def test_a_batch_that_fails_once_changes_no_answer(driven: Driven, status: str) -> None:
    tokens = words(driven, "The river rises in the mountains and flows to")
    expected = alone(driven, tokens)
    asked = driven.ask(tokens)
    driven.forced.next = [status, OK, OK, status]  # the prompt, and the third token
    driven.run()
    assert asked.ends == [FinishReason.LENGTH]
    assert asked.text == expected
    driven.empty()


def test_a_batch_that_keeps_failing_fails_its_own_requests_only(driven: Driven) -> None:
    tokens = words(driven, "A season ticket costs")
    expected = alone(driven, tokens)
    inside = [driven.ask((100 + n, 200), most=20) for n in range(3)]  # all the places there are
    behind = driven.ask(tokens)
    while not all(each.told for each in inside):
        driven.step()
    assert not behind.told
    before = driven.engine.counters.failed_batches
    driven.forced.next = [FAILED_LATE, FAILED_LATE]  # and when it is tried again
    driven.run()
    for each in inside:
        [error] = each.ends
        assert isinstance(error, InferenceError)
        assert "failed to compute" in str(error)
    assert behind.ends == [FinishReason.LENGTH]
    assert behind.text == expected
    assert driven.engine.counters.failed_batches == before + 2
    driven.empty()


def test_a_cache_that_is_full_against_the_books_preempts_and_loses_nothing(
    driven: Driven,
) -> None:
    prompts = [words(driven, f"{subject} was built in") for subject in ("A mill", "The bridge")]
    expected = [alone(driven, tokens) for tokens in prompts]
    asked = [driven.ask(tokens) for tokens in prompts]
    driven.step()
    driven.forced.next = [NO_ROOM, NO_ROOM]
    driven.run()
    assert [each.text for each in asked] == expected
    driven.empty()


def test_who_is_alone_and_refused_again_and_again_is_told(driven: Driven) -> None:
    """A first refusal once was the end of a request that had the cache for itself."""
    asked = driven.ask(words(driven, "The river"))
    driven.forced.next = [NO_ROOM, NO_ROOM]
    driven.run()
    [error] = asked.ends
    assert isinstance(error, InferenceError)
    assert "no room" in str(error)
    driven.empty()


def test_nobody_loses_a_place_to_who_waits_for_a_shared_beginning(driven: Driven) -> None:
    """Once a batch request gave way to one that then waited for another's prompt all the same.

    It took its place back at the next step and lost it again at the one after, until the prompt
    was computed.
    """
    beginning = tuple(range(1000, 1140))  # three batches of 64
    inside = [driven.ask((100 + n,), most=20, priority=Priority.BATCH) for n in range(2)]
    driven.step()
    first = driven.ask((*beginning, 2000))
    driven.step()
    assert not first.told
    before = driven.engine.counters.preemptions
    second = driven.ask((*beginning, 2001))
    driven.step()
    assert not first.told
    assert driven.engine.counters.preemptions == before
    driven.run()
    assert [each.ends for each in (*inside, first, second)] == [[FinishReason.LENGTH]] * 4
    driven.empty()


def test_who_computes_the_shared_beginning_itself_gives_way_at_once(driven: Driven) -> None:
    """Its place is the one to be had, and what it has computed so far is shared."""
    beginning = tuple(range(1000, 1140))
    inside = [driven.ask((100 + n,), most=20) for n in range(2)]
    driven.step()
    batch = driven.ask((*beginning, 2000), priority=Priority.BATCH)
    driven.step()
    urgent = driven.ask((*beginning, 2001))
    driven.step()
    assert batch.completion in driven.engine.waiting
    assert urgent.completion.cached_tokens
    driven.run()
    assert [each.ends for each in (*inside, batch, urgent)] == [[FinishReason.LENGTH]] * 4
    driven.empty()


statuses = st.sampled_from([OK, OK, OK, NO_ROOM, FAILED, FAILED_LATE])
arrivals = st.tuples(
    st.just("ask"),
    st.integers(0, 2),  # which beginning it shares with others
    st.integers(1, 150),  # tokens
    st.integers(1, 5),  # tokens to write
    st.sampled_from(list(Priority)),
    st.sampled_from(["", "a", "b"]),
)
happenings = st.one_of(
    arrivals,
    st.tuples(st.just("cancel"), st.integers(0, 20)),
    st.tuples(st.just("force"), st.lists(statuses, min_size=1, max_size=3)),
    st.tuples(st.just("step"), st.integers(1, 3)),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(st.lists(happenings, max_size=30))
def test_every_request_ends_once_and_the_books_balance_whatever_is_returned(
    driven: Driven, happens: list[tuple[Any, ...]]
) -> None:
    driven.forced.next.clear()
    asked: list[Asked] = []
    for happening in happens:
        match happening:
            case ("ask", kind, length, most, priority, client):
                beginning = tuple(1000 + 100 * kind + i for i in range(length - 1))
                last = (2000 + len(asked),)
                asked.append(
                    driven.ask(beginning + last, most=most, priority=priority, client=client)
                )
            case ("cancel", number) if number < len(asked):
                asked[number].completion.cancelled = True
            case ("force", coming):
                driven.forced.next += coming
            case ("step", count):
                for _ in range(count):
                    driven.step()
    driven.run()
    for each in asked:
        assert len(each.ends) == 1
        [end] = each.ends
        written = len(each.completion.tokens) - len(each.completion.request.prompt.tokens)
        if end is FinishReason.LENGTH:
            assert written == each.completion.request.sampling.max_tokens
        elif end is FinishReason.CANCELLED:
            assert each.completion.cancelled
        else:
            assert isinstance(end, InferenceError)
    driven.empty()
