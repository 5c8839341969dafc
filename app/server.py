"""One ASGI process: Streamlit's page and the HTTP API, around one library and one engine.

The API is the outer application; what is not the API's goes to Streamlit's `st.App`, whose
lifespan runs inside ours. The other way round (routes handed to `st.App`) would put Streamlit's
session cookie and compression before the API, and FastAPI's routes need FastAPI's own application
around them.
"""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import streamlit
import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.concurrency import run_in_threadpool

from app.api.application import create_api
from app.api.guards import is_loopback
from app.api.streaming import WorkerThreads
from app.startup import StartUp
from app.workspace import Workspace, install
from rag.errors import RagError
from rag.library import Library
from rag.settings import Settings, set_environment

logger = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "ui" / "page.py"
SHUTDOWN_SECONDS = 3
NO_PAGE = (
    "The page is not served here: PAPERLIGHT_API_KEYS is set, and the page asks for no key. To use "
    "it, set PAPERLIGHT_HOST to 127.0.0.1 and come from this machine or through an SSH tunnel."
)
# No other site may put the page into a frame and have it clicked, or learn what is open here.
_HEADERS = (
    ("X-Frame-Options", "SAMEORIGIN"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)


class AddressUnavailable(RagError):
    """The server cannot listen where it was told to; the message says what to do."""


def create_app(
    settings: Settings, library: Library, *, announce: Callable[[str], None] = logger.info
) -> FastAPI:
    """The application. It owns `library` from its start and closes it at its end.

    announce: called with each line that belongs on the terminal.
    """
    set_environment(_streamlit_environment(settings))
    page = streamlit.App(PAGE)
    page_lifespan = page.lifespan()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        workspace = Workspace(library, settings)
        start_up = StartUp(workspace, announce)
        install(workspace)
        start_up.begin()
        try:
            async with page_lifespan(app):
                yield
        finally:
            await run_in_threadpool(start_up.stop)
            await run_in_threadpool(library.close)
            install(None)

    beside = page if serves_page(settings) else PlainTextResponse(NO_PAGE, HTTPStatus.FORBIDDEN)
    return create_api(settings, lifespan=lifespan, beside=beside)


def serves_page(settings: Settings) -> bool:
    """Whether the page is served: it asks for no key, so that it would go round the API's."""
    return is_loopback(settings.host) or not settings.api_keys


def who_may_read(settings: Settings) -> str:
    """What whoever starts the server should know of who can read; "" on loopback."""
    if not serves_page(settings):
        return NO_PAGE
    if is_loopback(settings.host):
        return ""
    return "Anybody who can reach this address can read the documents: no API keys are set."


def _streamlit_environment(settings: Settings) -> Mapping[str, str]:
    """Streamlit's settings that follow from ours, or that a user's own must not change.

    The rest is in app/ui/.streamlit.
    """
    return {
        "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
        "STREAMLIT_SERVER_ADDRESS": settings.host,
        "STREAMLIT_SERVER_BASE_URL_PATH": "",
        "STREAMLIT_SERVER_ENABLE_AGENT_API": "false",
        "STREAMLIT_SERVER_ENABLE_CORS": "true",
        "STREAMLIT_SERVER_ENABLE_STATIC_SERVING": "false",
        "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION": "true",
        "STREAMLIT_SERVER_HEADLESS": "true",
        "STREAMLIT_SERVER_MAX_UPLOAD_SIZE": str(settings.max_upload_mb),
        "STREAMLIT_SERVER_PORT": str(settings.port),
    }


class _Server(uvicorn.Server):
    """Ends the answers under way before it waits for their connections."""

    def __init__(self, config: uvicorn.Config, workers: WorkerThreads) -> None:
        super().__init__(config)
        self._workers = workers

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._workers.stop()
        await super().shutdown(sockets)


def serve(settings: Settings, library: Library, *, announce: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, in the main thread. Raises AddressUnavailable."""
    listener = _listen(settings.host, settings.port)
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    app = create_app(settings, library, announce=announce)
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=list(_HEADERS),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ws_per_message_deflate=False,  # costs more time than a local network does
    )
    announce(f"Paperlight is starting at {settings.address}")
    if warning := who_may_read(settings):
        announce(warning)
    # uvicorn ends in an orderly way on either signal and then raises it again for us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _Server(config, app.state.workers).run(sockets=[listener])
    except KeyboardInterrupt:
        announce("Paperlight has stopped.")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()  # before that, another could still bind the same address
    except OSError as error:
        listener.close()
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise AddressUnavailable(
                f"cannot listen on {host} ({error.strerror}): it is no address of this machine; "
                "choose another with --host or PAPERLIGHT_HOST, such as 127.0.0.1 or 0.0.0.0"
            ) from error
        raise AddressUnavailable(
            f"cannot listen on {host}:{port} ({error.strerror}); stop what uses it, or choose "
            "another with --port or PAPERLIGHT_PORT"
        ) from error
    return listener
