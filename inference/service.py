"""The engine behind a thread: submit from anywhere, read each completion's own stream.

One thread owns the model. Commands reach it through a queue, tokens leave through one mailbox a
request, so a slow reader delays nobody (a mailbox never holds more than its request's max_tokens
events). Whatever breaks the loop is told to every waiter, and later submissions are refused with
the same cause.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any, Self

import numpy as np

from inference.chat_template import ChatTemplate
from inference.completion import Completion
from inference.engine import Engine
from inference.engine_config import EngineConfig
from inference.llama.interruption import heeding_interrupts
from inference.llama.model import Model, Vocabulary
from inference.llama.tokenizer import Tokenizer
from inference.model_description import ModelDescription
from inference.request import (
    EngineStopped,
    FinishReason,
    InferenceError,
    Message,
    Prompt,
    QueueFull,
    Request,
    TokenEvent,
    Usage,
)

logger = logging.getLogger(__name__)

DEFAULT_REQUEST_SECONDS = 5.0  # for the first Retry-After, before anything was measured


class ServiceState(Enum):
    """RUNNING takes requests; DRAINING finishes what it has; STOPPED and FAILED refuse.

    RESTARTING: the engine's process died and is started again; requests wait for it.
    """

    RUNNING = "running"
    RESTARTING = "restarting"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


class TokenStream(Iterator[TokenEvent]):
    """The events of one completion, for one reader.

    Iterating blocks until the next event; the last one carries the finish reason. Raises the
    request's InferenceError where it failed. Leaving a `with` block, or `close`, cancels.
    """

    def __init__(self, request: Request, wake: Callable[[], None]) -> None:
        self._mailbox: SimpleQueue[TokenEvent | InferenceError] = SimpleQueue()
        self._wake = wake
        self._ended = False
        self.finish_reason: FinishReason | None = None
        self.completion = Completion(request, self._mailbox.put, time.monotonic())

    def __next__(self) -> TokenEvent:
        if self._ended:
            raise StopIteration
        return self._open(self._mailbox.get())

    def next_event(self, timeout_seconds: float) -> TokenEvent | None:
        """The next event, or None if there is none within the time or the stream has ended."""
        if self._ended:
            return None
        try:
            return self._open(self._mailbox.get(timeout=timeout_seconds))
        except Empty:
            return None

    def _open(self, event: TokenEvent | InferenceError) -> TokenEvent:
        if isinstance(event, InferenceError):
            self._ended = True
            self.finish_reason = FinishReason.ERROR
            raise event
        if event.finish_reason is not None:
            self._ended = True
            self.finish_reason = event.finish_reason
        return event

    @property
    def ended(self) -> bool:
        """True once the last event was read."""
        return self._ended

    @property
    def usage(self) -> Usage | None:
        """What the completion cost; None until it has ended."""
        return self.completion.usage

    def text(self) -> str:
        """Read to the end; the whole text."""
        return "".join(event.text for event in self)

    def cancel(self) -> None:
        """Stop generating; the stream ends with FinishReason.CANCELLED. Idempotent."""
        self.completion.cancelled = True
        self._wake()

    def close(self) -> None:
        """Cancel unless the end was read."""
        if not self._ended:
            self.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class GenerationService(ABC):
    """A model that serves many callers at once: what they see of it, wherever its engine runs."""

    def __init__(self, config: EngineConfig, vocabulary: Model | Vocabulary) -> None:
        self.config = config
        self._tokenizer = tokenizer = vocabulary.tokenizer
        self._template = ChatTemplate(
            vocabulary.chat_template,
            tokenizer,
            bos_text=tokenizer.text(tokenizer.bos) if tokenizer.bos >= 0 else "",
            eos_text=tokenizer.text(tokenizer.eos) if tokenizer.eos >= 0 else "",
        )

    @property
    @abstractmethod
    def state(self) -> ServiceState:
        """Whether requests are taken."""

    @property
    @abstractmethod
    def model(self) -> ModelDescription:
        """Facts of the model file."""

    @property
    @abstractmethod
    def context_tokens(self) -> int:
        """Most tokens one request may have, prompt and completion together."""

    @property
    @abstractmethod
    def devices(self) -> tuple[str, ...]:
        """GPUs that layers were offloaded to; () on a CPU."""

    @property
    @abstractmethod
    def keeps_passages(self) -> bool:
        """Whether passages of a prompt are computed once and kept (passage blocks)."""

    @abstractmethod
    def submit(self, request: Request) -> TokenStream:
        """Queue a request and return at once.

        Raises InvalidRequest, QueueFull (with the wait to expect) or EngineStopped.
        """

    @abstractmethod
    def metrics(self) -> dict[str, float]:
        """Counters and gauges, by Prometheus-style names (no labels but those in the names)."""

    @abstractmethod
    def close(self, *, drain: bool = False) -> None:
        """Stop and free the model. drain: finish what was submitted first. Idempotent."""

    @property
    def model_name(self) -> str:
        """The model's short name: its file name without the ending."""
        return self.model.name

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer; usable from any thread."""
        return self._tokenizer

    def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        answer_start: str = "",
    ) -> Prompt:
        """Tokens of a conversation through the model's own chat template; see ChatTemplate."""
        return self._template.encode(
            messages, add_generation_prompt=add_generation_prompt, answer_start=answer_start
        )

    def encode(self, text: str) -> Prompt:
        """Tokens of plain text to continue, with the beginning-of-text token where one is used."""
        tokens = self.tokenizer.encode(text)
        if self.tokenizer.adds_bos:
            tokens.insert(0, self.tokenizer.bos)
        return Prompt(tuple(tokens))

    def complete(self, request: Request) -> str:
        """Submit and wait: the whole text."""
        with self.submit(request) as stream:
            return stream.text()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class InferenceService(GenerationService):
    """The engine in a thread of this process.

    Loading happens here and takes seconds; raises ModelLoadError.
    """

    def __init__(self, config: EngineConfig) -> None:
        with heeding_interrupts():
            self._engine = Engine(config)
        super().__init__(config, self._engine.model)
        self._commands: SimpleQueue[Completion | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards state and the count of those who wait
        self._queued = 0
        self._state = ServiceState.RUNNING
        self._cause: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="paperlight-engine", daemon=True)
        self._thread.start()

    # --- what callers see ---------------------------------------------------------------------

    @property
    def state(self) -> ServiceState:
        """Whether requests are taken."""
        return self._state

    @property
    def model(self) -> ModelDescription:
        """Facts of the model file."""
        return self._engine.model.description

    @property
    def context_tokens(self) -> int:
        """Most tokens one request may have, prompt and completion together."""
        return self._engine.context_tokens

    @property
    def devices(self) -> tuple[str, ...]:
        """GPUs that layers were offloaded to; () on a CPU."""
        return self._engine.devices

    @property
    def keeps_passages(self) -> bool:
        """Whether passages of a prompt are computed once and kept (passage blocks)."""
        return self._engine.blocks.enabled

    def submit(self, request: Request) -> TokenStream:
        """Queue a request and return at once.

        Raises InvalidRequest, QueueFull (with the wait to expect) or EngineStopped.
        """
        self._engine.validate(request)
        stream = TokenStream(request, self._wake)
        with self._lock:
            if self._state is not ServiceState.RUNNING:
                raise self._stopped_error()
            if self._queued >= self.config.queue_limit:
                wait = self._expected_wait()
                raise QueueFull(
                    f"{self._queued} requests are waiting; try again in {wait:.0f} s", wait
                )
            self._queued += 1
            self._commands.put(stream.completion)
        return stream

    def metrics(self) -> dict[str, float]:
        """Counters and gauges, by Prometheus-style names (no labels but those in the names)."""
        return engine_metrics(self._engine, waiting=self._queued)

    def close(self, *, drain: bool = False) -> None:
        """Stop and free the model. drain: finish what was submitted first. Idempotent."""
        with self._lock:
            if self._state is ServiceState.RUNNING:
                self._state = ServiceState.DRAINING if drain else ServiceState.STOPPED
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # --- the owner thread ---------------------------------------------------------------------

    def _wake(self) -> None:
        self._commands.put(None)

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            logger.exception("the engine stopped")
            with self._lock:
                self._state, self._cause = ServiceState.FAILED, error
            self._engine.fail_all(self._stopped_error())
        else:
            self._engine.cancel_all()
            with self._lock:
                self._state = ServiceState.STOPPED
        self._refuse_the_rest()
        self._engine.close()

    def _serve(self) -> None:
        engine = self._engine
        while self._state is not ServiceState.STOPPED:
            idle = not engine.has_work
            if idle and self._state is ServiceState.DRAINING and self._commands.empty():
                return
            running = self._state is ServiceState.RUNNING
            self._take_commands(block=idle and running and not engine.has_idle_work)
            if engine.has_work or (running and engine.has_idle_work):
                engine.step()
            with self._lock:
                # Those in the queue are counted by submit; what the engine holds, by itself.
                self._queued = len(engine.waiting) + self._commands.qsize()

    def _take_commands(self, *, block: bool) -> None:
        if block:
            completion = self._commands.get()
            if completion is not None:
                self._engine.enqueue(completion)
        while not self._commands.empty():
            completion = self._commands.get()
            if completion is not None:
                self._engine.enqueue(completion)

    def _refuse_the_rest(self) -> None:
        """Answer those who submitted while the loop was ending."""
        while not self._commands.empty():
            completion = self._commands.get()
            if completion is not None:
                completion.sink(self._stopped_error())

    def _stopped_error(self) -> EngineStopped:
        if self._cause is None:
            return EngineStopped("the inference service is closed")
        error = EngineStopped(f"the inference engine stopped: {self._cause}")
        error.__cause__ = self._cause
        return error

    def _expected_wait(self) -> float:
        recent = list(self._engine.counters.request_seconds)
        each = sum(recent) / len(recent) if recent else DEFAULT_REQUEST_SECONDS
        return max(1.0, self._queued * each / self.config.max_sequences)


def engine_metrics(engine: Engine, *, waiting: int) -> dict[str, float]:
    """The figures of an engine for `GenerationService.metrics`. waiting: requests in line."""
    counters, cache = engine.counters, engine.cache
    figures: dict[str, float] = {
        f"requests_{reason.value}_total": float(count)
        for reason, count in counters.requests.items()
    }
    figures |= {
        "requests_running": len(engine.running),
        "requests_waiting": waiting,
        "steps_total": counters.steps,
        "step_seconds_total": counters.step_seconds,
        "decode_seconds_total": counters.decode_seconds,
        "batch_rows_total": counters.rows,
        "prompt_tokens_computed_total": counters.prompt_tokens_computed,
        "prompt_tokens_reused_total": counters.prompt_tokens_reused,
        "completion_tokens_total": counters.completion_tokens,
        "passage_blocks_to_build": engine.blocks_to_build,
        "preemptions_total": counters.preemptions,
        "draft_tokens_total": counters.drafted_tokens,
        "draft_tokens_accepted_total": counters.accepted_draft_tokens,
        "failed_batches_total": counters.failed_batches,
        "gpu_layers": engine.gpu_layers,
        "model_layers": engine.model.description.layers + 1,  # llama.cpp counts the output as one
        "threads": engine.threads,
        "kv_cells": cache.total,
        "kv_cells_used": cache.total - cache.free,
        "kv_cells_evicted_total": cache.evicted_cells,
    }
    for name, values in (
        ("first_token_seconds", list(counters.first_token_seconds)),
        ("inter_token_seconds", list(counters.inter_token_seconds)),
    ):
        if values:
            for percent in (50, 99):
                figures[f"{name}_p{percent}"] = float(np.percentile(values, percent))
    return figures


def describe_metrics(figures: dict[str, Any]) -> str:
    """Prometheus text exposition (version 0.0.4) of `InferenceService.metrics`."""
    lines = []
    for name, value in figures.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# TYPE paperlight_{name} {kind}", f"paperlight_{name} {value}"]
    return "\n".join(lines) + "\n"
