"""Paperlight's own API: documents, search and cited answers, under /api."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from app.api.errors import ApiError, error_body
from app.api.streaming import collect, iterate_in_thread, server_sent_event
from app.as_json import as_json
from app.workspace import current
from rag.results import AnswerEvent, Turn

router = APIRouter(prefix="/api", tags=["documents"])


class SearchBody(BaseModel):
    """What to look for."""

    query: str = Field(min_length=1, max_length=20_000)
    k: int = Field(default=10, ge=1, le=200)
    collection: str | None = None


class TurnBody(BaseModel):
    """An earlier exchange."""

    question: str
    answer: str


class AskBody(BaseModel):
    """A question to the documents."""

    question: str = Field(min_length=1, max_length=100_000)
    history: list[TurnBody] = Field(default_factory=list, max_length=200)
    collection: str | None = None
    stream: bool = False


@router.get("/documents")
def list_documents(collection: str | None = None) -> dict[str, Any]:
    """The documents of a collection, or all."""
    documents = current().library.documents(collection)
    return {"documents": [as_json(record) for record in documents]}


@router.post("/documents")
def add_documents(
    files: Annotated[list[UploadFile], File(description="One or more files")],
    collection: str | None = None,
) -> dict[str, Any]:
    """Add files. Each has an outcome: added, unchanged, replaced or skipped, with the reason."""
    library = current().library
    outcomes = []
    for upload in files:
        report = library.add_bytes(upload.filename or "unnamed", upload.file, collection=collection)
        outcomes += [as_json(outcome) for outcome in report.files]
    return {"files": outcomes}


@router.get("/documents/{document_id}")
def get_document(document_id: str) -> dict[str, Any]:
    """What is known of a document."""
    return {"document": as_json(current().library.document(document_id))}


@router.delete("/documents/{document_id}")
def remove_document(document_id: str) -> dict[str, Any]:
    """Take a document out of the library and out of every index."""
    current().library.remove(document_id)
    return {"removed": document_id}


@router.get("/documents/{document_id}/pages/{number}")
def get_page(document_id: str, number: int) -> dict[str, Any]:
    """A page's text. number: 1-based; of a format without pages, its section."""
    page = current().library.page(document_id, number - 1)
    return {"document_id": document_id, "page": page.number, "text": page.text}


@router.get("/documents/{document_id}/pages/{number}/image", response_class=Response)
def get_page_image(
    document_id: str, number: int, start: int | None = None, end: int | None = None
) -> Response:
    """A page as PNG; start and end mark a span of its text."""
    highlight = (start, end) if start is not None and end is not None else None
    picture = current().library.render_page(document_id, number, highlight=highlight)
    if picture is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "there is no picture of this page, only its text")
    return Response(picture, media_type="image/png")


@router.post("/search")
def search(body: SearchBody) -> dict[str, Any]:
    """Passages that fit a query, best first."""
    hits = current().library.search(body.query, k=body.k, collection=body.collection)
    return {"hits": [as_json(hit) for hit in hits]}


@router.post("/ask")
async def ask(body: AskBody, request: Request) -> Any:
    """A cited answer: as JSON, or as server-sent events where `stream` or Accept asks for them.

    Events: retrieved, token, citation, done (which carries the whole answer), error.
    """
    cancel = threading.Event()
    library = current().library
    history = [Turn(turn.question, turn.answer) for turn in body.history]
    if body.stream or "text/event-stream" in request.headers.get("accept", ""):
        events = iterate_in_thread(
            lambda: library.stream(
                body.question, history=history, collection=body.collection, cancel=cancel
            ),
            cancel.set,
        )
        return StreamingResponse(_as_events(events), media_type="text/event-stream")
    answer = await collect(
        request,
        lambda: library.ask(
            body.question, history=history, collection=body.collection, cancel=cancel
        ),
        cancel.set,
    )
    return as_json(answer)


async def _as_events(events: AsyncIterator[AnswerEvent]) -> AsyncIterator[str]:
    try:
        async for event in events:
            data = {key: value for key, value in as_json(event).items() if value}
            yield server_sent_event(data, event=event.stage.value)
    except Exception as error:  # the response has begun: the failure becomes its last event
        yield server_sent_event(error_body(error), event="error")
