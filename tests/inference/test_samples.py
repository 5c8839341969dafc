"""Samples of one prompt: computed once, drawn apart, all or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.completion import Completion
from inference.engine import WORTH_WAITING_TOKENS, Engine
from inference.engine_config import EngineConfig
from inference.request import (
    FinishReason,
    InferenceError,
    InvalidRequest,
    Prompt,
    QueueFull,
    Request,
    SamplingParams,
    TokenEvent,
)
from inference.samples import sample_requests, submit_all
from inference.service import InferenceService
from tests.fakes import ScriptedService
from tests.inference.chats import chat

SHORT = "Name a fish."
LONG = "Read this list and name what is missing: " + ", ".join(f"item {i}" for i in range(120))


@pytest.fixture(scope="module")
def service(llm_path: Path) -> Iterator[InferenceService]:
    with InferenceService(EngineConfig(llm_path, context_tokens=4096)) as service:
        yield service


def test_each_sample_has_the_next_seed() -> None:
    request = Request(Prompt((1,)), SamplingParams(temperature=1.0, seed=0xFFFFFFFF))
    assert [r.sampling.seed for r in sample_requests(request, 3)] == [0xFFFFFFFF, 0, 1]
    unseeded = Request(Prompt((1,)), SamplingParams(temperature=1.0))
    assert sample_requests(unseeded, 2) == [unseeded, unseeded]
    with pytest.raises(InvalidRequest, match="1 or more"):
        sample_requests(request, 0)


def test_where_one_is_refused_the_others_are_cancelled() -> None:
    class Full(ScriptedService):
        def submit(self, request: Request):  # type: ignore[no-untyped-def]
            if len(self.streams) == 2:
                raise QueueFull("full", 1.0)
            return super().submit(request)

    service = Full("x", hold=True)
    with pytest.raises(QueueFull):
        submit_all(service, [Request(Prompt((1,)))] * 3)
    assert [stream.cancelled.is_set() for stream in service.streams] == [True, True]


@pytest.mark.model
@pytest.mark.parametrize("question", [SHORT, LONG], ids=["short", "long"])
def test_four_samples_compute_their_prompt_once(service: InferenceService, question: str) -> None:
    request = chat(service, question, SamplingParams(temperature=1.0, seed=1, max_tokens=4))
    length = len(request.prompt.tokens)
    before = service.metrics()
    streams = submit_all(service, sample_requests(request, 4))
    for stream in streams:
        stream.text()
    after = service.metrics()
    # The counter holds what was computed in pieces of prompts; a last token that is computed for
    # its logits alone is not in it.
    name = "prompt_tokens_computed_total"
    assert length - 25 <= after[name] - before[name] <= length
    cached = [stream.usage.cached_tokens for stream in streams if stream.usage]
    assert cached[1:] == [length - 1] * 3


@pytest.mark.model
def test_equal_prompts_that_arrive_together_are_computed_once_however_short(
    llm_path: Path,
) -> None:
    """All were admitted at once: a prompt below WORTH_WAITING_TOKENS was computed four times."""
    engine = Engine(EngineConfig(llm_path, context_tokens=512))
    tokens = tuple(engine.tokenizer.encode("One, two, three, four,"))
    assert len(tokens) < WORTH_WAITING_TOKENS
    events: list[TokenEvent | InferenceError] = []
    request = Request(Prompt(tokens), SamplingParams(max_tokens=2))
    completions = [Completion(request, events.append, 0.0) for _ in range(4)]
    for completion in completions:
        engine.enqueue(completion)
    while engine.has_work:
        engine.step()
    assert engine.counters.prompt_tokens_computed == len(tokens)
    usages = [completion.usage for completion in completions]
    assert [usage.cached_tokens for usage in usages if usage] == [0] + [len(tokens) - 1] * 3
    engine.check()
    engine.close()


@pytest.mark.model
def test_greedy_samples_are_equal(service: InferenceService) -> None:
    request = chat(service, SHORT, SamplingParams(max_tokens=16))
    texts = [stream.text() for stream in submit_all(service, sample_requests(request, 3))]
    assert texts[0]
    assert len(set(texts)) == 1


@pytest.mark.model
def test_seeded_samples_differ_from_each_other_and_not_from_their_seeds(llm_path: Path) -> None:
    # An empty cache each time: where cells lie changes the order of sums, and so the rounding.
    config = EngineConfig(llm_path, context_tokens=4096, prefix_cache=False, max_sequences=1)
    with InferenceService(config) as service:
        request = chat(service, SHORT, SamplingParams(temperature=1.5, seed=7, max_tokens=12))
        texts = [stream.text() for stream in submit_all(service, sample_requests(request, 3))]
        alone = replace(request, sampling=replace(request.sampling, seed=8))
        assert service.complete(alone) == texts[1]
        assert len(set(texts)) == 3


@pytest.mark.model
def test_samples_end_when_cancelled(service: InferenceService) -> None:
    request = chat(service, LONG, SamplingParams(temperature=1.0, max_tokens=2000))
    streams = submit_all(service, sample_requests(request, 4))
    next(streams[0])
    for stream in streams:
        stream.cancel()
    assert {list(stream)[-1].finish_reason for stream in streams} == {FinishReason.CANCELLED}
