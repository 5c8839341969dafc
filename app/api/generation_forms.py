"""What the two kinds of OpenAI's completions share: sampling, samples, usage, a reply's frame.

Pure: knows neither the engine's queue nor the library.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import ApiError
from app.api.streaming import server_sent_event
from inference.request import (
    FinishReason,
    InvalidRequest,
    SamplingParams,
    TokenEvent,
    TokenLogprob,
    Usage,
)
from inference.samples import SEED_BITS

MOST_SAMPLES = 128  # OpenAI's own limit of n
# JSON has no -Infinity; OpenAI gives this number for what is all but impossible.
LEAST_LOGPROB = -9999.0


class StreamOptions(BaseModel):
    """OpenAI's stream_options."""

    include_usage: bool = Field(
        default=False, description="End the stream with a chunk that holds `usage`"
    )


class GenerationBody(BaseModel):
    """Fields of both. Those that change nothing here are passed over; what cannot be is refused."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(description="One of the names of /v1/models")
    stream: bool = Field(default=False, description="Send the reply as server-sent events")
    stream_options: StreamOptions | None = Field(
        default=None, description="Only where `stream` is true"
    )
    n: int | None = Field(
        default=None,
        ge=1,
        le=MOST_SAMPLES,
        description="Samples of each prompt, which is computed once",
    )
    temperature: float | None = Field(
        default=None, ge=0.0, le=2.0, description="0 takes the most probable token; default 1"
    )
    top_p: float | None = Field(
        default=None, gt=0.0, le=1.0, description="Share of probability drawn from; default 0.95"
    )
    top_k: int | None = Field(
        default=None, ge=0, description="Tokens drawn from, 0 is all; default 40. Not OpenAI's"
    )
    min_p: float | None = Field(
        default=None,
        ge=0.0,
        lt=1.0,
        description="Least probability relative to the best token's; default 0.05. Not OpenAI's",
    )
    max_tokens: int | None = Field(
        default=None, ge=1, description="Most tokens of each completion; the context may end it too"
    )
    stop: str | list[str] | None = Field(
        default=None, description="The text ends before any of these, at most 16"
    )
    seed: int | None = Field(
        default=None, description="Makes draws repeatable; sample i is drawn with seed + i"
    )
    frequency_penalty: float | None = Field(
        default=None, ge=-2.0, le=2.0, description="Against tokens, by how often they came up"
    )
    presence_penalty: float | None = Field(
        default=None, ge=-2.0, le=2.0, description="Against tokens that came up"
    )
    logit_bias: dict[int, float] | None = Field(
        default=None, description="Token id -> added to its logit; -100 bans it"
    )

    @property
    def samples(self) -> int:
        """Completions of each prompt."""
        return self.n or 1

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with what it cost."""
        return self.stream_options is not None and self.stream_options.include_usage

    def sampling_with(self, **more: Any) -> SamplingParams:
        """How tokens are chosen; OpenAI's default temperature is 1. Raises ApiError.

        more: fields of SamplingParams that the other class knows; None stands for the default.
        """
        given: dict[str, Any] = {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "min_p": self.min_p,
            "max_tokens": self.max_tokens,
            "stop": (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            "seed": None if self.seed is None else self.seed & SEED_BITS,
            "frequency_penalty": self.frequency_penalty,
            "presence_penalty": self.presence_penalty,
            "logit_bias": self.logit_bias,
        } | more
        try:
            return SamplingParams(**{name: v for name, v in given.items() if v is not None})
        except InvalidRequest as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from error


def not_offered(param: str, message: str) -> ApiError:
    """The refusal of a field that changes an answer and is not offered here."""
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=param, code="unsupported_parameter")


@dataclass(frozen=True, slots=True)
class Choice:
    """One completion that has ended."""

    text: str
    logprobs: tuple[TokenLogprob, ...]
    finish_reason: FinishReason | None


class Frame(Protocol):
    """The form of one kind of reply: whole, or as the chunks of a stream."""

    def opening(self, index: int) -> str:
        """The chunk that begins a choice, "" for none."""
        ...

    def piece(self, index: int, event: TokenEvent) -> str:
        """The chunk of new text."""
        ...

    def ending(self, index: int, reason: FinishReason | None) -> str:
        """The chunk that ends a choice."""
        ...

    def usage_chunk(self, usage: dict[str, Any]) -> str:
        """The chunk after the last one, which tells what the completion cost."""
        ...

    def whole(self, choices: Sequence[Choice], usage: dict[str, Any]) -> dict[str, Any]:
        """The reply in one piece."""
        ...


class ReplyHead:
    """What all chunks of one reply have in common.

    prefix: of its id. type: OpenAI's word for a chunk. wants_usage: chunks have a `usage`, null
    until the last.
    """

    def __init__(self, prefix: str, type: str, model: str, *, wants_usage: bool = False) -> None:
        self._type = type
        self._usage: dict[str, Any] = {"usage": None} if wants_usage else {}
        self.fields = {
            "id": f"{prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def event(self, choices: list[dict[str, Any]], **more: Any) -> str:
        """A chunk as an event."""
        body = {"object": self._type, "choices": choices} | self._usage | more
        return server_sent_event(self.fields | body)


def finish_word(reason: FinishReason | None) -> str:
    """OpenAI's word for why a completion ended."""
    return "length" if reason is FinishReason.LENGTH else "stop"


def token_counts(prompt: int, cached: int, completion: int) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def samples_usage(usages: Sequence[Usage], samples: int) -> dict[str, Any]:
    """The usage of prompts with `samples` completions each, in order: a prompt counts once."""
    prompts: Iterable[Sequence[Usage]] = (
        usages[start : start + samples] for start in range(0, len(usages), samples)
    )
    prompt = cached = 0
    for same in prompts:
        prompt += same[0].prompt_tokens
        # What was there before this request: later samples also share what the first computed.
        cached += min(usage.cached_tokens for usage in same)
    return token_counts(prompt, cached, sum(usage.completion_tokens for usage in usages))
