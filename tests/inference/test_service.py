"""The service with the real bundled model: many callers, one batch, nobody left waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from inference.engine_config import EngineConfig
from inference.llama.grammar import json_schema_grammar
from inference.request import (
    DeadlineExceeded,
    EngineStopped,
    FinishReason,
    InvalidRequest,
    Message,
    ModelLoadError,
    Priority,
    Prompt,
    QueueFull,
    Request,
    SamplingParams,
)
from inference.service import InferenceService, ServiceState, TokenStream
from tests.inference.chats import assert_same_up_to_ties, chat

pytestmark = pytest.mark.model

QUESTIONS = [
    "What is the capital of France?",
    "Count from one to ten.",
    "Write one sentence about the sea.",
    "Name three colours.",
    "Repeat these words twice: red green blue yellow red green blue yellow.",
    "Who wrote Hamlet?",
    "What is two plus two?",
    "Explain gravity to a child.",
]


@pytest.fixture(scope="module")
def config(llm_path: Path) -> EngineConfig:
    return EngineConfig(llm_path, context_tokens=4096, max_sequences=4, threads=2)


@pytest.fixture(scope="module")
def service(config: EngineConfig) -> Iterator[InferenceService]:
    with InferenceService(config) as service:
        yield service


def test_batched_answers_equal_answers_one_at_a_time(service: InferenceService) -> None:
    requests = [chat(service, question) for question in QUESTIONS]
    alone = [service.complete(request) for request in requests]
    streams = [service.submit(request) for request in requests]
    together = [stream.text() for stream in streams]
    for request, expected, actual in zip(requests, alone, together, strict=True):
        assert_same_up_to_ties(service, request, expected, actual)


def test_reuse_drafts_and_small_batches_change_no_answer(config: EngineConfig) -> None:
    plain = replace(config, prefix_cache=False, drafting=False, max_sequences=1)
    with InferenceService(plain) as service:
        requests = [chat(service, question) for question in QUESTIONS]
        expected = [service.complete(request) for request in requests]
    for varied in (
        replace(config, drafting=False),
        replace(config, prefix_cache=False),
        replace(config, batch_tokens=32, max_sequences=2),
    ):
        with InferenceService(varied) as service:
            streams = [service.submit(request) for request in requests]
            answers = [stream.text() for stream in streams]
            for request, left, right in zip(requests, expected, answers, strict=True):
                assert_same_up_to_ties(service, request, left, right)


def test_a_cache_far_too_small_preempts_and_still_answers_everyone(config: EngineConfig) -> None:
    small = replace(config, context_tokens=256, max_sequences=4)
    with InferenceService(small) as service:
        sampling = SamplingParams(max_tokens=90)
        requests = [chat(service, question, sampling=sampling) for question in QUESTIONS]
        streams = [service.submit(request) for request in requests]
        for stream in streams:
            stream.text()
        assert {s.finish_reason for s in streams} <= {FinishReason.STOP, FinishReason.LENGTH}
        assert service.metrics()["preemptions_total"] > 0


def test_two_callers_are_served_in_the_same_batches(service: InferenceService) -> None:
    before = service.metrics()
    sampling = SamplingParams(max_tokens=40)
    streams = [
        service.submit(chat(service, f"Tell me a long story about a {animal}.", sampling=sampling))
        for animal in ("fox", "bear")
    ]
    for stream in streams:
        stream.text()
    after = service.metrics()
    steps = after["steps_total"] - before["steps_total"]
    tokens = after["completion_tokens_total"] - before["completion_tokens_total"]
    assert tokens > 1.5 * steps


def test_a_repeated_prompt_is_not_computed_again(service: InferenceService) -> None:
    request = chat(service, "What do bees collect, and where do they take it?")
    service.complete(request)
    with service.submit(request) as stream:
        stream.text()
    assert stream.usage is not None
    assert stream.usage.cached_tokens == stream.usage.prompt_tokens - 1


def test_waiting_requests_with_the_same_new_beginning_compute_it_once(
    service: InferenceService,
) -> None:
    beginning = "The quick brown fox jumps over the lazy dog again. " * 20
    prompts = [service.encode(beginning + end) for end in ("One", "Two", "Three")]
    before = service.metrics()["prompt_tokens_computed_total"]
    streams = [service.submit(Request(p, SamplingParams(max_tokens=2))) for p in prompts]
    for stream in streams:
        stream.text()
    computed = service.metrics()["prompt_tokens_computed_total"] - before
    assert computed < len(prompts[0].tokens) + 20


def test_a_follow_up_turn_reuses_the_conversation(service: InferenceService) -> None:
    turns = [Message("user", "Name three colours.")]
    answer = service.complete(Request(service.encode_chat(turns), SamplingParams(max_tokens=30)))
    follow_up = [*turns, Message("assistant", answer), Message("user", "And one more?")]
    prompt = service.encode_chat(follow_up)
    with service.submit(Request(prompt, SamplingParams(max_tokens=4))) as stream:
        stream.text()
    assert stream.usage is not None
    # all but the new question and the turn markers around it
    assert stream.usage.cached_tokens >= len(prompt.tokens) - 25


def test_a_cancelled_stream_ends_and_its_cells_are_free_again(service: InferenceService) -> None:
    request = chat(service, "Write a very long story.", sampling=SamplingParams(max_tokens=3000))
    with service.submit(request) as stream:
        next(stream)
        stream.cancel()
        rest = list(stream)
    assert rest[-1].finish_reason is FinishReason.CANCELLED
    assert service.metrics()["requests_running"] == 0


def test_a_reader_who_stops_reading_delays_nobody(service: InferenceService) -> None:
    story = chat(service, "Write a long story.", sampling=SamplingParams(max_tokens=60))
    paused = service.submit(story)
    assert service.complete(chat(service, "Who wrote Hamlet?"))
    assert paused.text()


def test_stop_strings_end_the_text_before_them(service: InferenceService) -> None:
    request = chat(service, "Count from one to ten.", sampling=SamplingParams(max_tokens=60))
    whole = service.complete(request)
    stop = whole[len(whole) // 2 :][:3]
    stopped = replace(request, sampling=SamplingParams(max_tokens=60, stop=(stop,)))
    assert service.complete(stopped) == whole[: whole.index(stop)]


def test_max_tokens_and_the_context_end_a_completion_with_length(service: InferenceService) -> None:
    request = chat(service, "Write a long story.", sampling=SamplingParams(max_tokens=5))
    with service.submit(request) as stream:
        stream.text()
    assert stream.finish_reason is FinishReason.LENGTH
    assert stream.usage is not None
    assert stream.usage.completion_tokens == 5


def test_the_same_seed_draws_the_same_text_and_another_seed_another(config: EngineConfig) -> None:
    # An empty cache each time: where cells lie changes the order of sums, and so the rounding.
    with InferenceService(replace(config, prefix_cache=False)) as service:

        def draw(seed: int) -> str:
            sampling = SamplingParams(temperature=1.0, seed=seed, max_tokens=16)
            return service.complete(chat(service, "Write a poem.", sampling=sampling))

        assert draw(1) == draw(1)
        assert draw(1) != draw(2)


def test_a_banned_token_is_not_chosen(service: InferenceService) -> None:
    request = chat(service, "What is the capital of France?")
    [first, *_] = service.tokenizer.encode(service.complete(request))
    banned = SamplingParams(max_tokens=8, logit_bias={first: float("-inf")})
    other = service.complete(replace(request, sampling=banned))
    assert service.tokenizer.encode(other)[0] != first


def test_log_probabilities_are_those_of_the_softmax(service: InferenceService) -> None:
    sampling = SamplingParams(max_tokens=4, logprobs=20)
    with service.submit(chat(service, "Who wrote Hamlet?", sampling=sampling)) as stream:
        records = [record for event in stream for record in event.logprobs]
    assert records
    for record in records:
        alternatives = [logprob for _, logprob in record.top]
        assert alternatives == sorted(alternatives, reverse=True)
        assert record.logprob == pytest.approx(alternatives[0])
        assert 0 < np.exp(alternatives).sum() <= 1 + 1e-6


def test_a_json_schema_makes_valid_json(service: InferenceService) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}, "big": {"type": "boolean"}},
        "required": ["city", "big"],
    }
    grammar = json_schema_grammar(json.dumps(schema))
    sampling = SamplingParams(max_tokens=80, grammar=grammar)
    answer = json.loads(service.complete(chat(service, "Describe Paris.", sampling=sampling)))
    assert set(answer) == {"city", "big"}


def test_a_batch_request_gives_way_to_an_interactive_one(config: EngineConfig) -> None:
    with InferenceService(replace(config, max_sequences=1)) as service:
        job = chat(service, "Write a long story.", sampling=SamplingParams(max_tokens=80))
        with service.submit(replace(job, priority=Priority.BATCH)) as background:
            next(background)
            question = service.submit(chat(service, "Who wrote Hamlet?"))
            question.text()
            assert not background.ended
            background.text()
        assert service.metrics()["preemptions_total"] == 1
        assert background.finish_reason in (FinishReason.STOP, FinishReason.LENGTH)


@pytest.mark.parametrize(
    ("request_of", "reason"),
    [
        (lambda s: Request(Prompt(())), "empty"),
        (lambda s: Request(Prompt((1,) * 5000)), "at most"),
        (lambda s: Request(Prompt((10**9,))), "token ids"),
        (lambda s: Request(Prompt((1,)), SamplingParams(logit_bias={-5: 1.0})), "logit_bias"),
    ],
    ids=["empty", "too-long", "bad-token", "bad-bias"],
)
def test_impossible_requests_are_refused_at_once(service, request_of, reason) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidRequest, match=reason):
        service.submit(request_of(service))


@pytest.mark.parametrize("grammar", ["this is not GBNF", 'root ::= "\ud800"'])
def test_a_broken_grammar_fails_its_own_request_only(
    service: InferenceService, grammar: str
) -> None:
    """One with half a character (a lone surrogate) once ended the engine's thread."""
    request = chat(service, "Hi", sampling=SamplingParams(grammar=grammar))
    with pytest.raises(InvalidRequest, match="grammar"):
        service.complete(request)
    assert service.complete(chat(service, "Who wrote Hamlet?"))


def test_a_full_queue_refuses_with_the_wait_to_expect(config: EngineConfig) -> None:
    with InferenceService(replace(config, max_sequences=1, queue_limit=2)) as service:
        request = chat(service, "Write a story.", sampling=SamplingParams(max_tokens=400))
        streams: list[TokenStream] = []

        def submit_many() -> None:
            for _ in range(10):
                streams.append(service.submit(request))

        with pytest.raises(QueueFull) as refused:
            submit_many()
        assert refused.value.retry_after_seconds >= 1
        assert len(streams) >= 2
        for stream in streams:
            stream.cancel()


def test_a_deadline_ends_a_request_with_an_error(service: InferenceService) -> None:
    request = chat(service, "Write a story.", sampling=SamplingParams(max_tokens=2000))
    with pytest.raises(DeadlineExceeded):
        service.complete(replace(request, deadline_seconds=0.05))


def test_closing_tells_every_waiter_and_refuses_newcomers(config: EngineConfig) -> None:
    service = InferenceService(replace(config, max_sequences=1))
    request = chat(service, "Write a story.", sampling=SamplingParams(max_tokens=500))
    streams = [service.submit(request) for _ in range(3)]
    next(streams[0])
    service.close()
    assert [list(s)[-1].finish_reason for s in streams] == [FinishReason.CANCELLED] * 3
    with pytest.raises(EngineStopped, match="closed"):
        service.submit(request)


def test_draining_finishes_what_was_submitted(config: EngineConfig) -> None:
    service = InferenceService(config)
    streams = [service.submit(chat(service, question)) for question in QUESTIONS]
    service.close(drain=True)
    reasons = {s.finish_reason for s in streams if s.text()}
    assert reasons <= {FinishReason.STOP, FinishReason.LENGTH}
    assert service.state is ServiceState.STOPPED


def test_an_exception_in_the_loop_reaches_every_waiter(
    config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = InferenceService(config)
    request = chat(service, "Write a story.", sampling=SamplingParams(max_tokens=500))
    streams = [service.submit(request) for _ in range(6)]
    monkeypatch.setattr(service._engine, "_plan", lambda: 1 / 0)
    for stream in streams:
        with pytest.raises(EngineStopped, match="division"):
            stream.text()
    with pytest.raises(EngineStopped, match="division"):
        service.submit(request)
    service.close()
    assert service.state is ServiceState.FAILED


def test_many_threads_with_random_cancels_all_end_and_the_books_balance(
    config: EngineConfig,
) -> None:
    small = replace(config, context_tokens=512)
    random = np.random.default_rng(7)
    limits = random.integers(1, 40, size=40)
    patience = random.integers(1, 30, size=40)
    with InferenceService(small) as service:

        def run(index: int) -> FinishReason | None:
            question = QUESTIONS[index % len(QUESTIONS)]
            sampling = SamplingParams(max_tokens=int(limits[index]))
            with service.submit(chat(service, question, sampling=sampling)) as stream:
                for count, _ in enumerate(stream):
                    if index % 3 == 0 and count >= patience[index]:
                        stream.cancel()
            return stream.finish_reason

        with ThreadPoolExecutor(12) as pool:
            reasons = list(pool.map(run, range(40)))
        assert None not in reasons
        assert FinishReason.ERROR not in reasons
        engine = service._engine  # idle now: its thread waits for a command
        assert not engine.has_work
        engine.check()
        engine.cache.drop_retained()
        assert engine.cache.used == 0


def test_a_missing_or_damaged_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no model file"):
        InferenceService(EngineConfig(tmp_path / "absent.gguf"))
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"GGUF" + b"\0" * 1000)
    with pytest.raises(ModelLoadError, match="junk"):
        InferenceService(EngineConfig(junk))


def test_a_missing_adapter_is_named(config: EngineConfig, tmp_path: Path) -> None:
    """It was "not a LoRA adapter", with llama.cpp's last words on the size of the context."""
    absent = tmp_path / "absent.gguf"
    with pytest.raises(ModelLoadError) as raised:
        InferenceService(replace(config, adapters=((absent, 1.0),))).close()
    assert str(raised.value) == (
        f"there is no LoRA adapter {absent}; PAPERLIGHT_ADAPTERS names the files"
    )


def test_streams_can_be_read_from_any_thread(service: InferenceService) -> None:
    stream = service.submit(chat(service, "Who wrote Hamlet?"))
    texts: list[str] = []
    reader = threading.Thread(target=lambda: texts.append(stream.text()))
    reader.start()
    reader.join(60)
    assert texts[0]
