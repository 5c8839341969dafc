"""The engine in a process of its own: everything goes through, and its death is survived."""

from __future__ import annotations

import logging
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference import supervised
from inference.engine_config import EngineConfig
from inference.request import (
    DeadlineExceeded,
    EngineStopped,
    FinishReason,
    InvalidRequest,
    ModelLoadError,
    Priority,
    Prompt,
    QueueFull,
    Request,
    SamplingParams,
)
from inference.service import GenerationService, InferenceService, ServiceState
from inference.supervised import SupervisedService, engine_command
from inference.wire import Wire, config_to_plain
from tests.inference.chats import chat

pytestmark = pytest.mark.model

ROOT = Path(__file__).resolve().parent.parent.parent
QUESTIONS = ["What is the capital of France?", "Count from one to ten.", "Name three colours."]


@pytest.fixture(scope="module")
def config(llm_path: Path) -> EngineConfig:
    return EngineConfig(llm_path, context_tokens=4096, max_sequences=4, threads=2)


@pytest.fixture(scope="module")
def service(config: EngineConfig) -> Iterator[SupervisedService]:
    with SupervisedService(config) as service:
        yield service


def story(service: GenerationService, *, max_tokens: int = 3000) -> Request:
    """A request that does not end by itself before `max_tokens`."""
    sampling = SamplingParams(
        max_tokens=max_tokens, logit_bias={service.tokenizer.eos: float("-inf")}
    )
    return chat(service, "Write a very long story.", sampling=sampling)


def kill(service: SupervisedService, number: int = signal.SIGKILL) -> int:
    """Send a signal to the engine's process; its id."""
    pid = service.engine_pid
    assert pid is not None
    os.kill(pid, number)
    return pid


def kill_and_see(service: SupervisedService) -> None:
    """Kill the process and wait until the service has noticed."""
    with service.submit(story(service)) as stream:
        next(stream)
        kill(service)
        with pytest.raises(EngineStopped):
            stream.text()


def test_answers_figures_and_log_probabilities_equal_those_of_the_engine_in_process(
    config: EngineConfig,
) -> None:
    # One at a time with an empty cache: then both compute the very same batches.
    config = replace(config, prefix_cache=False)
    sampling = SamplingParams(max_tokens=24, logprobs=3)
    with InferenceService(config) as here, SupervisedService(config) as there:
        assert there.model == here.model
        assert there.context_tokens == here.context_tokens
        assert there.tokenizer.size == here.tokenizer.size
        for question in QUESTIONS:
            request = chat(here, question, sampling=sampling)
            assert chat(there, question, sampling=sampling) == request
            one, other = here.submit(request), there.submit(request)
            expected, actual = list(one), list(other)
            assert [e.text for e in actual] == [e.text for e in expected]
            assert [e.logprobs for e in actual] == [e.logprobs for e in expected]
            assert other.finish_reason is one.finish_reason
            assert one.usage is not None
            assert other.usage is not None
            assert other.usage.completion_tokens == one.usage.completion_tokens
            assert other.usage.prompt_tokens == one.usage.prompt_tokens
        computed = "prompt_tokens_computed_total"
        assert there.metrics()[computed] == here.metrics()[computed]


def test_tokens_arrive_one_by_one(service: SupervisedService) -> None:
    with service.submit(story(service, max_tokens=12)) as stream:
        events = list(stream)
    assert len(events) > 6
    assert [event.finish_reason for event in events[:-1]] == [None] * (len(events) - 1)
    assert events[-1].finish_reason is FinishReason.LENGTH


def test_callers_share_the_batches_of_the_process(service: SupervisedService) -> None:
    before = service.metrics()
    streams = [service.submit(story(service, max_tokens=40)) for _ in range(4)]
    for stream in streams:
        stream.text()
    after = service.metrics()
    steps = after["steps_total"] - before["steps_total"]
    assert after["completion_tokens_total"] - before["completion_tokens_total"] > 2 * steps


def test_cancelling_ends_the_stream_and_frees_its_place(service: SupervisedService) -> None:
    with service.submit(story(service)) as stream:
        next(stream)
        stream.cancel()
        rest = list(stream)
    assert rest[-1].finish_reason is FinishReason.CANCELLED
    assert stream.usage is not None
    assert service.metrics()["requests_running"] == 0


def test_stop_strings_deadlines_and_refusals_go_through(service: SupervisedService) -> None:
    request = chat(service, "Count from one to ten.", sampling=SamplingParams(max_tokens=40))
    whole = service.complete(request)
    stop = whole[len(whole) // 2 :][:3]
    stopped = replace(request, sampling=SamplingParams(max_tokens=40, stop=(stop,)))
    assert service.complete(stopped) == whole[: whole.index(stop)]
    with pytest.raises(DeadlineExceeded):
        service.complete(replace(story(service), deadline_seconds=0.05))
    with pytest.raises(InvalidRequest, match="grammar"):
        service.complete(chat(service, "Hi", sampling=SamplingParams(grammar="this is not GBNF")))
    for prompt in ((), (10**9,), (1,) * 5000):
        with pytest.raises(InvalidRequest):
            service.submit(Request(Prompt(prompt)))


def test_a_full_queue_refuses_with_the_wait_to_expect(config: EngineConfig) -> None:
    with SupervisedService(replace(config, max_sequences=1, queue_limit=2)) as service:
        running = service.submit(story(service))
        next(running)  # it has left the line
        waiting = [service.submit(replace(story(service), priority=Priority.BATCH))]
        waiting.append(service.submit(story(service)))
        with pytest.raises(QueueFull) as refused:
            service.submit(story(service))
        assert refused.value.retry_after_seconds >= 1
        assert service.metrics()["requests_waiting"] == 2
        for stream in (running, *waiting):
            stream.cancel()
            list(stream)
        assert service.complete(chat(service, "Who wrote Hamlet?"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT], ids=lambda n: n.name)
def test_a_killed_process_costs_what_was_under_way_and_nothing_else(
    service: SupervisedService, number: signal.Signals
) -> None:
    before = service.metrics()
    streams = [service.submit(story(service)) for _ in range(4)]
    for stream in streams:
        next(stream)
    pid = kill(service, number)
    for stream in streams:
        with pytest.raises(EngineStopped, match=rf"{number.name}.*starting again"):
            stream.text()
        assert stream.finish_reason is FinishReason.ERROR
    assert service.complete(chat(service, "Who wrote Hamlet?"))
    assert service.state is ServiceState.RUNNING
    assert service.engine_pid not in (None, pid)
    after = service.metrics()
    assert after["engine_restarts_total"] == before["engine_restarts_total"] + 1
    assert after["requests_error_total"] >= 4


def test_requests_wait_for_the_next_process_and_may_be_cancelled_meanwhile(
    service: SupervisedService,
) -> None:
    kill_and_see(service)
    question, endless = chat(service, "Who wrote Hamlet?"), story(service)
    answered, late, left = (
        service.submit(question),
        service.submit(replace(question, deadline_seconds=1e-6)),
        service.submit(endless),
    )
    left.cancel()
    assert list(left)[-1].finish_reason is FinishReason.CANCELLED
    assert left.usage is not None
    assert answered.text()
    with pytest.raises(DeadlineExceeded):
        late.text()


def test_an_exception_in_the_process_is_told_with_its_reason(service: SupervisedService) -> None:
    assert service._life is not None
    with service.submit(story(service)) as stream:
        next(stream)
        service._life.wire.send(["submit", 0, {}])  # no request looks like this
        with pytest.raises(EngineStopped, match="KeyError"):
            stream.text()
    assert service.complete(chat(service, "Who wrote Hamlet?"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_a_stop_that_is_meant_for_the_parent_does_not_end_the_engine(
    service: SupervisedService, number: signal.Signals
) -> None:
    pid = kill(service, number)
    assert service.complete(chat(service, "Who wrote Hamlet?"))
    assert service.engine_pid == pid


def test_a_model_that_cannot_be_loaded_again_ends_the_attempts(
    config: EngineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "LONGEST_BACKOFF_SECONDS", 0.0)
    model = tmp_path / "model.gguf"
    shutil.copyfile(config.model_path, model)
    with SupervisedService(replace(config, model_path=model)) as service:
        assert service.complete(chat(service, "Who wrote Hamlet?"))
        model.unlink()
        kill_and_see(service)
        with pytest.raises(EngineStopped, match=r"in a row.*no model file"):
            service.complete(chat(service, "Who wrote Hamlet?"))
        assert service.state is ServiceState.FAILED
        with pytest.raises(EngineStopped, match="no model file"):
            service.submit(chat(service, "Who wrote Hamlet?"))
        assert service.metrics()["requests_running"] == 0


def test_a_missing_or_damaged_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="no model file"):
        SupervisedService(EngineConfig(tmp_path / "absent.gguf"))
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"GGUF" + b"\0" * 1000)
    with pytest.raises(ModelLoadError, match="junk"):
        SupervisedService(EngineConfig(junk))


def test_settings_that_cannot_be_are_refused_at_the_start(config: EngineConfig) -> None:
    adapter = replace(config, adapters=((Path("absent-lora.gguf"), 1.0),))
    with pytest.raises(ModelLoadError, match="absent-lora"):
        SupervisedService(adapter)


def test_closing_cancels_what_runs_and_ends_the_process(config: EngineConfig) -> None:
    service = SupervisedService(replace(config, max_sequences=1))
    streams = [service.submit(story(service)) for _ in range(3)]
    next(streams[0])
    assert service._life is not None
    process = service._life.process
    service.close()
    assert process.returncode == 0
    assert [list(s)[-1].finish_reason for s in streams] == [FinishReason.CANCELLED] * 3
    assert service.engine_pid is None
    with pytest.raises(EngineStopped, match="closed"):
        service.submit(story(service))
    service.close()


def test_draining_finishes_what_was_submitted(config: EngineConfig) -> None:
    service = SupervisedService(config)
    streams = [service.submit(chat(service, question)) for question in QUESTIONS * 3]
    service.close(drain=True)
    assert all(stream.text() for stream in streams)
    assert service.state is ServiceState.STOPPED


def test_closing_while_the_process_starts_again_ends_at_once(config: EngineConfig) -> None:
    service = SupervisedService(config)
    kill_and_see(service)
    waiting = service.submit(story(service))
    service.close()
    assert list(waiting)[-1].finish_reason is FinishReason.CANCELLED
    assert service.state is ServiceState.STOPPED


_PROGRAM = """
import sys
from pathlib import Path
from inference.engine_config import EngineConfig
from inference.request import Message, Request, SamplingParams
from inference.supervised import SupervisedService

service = SupervisedService(EngineConfig(Path(sys.argv[1]), context_tokens=4096, threads=1))
prompt = service.encode_chat([Message("user", "Write a very long story.")])
bias = {service.tokenizer.eos: float("-inf")}
stream = service.submit(Request(prompt, SamplingParams(max_tokens=3000, logit_bias=bias)))
next(stream)
print(service.engine_pid, flush=True)
stream.text()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
def test_the_process_ends_with_a_killed_parent(llm_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(llm_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent.stdout:
        engine = os.pidfd_open(int(parent.stdout.readline()))
        poller = select.poll()
        poller.register(engine, select.POLLIN)
        assert not poller.poll(0)
        parent.kill()
        parent.wait()
        try:
            assert poller.poll(10_000)  # readable once it has ended
        finally:
            os.close(engine)


def test_a_process_whose_pipe_is_closed_ends_itself(config: EngineConfig) -> None:
    """What does without the kernel's help on other systems."""
    process = subprocess.Popen(engine_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    wire = Wire(process.stdout, process.stdin)
    try:
        wire.send(["start", config_to_plain(config), logging.WARNING])
        ready = wire.receive()
        assert ready is not None
        assert ready[0] == "ready"
        process.stdin.close()
        assert process.wait(30) == 1
    finally:
        process.kill()
        process.wait()
        wire.close()


def test_requests_that_meet_a_dying_process_are_told_or_wait(service: SupervisedService) -> None:
    """Whatever moment the death comes at: an error that says to ask again, or an answer."""
    question = chat(service, "Who wrote Hamlet?", sampling=SamplingParams(max_tokens=2))
    service.complete(question)
    kill(service)
    answers = 0
    for _ in range(50):
        try:
            answers += bool(service.complete(question))
        except EngineStopped as error:
            assert "ask again" in str(error)  # noqa: PT017 - either outcome is right
    assert answers
