"""The OpenAI-compatible API under /v1.

The model `paperlight` answers from the documents: its messages carry `citations`, `passages` and
`refused` beside the usual fields. The GGUF's own name is the model itself, without documents.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.errors import ApiError, error_body
from app.api.streaming import collect, first_then_rest, iterate_in_thread, server_sent_event
from app.as_json import as_json
from app.workspace import StartStage, Workspace, current
from inference.request import (
    FinishReason,
    Message,
    SamplingParams,
    TokenEvent,
    Usage,
)
from inference.request import Request as Completion
from inference.service import TokenStream
from rag.results import Answer, Turn

router = APIRouter(prefix="/v1", tags=["openai"])
DOCUMENTS_MODEL = "paperlight"
_WORDS = re.compile(r"\S*\s*")


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
    """OpenAI's request; fields that are not listed are passed over, as its own servers do."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=2000)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[int, float] | None = None
    n: int | None = None
    logprobs: bool | None = None
    collection: str | None = None

    def sampling(self) -> SamplingParams:
        """The sampling fields; OpenAI's default temperature is 1."""
        if self.n not in (None, 1):
            raise ApiError(HTTPStatus.BAD_REQUEST, "n must be 1; send the request again for more")
        if self.logprobs:
            raise ApiError(HTTPStatus.BAD_REQUEST, "logprobs are not offered over HTTP")
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
        return SamplingParams(**{name: v for name, v in given.items() if v is not None})


@router.get("/models")
def list_models() -> dict[str, Any]:
    """The two models: the documents, and the GGUF itself."""
    names = [DOCUMENTS_MODEL, _ready_workspace().library.generator.model_name]
    return {"object": "list", "data": [_model(name) for name in names]}


@router.get("/models/{name}")
def get_model(name: str) -> dict[str, Any]:
    """One model."""
    _check_model(name, _ready_workspace())
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "paperlight"}


@router.post("/chat/completions")
async def chat_completions(body: ChatBody, request: Request) -> Any:
    """A chat completion, whole or as a stream of chunks."""
    workspace = _ready_workspace()
    _check_model(body.model, workspace)
    reply = _Reply(body.model)
    if body.model == DOCUMENTS_MODEL:
        return await _from_documents(body, request, workspace, reply)
    return await _from_model(body, request, workspace, reply)


# --- the model itself -------------------------------------------------------------------------


async def _from_model(body: ChatBody, request: Request, workspace: Workspace, reply: _Reply) -> Any:
    service = workspace.library.generator
    messages = [Message(_role(message), message.text) for message in body.messages]
    prompt = service.encode_chat(messages)
    stream = service.submit(Completion(prompt, body.sampling()))
    if body.stream:
        events = iterate_in_thread(lambda: stream, stream.cancel)
        _, events = await first_then_rest(events)
        chunks = _token_chunks(events, stream, reply, usage=body.stream_options.include_usage)
        return StreamingResponse(chunks, media_type="text/event-stream")
    text = await collect(request, stream.text, stream.cancel)
    return reply.whole({"content": text}, _finish(stream.finish_reason), _usage(stream.usage))


async def _token_chunks(
    events: AsyncIterator[TokenEvent], stream: TokenStream, reply: _Reply, *, usage: bool
) -> AsyncIterator[str]:
    try:
        yield reply.chunk({"role": "assistant", "content": ""})
        async for event in events:
            if event.text:
                yield reply.chunk({"content": event.text})
            if event.finish_reason is not None:
                yield reply.chunk({}, _finish(event.finish_reason))
        if usage:
            yield reply.usage_chunk(_usage(stream.usage))
        yield server_sent_event("[DONE]")
    except Exception as error:  # the response has begun: the failure becomes its last event
        yield server_sent_event(error_body(error))


def _role(message: ChatMessage) -> str:
    return "system" if message.role == "developer" else message.role


# --- the documents ----------------------------------------------------------------------------


async def _from_documents(
    body: ChatBody, request: Request, workspace: Workspace, reply: _Reply
) -> Any:
    body.sampling()  # refused here as it would be by the model, though answers are greedy
    question, history = _conversation(body.messages)
    cancel = threading.Event()

    def ask() -> Answer:
        return workspace.library.ask(
            question, history=history, collection=body.collection, cancel=cancel
        )

    # A draft becomes an answer only when its statements were located in the documents, and a sent
    # chunk cannot be taken back: what is streamed here is the answer, once it stands. /api/ask
    # streams the draft as well.
    if body.stream:
        answers = iterate_in_thread(lambda: iter((ask(),)), cancel.set)
        first, _ = await first_then_rest(answers)
        assert first is not None
        chunks = _answer_chunks(first, reply, usage=body.stream_options.include_usage)
        return StreamingResponse(iter(chunks), media_type="text/event-stream")
    answer = await collect(request, ask, cancel.set)
    return reply.whole({"content": answer.text} | _sources(answer), "stop", _answer_usage(answer))


def _answer_chunks(answer: Answer, reply: _Reply, *, usage: bool) -> Iterator[str]:
    yield reply.chunk({"role": "assistant", "content": ""})
    for word in _WORDS.findall(answer.text):
        if word:
            yield reply.chunk({"content": word})
    yield reply.chunk(_sources(answer), "stop")
    if usage:
        yield reply.usage_chunk(_answer_usage(answer))
    yield server_sent_event("[DONE]")


def _conversation(messages: Sequence[ChatMessage]) -> tuple[str, list[Turn]]:
    """The last user message is the question, pairs before it are turns; system text is ignored."""
    spoken = [message for message in messages if message.role in ("user", "assistant")]
    if not spoken or spoken[-1].role != "user":
        raise ApiError(HTTPStatus.BAD_REQUEST, "the last message must be the user's question")
    turns = [
        Turn(asked.text, answered.text)
        for asked, answered in pairwise(spoken)
        if (asked.role, answered.role) == ("user", "assistant")
    ]
    return spoken[-1].text, turns


def _sources(answer: Answer) -> dict[str, Any]:
    return {
        "citations": [as_json(citation) for citation in answer.citations],
        "passages": [as_json(hit) for hit in answer.passages],
        "refused": answer.refused,
    }


# --- OpenAI's forms ---------------------------------------------------------------------------


class _Reply:
    """The frame around one completion."""

    def __init__(self, model: str) -> None:
        self._head = {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }

    def whole(
        self, message: dict[str, Any], finish_reason: str, usage: dict[str, Any]
    ) -> dict[str, Any]:
        choice = {
            "index": 0,
            "message": {"role": "assistant"} | message,
            "logprobs": None,
            "finish_reason": finish_reason,
        }
        return self._head | {"object": "chat.completion", "choices": [choice], "usage": usage}

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return server_sent_event(
            self._head | {"object": "chat.completion.chunk", "choices": [choice]}
        )

    def usage_chunk(self, usage: dict[str, Any]) -> str:
        return server_sent_event(
            self._head | {"object": "chat.completion.chunk", "choices": [], "usage": usage}
        )


def _finish(reason: FinishReason | None) -> str:
    return "length" if reason is FinishReason.LENGTH else "stop"


def _usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return _token_counts(0, 0, 0)
    return _token_counts(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)


def _answer_usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return _token_counts(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)


def _token_counts(prompt: int, cached: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _ready_workspace() -> Workspace:
    workspace = current()
    status = workspace.start.status
    if status.stage is not StartStage.READY:
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready yet: {status.what}")
    return workspace


def _check_model(name: str, workspace: Workspace) -> None:
    names = (DOCUMENTS_MODEL, workspace.library.generator.model_name)
    if name not in names:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            f"there is no model {name!r} here; use one of {', '.join(names)}",
            code="model_not_found",
        )
