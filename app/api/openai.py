"""The OpenAI-compatible API under /v1.

The model `paperlight` answers from the documents: its messages carry `citations`, `passages` and
`refused` beside the usual fields. The GGUF's own name is the model itself, without documents.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from app.api.asking import Asking
from app.api.chat_forms import ChatBody, Reply, finish_word, token_counts
from app.api.dependencies import Client, Ready, Workers
from app.api.errors import ApiError, error_body
from app.api.streaming import EventStream, WorkerThreads, begun, server_sent_event
from app.as_json import as_json
from app.workspace import Workspace
from inference.request import Request as Completion
from inference.request import TokenEvent
from inference.service import TokenStream
from rag.results import Answer, AnswerEvent, AnswerStage

router = APIRouter(prefix="/v1", tags=["openai"])
DOCUMENTS_MODEL = "paperlight"
_WORDS = re.compile(r"\S+\s*|\s+")


@router.get("/models")
def list_models(workspace: Ready) -> dict[str, Any]:
    """The two models: the documents, and the GGUF itself."""
    return {"object": "list", "data": [_model(name) for name in _model_names(workspace)]}


@router.get("/models/{name}")
def get_model(name: str, workspace: Ready) -> dict[str, Any]:
    """One model."""
    _check_model(name, workspace)
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "paperlight"}


def _model_names(workspace: Workspace) -> tuple[str, str]:
    return DOCUMENTS_MODEL, workspace.library.generator.model_name


def _check_model(name: str, workspace: Workspace) -> None:
    names = _model_names(workspace)
    if name not in names:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            f"there is no model {name[:200]!r} here; use one of {', '.join(names)}",
            param="model",
            code="model_not_found",
        )


@router.post("/chat/completions")
async def chat_completions(
    body: ChatBody, request: Request, workspace: Ready, workers: Workers, client: Client
) -> Any:
    """A chat completion, whole or as a stream of chunks.

    The model `paperlight` has its own instructions and answers deterministically: system messages
    and sampling fields are accepted and change nothing. Its stream shows the draft as
    `reasoning_content` while it is written; `content` is the answer, once its statements were
    located in the documents.
    """
    _check_model(body.model, workspace)
    body.check_offered()
    if body.model == DOCUMENTS_MODEL:
        return await _from_documents(body, request, workspace, workers, client)
    return await _from_model(body, request, workspace, workers, client)


# --- the model itself -------------------------------------------------------------------------


async def _from_model(
    body: ChatBody, request: Request, workspace: Workspace, workers: WorkerThreads, client: str
) -> Any:
    service, sampling, reply = workspace.library.generator, body.sampling(), Reply(body.model)

    def submit() -> TokenStream:
        prompt = service.encode_chat(body.conversation())
        return service.submit(Completion(prompt, sampling, client=client))

    stream = await run_in_threadpool(submit)
    if body.stream:
        events = workers.iterate(lambda: stream, stream.cancel)
        events = await begun(events, request, stream.cancel)
        chunks = _token_chunks(events, stream, reply, usage=body.wants_usage)
        return EventStream(chunks, stream.cancel)
    text = await workers.run_for(request, stream.text, stream.cancel)
    return reply.whole({"content": text}, finish_word(stream.finish_reason), _stream_usage(stream))


async def _token_chunks(
    events: AsyncIterator[TokenEvent], stream: TokenStream, reply: Reply, *, usage: bool
) -> AsyncIterator[str]:
    try:
        yield reply.chunk({"role": "assistant", "content": ""})
        async for event in events:
            if event.text:
                yield reply.chunk({"content": event.text})
            if event.finish_reason is not None:
                yield reply.chunk({}, finish_word(event.finish_reason))
        if usage:
            yield reply.usage_chunk(_stream_usage(stream))
        yield server_sent_event("[DONE]")
    except Exception as error:  # the response has begun: the failure becomes its last event
        yield server_sent_event(error_body(error))


def _stream_usage(stream: TokenStream) -> dict[str, Any]:
    usage = stream.usage
    if usage is None:
        return token_counts(0, 0, 0)
    return token_counts(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)


# --- the documents ----------------------------------------------------------------------------


async def _from_documents(
    body: ChatBody, request: Request, workspace: Workspace, workers: WorkerThreads, client: str
) -> Any:
    body.sampling()  # what the model would refuse is refused here too
    reply = Reply(body.model)
    question, history = body.question()
    asking = Asking(
        workspace.library, question, history=history, collection=body.collection, client=client
    )
    if body.stream:
        events = _told(workers.iterate(asking.events, asking.cancel))
        events = await begun(events, request, asking.cancel)
        return EventStream(_answer_chunks(events, reply, usage=body.wants_usage), asking.cancel)
    answer = await workers.run_for(request, asking.answer, asking.cancel)
    message = {"content": answer.text} | _sources(answer)
    return reply.whole(message, "stop", _answer_usage(answer))


async def _told(events: AsyncIterator[AnswerEvent]) -> AsyncGenerator[AnswerEvent]:
    """The events that OpenAI's stream has a place for."""
    async for event in events:
        if event.stage in (AnswerStage.TOKEN, AnswerStage.DONE):
            yield event


async def _answer_chunks(
    events: AsyncIterator[AnswerEvent], reply: Reply, *, usage: bool
) -> AsyncIterator[str]:
    """The draft as reasoning, then the answer as content.

    A draft becomes an answer only when its statements were located in the documents, and a chunk
    that was sent as content cannot be taken back.
    """
    try:
        yield reply.chunk({"role": "assistant", "content": ""})
        async for event in events:
            if event.text:
                yield reply.chunk({"reasoning_content": event.text})
            if event.answer is not None:
                for word in _WORDS.findall(event.answer.text):
                    yield reply.chunk({"content": word})
                yield reply.chunk(_sources(event.answer), "stop")
                if usage:
                    yield reply.usage_chunk(_answer_usage(event.answer))
        yield server_sent_event("[DONE]")
    except Exception as error:  # the response has begun: the failure becomes its last event
        yield server_sent_event(error_body(error))


def _sources(answer: Answer) -> dict[str, Any]:
    return {
        "citations": [as_json(citation) for citation in answer.citations],
        "passages": [as_json(hit) for hit in answer.passages],
        "refused": answer.refused,
    }


def _answer_usage(answer: Answer) -> dict[str, Any]:
    usage = answer.usage
    return token_counts(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)
