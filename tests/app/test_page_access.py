"""Who gets the page: it asks for no key, so keys keep it from other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.testclient import WebSocketDenialResponse
from starlette.types import Receive, Scope, Send

from app import server
from app.server import NO_PAGE, create_app, who_may_read
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedService

KEYS = (SecretStr("secret"),)
STREAM = "/_stcore/stream"  # all that the page shows and takes goes through it

MakeClient = Callable[..., TestClient]


class Page:
    """Stands in for Streamlit's application, of which a process can have but one."""

    def __init__(self, _: Path) -> None:
        self.lifespan = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("the page")(scope, receive, send)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    """Makes a client of a server that listens on a host, with keys or without."""
    monkeypatch.setattr(server, "set_environment", lambda _: None)
    monkeypatch.setattr(server.streamlit, "App", Page)
    settings = Settings(home=tmp_path)
    with ModellessLibrary(tmp_path / "library", settings, lambda: ScriptedService("")) as library:

        def make(host: str, keys: tuple[SecretStr, ...]) -> TestClient:
            changed = settings.model_copy(update={"host": host, "api_keys": keys})
            return TestClient(create_app(changed, library), base_url="http://127.0.0.1")

        yield make


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "notes.example"])
def test_with_keys_other_machines_get_no_page(served: MakeClient, host: str) -> None:
    """Keys guarded the API alone: through the page anybody could read, upload and delete."""
    client = served(host, KEYS)
    for path in ("/", "/_stcore/host-config", "/static/index.html"):
        refused = client.get(path)
        assert (refused.status_code, refused.text) == (403, NO_PAGE)
    assert client.post("/_stcore/upload_file/a/b", content=b"x").status_code == 403
    with pytest.raises(WebSocketDenialResponse), client.websocket_connect(STREAM):
        pass
    assert client.get("/api/documents").status_code == 401
    assert who_may_read(Settings(host=host, api_keys=KEYS)) == NO_PAGE


@pytest.mark.parametrize(
    ("host", "keys", "warning"),
    [
        ("127.0.0.1", (), ""),
        ("127.0.0.1", KEYS, ""),
        ("localhost", KEYS, ""),
        ("0.0.0.0", (), "Anybody who can reach this address can read the documents"),
    ],
)
def test_else_the_page_is_served(
    served: MakeClient, host: str, keys: tuple[SecretStr, ...], warning: str
) -> None:
    assert served(host, keys).get("/").text == "the page"
    said = who_may_read(Settings(host=host, api_keys=keys))
    assert said.startswith(warning)
    assert bool(said) == bool(warning)
