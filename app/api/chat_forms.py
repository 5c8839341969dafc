"""OpenAI's chat completions as data: what a request may say, and what replies look like.

Pure: knows neither the engine's queue nor the library.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import ApiError
from app.api.streaming import server_sent_event
from inference.request import FinishReason, InvalidRequest, Message, SamplingParams
from rag.results import Turn


class TextPart(BaseModel):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    @property
    def text(self) -> str:
        """The content as one string."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """OpenAI's stream_options."""

    include_usage: bool = False


class ChatBody(BaseModel):
    """A request. Fields that change nothing here are passed over; what cannot be done is refused.

    collection: ours; where the model `paperlight` looks for its answer.
    """

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=2000)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0.0, le=2.0)
    top_p: float | None = Field(default=None, gt=0.0, le=1.0)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = Field(default=None, ge=-2.0, le=2.0)
    presence_penalty: float | None = Field(default=None, ge=-2.0, le=2.0)
    logit_bias: dict[int, float] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: dict[str, Any] | None = None
    collection: str | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream ends with what it cost."""
        return self.stream_options is not None and self.stream_options.include_usage

    def check_offered(self) -> None:
        """Raise ApiError for what changes an answer and is not offered here."""
        if self.n not in (None, 1):
            raise _not_offered("n", "n must be 1; send the request again for another answer")
        if self.logprobs or self.top_logprobs:
            raise _not_offered("logprobs", "logprobs are not offered over HTTP; leave them out")
        if self.tools or self.functions:
            raise _not_offered("tools", "tools are not offered; leave them out")
        if (self.response_format or {}).get("type", "text") != "text":
            raise _not_offered("response_format", "only response_format 'text' is offered")

    def sampling(self) -> SamplingParams:
        """How tokens are chosen; OpenAI's default temperature is 1. Raises ApiError."""
        given: dict[str, Any] = {
            "temperature": 1.0 if self.temperature is None else self.temperature,
            "top_p": self.top_p,
            "max_tokens": self.max_completion_tokens or self.max_tokens,
            "stop": (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            "seed": None if self.seed is None else self.seed & 0xFFFFFFFF,
            "frequency_penalty": self.frequency_penalty,
            "presence_penalty": self.presence_penalty,
            "logit_bias": self.logit_bias,
        }
        try:
            return SamplingParams(**{name: v for name, v in given.items() if v is not None})
        except InvalidRequest as error:
            raise ApiError(HTTPStatus.BAD_REQUEST, str(error)) from error

    def conversation(self) -> list[Message]:
        """The messages as the model's chat template takes them."""
        return [
            Message("system" if message.role == "developer" else message.role, message.text)
            for message in self.messages
        ]

    def question(self) -> tuple[str, list[Turn]]:
        """The last user message, and the exchanges before it; system messages do not count.

        Raises ApiError where the last word is not the user's.
        """
        spoken = [message for message in self.messages if message.role in ("user", "assistant")]
        if not spoken or spoken[-1].role != "user":
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "the last message must be the user's question",
                param="messages",
            )
        return spoken[-1].text, _exchanges(spoken)


def _exchanges(spoken: Sequence[ChatMessage]) -> list[Turn]:
    """Each user message that was answered, with its answer."""
    return [
        Turn(asked.text, answered.text)
        for asked, answered in pairwise(spoken)
        if (asked.role, answered.role) == ("user", "assistant")
    ]


def _not_offered(param: str, message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=param, code="unsupported_parameter")


class Reply:
    """The frame around one completion: whole, or as the chunks of a stream."""

    def __init__(self, model: str) -> None:
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(
        self, message: dict[str, Any], finish_reason: str, usage: dict[str, Any]
    ) -> dict[str, Any]:
        """A chat.completion."""
        choice = {
            "index": 0,
            "message": {"role": "assistant"} | message,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return self._head | {"object": "chat.completion", "choices": [choice], "usage": usage}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> str:
        """A chat.completion.chunk, as an event."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self._event([choice])

    def usage_chunk(self, usage: dict[str, Any]) -> str:
        """The chunk after the last one, which tells what the completion cost."""
        return self._event([], usage=usage)

    def _event(self, choices: list[dict[str, Any]], **more: Any) -> str:
        body = {"object": "chat.completion.chunk", "choices": choices, **more}
        return server_sent_event(self._head | body)


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
