"""Who may ask: API keys, requests of foreign web pages, bodies that are too large.

ASGI middleware without any knowledge of the routes behind it.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import ApiError, error_response

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
MEGABYTE = 1 << 20
JSON_BODY_BYTES = 8 * MEGABYTE


class KeyCheck:
    """A dependency that wants one of the configured keys as a bearer token."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def __call__(self, request: Request) -> None:
        """Raise ApiError unless the request carries a key; without keys everybody may ask."""
        if not self._keys:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = given.strip().encode() if scheme.lower() == "bearer" else b""
        # Every key is compared, each in constant time: the time taken tells nothing.
        matches = [hmac.compare_digest(token, key) for key in self._keys]
        if not any(matches):
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "an API key is needed: send it as 'Authorization: Bearer KEY'",
                code="invalid_api_key",
            )


class LocalOnly:
    """Refuses what a foreign web page can make a browser send to a local server.

    loopback: the server listens on loopback only, so that any other Host is a rebound name.
    """

    def __init__(self, app: ASGIApp, *, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            host = headers.get("host", "")
            name = host if host.endswith("]") else host.rsplit(":", 1)[0]
            if self._loopback and name not in LOOPBACK_HOSTS:
                return await _refuse(scope, receive, send, f"unknown host {name[:80]!r}")
            origin = headers.get("origin")
            writes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
            if writes and origin is not None and urlsplit(origin).netloc != host:
                return await _refuse(scope, receive, send, "a page of another origin may not ask")
        return await self._app(scope, receive, send)


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    response = error_response(ApiError(HTTPStatus.FORBIDDEN, reason))
    await response(scope, receive, send)


class BodyLimit:
    """Refuses bodies above a limit, by what they say and by what they send."""

    def __init__(self, app: ASGIApp, *, upload_bytes: int) -> None:
        self._app = app
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(("/v1/", "/api/")):
            return await self._app(scope, receive, send)
        limit = self._upload_bytes if scope["path"] == "/api/documents" else JSON_BODY_BYTES
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            response = error_response(_too_large(limit))
            return await response(scope, receive, send)
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise _too_large(limit)
            return message

        return await self._app(scope, counted, send)


def _too_large(limit: int) -> ApiError:
    return ApiError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the request is larger than {limit // MEGABYTE} MB; send less, or raise "
        "PAPERLIGHT_MAX_UPLOAD_MB for files",
    )
