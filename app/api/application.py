"""The HTTP API as one application: routes, error form, keys and guards. Knows no page.

`app.workspace` must hold a workspace while it serves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from fastapi import Depends, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import documents, feedback, health, openai, questions
from app.api.errors import ApiError, ErrorBody, error_response, install_error_handlers
from app.api.guards import MEGABYTE, BodyLimit, KeyCheck, LocalOnly, is_loopback
from app.api.reference import reference_page
from app.api.streaming import WorkerThreads
from rag.settings import Settings

PREFIXES = ("/api", "/v1")
UPLOADS = "/api/documents"
JSON_BODY_BYTES = 8 * MEGABYTE
MULTIPART_BYTES = 1 * MEGABYTE  # boundaries and headers around files of the largest size

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_api(
    settings: Settings, *, lifespan: Lifespan | None = None, beside: ASGIApp | None = None
) -> FastAPI:
    """The API. beside: answers whatever is not under PREFIXES and no route here.

    Its worker threads are `state.workers`.
    """
    # FastAPI's own documentation pages load scripts from the network, so they are off.
    api = FastAPI(
        title="Paperlight",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        responses={"4XX": {"model": ErrorBody}, "5XX": {"model": ErrorBody}},
    )
    # As many as the engine takes and queues: whoever waits, waits in the engine's line.
    api.state.workers = WorkerThreads(settings.max_sequences + settings.queue_limit)
    keys = Depends(KeyCheck([key.get_secret_value() for key in settings.api_keys]))
    api.include_router(health.router)
    for router in (openai.router, documents.router, questions.router, feedback.router):
        api.include_router(router, dependencies=[keys])
    api.add_api_route("/api/docs", lambda: reference_page(api.openapi()), include_in_schema=False)
    install_error_handlers(api)
    api.router.default = _nothing_or(beside)
    api.add_middleware(
        BodyLimit,
        prefixes=PREFIXES,
        default_bytes=JSON_BODY_BYTES,
        limits={UPLOADS: settings.max_upload_mb * MEGABYTE + MULTIPART_BYTES},
    )
    api.add_middleware(LocalOnly, loopback=is_loopback(settings.host))
    return api


def _nothing_or(beside: ASGIApp | None) -> ASGIApp:
    """What answers where no route does: an error under PREFIXES, `beside` elsewhere."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        ours = any(path == prefix or path.startswith(f"{prefix}/") for prefix in PREFIXES)
        if beside is not None and not (ours and scope["type"] == "http"):
            return await beside(scope, receive, send)
        message = f"there is nothing at {path[:200]!r}; see /api/docs"
        response = error_response(ApiError(HTTPStatus.NOT_FOUND, message))
        return await response(scope, receive, send)

    return answer
