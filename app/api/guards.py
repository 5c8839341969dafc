"""Who may ask: API keys, requests of foreign web pages, bodies that are too large.

ASGI middleware without any knowledge of the routes behind it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import ApiError, error_response

MEGABYTE = 1 << 20
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class KeyCheck:
    """A dependency that wants one of the configured keys as a bearer token.

    Leaves who asked in `request.state.client`: which key, or which address where there are none.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def __call__(self, request: Request) -> None:
        """Raise ApiError unless the request carries a key; without keys everybody may ask."""
        request.state.client = request.client.host if request.client else ""
        if not self._keys:
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        token = given.strip().encode() if scheme.lower() == "bearer" else b""
        # Every key is compared, each in constant time: the time taken tells nothing.
        matches = [hmac.compare_digest(token, key) for key in self._keys]
        if not any(matches):
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "this API key is not known here: send one of those in PAPERLIGHT_API_KEYS"
                if token
                else "an API key is needed: send it as 'Authorization: Bearer KEY'",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        request.state.client = f"key {matches.index(True)}"


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


class LocalOnly:
    """Refuses what a foreign web page can make a browser send to a local server.

    loopback: the server listens on loopback only, so that any other Host is a rebound name.
    """

    def __init__(self, app: ASGIApp, *, loopback: bool) -> None:
        self._app = app
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 403."""
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            host = headers.get("host", "")
            if self._loopback and not is_loopback(_host_name(host)):
                unknown = (
                    f"unknown host {host[:80]!r}: this server is for its own machine; ask for"
                    " localhost or 127.0.0.1, or set PAPERLIGHT_HOST to serve others"
                )
                return await _refuse(scope, receive, send, unknown)
            origin = headers.get("origin")
            writes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
            if writes and origin is not None and _authority(origin) != host:
                return await _refuse(scope, receive, send, "a page of another origin may not ask")
        return await self._app(scope, receive, send)


def _host_name(header: str) -> str:
    """The name in a Host header, without its port; "" where it is none."""
    try:
        parts = urlsplit(f"//{header}")
        return (parts.hostname or "") if parts.netloc == header and not parts.username else ""
    except ValueError:
        return ""


def _authority(origin: str) -> str | None:
    """The host and port in an Origin header; None where it is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


async def _refuse(scope: Scope, receive: Receive, send: Send, reason: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    response = error_response(ApiError(HTTPStatus.FORBIDDEN, reason))
    await response(scope, receive, send)


class BodyLimit:
    """Refuses bodies above a limit, by what they say and by what they send.

    prefixes: the paths that are watched. limits: bytes by path, for those that take more than
    `default_bytes`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        prefixes: tuple[str, ...],
        default_bytes: int,
        limits: Mapping[str, int],
    ) -> None:
        self._app = app
        self._prefixes = prefixes
        self._default_bytes = default_bytes
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it with 413."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefixes):
            return await self._app(scope, receive, send)
        limit = self._limits.get(scope["path"], self._default_bytes)
        body = _MeasuredBody(receive, send, limit)
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdigit() or int(declared) <= limit:
            with suppress(_TooLarge):
                await self._app(scope, body.receive, body.send)
            if not body.refused:
                return None
        await body.discard_rest()
        response = error_response(
            ApiError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the request is larger than {limit / MEGABYTE:,.0f} MB; send files one by one, "
                "or raise PAPERLIGHT_MAX_UPLOAD_MB",
                code="request_too_large",
            )
        )
        return await response(scope, receive, send)


class _TooLarge(Exception):
    """The body went over its limit while it was read."""


class _MeasuredBody:
    """A request's receive and send, where the application's words count only within the limit.

    refused: the limit was passed before the response began; what the application makes of that
    (it may take it for a broken body) is not sent.
    """

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._received = 0
        self._has_more = True
        self._answered = False
        self.refused = False

    async def receive(self) -> Message:
        message = await self._next()
        if self._received > self._limit and not self._answered:
            self.refused = True
            raise _TooLarge
        return message

    async def send(self, message: Message) -> None:
        if not self.refused:
            self._answered = True
            await self._send(message)

    async def discard_rest(self) -> None:
        """Read on for as much again: a client that is still sending reads no answer."""
        end = max(self._received, self._limit) + self._limit
        while self._has_more and self._received < end:
            await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._received += len(message.get("body", b""))
        self._has_more = message.get("more_body", False)
        return message
