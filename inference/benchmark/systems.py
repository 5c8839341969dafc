"""What can serve a request: this engine under several policies, and its peers.

All take the same token ids and choose tokens greedily. Peers run as their authors ship them: with
their own batching and caches switched on, over HTTP on the loopback interface.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import math
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self

from inference.engine_config import EngineConfig
from inference.request import Priority, Prompt, Request, SamplingParams
from inference.supervised import SupervisedService

logger = logging.getLogger(__name__)

_START_SECONDS = 120.0
_POLL_SECONDS = 0.1
_REQUEST_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Job:
    """One request of a workload. max_tokens: a model may end earlier by itself.

    patience: seconds; the piece of text that comes after so long is the last one that is read.
    """

    prompt: Prompt
    max_tokens: int
    priority: Priority = Priority.INTERACTIVE
    patience: float = math.inf


@dataclass(slots=True)
class Outcome:
    """What one request saw. Times are of time.perf_counter.

    stamps: when each piece of text came. completion_tokens: as the system counts them.
    cached_tokens: prompt tokens that were not computed for it, None where it does not say.
    """

    started: float
    stamps: list[float] = field(default_factory=list)
    text: str = ""
    completion_tokens: int = 0
    cached_tokens: int | None = None

    def add(self, text: str) -> None:
        """A piece of the answer, which came just now."""
        self.stamps.append(time.perf_counter())
        self.text += text

    def is_left(self, job: Job) -> bool:
        """Whether the last piece came after the one who asked had lost patience."""
        return bool(self.stamps) and self.stamps[-1] - self.started > job.patience

    @property
    def first_token_seconds(self) -> float:
        """From submission to the first piece; of an empty answer, to its end."""
        return self.stamps[0] - self.started

    @property
    def gaps(self) -> list[float]:
        """Seconds between one piece and the next."""
        return [b - a for a, b in zip(self.stamps, self.stamps[1:], strict=False)]


class SystemUnavailable(Exception):
    """A system cannot be measured here; says what is missing."""


class System(Protocol):
    """Something that serves requests, many at once."""

    name: str

    def serve(self, job: Job) -> Outcome:
        """Run one request to its end. Thread-safe."""
        ...

    def settle(self) -> None:
        """Return when nothing is computed any more that would slow the next system down."""

    def close(self) -> None:
        """Stop it. Idempotent."""
        ...


class EngineSystem:
    """This engine in a process of its own, as `paperlight serve` runs it."""

    def __init__(self, name: str, config: EngineConfig) -> None:
        self.name = name
        self.service = SupervisedService(config)

    def serve(self, job: Job) -> Outcome:
        request = Request(job.prompt, SamplingParams(max_tokens=job.max_tokens), job.priority)
        outcome = Outcome(time.perf_counter())
        with self.service.submit(request) as stream:
            for event in stream:
                if event.text:
                    outcome.add(event.text)
                if outcome.is_left(job):
                    break
            usage = stream.usage
        assert usage is not None or outcome.is_left(job)
        if usage is not None:
            outcome.completion_tokens = usage.completion_tokens
            outcome.cached_tokens = usage.cached_tokens
        outcome.stamps = outcome.stamps or [time.perf_counter()]
        return outcome

    def settle(self) -> None:
        """Blocks of the passages that were asked about are built when nobody asks any more."""
        while self.service.metrics().get("passage_blocks_to_build", 0) > 0:
            time.sleep(_POLL_SECONDS)

    def close(self) -> None:
        self.service.close()


class LlamaSystem:
    """`llama_cpp.Llama`, one request at a time behind a lock: how most applications use it."""

    name = "llama_cpp.Llama"

    def __init__(self, config: EngineConfig) -> None:
        import llama_cpp

        self._lock = threading.Lock()
        self._llama = llama_cpp.Llama(
            model_path=str(config.model_path),
            n_gpu_layers=config.gpu_layers,
            n_ctx=config.context_tokens // config.max_sequences,
            n_threads=config.threads,
            n_threads_batch=config.threads,
            n_batch=512,
            flash_attn=True,
            verbose=False,
        )

    def serve(self, job: Job) -> Outcome:
        outcome = Outcome(time.perf_counter())
        with self._lock:
            pieces = self._llama.create_completion(
                list(job.prompt.tokens), max_tokens=job.max_tokens, temperature=0.0, stream=True
            )
            for piece in pieces:
                outcome.add(piece["choices"][0]["text"])
                if outcome.is_left(job):
                    break
            outcome.completion_tokens = self._llama.n_tokens - len(job.prompt.tokens)
        return outcome

    def settle(self) -> None:
        """It works for those who wait only."""

    def close(self) -> None:
        self._llama.close()


class _ServerSystem:
    """A server in a process of its own that streams server-sent events."""

    name = ""

    def __init__(self, command: list[str], port: int, health: str) -> None:
        self._port = port
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            command, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
        try:
            self._wait_until_ready(health)
        except BaseException:
            self.close()
            raise

    def _wait_until_ready(self, health: str) -> None:
        limit = time.monotonic() + _START_SECONDS
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
                with contextlib.closing(connection):
                    connection.request("GET", health)
                    if connection.getresponse().status == 200:
                        return
            time.sleep(_POLL_SECONDS)
        self._log.seek(0)
        end = self._log.read()[-2000:].decode("utf-8", "replace")
        raise SystemUnavailable(f"{self.name} did not start:\n{end}")

    def _events(self, path: str, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_REQUEST_SECONDS)
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise RuntimeError(f"{self.name}: {response.status} {response.read()[:500]!r}")
            for line in response:
                if line.startswith(b"data: ") and line.strip() != b"data: [DONE]":
                    yield json.loads(line[6:])

    def settle(self) -> None:
        """They work for those who wait only."""

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._log.close()


class LlamaServerSystem(_ServerSystem):
    """`llama-server -np N` of the sources that llama-cpp-python was built from."""

    name = "llama-server"

    def __init__(self, config: EngineConfig, binary: Path) -> None:
        port = _free_port()
        command = [str(binary), "-m", str(config.model_path), "-np", str(config.max_sequences)]
        command += ["-c", str(config.context_tokens), "-t", str(config.threads), "-fa", "on"]
        command += ["--host", "127.0.0.1", "--port", str(port), "--no-ui"]
        if config.gpu_layers < 0:
            command += ["-ngl", "999"]
        super().__init__(command, port, "/health")

    def serve(self, job: Job) -> Outcome:
        # Its greedy choice without its chain of samplers, which costs it time.
        body = {
            "prompt": list(job.prompt.tokens),
            "n_predict": job.max_tokens,
            "temperature": 0.0,
            "top_k": 1,
            "samplers": ["top_k"],
            "stream": True,
            "cache_prompt": True,
        }
        outcome = Outcome(time.perf_counter())
        for event in self._events("/completion", body):
            if event["content"]:
                outcome.add(event["content"])
            if outcome.is_left(job):
                break
            if event.get("stop"):
                outcome.completion_tokens = event["tokens_predicted"]
                computed = event["timings"]["prompt_n"]
                outcome.cached_tokens = len(job.prompt.tokens) - computed
        outcome.stamps = outcome.stamps or [time.perf_counter()]
        return outcome


class ExampleServerSystem(_ServerSystem):
    """The batching server under examples/server in llama-cpp-python's source distribution."""

    name = "example server"

    def __init__(self, config: EngineConfig, program: Path) -> None:
        port = _free_port()
        settings = {
            "server": {"host": "127.0.0.1", "port": port},
            "model": {
                "path": str(config.model_path),
                "alias": "model",
                "n_ctx": config.context_tokens,
                "n_seq_max": config.max_sequences,
                "n_batch": 512,
                "n_ubatch": 512,
                "threads": config.threads,
                "threads_batch": config.threads,
                "n_gpu_layers": config.gpu_layers,
                "kv_unified": True,
                "flash_attn": True,
                "max_output_tokens": 4096,
            },
        }
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "config.json"
        file.write_text(json.dumps(settings), "utf-8")
        super().__init__([sys.executable, str(program), "-C", str(file)], port, "/healthz")

    def serve(self, job: Job) -> Outcome:
        body = {
            "model": "model",
            "prompt": list(job.prompt.tokens),
            "max_tokens": job.max_tokens,
            "temperature": 0.0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        outcome = Outcome(time.perf_counter())
        for event in self._events("/v1/completions", body):
            for choice in event.get("choices", ()):
                if choice.get("text"):
                    outcome.add(choice["text"])
            if outcome.is_left(job):
                break
            if usage := event.get("usage"):
                outcome.completion_tokens = usage["completion_tokens"]
        outcome.completion_tokens = outcome.completion_tokens or len(outcome.stamps)
        outcome.stamps = outcome.stamps or [time.perf_counter()]
        return outcome

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


@dataclass(frozen=True, slots=True)
class Peers:
    """Where the programs are that this engine is measured against; None where they are not."""

    llama_server: Path | None = None
    example_server: Path | None = None

    @classmethod
    def in_folder(cls, folder: Path) -> Peers:
        """What bench/build_llama_server.sh has put into `folder`."""
        server = folder / "llama-server"
        examples = sorted(folder.glob("llama_cpp_python-*/examples/server/server.py"))
        return cls(server if server.is_file() else None, examples[-1] if examples else None)


# Policies of this engine: what differs from the product as it is.
POLICIES: dict[str, dict[str, Any]] = {
    "paperlight": {},
    "without blocks": {"passage_blocks": False},
    "without drafts": {"passage_blocks": False, "drafting": False},
    "without reuse": {"passage_blocks": False, "drafting": False, "prefix_cache": False},
    "sixteen": {"max_sequences": 16},
}
PEERS = (LlamaSystem.name, LlamaServerSystem.name, ExampleServerSystem.name)


class Systems:
    """Starts systems when they are first asked for and keeps them until the end.

    Raises SystemUnavailable for one that is not here.
    """

    def __init__(self, config: EngineConfig, peers: Peers) -> None:
        self._config = config
        self._started: dict[str, System] = {}
        self._makers: dict[str, Callable[[], System]] = {
            name: self._policy(name, changes) for name, changes in POLICIES.items()
        }
        self._makers[LlamaSystem.name] = lambda: LlamaSystem(config)
        self._makers[LlamaServerSystem.name] = lambda: LlamaServerSystem(
            config, _present(peers.llama_server, LlamaServerSystem.name)
        )
        self._makers[ExampleServerSystem.name] = lambda: ExampleServerSystem(
            config, _present(peers.example_server, ExampleServerSystem.name)
        )

    def _policy(self, name: str, changes: dict[str, Any]) -> Callable[[], System]:
        return lambda: EngineSystem(name, replace(self._config, **changes))

    def __getitem__(self, name: str) -> System:
        if name not in self._started:
            self._started[name] = self._makers[name]()
        return self._started[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for system in self._started.values():
            system.close()


def _present(path: Path | None, name: str) -> Path:
    if path is None or not os.access(path, os.R_OK):
        raise SystemUnavailable(f"{name} is not here; bench/build_llama_server.sh builds it")
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
