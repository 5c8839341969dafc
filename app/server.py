"""One ASGI process: Streamlit's page and the HTTP API, around one library and one engine.

FastAPI is the outer application and Streamlit's `st.App` is mounted in it, its lifespan inside
ours. The other way round (routes handed to `st.App`) would put Streamlit's session cookie and
compression before the API, and FastAPI's routes need FastAPI's own application around them.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from html import escape
from http import HTTPStatus
from pathlib import Path

import streamlit
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp

from app.api import documents, health, openai
from app.api.errors import ApiError, install_error_handlers
from app.api.guards import LOOPBACK_HOSTS, MEGABYTE, BodyLimit, KeyCheck, LocalOnly
from app.startup import start_in_background
from app.workspace import Workspace, install
from rag.errors import RagError
from rag.library import Library
from rag.settings import Settings, set_environment

logger = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "ui" / "page.py"
SHUTDOWN_SECONDS = 3


class AddressUnavailable(RagError):
    """The server cannot listen where it was told to; the message says what to do."""


def create_app(
    settings: Settings, library: Library, *, announce: Callable[[str], None] = logger.info
) -> ASGIApp:
    """The application. It owns `library` from its start and closes it at its end.

    announce: called with each line that belongs on the terminal.
    """
    set_environment(_streamlit_environment(settings))
    page = streamlit.App(PAGE)
    page_lifespan = page.lifespan()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        workspace = Workspace(library, settings)
        install(workspace)
        thread = start_in_background(workspace, announce)
        try:
            async with page_lifespan(app):
                yield
        finally:
            library.close()
            thread.join(SHUTDOWN_SECONDS)
            install(None)

    # FastAPI's own documentation pages load scripts from the network, so they are off.
    app = FastAPI(
        title="Paperlight",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    keys = Depends(KeyCheck([key.get_secret_value() for key in settings.api_keys]))
    app.include_router(health.router)
    app.include_router(openai.router, dependencies=[keys])
    app.include_router(documents.router, dependencies=[keys])
    app.add_api_route("/api/docs", lambda: _describe_api(app), include_in_schema=False)
    for prefix in ("/api", "/v1"):  # or unknown paths would answer with the page
        app.add_api_route(
            prefix + "/{path:path}",
            _unknown_path,
            methods=["GET", "POST", "PUT", "DELETE", "PATCH"],
            include_in_schema=False,
        )
    install_error_handlers(app)
    app.mount("/", page)
    app.add_middleware(BodyLimit, upload_bytes=settings.max_upload_mb * MEGABYTE)
    app.add_middleware(LocalOnly, loopback=settings.host in LOOPBACK_HOSTS)
    return app


def _unknown_path(path: str) -> None:
    raise ApiError(HTTPStatus.NOT_FOUND, f"there is nothing at {path[:200]!r}; see /api/docs")


def _streamlit_environment(settings: Settings) -> Mapping[str, str]:
    """Streamlit's settings that follow from ours; the rest is in app/ui/.streamlit."""
    return {
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": str(settings.max_upload_mb),
        "STREAMLIT_SERVER_ADDRESS": settings.host,
        "STREAMLIT_SERVER_PORT": str(settings.port),
    }


def _describe_api(app: FastAPI) -> HTMLResponse:
    """A plain list of the API's paths; the schema itself is at /api/openapi.json."""
    rows = [
        f"<tr><td><code>{escape(method.upper())}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation.get('description', ''))}</td></tr>"
        for path, operations in app.openapi()["paths"].items()
        for method, operation in operations.items()
    ]
    return HTMLResponse(
        "<!doctype html><meta charset=utf-8><title>Paperlight API</title>"
        "<style>body{font:16px/1.5 system-ui;margin:3rem auto;max-width:60rem;padding:0 1rem}"
        "td{padding:.35rem .8rem;border-top:1px solid #ddd;vertical-align:top}</style>"
        "<h1>Paperlight API</h1><p>The schema is at <a href=openapi.json>openapi.json</a>.</p>"
        f"<table>{''.join(rows)}</table>"
    )


def serve(settings: Settings, library: Library, *, announce: Callable[[str], None]) -> None:
    """Serve until interrupted. Raises AddressUnavailable."""
    listener = _listen(settings.host, settings.port)
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    app = create_app(settings, library, announce=announce)
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ws_max_size=settings.max_upload_mb * MEGABYTE,
    )
    announce(f"Paperlight is starting at {settings.address}")
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise AddressUnavailable(
            f"cannot listen on {host}:{port} ({error.strerror}); stop what uses it, or choose "
            "another with --port or PAPERLIGHT_PORT"
        ) from error
    return listener
