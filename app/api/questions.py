"""Searches, questions and forms to fill in over HTTP: /api/search, /api/ask, /api/extract."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, StringConstraints

from app.api.asking import Asking
from app.api.bodies import OwnBody
from app.api.dependencies import Client, Ready, Workers
from app.api.errors import error_body
from app.api.filter_forms import FilteredBody
from app.api.streaming import EventStream, begun, server_sent_event
from app.as_json import as_json
from rag.citations import Unsupported
from rag.results import AnswerEvent, Turn
from rag.settings import MOST_QUESTION_CHARS

router = APIRouter(prefix="/api", tags=["questions"])

# A full queue shows itself just after the passages were found: long enough to see it, short
# enough to show the passages early.
_REFUSAL_SECONDS = 0.2


class SearchBody(OwnBody, FilteredBody):
    """What to look for."""

    query: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(
        min_length=1, max_length=MOST_QUESTION_CHARS, description="What to look for"
    )
    k: int = Field(default=10, ge=1, le=200, description="Most passages to return")


class TurnBody(OwnBody):
    """An earlier exchange."""

    question: str = Field(max_length=MOST_QUESTION_CHARS, description="What was asked")
    answer: str = Field(max_length=MOST_QUESTION_CHARS, description="What was answered")


class AskBody(OwnBody, FilteredBody):
    """A question to the documents."""

    question: str = Field(min_length=1, max_length=MOST_QUESTION_CHARS, description="What to ask")
    history: list[TurnBody] = Field(
        default_factory=list,
        max_length=200,
        description="The conversation before it, oldest first",
    )
    stream: bool = Field(default=False, description="Send the answer as server-sent events")


class ExtractBody(OwnBody, FilteredBody):
    """A form to fill in from the documents."""

    json_schema: dict[str, Any] = Field(alias="schema", description="JSON schema of an object")
    instruction: str = Field(
        default="", max_length=4_000, description="What the values are of, if that is not clear"
    )
    unsupported: Unsupported | None = Field(
        default=None,
        description="A value that no passage has: drop makes it null, keep leaves it; without it as"
        " PAPERLIGHT_UNSUPPORTED says",
    )


@router.post("/search")
async def search(
    body: SearchBody, request: Request, workspace: Ready, workers: Workers
) -> dict[str, Any]:
    """Passages that fit a query, best first; `note` says when the filter left no documents.

    A client that leaves stops the search.
    """
    library, chosen, cancel = workspace.library, body.search_filter(), threading.Event()

    def found() -> dict[str, Any]:
        hits = library.search(body.query, k=body.k, filter=chosen, cancel=cancel)
        reply: dict[str, Any] = {"hits": [as_json(hit) for hit in hits]}
        if not hits and chosen and not library.documents(filter=chosen):
            reply["note"] = "The filter leaves no documents; widen it."
        return reply

    return await workers.run_for(request, found, cancel.set)


@router.post("/ask")
async def ask(
    body: AskBody, request: Request, workspace: Ready, workers: Workers, client: Client
) -> Any:
    """A cited answer: as JSON, or as server-sent events where `stream` or Accept asks for them.

    Events: retrieved, token, citation, done (which carries the whole answer, whose text replaces
    what was streamed), error. A client that leaves stops the answer.
    """
    asking = Asking(
        workspace.library,
        body.question,
        history=[Turn(turn.question, turn.answer) for turn in body.history],
        filter=body.search_filter(),
        client=client,
    )
    if not body.stream and "text/event-stream" not in request.headers.get("accept", ""):
        return as_json(await workers.run_for(request, asking.answer, asking.cancel))
    events = await begun(
        workers.iterate(asking.events, asking.cancel),
        request,
        asking.cancel,
        patience_seconds=_REFUSAL_SECONDS,
    )
    return EventStream(_as_events(events), asking.cancel)


@router.post("/extract")
async def extract(
    body: ExtractBody, request: Request, workspace: Ready, workers: Workers, client: Client
) -> dict[str, Any]:
    """Values for the fields of a JSON schema, each with its document, page and quote.

    `data` follows the schema, with null where the documents do not say. A client that leaves stops
    the work.
    """
    cancel, chosen = threading.Event(), body.search_filter()
    extraction = await workers.run_for(
        request,
        lambda: workspace.library.extract(
            body.json_schema,
            body.instruction,
            filter=chosen,
            unsupported=body.unsupported,
            cancel=cancel,
            client=client,
        ),
        cancel.set,
    )
    return as_json(extraction)


async def _as_events(events: AsyncIterator[AnswerEvent]) -> AsyncIterator[str]:
    try:
        async for event in events:
            data = {key: value for key, value in as_json(event).items() if value}
            yield server_sent_event(data, event=event.stage.value)
    except Exception as error:  # the response has begun: the failure becomes its last event
        yield server_sent_event(error_body(error), event="error")
