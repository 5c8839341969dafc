"""The engine in a process of its own: what ends it costs the requests under way and nothing else.

llama.cpp answers some faults with abort(), and a system short of memory kills whole processes.
Both then meet the worker's process (worker.py). Every waiter is told, the process is started again,
and requests that come meanwhile wait for it. A request that was under way is never offered again:
it may be the one that did it.

One thread supervises: it starts the process, reads its messages and buries it. The kernel kills the
process when that thread ends, so the thread lasts as long as the service.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from inference.engine_config import EngineConfig
from inference.llama.model import Vocabulary
from inference.model_description import ModelDescription
from inference.request import (
    EngineStopped,
    FinishReason,
    InferenceError,
    ModelLoadError,
    QueueFull,
    Request,
    TokenEvent,
    Usage,
    check_request,
)
from inference.service import (
    DEFAULT_REQUEST_SECONDS,
    GenerationService,
    ServiceState,
    TokenStream,
)
from inference.wire import (
    Message,
    Wire,
    config_to_plain,
    description_from_plain,
    event_from_plain,
    request_to_plain,
)

logger = logging.getLogger(__name__)

# After this many lives in a row that were short and answered nobody, there is no further one.
MOST_FAILURES = 5
STABLE_SECONDS = 60.0  # a life of this length is no failure to start
LONGEST_BACKOFF_SECONDS = 8.0
# A step ends within seconds even on a slow CPU; a process that does not end after it is killed.
CLOSE_SECONDS = 10.0
METRICS_SECONDS = 5.0

# -P: no folder of the caller's goes before the standard library. argv: where this package lies.
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop()); from inference.worker import main; main()"
)
_PACKAGES = Path(__file__).resolve().parent.parent


def engine_command() -> list[str]:
    """The command line of an engine's process whose parent is this one."""
    return [sys.executable, "-P", "-c", _PROGRAM, str(os.getpid()), str(_PACKAGES)]


@dataclass(slots=True, eq=False)
class _Call:
    """A request that has not ended. submitted: monotonic seconds. sent: its process may have it."""

    request: Request
    stream: TokenStream
    submitted: float
    sent: bool = False


@dataclass(slots=True, eq=False)
class _Life:
    """One process of the engine. failure: what it said before it ended, (kind, message)."""

    process: subprocess.Popen[bytes]
    wire: Wire
    ready_at: float | None = None
    failure: tuple[str, str] | None = None


class SupervisedService(GenerationService):
    """The engine in a child process, which is started again when it dies.

    Loading happens here and takes seconds; raises ModelLoadError.
    """

    def __init__(self, config: EngineConfig) -> None:
        # The process may be started again when the program has moved to another folder.
        config = replace(config, model_path=config.model_path.absolute())
        self._lock = threading.Lock()  # guards all that follows, and the order of what is sent
        self._state = ServiceState.RESTARTING
        self._life: _Life | None = None
        self._calls: dict[int, _Call] = {}
        self._numbers = itertools.count(1)
        self._sent = self._taken = self._waiting = 0  # of this life: submits, and the child's line
        self._failures = 0
        self._restarts = 0
        self._lost = 0
        self._cause = ""
        self._request_seconds: deque[float] = deque(maxlen=64)
        self._figures: dict[str, float] = {}
        self._figure_readers: deque[SimpleQueue[dict[str, float] | None]] = deque()
        self._description: ModelDescription | None = None
        self._context_tokens = 0
        self._devices: tuple[str, ...] = ()
        self._keeps_passages = False
        self._start_error: InferenceError | None = None
        self._cancels: SimpleQueue[int | None] = SimpleQueue()
        self._closing = threading.Event()
        self._started = threading.Event()  # set when the first life is ready or has failed
        self._config_message = config_to_plain(config)
        self._thread = threading.Thread(
            target=self._supervise, name="paperlight-engine", daemon=True
        )
        self._thread.start()
        threading.Thread(target=self._cancel, name="paperlight-cancel", daemon=True).start()
        try:
            super().__init__(config, Vocabulary(config.model_path))  # while the process loads
            self._started.wait()
            if self._start_error is not None:
                raise self._start_error
        except BaseException:
            self.close()
            raise

    # --- what callers see ---------------------------------------------------------------------

    @property
    def state(self) -> ServiceState:
        """Whether requests are taken; RESTARTING takes them and has them wait."""
        return self._state

    @property
    def model(self) -> ModelDescription:
        """Facts of the model file."""
        assert self._description is not None
        return self._description

    @property
    def context_tokens(self) -> int:
        """Most tokens one request may have, prompt and completion together."""
        return self._context_tokens

    @property
    def devices(self) -> tuple[str, ...]:
        """GPUs that layers were offloaded to; () on a CPU."""
        return self._devices

    @property
    def keeps_passages(self) -> bool:
        """Whether passages of a prompt are computed once and kept (passage blocks)."""
        return self._keeps_passages

    @property
    def engine_pid(self) -> int | None:
        """The process id of the engine; None while there is none."""
        life = self._life
        return life.process.pid if life is not None else None

    def submit(self, request: Request) -> TokenStream:
        """Queue a request and return at once.

        While the engine is started again the request waits for it; its deadline is looked at then.
        Raises InvalidRequest, QueueFull (with the wait to expect) or EngineStopped.
        """
        check_request(
            request, context_tokens=self.context_tokens, vocabulary_size=self.tokenizer.size
        )
        number = next(self._numbers)
        # Through a queue: the garbage collector may close a stream while its thread has the lock.
        stream = TokenStream(request, lambda: self._cancels.put(number))
        with self._lock:
            if self._state not in (ServiceState.RUNNING, ServiceState.RESTARTING):
                raise self._stopped_error()
            queued = self._queued()
            if queued >= self.config.queue_limit:
                wait = self._expected_wait(queued)
                raise QueueFull(f"{queued} requests are waiting; try again in {wait:.0f} s", wait)
            call = self._calls[number] = _Call(request, stream, time.monotonic())
            if self._state is ServiceState.RUNNING:
                self._offer(number, call)
        return stream

    def metrics(self) -> dict[str, float]:
        """Counters and gauges; those of the engine begin again with each of its processes."""
        reader: SimpleQueue[dict[str, float] | None] = SimpleQueue()
        with self._lock:
            asked = self._life is not None and self._life.ready_at is not None
            if asked:
                self._figure_readers.append(reader)
                self._send(["metrics"])
        if asked:
            # A long step, or a process that has just died: the latest figures must do.
            with contextlib.suppress(Empty):
                reader.get(timeout=METRICS_SECONDS)
        with self._lock:
            figures, errors = self._figures, f"requests_{FinishReason.ERROR.value}_total"
            running = figures.get("requests_running", 0.0) if self._is_up() else 0.0
            return figures | {
                errors: figures.get(errors, 0.0) + self._lost,
                "requests_running": running,
                "requests_waiting": self._queued(),
                "engine_restarts_total": self._restarts,
            }

    def close(self, *, drain: bool = False) -> None:
        """Stop the process. drain: finish what it was given first. Idempotent."""
        with self._lock:
            running = self._state is ServiceState.RUNNING
            if running or self._state is ServiceState.RESTARTING:
                drains = drain and running
                self._state = ServiceState.DRAINING if drains else ServiceState.STOPPED
                if running:
                    self._send(["close", drains])
                elif self._life is not None:
                    self._life.process.kill()  # it only loads: there is nothing to save
        self._closing.set()
        if threading.current_thread() is self._thread:
            return
        if self._state is ServiceState.STOPPED:
            self._thread.join(CLOSE_SECONDS)
            with self._lock:
                if self._life is not None:
                    self._life.process.kill()
        self._thread.join()

    # --- books, under the lock ----------------------------------------------------------------

    def _queued(self) -> int:
        """Requests in line: not sent, not taken by the process, or waiting inside it."""
        held = sum(not call.sent for call in self._calls.values()) if not self._is_up() else 0
        return held + self._sent - self._taken + self._waiting

    def _is_up(self) -> bool:
        return self._state in (ServiceState.RUNNING, ServiceState.DRAINING)

    def _expected_wait(self, queued: int) -> float:
        recent = self._request_seconds
        each = statistics.fmean(recent) if recent else DEFAULT_REQUEST_SECONDS
        return max(1.0, queued * each / self.config.max_sequences)

    def _offer(self, number: int, call: _Call) -> None:
        plain = request_to_plain(call.request)
        limit = call.request.deadline_seconds
        if limit is not None:  # what is left of it: the process has a clock of its own
            plain["deadline_seconds"] = limit - (time.monotonic() - call.submitted)
        # What could not be sent was not read either: it waits for the next process.
        call.sent = self._send(["submit", number, plain])
        self._sent += call.sent

    def _send(self, message: Message) -> bool:
        """To the process; False if it is gone, which the supervising thread then finds out."""
        if self._life is None:
            return False
        try:
            self._life.wire.send(message)
        except OSError:
            return False
        return True

    def _stopped_error(self) -> EngineStopped:
        return EngineStopped(self._cause or "the inference service is closed")

    # --- the cancelling thread ----------------------------------------------------------------

    def _cancel(self) -> None:
        while (number := self._cancels.get()) is not None:
            with self._lock:
                call = self._calls.get(number)
                if call is not None and call.sent:
                    self._send(["cancel", number])
                elif call is not None:
                    del self._calls[number]
                    _end_unserved(call)

    # --- the supervising thread ---------------------------------------------------------------

    def _supervise(self) -> None:
        try:
            while self._begin_life():
                reason = self._live()
                if not self._bury(reason):
                    break
        except BaseException as error:  # the thread's boundary: nobody may be left waiting
            logger.exception("the engine's supervisor stopped")
            with self._lock:
                self._state = ServiceState.FAILED
                self._cause = f"the inference engine stopped: {error}"
                if self._description is None:
                    self._start_error = ModelLoadError(self._cause)
        finally:
            self._end()

    def _begin_life(self) -> bool:
        """Start a process; False if the service was closed meanwhile."""
        with self._lock:
            if self._state is not ServiceState.RESTARTING:
                return False
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own code
                engine_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert process.stdin is not None
            assert process.stdout is not None
            self._life = _Life(process, Wire(process.stdout, process.stdin))
            self._sent = self._taken = self._waiting = 0
            level = logging.getLogger(__package__).getEffectiveLevel()
            self._send(["start", self._config_message, level])
        return True

    def _live(self) -> str:
        """Read a process's messages until it has ended; how it ended."""
        life = self._life
        assert life is not None
        while (message := life.wire.receive()) is not None:
            self._dispatch(life, message)
        code = life.process.wait()
        return life.failure[1] if life.failure is not None else _describe_exit(code)

    def _dispatch(self, life: _Life, message: Message) -> None:
        match message:
            case ["step", events, taken, waiting]:
                self._deliver(events, taken, waiting)
            case ["log", name, level, text]:
                logging.getLogger(name).log(level, "%s", text)
            case ["metrics", figures]:
                with self._lock:
                    self._figures = figures
                    self._figure_readers.popleft().put(figures)
            case ["ready", description, context_tokens, devices, keeps_passages]:
                self._keeps_passages = keeps_passages
                self._take_up(life, description, context_tokens, devices)
            case ["failed", kind, text]:
                life.failure = (kind, text)
            case ["died", text]:
                life.failure = ("", text)

    def _take_up(
        self, life: _Life, description: dict[str, Any], context_tokens: int, devices: list[str]
    ) -> None:
        """The process has loaded the model: give it what has waited."""
        with self._lock:
            self._description = description_from_plain(description)
            self._context_tokens, self._devices = context_tokens, tuple(devices)
            life.ready_at = time.monotonic()
            if self._state is ServiceState.RESTARTING:
                self._state = ServiceState.RUNNING
                for number, call in self._calls.items():
                    self._offer(number, call)
        self._started.set()

    def _deliver(self, events: list[list[Any]], taken: int, waiting: int) -> None:
        with self._lock:
            self._taken, self._waiting = taken, waiting
            for number, *row in events:
                event, usage = event_from_plain(row)
                call = self._calls[number]
                if isinstance(event, InferenceError) or event.finish_reason is not None:
                    del self._calls[number]
                    call.stream.completion.usage = usage
                    self._learn(event, usage)
                call.stream.completion.sink(event)

    def _learn(self, event: TokenEvent | InferenceError, usage: Usage | None) -> None:
        if usage is None or isinstance(event, InferenceError):
            return
        if event.finish_reason in (FinishReason.STOP, FinishReason.LENGTH):
            self._failures = 0  # an engine that answers somebody is worth starting again
            self._request_seconds.append(usage.total_seconds - usage.queue_seconds)

    def _bury(self, reason: str) -> bool:
        """Book a process's end and tell its waiters; True if there is to be another one."""
        with self._lock:
            life, self._life = self._life, None
            assert life is not None
            life.wire.close()
            self._tell_figure_readers()
            if self._state not in (ServiceState.RUNNING, ServiceState.RESTARTING):
                self._cause = f"the engine stopped while the service was closing ({reason})"
                return False
            ready_at, now = life.ready_at, time.monotonic()
            if self._description is None:  # the first process never answered: no use in another
                self._start_error = _load_error(life, reason)
                self._state, self._cause = ServiceState.FAILED, str(self._start_error)
                return False
            stable = ready_at is not None and now - ready_at >= STABLE_SECONDS
            self._failures = 1 if stable else self._failures + 1
            again = self._failures < MOST_FAILURES
            self._state = ServiceState.RESTARTING if again else ServiceState.FAILED
            if again:
                told = (
                    f"the engine stopped unexpectedly ({reason}) and is starting again; ask again"
                )
                self._restarts += 1
            else:
                told = (
                    f"the engine failed {self._failures} times in a row and is not started again; "
                    f"the last time: {reason}"
                )
                self._cause = told
            lost = {number: call for number, call in self._calls.items() if call.sent}
            self._calls = {n: call for n, call in self._calls.items() if not call.sent}
            self._lost += len(lost)
            self._sent = self._taken = self._waiting = 0
            for call in lost.values():
                call.stream.completion.sink(EngineStopped(told))
        numbers = ", ".join(str(number) for number in lost) or "none"
        logger.error("%s (requests under way: %s)", told, numbers)
        if not again:
            return False
        backoff = 2.0 ** (self._failures - 2) if self._failures > 1 else 0.0
        return not self._closing.wait(min(backoff, LONGEST_BACKOFF_SECONDS))

    def _end(self) -> None:
        """Nothing is started any more: answer everybody who is left."""
        with self._lock:
            if self._life is not None:  # only after a fault of ours
                self._life.process.kill()
                self._life.process.wait()
                self._life.wire.close()
                self._life = None
            cancelled = self._state is ServiceState.STOPPED
            calls, self._calls = self._calls, {}
            for call in calls.values():
                if cancelled:
                    _end_unserved(call)
                else:
                    call.stream.completion.sink(self._stopped_error())
            if self._state is not ServiceState.FAILED:
                self._state, self._cause = ServiceState.STOPPED, ""
            self._tell_figure_readers()
        self._cancels.put(None)
        self._started.set()

    def _tell_figure_readers(self) -> None:
        while self._figure_readers:
            self._figure_readers.popleft().put(None)


def _end_unserved(call: _Call) -> None:
    """Cancel a request that no process works on."""
    waited = time.monotonic() - call.submitted
    completion = call.stream.completion
    completion.usage = Usage(len(call.request.prompt.tokens), 0, 0, waited, waited, waited)
    completion.sink(TokenEvent("", FinishReason.CANCELLED))


def _load_error(life: _Life, reason: str) -> ModelLoadError:
    if life.failure is None:
        return ModelLoadError(f"the engine's process ended while it loaded the model: {reason}")
    kind, message = life.failure
    known = kind == ModelLoadError.__name__
    return ModelLoadError(message if known else f"the model cannot be loaded: {kind}: {message}")


def _describe_exit(code: int) -> str:
    """A process's exit code in words, e.g. "signal 6, SIGABRT"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = "; the system may be out of memory" if name == "SIGKILL" else ""
    return f"signal {-code}, {name}{hint}"
