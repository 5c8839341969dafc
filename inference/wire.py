"""Messages between a service and its engine's process: JSON in frames that begin with their size.

Never pickle: what one side reads is plain data, whatever became of the other side's memory.
A message is a list, its kind first; supervised.py and worker.py say which there are.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import operator
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from inference.engine_config import EngineConfig
from inference.model_description import ModelDescription
from inference.request import (
    DeadlineExceeded,
    EngineStopped,
    FinishReason,
    InferenceError,
    InvalidRequest,
    ModelLoadError,
    Priority,
    Prompt,
    Request,
    SamplingParams,
    TokenEvent,
    TokenLogprob,
    Usage,
    Verbatim,
)

Message = list[Any]

_SIZE = struct.Struct("<I")
_NUMPY_ITEM = operator.methodcaller("item")  # callers may have counted with numpy
_ERRORS: dict[str, type[InferenceError]] = {
    kind.__name__: kind
    for kind in (InferenceError, InvalidRequest, DeadlineExceeded, EngineStopped, ModelLoadError)
}


class Wire:
    """One end of a pair of pipes. Any thread may send; one thread receives."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send a message; blocks while the pipe is full. Raises OSError if nobody reads it."""
        body = json.dumps(message, separators=(",", ":"), default=_NUMPY_ITEM).encode()
        with self._lock:
            self._writer.write(_SIZE.pack(len(body)) + body)
            self._writer.flush()

    def receive(self) -> Message | None:
        """The next message; None once the other end is gone, in the middle of a message or not."""
        head = self._reader.read(_SIZE.size)
        if len(head) < _SIZE.size:
            return None
        (size,) = _SIZE.unpack(head)
        body = self._reader.read(size)
        if len(body) < size:
            return None
        message: Message = json.loads(body)
        return message

    def close(self) -> None:
        """Close both pipes; what was not sent is lost."""
        with contextlib.suppress(OSError):
            self._writer.close()
        self._reader.close()


def _plain(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, one level deep."""
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def config_to_plain(config: EngineConfig) -> dict[str, Any]:
    """An EngineConfig as JSON can hold it; `config_from_plain` makes it again."""
    return _plain(config) | {
        "model_path": str(config.model_path),
        "adapters": [(str(path), scale) for path, scale in config.adapters],
        "block_folder": None if config.block_folder is None else str(config.block_folder),
    }


def config_from_plain(plain: dict[str, Any]) -> EngineConfig:
    """The inverse of `config_to_plain`."""
    folder = plain["block_folder"]
    values = plain | {
        "model_path": Path(plain["model_path"]),
        "tensor_split": tuple(plain["tensor_split"]),
        "adapters": tuple((Path(path), scale) for path, scale in plain["adapters"]),
        "block_folder": None if folder is None else Path(folder),
    }
    return EngineConfig(**values)


def description_to_plain(description: ModelDescription) -> dict[str, Any]:
    """A ModelDescription as JSON can hold it."""
    return _plain(description) | {"path": str(description.path)}


def description_from_plain(plain: dict[str, Any]) -> ModelDescription:
    """The inverse of `description_to_plain`."""
    return ModelDescription(**plain | {"path": Path(plain["path"])})


def request_to_plain(request: Request) -> dict[str, Any]:
    """A Request as JSON can hold it."""
    sampling = request.sampling
    return _plain(request) | {
        "prompt": _plain(request.prompt),
        "sampling": _plain(sampling)
        | {
            "logit_bias": list(sampling.logit_bias.items()),
            "verbatim": sampling.verbatim and _plain(sampling.verbatim),
        },
        "priority": int(request.priority),
    }


def request_from_plain(plain: dict[str, Any]) -> Request:
    """The inverse of `request_to_plain`."""
    prompt, sampling = plain["prompt"], plain["sampling"]
    verbatim = sampling["verbatim"]
    values = plain | {
        "prompt": Prompt(
            tuple(prompt["tokens"]),
            tuple((start, end) for start, end in prompt["passages"]),
            tuple(prompt["block_context"]),
        ),
        "sampling": SamplingParams(
            **sampling
            | {
                "stop": tuple(sampling["stop"]),
                "logit_bias": dict(sampling["logit_bias"]),
                "verbatim": verbatim
                and Verbatim(tuple(verbatim["texts"]), tuple(verbatim["phrases"])),
            }
        ),
        "priority": Priority(plain["priority"]),
    }
    return Request(**values)


def event_to_plain(event: TokenEvent | InferenceError, usage: Usage | None) -> list[Any]:
    """An event as a row: text, finish reason, log-probabilities; then usage if it is the last.

    An error is the row "", "error", its kind and message, usage.
    """
    if isinstance(event, InferenceError):
        kind = type(event).__name__
        told = [kind if kind in _ERRORS else InferenceError.__name__, str(event)]
        return ["", FinishReason.ERROR.value, told, usage and _plain(usage)]
    logprobs = [(entry.text, entry.logprob, entry.top) for entry in event.logprobs]
    if event.finish_reason is None:
        return [event.text, None, logprobs]
    return [event.text, event.finish_reason.value, logprobs, usage and _plain(usage)]


def event_from_plain(row: Sequence[Any]) -> tuple[TokenEvent | InferenceError, Usage | None]:
    """The inverse of `event_to_plain`."""
    text, reason, details = row[:3]
    usage = Usage(**row[3]) if len(row) > 3 and row[3] else None
    if reason == FinishReason.ERROR.value:
        kind, message = details
        return _ERRORS[kind](message), usage
    logprobs = tuple(
        TokenLogprob(text, logprob, tuple((text, logprob) for text, logprob in top))
        for text, logprob, top in details
    )
    return TokenEvent(text, FinishReason(reason) if reason else None, logprobs), usage
