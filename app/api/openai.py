"""The OpenAI-compatible API under /v1.

The model `paperlight` answers from the documents: its messages carry `citations`, `passages` and
`refused` beside the usual fields. The GGUF's own name is the model itself, without documents; the
embedder's name is the model that the library's own search uses.
"""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from app.api.asking import Asking
from app.api.chat_forms import ChatBody, ChatFrame
from app.api.completion_forms import CompletionBody, CompletionFrame
from app.api.dependencies import Client, Ready, Workers
from app.api.embedding_forms import EmbeddingBody, check_lengths
from app.api.errors import ApiError, ended_early, error_body
from app.api.generation import Generation, respond
from app.api.generation_forms import token_counts
from app.api.streaming import EventStream, WorkerThreads, begun, server_sent_event
from app.as_json import as_json
from app.workspace import Workspace
from inference.llama.grammar import json_schema_grammar
from inference.request import InvalidRequest, Prompt
from inference.request import Request as Completion
from inference.samples import sample_requests, submit_all
from rag.results import Answer, AnswerEvent, AnswerStage

router = APIRouter(prefix="/v1", tags=["openai"])
DOCUMENTS_MODEL = "paperlight"
_WORDS = re.compile(r"\S+\s*|\s+")
# Texts embedded between two looks at whether the client is still there.
_TEXTS_AT_ONCE = 64


@router.get("/models")
def list_models(workspace: Ready) -> dict[str, Any]:
    """The models: the documents, the GGUF itself, and the embedding model."""
    return {"object": "list", "data": [_model(name) for name in _model_names(workspace)]}


@router.get("/models/{name}")
def get_model(name: str, workspace: Ready) -> dict[str, Any]:
    """One model."""
    _check_model(name, workspace)
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "paperlight"}


def _model_names(workspace: Workspace) -> tuple[str, str, str]:
    library = workspace.library
    return DOCUMENTS_MODEL, library.generator.model_name, library.embedder.model_path.name


def _check_model(
    name: str, workspace: Workspace, *, among: slice = slice(None), does: str = "is here"
) -> None:
    """Raise ApiError unless `name` is a model, and one of those `among` them that can do it."""
    names = _model_names(workspace)
    if name not in names:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            f"there is no model {name[:200]!r} here; use one of {', '.join(names)}",
            param="model",
            code="model_not_found",
        )
    if name not in names[among]:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            f"the model {name!r} is not one that {does}; use {' or '.join(names[among])}",
            param="model",
        )


@router.post("/chat/completions")
async def chat_completions(
    body: ChatBody, request: Request, workspace: Ready, workers: Workers, client: Client
) -> Any:
    """A chat completion, whole or as a stream of chunks.

    The model `paperlight` has its own instructions and answers deterministically: system messages
    and sampling fields are accepted and change nothing. Its stream shows the draft as
    `reasoning_content` while it is written; `content` is the answer, once its statements were
    located in the documents. The GGUF's own name takes every field.
    """
    _check_model(body.model, workspace, among=slice(0, 2), does="chats")
    body.check_offered(documents=body.model == DOCUMENTS_MODEL)
    if body.model == DOCUMENTS_MODEL:
        return await _from_documents(body, request, workspace, workers, client)
    service = workspace.library.generator

    def begin() -> Generation:
        sampling = body.sampling()
        schema = body.json_schema()
        if schema is not None:
            sampling = replace(sampling, grammar=_grammar(schema))
        prompt = service.encode_chat(body.conversation())
        asked = Completion(prompt, sampling, client=client)
        return Generation(submit_all(service, sample_requests(asked, body.samples)), body.samples)

    generation = await run_in_threadpool(begin)
    frame = ChatFrame(body.model, wants_usage=body.stream and body.wants_usage)
    return await respond(generation, body, frame, request, workers)


def _grammar(schema: str) -> str:
    try:
        return json_schema_grammar(schema)
    except InvalidRequest as error:
        message, param = str(error), "response_format"
        raise ApiError(HTTPStatus.BAD_REQUEST, message, param=param) from error


@router.post("/completions")
async def completions(
    body: CompletionBody, request: Request, workspace: Ready, workers: Workers, client: Client
) -> Any:
    """Text continued by the GGUF itself, whole or as a stream of chunks.

    Prompts and samples share the engine's batch; equal beginnings are computed once.
    """
    _check_model(body.model, workspace, among=slice(1, 2), does="completes text")
    body.check_offered()
    service = workspace.library.generator

    def begin() -> Generation:
        sampling = body.sampling()
        requests = []
        for given in body.prompts():
            prompt = service.encode(given) if isinstance(given, str) else Prompt(tuple(given))
            asked = Completion(prompt, sampling, client=client)
            requests += sample_requests(asked, body.samples)
        return Generation(submit_all(service, requests), body.samples)

    generation = await run_in_threadpool(begin)
    frame = CompletionFrame(body.model, wants_usage=body.stream and body.wants_usage)
    return await respond(generation, body, frame, request, workers)


@router.post("/embeddings")
async def embeddings(
    body: EmbeddingBody, request: Request, workspace: Ready, workers: Workers
) -> Any:
    """Unit vectors of texts, by the embedding model that the library's own search uses.

    A text that the model would cut is refused.
    """
    _check_model(body.model, workspace, among=slice(2, 3), does="embeds")
    texts, cancelled = body.texts(), threading.Event()

    def embed() -> dict[str, Any]:
        embedder = workspace.library.embedder
        body.check_dimensions(embedder.dimensions)
        counts = [embedder.count_tokens(text) for text in texts]
        check_lengths(counts, embedder.max_tokens)
        as_vectors = (
            embedder.embed_queries if body.input_type == "query" else embedder.embed_passages
        )
        parts = []
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            if cancelled.is_set():
                raise ended_early()
            parts.append(as_vectors(texts[start : start + _TEXTS_AT_ONCE]))
        return body.reply(np.concatenate(parts), sum(counts))

    return await workers.run_for(request, embed, cancelled.set)


# --- the documents ----------------------------------------------------------------------------


async def _from_documents(
    body: ChatBody, request: Request, workspace: Workspace, workers: WorkerThreads, client: str
) -> Any:
    body.sampling()  # what the model would refuse is refused here too
    reply = ChatFrame(body.model, wants_usage=body.stream and body.wants_usage)
    question, history = body.question()
    asking = Asking(
        workspace.library,
        question,
        history=history,
        filter=body.search_filter(),
        client=client,
    )
    if body.stream:
        events = _told(workers.iterate(asking.events, asking.cancel))
        events = await begun(events, request, asking.cancel)
        return EventStream(_answer_chunks(events, reply, usage=body.wants_usage), asking.cancel)
    answer = await workers.run_for(request, asking.answer, asking.cancel)
    if answer.cancelled:
        raise ended_early()
    message = {"content": answer.text} | _sources(answer)
    return reply.answer(message, _answer_usage(answer))


async def _told(events: AsyncIterator[AnswerEvent]) -> AsyncGenerator[AnswerEvent]:
    """The events that OpenAI's stream has a place for."""
    async for event in events:
        if event.stage in (AnswerStage.TOKEN, AnswerStage.DONE):
            yield event


async def _answer_chunks(
    events: AsyncIterator[AnswerEvent], reply: ChatFrame, *, usage: bool
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
                if event.answer.cancelled:
                    raise ended_early()
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
