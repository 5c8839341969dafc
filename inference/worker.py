"""The engine's process: takes requests from a pipe, runs the engine, sends events to another.

Started by supervised.py, which is the only one to talk to it. It gives up rather than to go on
with an engine that raised, and it ends with its parent, however that ends.

In: start(config, log level), submit(number, request), cancel(number), metrics(), close(drain).
Out: ready(description, context tokens, devices, keeps passages), failed(kind, message),
died(message), step(events, taken, waiting), metrics(figures), log(name, level, text).
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
from queue import SimpleQueue
from typing import Any

from inference.completion import Completion, Sink
from inference.engine import Engine
from inference.request import InferenceError, TokenEvent
from inference.service import engine_metrics
from inference.wire import (
    Message,
    Wire,
    config_from_plain,
    description_to_plain,
    event_to_plain,
    request_from_plain,
)

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Run until the parent says `close` or is gone. argv: the parent's process id."""
    # Ctrl-C, and a service manager's stop, go to both processes; the parent decides.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    end_with_parent(int(sys.argv[1]))
    code = Worker(take_pipes()).run()
    os._exit(code)  # the interpreter's own end would wait for the listening thread


def end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, where the kernel can do that.

    Strictly: when the parent's thread that started this process ends.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)


def take_pipes() -> Wire:
    """Standard input and output as the wire; what prints to stdout goes to stderr from now on."""
    reader, writer = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return Wire(reader, writer)


class Worker:
    """One engine and its wire. A thread listens, the main thread does everything else."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._inbox: SimpleQueue[Message] = SimpleQueue()
        self._completions: dict[int, Completion] = {}
        self._events: list[list[Any]] = []  # of this step
        self._taken = 0
        self._told = (0, 0)
        self._closing = False
        self._draining = False

    def run(self) -> int:
        """Load the model and serve it; the process's exit code."""
        start = self._wire.receive()
        if start is None:
            return 1
        _, config, log_level = start
        logging.basicConfig(level=log_level, handlers=[_WireHandler(self._wire)], force=True)
        threading.Thread(target=self._listen, name="paperlight-wire", daemon=True).start()
        try:
            engine = Engine(config_from_plain(config))
        except Exception as error:  # the process's boundary: the parent raises it
            self._wire.send(["failed", type(error).__name__, str(error)])
            return 1
        description = description_to_plain(engine.model.description)
        facts = [engine.context_tokens, engine.devices, engine.blocks.enabled]
        self._wire.send(["ready", description, *facts])
        try:
            self._serve(engine)
        except Exception as error:  # the process's boundary: the parent tells every waiter
            logger.exception("the engine stopped")
            self._wire.send(["died", f"{type(error).__name__}: {error}"])
            return 1
        engine.close()
        return 0

    def _listen(self) -> None:
        """Commands into the inbox. Never sends, so that neither end can wait for the other."""
        try:
            while (message := self._wire.receive()) is not None:
                self._inbox.put(message)
        finally:
            os._exit(1)  # nobody is left to serve

    def _serve(self, engine: Engine) -> None:
        while not self._closing or (self._draining and engine.has_work):
            self._take_commands(engine, block=not (engine.has_work or engine.has_idle_work))
            if not self._closing or (self._draining and engine.has_work):
                engine.step()
            self._report(engine)
        engine.cancel_all()
        self._report(engine)

    def _take_commands(self, engine: Engine, *, block: bool) -> None:
        if block:
            self._obey(engine, self._inbox.get())
        while not self._inbox.empty():
            self._obey(engine, self._inbox.get())

    def _obey(self, engine: Engine, message: Message) -> None:
        match message:
            case ["submit", number, plain]:
                request = request_from_plain(plain)
                completion = Completion(request, self._sink(number), time.monotonic())
                self._completions[number] = completion
                self._taken += 1
                engine.enqueue(completion)
            case ["cancel", number]:
                if number in self._completions:
                    self._completions[number].cancelled = True
            case ["metrics"]:
                waiting = len(engine.waiting)
                self._wire.send(["metrics", engine_metrics(engine, waiting=waiting)])
            case ["close", drain]:
                self._closing, self._draining = True, drain

    def _sink(self, number: int) -> Sink:
        def deliver(event: TokenEvent | InferenceError) -> None:
            usage = None
            if isinstance(event, InferenceError) or event.finish_reason is not None:
                usage = self._completions.pop(number).usage
            self._events.append([number, *event_to_plain(event, usage)])

        return deliver

    def _report(self, engine: Engine) -> None:
        """All events of a step in one message, and how the line stands if that has changed."""
        line = (self._taken, len(engine.waiting))
        if self._events or line != self._told:
            self._wire.send(["step", self._events, *line])
            self._events, self._told = [], line


class _WireHandler(logging.Handler):
    """Log records to the parent, whose loggers decide what becomes of them."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._wire.send(["log", record.name, record.levelno, self.format(record)])
        except OSError:  # the parent is gone, and this process about to
            return
