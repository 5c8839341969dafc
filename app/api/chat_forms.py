"""OpenAI's chat completions as data: what a request may say, and what replies look like.

Pure: knows neither the engine's queue nor the library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

from app.api.errors import ApiError
from app.api.filter_forms import FilteredBody
from app.api.generation_forms import (
    LEAST_LOGPROB,
    Choice,
    GenerationBody,
    ReplyHead,
    finish_word,
    not_offered,
)
from inference.request import FinishReason, Message, SamplingParams, TokenEvent, TokenLogprob
from rag.results import Turn
from rag.settings import MOST_QUESTION_CHARS

# The newest exchanges, which are more than a model's context has room for; /api/ask takes as many.
_MOST_TURNS = 200


class TextPart(BaseModel):
    """A part of a message's content."""

    type: Literal["text"]
    text: str


class ChatMessage(BaseModel):
    """One message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"] = Field(
        description="developer is another word for system"
    )
    content: str | list[TextPart] = Field(description="Text, or parts of type text")

    @field_validator("content", mode="before")
    @classmethod
    def _only_text(cls, content: Any) -> Any:
        """Names a picture; else each way to read the content fails with its own sentence."""
        for part in content if isinstance(content, list) else ():
            kind = part.get("type") if isinstance(part, dict) else None
            if isinstance(kind, str) and kind != "text":
                raise PydanticCustomError(
                    "not_text",
                    "only text is read here; leave out the part of type {kind}",
                    {"kind": kind},
                )
        return content

    @property
    def text(self) -> str:
        """The content as one string."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)


class JsonSchema(BaseModel):
    """OpenAI's json_schema; `name` and `strict` are accepted, replies always follow the schema."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    content: dict[str, Any] = Field(alias="schema", description="A JSON schema")


class ResponseFormat(BaseModel):
    """What the reply must be."""

    type: Literal["text", "json_object", "json_schema"] = Field(
        description="json_object: any object; json_schema: what follows the schema"
    )
    json_schema: JsonSchema | None = Field(
        default=None, description="Needed where the type is json_schema"
    )


class ChatBody(GenerationBody, FilteredBody):
    """A chat completion.

    The model `paperlight` answers deterministically and once: sampling fields change nothing
    there, and `n`, `logprobs` and `response_format` are refused. `collection` and `filter`, which
    are not OpenAI's, say where that model looks for its answer.
    """

    messages: list[ChatMessage] = Field(
        min_length=1, max_length=2000, description="The conversation, oldest first"
    )
    max_completion_tokens: int | None = Field(
        default=None, ge=1, description="The newer name of max_tokens; default 512"
    )
    logprobs: bool | None = Field(
        default=None,
        description="Report each token's log-probability, those of a stop string included",
    )
    top_logprobs: int | None = Field(
        default=None, ge=0, le=20, description="And those of this many most probable tokens"
    )
    response_format: ResponseFormat | None = Field(
        default=None, description="json_object and json_schema make the reply valid JSON"
    )
    tools: list[Any] | None = Field(default=None, description="Refused: tools are not offered")
    functions: list[Any] | None = Field(default=None, description="Refused, as tools are")
    modalities: list[str] | None = Field(default=None, description='Only ["text"]')

    def check_offered(self, *, documents: bool) -> None:
        """Raise ApiError for what changes an answer and is not offered here.

        documents: the answer comes from the documents.
        """
        if self.tools or self.functions:
            raise not_offered("tools", "tools are not offered; leave them out")
        if self.modalities and self.modalities != ["text"]:
            raise not_offered("modalities", "only text is offered")
        if self.top_logprobs is not None and not self.logprobs:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "top_logprobs needs logprobs to be true",
                param="top_logprobs",
            )
        if not documents:
            return
        if self.samples != 1:
            raise not_offered("n", "n must be 1: answers from the documents are deterministic")
        if self.logprobs:
            raise not_offered("logprobs", "answers from the documents have no logprobs")
        if self.response_format is not None and self.response_format.type != "text":
            raise not_offered(
                "response_format",
                "answers from the documents are text; POST /api/extract fills in a JSON schema",
            )

    def sampling(self) -> SamplingParams:
        """How tokens are chosen. Raises ApiError."""
        return self.sampling_with(
            max_tokens=self.max_completion_tokens or self.max_tokens,
            logprobs=(self.top_logprobs or 0) if self.logprobs else None,
        )

    def json_schema(self) -> str | None:
        """The JSON schema, as JSON, that the reply must follow; None where it is text."""
        wanted = self.response_format
        if wanted is None or wanted.type == "text":
            return None
        if wanted.type == "json_object":
            return json.dumps({"type": "object"})
        if wanted.json_schema is None:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "response_format of type json_schema needs a json_schema",
                param="response_format.json_schema",
            )
        return json.dumps(wanted.json_schema.content)

    def conversation(self) -> list[Message]:
        """The messages as the model's chat template takes them."""
        return [
            Message("system" if message.role == "developer" else message.role, message.text)
            for message in self.messages
        ]

    def question(self) -> tuple[str, list[Turn]]:
        """The last user message, and the exchanges before it; system messages do not count.

        Raises ApiError where the last word is not the user's, and for texts that are too long.
        """
        spoken = [message for message in self.messages if message.role in ("user", "assistant")]
        if not spoken or spoken[-1].role != "user":
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "the last message must be the user's question",
                param="messages",
            )
        question, history = spoken[-1].text, _exchanges(spoken)[-_MOST_TURNS:]
        _check_length(question, "the question")
        for turn in history:
            _check_length(turn.question, "an earlier question")
            _check_length(turn.answer, "an earlier answer")
        return question, history


def _check_length(text: str, what: str) -> None:
    """Raise ApiError for what the search would take minutes to look through, unstopped."""
    if len(text) > MOST_QUESTION_CHARS:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f"messages: {what} should have at most {MOST_QUESTION_CHARS} characters, and has"
            f" {len(text)}",
            param="messages",
        )


def _exchanges(spoken: Sequence[ChatMessage]) -> list[Turn]:
    """Each user message that was answered, with its answer."""
    return [
        Turn(asked.text, answered.text)
        for asked, answered in pairwise(spoken)
        if (asked.role, answered.role) == ("user", "assistant")
    ]


class ChatFrame:
    """The frame around chat completions."""

    def __init__(self, model: str, *, wants_usage: bool = False) -> None:
        self._head = ReplyHead("chatcmpl", "chat.completion.chunk", model, wants_usage=wants_usage)

    def whole(self, choices: Sequence[Choice], usage: dict[str, Any]) -> dict[str, Any]:
        """A chat.completion."""
        return self.reply(
            [
                _choice(
                    index,
                    "message",
                    {"role": "assistant", "content": choice.text},
                    finish_word(choice.finish_reason),
                    choice.logprobs,
                )
                for index, choice in enumerate(choices)
            ],
            usage,
        )

    def answer(self, message: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
        """A chat.completion of one message that is complete."""
        message = {"role": "assistant"} | message
        return self.reply([_choice(0, "message", message, "stop")], usage)

    def reply(self, choices: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
        """A chat.completion of these choices."""
        body = {"object": "chat.completion", "choices": choices, "usage": usage}
        return self._head.fields | body

    def opening(self, index: int) -> str:
        """The chunk that says who speaks."""
        return self.chunk({"role": "assistant", "content": ""}, index=index)

    def piece(self, index: int, event: TokenEvent) -> str:
        """The chunk of new text, with its log-probabilities."""
        choice = _choice(index, "delta", {"content": event.text}, None, event.logprobs)
        return self._head.event([choice])

    def ending(self, index: int, reason: FinishReason | None) -> str:
        """The chunk that says why a choice ended."""
        return self.chunk({}, finish_word(reason), index=index)

    def chunk(
        self, delta: dict[str, Any], finish_reason: str | None = None, *, index: int = 0
    ) -> str:
        """A chat.completion.chunk, as an event."""
        return self._head.event([_choice(index, "delta", delta, finish_reason)])

    def usage_chunk(self, usage: dict[str, Any]) -> str:
        """The chunk after the last one, which tells what the completion cost."""
        return self._head.event([], usage=usage)


def _choice(
    index: int,
    member: str,
    content: dict[str, Any],
    finish_reason: str | None,
    logprobs: Sequence[TokenLogprob] = (),
) -> dict[str, Any]:
    records = {"content": [_logprob(record) for record in logprobs], "refusal": None}
    return {
        "index": index,
        member: content,
        "logprobs": records if logprobs else None,
        "finish_reason": finish_reason,
    }


def _logprob(record: TokenLogprob) -> dict[str, Any]:
    top = [_token(text, logprob) for text, logprob in record.top]
    return _token(record.text, record.logprob) | {"top_logprobs": top}


def _token(text: str, logprob: float) -> dict[str, Any]:
    # A token may be a part of a character, whose bytes the replacement character does not tell.
    known = "\ufffd" not in text
    return {
        "token": text,
        "logprob": max(logprob, LEAST_LOGPROB),
        "bytes": list(text.encode()) if known else None,
    }
