"""API keys, origins and body sizes, without a library or a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, File, Request, UploadFile, WebSocket
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.websockets import WebSocketDisconnect

from app.api.errors import install_error_handlers
from app.api.guards import BodyLimit, KeyCheck, LocalOnly, is_loopback

LIMIT = 1 << 20
UPLOAD_LIMIT = 3 << 20


def app(*keys: str, loopback: bool = True) -> TestClient:
    api = FastAPI()
    install_error_handlers(api)

    @api.post("/v1/echo", dependencies=[Depends(KeyCheck(keys))])
    async def echo(request: Request) -> int:
        return len(await request.body())

    @api.post("/v1/upload")
    async def upload(file: Annotated[UploadFile, File()]) -> int:
        return len(await file.read())

    @api.websocket("/stream")
    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    api.add_middleware(
        BodyLimit, prefixes=("/v1",), default_bytes=LIMIT, limits={"/v1/upload": UPLOAD_LIMIT}
    )
    api.add_middleware(LocalOnly, loopback=loopback)
    return TestClient(api, base_url="http://127.0.0.1:8501")


# --- keys ---------------------------------------------------------------------------------------


def test_without_keys_everybody_may_ask() -> None:
    assert app().post("/v1/echo", content=b"abc").json() == 3


def test_with_keys_each_of_them_opens_and_nothing_else_does() -> None:
    client = app("first", "second")
    for key, status in (("first", 200), ("second", 200), ("third", 401), ("", 401)):
        reply = client.post("/v1/echo", headers={"Authorization": f"Bearer {key}"})
        assert reply.status_code == status
    assert client.post("/v1/echo").json()["error"]["code"] == "invalid_api_key"
    assert client.post("/v1/echo", headers={"Authorization": "Basic first"}).status_code == 401


def test_a_wrong_key_is_told_from_none() -> None:
    """With a mistyped key, "an API key is needed" sent its owner to look at the header."""
    for headers, words in (
        ({"Authorization": "Bearer fist"}, "is not known here"),
        ({"Authorization": "Bearer "}, "is needed: send it as"),
        ({}, "is needed: send it as"),
    ):
        reply = app("first").post("/v1/echo", headers=headers)
        assert reply.status_code == 401
        assert words in reply.json()["error"]["message"]
        assert "first" not in reply.text


@given(st.text(max_size=20))
def test_no_text_opens_a_keyed_api(text: str) -> None:
    header = f"Bearer {text}".encode()
    if text.strip() != "first":
        reply = app("first").post("/v1/echo", headers={b"Authorization": header})
        assert reply.status_code in (400, 401)


# --- hosts and origins ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8501", "localhost.", "127.0.0.1:80", "127.9.9.9", "[::1]:8501"],
)
def test_names_of_this_machine_are_served(host: str) -> None:
    assert app().post("/v1/echo", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "paperlight.example:8501",
        "127.0.0.1.example",
        "localhost.example",
        "localhost@evil.example",
        "evil.example#localhost",
        "10.0.0.1",
        "[::2]",
        "[",
        "",
    ],
)
def test_a_rebound_name_is_refused_on_loopback_and_allowed_elsewhere(host: str) -> None:
    refused = app().post("/v1/echo", headers={"Host": host})
    # That a host is unknown was all that was said to who came by a name of this machine's own.
    assert (refused.status_code, "or set PAPERLIGHT_HOST" in refused.text) == (403, True)
    assert app(loopback=False).post("/v1/echo", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8501", 200),
        ("http://evil.example", 403),
        ("http://127.0.0.1:9999", 403),
        ("null", 403),
        ("http://[", 403),
        ("http://[::1", 403),
    ],
)
def test_pages_of_other_origins_change_nothing(origin: str, status: int) -> None:
    """An origin that is no address, "http://[", was an error of the server's own (500)."""
    headers = {"Origin": origin}
    assert app().post("/v1/echo", headers=headers).status_code == status
    assert app().get("/v1/echo", headers=headers).status_code == 405  # reading passes the guard


def test_pages_of_other_origins_open_no_web_socket() -> None:
    here = {"Host": "127.0.0.1:8501"}
    own = here | {"Origin": "http://127.0.0.1:8501"}
    with app().websocket_connect("/stream", headers=own):
        pass
    for headers in (here | {"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        refused = app().websocket_connect("/stream", headers=headers)
        with pytest.raises(WebSocketDisconnect), refused:
            pass


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# --- sizes ----------------------------------------------------------------------------------------


def undeclared(size: int) -> Iterator[bytes]:
    """A body of which no one says how long it is."""
    for _ in range(size // 65536):
        yield b"x" * 65536
    yield b"x" * (size % 65536)


def test_bodies_above_the_limit_are_refused_declared_or_not() -> None:
    client = app()
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413), (5 * LIMIT, 413)):
        declared = client.post("/v1/echo", content=b"x" * size)
        streamed = client.post("/v1/echo", content=undeclared(size))
        assert (declared.status_code, streamed.status_code) == (status, status)
    assert declared.json()["error"]["code"] == "request_too_large"


def test_a_form_above_the_limit_is_too_large_and_not_a_broken_form() -> None:
    # FastAPI answers 400 to whatever is raised while it reads a form.
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    form = {"Content-Type": "multipart/form-data; boundary=b"}

    def body(size: int) -> Iterator[bytes]:
        yield head
        yield from undeclared(size)
        yield b"\r\n--b--\r\n"

    assert app().post("/v1/upload", content=body(2 * LIMIT), headers=form).json() == 2 * LIMIT
    assert app().post("/v1/upload", content=body(4 * LIMIT), headers=form).status_code == 413
