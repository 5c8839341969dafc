"""The HTTP API around a real library with scripted models: what it says, refuses and stops."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from pydantic import SecretStr
from reportlab.pdfgen.canvas import Canvas

from app.api.application import create_api
from app.workspace import Workspace, current, install
from inference.request import QueueFull
from ingest.errors import DiskFull
from rag.results import Answer, Citation, Hit
from rag.settings import MOST_QUESTION_CHARS, Settings
from tests.fakes import HashedWordsEmbedder, ModellessLibrary, ScriptedService

NOTES = (
    "The lighthouse at Port Ellery was built in 1874 and is 41 metres tall.\n\n"
    "The ferry to Grey Island leaves every day at 07:30 and takes 50 minutes.\n"
)
QUESTION = "How tall is the lighthouse at Port Ellery?"
REPLY = "The lighthouse at Port Ellery is 41 metres tall [1]."

ASK = ("/api/ask", {"question": QUESTION})
ASK_STREAM = ("/api/ask", {"question": QUESTION, "stream": True})
USER = [{"role": "user", "content": QUESTION}]
CHAT = ("/v1/chat/completions", {"model": "paperlight", "messages": USER})
CHAT_STREAM = (CHAT[0], CHAT[1] | {"stream": True})
DIRECT = ("/v1/chat/completions", {"model": "scripted", "messages": USER})
DIRECT_STREAM = (DIRECT[0], DIRECT[1] | {"stream": True})
TEXT = ("/v1/completions", {"model": "scripted", "prompt": QUESTION})
TEXT_STREAM = (TEXT[0], TEXT[1] | {"stream": True})
EVERY_WAY_TO_ASK = pytest.mark.parametrize(
    ("path", "body"),
    [ASK, ASK_STREAM, CHAT, CHAT_STREAM, DIRECT, DIRECT_STREAM, TEXT, TEXT_STREAM],
    ids=["ask", "ask-stream", "chat", "chat-stream", "direct", "direct-stream", "text", "texts"],
)

MakeApi = Callable[..., TestClient]


@pytest.fixture
def make_api(tmp_path: Path) -> Iterator[MakeApi]:
    """Makes a client of an API that is ready and whose library holds the notes."""
    opened: list[ModellessLibrary] = []

    def make(service: ScriptedService | None = None, *, ready: bool = True, **changes: Any) -> Any:
        settings = Settings(home=tmp_path, **changes)
        model = service or ScriptedService(REPLY)
        library = ModellessLibrary(tmp_path / "library", settings, lambda: model)
        opened.append(library)
        library.add_bytes("harbour.txt", NOTES.encode())
        workspace = Workspace(library, settings)
        if ready:
            workspace.start.finish()
        install(workspace)
        return TestClient(
            create_api(settings), base_url="http://127.0.0.1", raise_server_exceptions=False
        )

    yield make
    install(None)
    for library in opened:
        library.close()


@pytest.fixture
def client(make_api: MakeApi) -> TestClient:
    return make_api()


def events_of(reply: httpx.Response) -> list[tuple[str, Any]]:
    """The (event, data) pairs of a stream; data that is no JSON as it is."""
    events = []
    for block in reply.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        data = lines["data"]
        events.append((lines.get("event", ""), json.loads(data) if data[0] == "{" else data))
    return events


def names_of(type_: type) -> set[str]:
    return {field.name for field in fields(type_)}


# --- answers ----------------------------------------------------------------------------------


def test_an_answer_has_the_fields_of_the_python_api(client: TestClient) -> None:
    answer = client.post(*ASK[:1], json=ASK[1]).json()
    assert set(answer) == names_of(Answer)
    assert set(answer["passages"][0]) == names_of(Hit)
    assert set(answer["citations"][0]) == names_of(Citation)
    citation = answer["citations"][0]
    assert citation["quote"] == NOTES[citation["start"] : citation["end"]]
    assert "41 metres" in answer["text"]


def test_ask_streams_where_accept_or_body_wants_it(client: TestClient) -> None:
    by_body = client.post(ASK_STREAM[0], json=ASK_STREAM[1])
    by_header = client.post(ASK[0], json=ASK[1], headers={"Accept": "text/event-stream"})
    for reply in (by_body, by_header):
        assert reply.headers["content-type"].startswith("text/event-stream")
        names = [name for name, _ in events_of(reply)]
        assert names[0] == "retrieved"
        assert names[-1] == "done"
        assert {"token", "citation"} <= set(names)
    whole = client.post(ASK[0], json=ASK[1]).json()
    done = events_of(by_body)[-1][1]["answer"]
    assert done["text"] == whole["text"]
    assert done["citations"] == whole["citations"]


def test_a_chat_answer_carries_its_sources_and_its_cost(client: TestClient) -> None:
    reply = client.post(CHAT[0], json=CHAT[1]).json()
    message = reply["choices"][0]["message"]
    asked = client.post(ASK[0], json=ASK[1]).json()
    assert message["content"] == asked["text"]
    assert message["citations"] == asked["citations"]
    assert message["refused"] is False
    assert reply["usage"]["prompt_tokens"] == asked["usage"]["prompt_tokens"]
    assert reply["usage"]["prompt_tokens_details"] == {"cached_tokens": 0}


def test_a_streamed_chat_answer_is_the_draft_as_reasoning_and_the_whole_answer_as_content(
    client: TestClient,
) -> None:
    body = CHAT_STREAM[1] | {"stream_options": {"include_usage": True}}
    *chunks, usage, end = [data for _, data in events_of(client.post(CHAT[0], json=body))]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == REPLY
    whole = client.post(CHAT[0], json=CHAT[1]).json()["choices"][0]["message"]
    assert "".join(delta.get("content", "") for delta in deltas) == whole["content"]
    assert deltas[-1]["citations"] == whole["citations"]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0
    assert end == "[DONE]"


def test_the_models_own_name_is_the_model_without_documents(client: TestClient) -> None:
    reply = client.post(DIRECT[0], json=DIRECT[1]).json()
    assert reply["choices"][0]["message"] == {"role": "assistant", "content": REPLY}
    chunks = [d for _, d in events_of(client.post(DIRECT[0], json=DIRECT_STREAM[1]))][:-1]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == REPLY
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [
        "paperlight",
        "scripted",
        "hashed-words",
    ]


def test_sampling_reaches_the_model(make_api: MakeApi) -> None:
    service = ScriptedService(REPLY)
    body = DIRECT[1] | {"temperature": 0.5, "max_tokens": 7, "stop": ["x"], "seed": 3}
    assert make_api(service).post(DIRECT[0], json=body).status_code == 200
    sampling = service.requests[0].sampling
    assert (sampling.temperature, sampling.max_tokens) == (0.5, 7)
    assert (sampling.stop, sampling.seed) == (("x",), 3)


def test_samples_and_prompts_are_choices_in_order(make_api: MakeApi) -> None:
    service = ScriptedService(REPLY)
    client = make_api(service)
    body = {"model": "scripted", "prompt": [[0, 1], [3, 4, 5]], "n": 2, "seed": 5, "max_tokens": 9}
    reply = client.post("/v1/completions", json=body).json()
    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2, 3]
    assert {choice["text"] for choice in reply["choices"]} == {REPLY}
    assert [r.prompt.tokens for r in service.requests] == [(0, 1)] * 2 + [(3, 4, 5)] * 2
    assert [r.sampling.seed for r in service.requests] == [5, 6, 5, 6]
    words = len(REPLY.split())
    assert reply["usage"]["prompt_tokens"] == 2 + 3  # each prompt counts once
    assert reply["usage"]["completion_tokens"] == 4 * words

    chunks = [d for _, d in events_of(client.post("/v1/completions", json=body | {"stream": True}))]
    assert chunks.pop() == "[DONE]"
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    for index in range(4):
        own = [choice for choice in choices if choice["index"] == index]
        assert "".join(choice["text"] for choice in own) == REPLY
        assert [choice["finish_reason"] for choice in own][-1] == "stop"


def test_a_client_that_leaves_stops_every_sample(make_api: MakeApi) -> None:
    service = ScriptedService("The first words", hold=True)
    for path, body in (DIRECT_STREAM, DIRECT, TEXT_STREAM, TEXT):
        with serving(make_api(service)) as address:
            with send(address, path, body | {"n": 3}):
                for _ in range(3):
                    assert service.submitted.acquire(timeout=30)
            assert all(stream.cancelled.wait(30) for stream in service.streams)


def test_a_reader_that_never_reads_holds_no_completion_up(make_api: MakeApi) -> None:
    """The first client's connection takes nothing, not even the head of its response."""
    service = ScriptedService(REPLY)
    app = make_api(service).app
    data = json.dumps(DIRECT_STREAM[1]).encode()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]

    async def run() -> int:
        stuck, never = asyncio.Event(), asyncio.Event()
        messages = [{"type": "http.request", "body": data, "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            return await never.wait()

        async def send_nothing(message: Any) -> None:
            stuck.set()
            await never.wait()

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": DIRECT[0], "raw_path": DIRECT[0].encode(),
            "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        silent = asyncio.create_task(app(scope, receive, send_nothing))  # type: ignore[arg-type]
        await stuck.wait()
        transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            status = (await client.post(DIRECT[0], json=DIRECT[1])).status_code
        silent.cancel()
        await asyncio.gather(silent, return_exceptions=True)
        return status

    assert asyncio.run(run()) == 200
    # Both ran to their ends: the first waits in its mailbox, not in the engine.
    assert [stream.ended for stream in service.streams] == [True, True]


@EVERY_WAY_TO_ASK
def test_a_full_queue_is_a_429_that_says_when_to_come_back(
    make_api: MakeApi, path: str, body: dict[str, Any]
) -> None:
    client = make_api(ScriptedService(REPLY, refuse=QueueFull("8 requests are waiting", 6.2)))
    reply = client.post(path, json=body)
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "7"
    assert reply.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize(
    ("path", "body"),
    [CHAT, CHAT_STREAM, DIRECT, DIRECT_STREAM, TEXT, TEXT_STREAM],
    ids=["chat", "chat-stream", "direct", "direct-stream", "text", "texts"],
)
def test_an_answer_that_was_cut_off_is_not_passed_off_as_a_whole_one(
    make_api: MakeApi, path: str, body: dict[str, Any]
) -> None:
    """A server that stopped ended its answers with "stop", as a model does that has had its say."""
    service = ScriptedService("The first words", hold=True)
    client = make_api(service)
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(client.post, path, json=body)
        assert service.submitted.acquire(timeout=30)
        service.streams[0].cancel()  # as an engine that is closed does
        reply = asking.result(30)
    if body.get("stream"):
        *chunks, (_, last) = events_of(reply)
        assert all(chunk["choices"][0]["finish_reason"] is None for _, chunk in chunks)
    else:
        assert reply.status_code == 503
        last = reply.json()
    assert last["error"]["type"] == "server_error"
    assert "the server is stopping" in last["error"]["message"]


# --- embeddings -----------------------------------------------------------------------------------


def test_embeddings_are_the_librarys_own_in_both_forms(client: TestClient) -> None:
    texts = ["The ferry leaves at 07:30.", "A lighthouse."]
    body = {"model": "hashed-words", "input": texts}
    reply = client.post("/v1/embeddings", json=body).json()
    embedder = HashedWordsEmbedder()
    expected = embedder.embed_passages(texts)
    assert [entry["index"] for entry in reply["data"]] == [0, 1]
    assert np.array([entry["embedding"] for entry in reply["data"]]) == pytest.approx(expected)
    assert reply["usage"]["prompt_tokens"] == sum(map(embedder.count_tokens, texts))
    packed = client.post("/v1/embeddings", json=body | {"encoding_format": "base64"}).json()
    raw = base64.b64decode(packed["data"][1]["embedding"])
    assert np.array_equal(np.frombuffer(raw, "<f4"), expected[1])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"input": []}, "1 to 2048"),
        ({"input": ["x"] * 2049}, "2049"),
        ({"input": ["x", ""]}, "must not be empty"),
        ({"input": [1, 2]}, "token ids"),
        ({"input": [[1, 2]]}, "token ids"),
        ({"input": "word " * 300}, "at most 254"),
        ({"dimensions": 3}, "64 dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"model": "scripted"}, "not one that embeds; use hashed-words"),
        ({"model": "absent"}, "there is no model"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_embedded_is_refused(
    client: TestClient, change: dict[str, Any], words: str
) -> None:
    body = {"model": "hashed-words", "input": "x", "dimensions": 64} | change
    reply = client.post("/v1/embeddings", json=body)
    assert reply.status_code in (400, 404)
    assert words in reply.json()["error"]["message"]


# --- readiness ----------------------------------------------------------------------------------


@EVERY_WAY_TO_ASK
def test_before_it_is_ready_a_question_is_a_503_with_the_progress(
    make_api: MakeApi, path: str, body: dict[str, Any]
) -> None:
    client = make_api(ready=False)
    current().start.tell("Fetching SmolLM2", 0.4)
    reply = client.post(path, json=body)
    assert reply.status_code == 503
    assert reply.json()["error"]["message"] == "not ready yet: Fetching SmolLM2 (40%)"
    assert reply.json()["error"]["start"]["fraction"] == 0.4
    assert reply.headers["retry-after"]


def test_probes_tell_alive_from_ready(make_api: MakeApi) -> None:
    client = make_api(ready=False)
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    # A monitor that sends HEAD was told 405, and took a sound server for a broken one.
    assert client.head("/healthz").status_code == 200
    assert client.head("/readyz").status_code == 503
    assert client.get("/api/documents").status_code == 200
    assert "paperlight_ready 0" in client.get("/metrics").text
    current().start.finish()
    assert client.get("/readyz").json()["status"] == "ready"
    assert "paperlight_requests_running 0" in client.get("/metrics").text


def test_a_start_that_failed_says_why(make_api: MakeApi) -> None:
    client = make_api(ready=False)
    current().start.fail("the model could not be fetched; check the network")
    assert client.get("/readyz").json()["what"].startswith("the model could not be fetched")
    assert "the start failed" in client.post(ASK[0], json=ASK[1]).json()["error"]["message"]


# --- keys ---------------------------------------------------------------------------------------


def test_keys_guard_the_api_and_not_the_probes(make_api: MakeApi) -> None:
    client = make_api(api_keys=(SecretStr("one"), SecretStr("two")))
    for path in ("/v1/models", "/api/documents"):
        refused = client.get(path)
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        assert refused.headers["www-authenticate"] == "Bearer"
        assert client.get(path, headers={"Authorization": "Bearer two"}).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_callers_are_told_apart_by_their_keys(make_api: MakeApi) -> None:
    service = ScriptedService(REPLY)
    client = make_api(service, api_keys=(SecretStr("one"), SecretStr("two")))
    for key in ("one", "two"):
        headers = {"Authorization": f"Bearer {key}"}
        client.post(CHAT[0], json=CHAT[1], headers=headers).raise_for_status()
        client.post(DIRECT[0], json=DIRECT[1], headers=headers).raise_for_status()
        client.post(TEXT[0], json=TEXT[1], headers=headers).raise_for_status()
    clients = [request.client for request in service.requests]
    assert clients == sorted(clients)
    assert set(clients) == {"key 0", "key 1"}
    assert len(clients) >= 6


# --- documents ----------------------------------------------------------------------------------


def test_documents_come_and_go(client: TestClient) -> None:
    files = [("files", ("a.txt", b"Alpha is a letter.")), ("files", ("b.md", b"# Beta\n\nA text."))]
    added = client.post("/api/documents", files=files).json()["files"]
    assert [(f["path"], f["outcome"]) for f in added] == [("a.txt", "added"), ("b.md", "added")]
    path = f"/api/documents/{added[0]['document_id']}"
    assert client.get(path).json()["document"]["name"] == "a.txt"
    assert client.get(f"{path}/pages/1").json()["text"] == "Alpha is a letter."
    assert client.delete(path).json() == {"removed": added[0]["document_id"]}
    for gone in (client.get(path), client.delete(path), client.get(f"{path}/pages/1")):
        assert gone.status_code == 404
    names = [d["name"] for d in client.get("/api/documents").json()["documents"]]
    assert names == ["harbour.txt", "b.md"]


@pytest.mark.parametrize(
    "name",
    ["../../escaped.txt", "..\\..\\escaped.txt", "/etc/escaped.txt", "C:\\escaped.txt"],
)
def test_of_an_uploads_name_only_the_last_part_counts(
    client: TestClient, tmp_path: Path, name: str
) -> None:
    outside = set(tmp_path.parent.iterdir()) | set(tmp_path.iterdir())
    [outcome] = client.post("/api/documents", files=[("files", (name, b"Text."))]).json()["files"]
    assert outcome["path"] == "escaped.txt"
    assert set(tmp_path.parent.iterdir()) | set(tmp_path.iterdir()) == outside


def test_one_bad_file_does_not_stop_the_others(client: TestClient) -> None:
    files = [("files", ("bad.pdf", b"%PDF-1.7 broken")), ("files", ("good.txt", b"Some text."))]
    outcomes = client.post("/api/documents", files=files).json()["files"]
    assert [outcome["outcome"] for outcome in outcomes] == ["skipped", "added"]
    assert outcomes[0]["reason"]


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (DiskFull(Path("library")), 500, "free some space"),
        (RuntimeError("a fault of ours"), 500, "something went wrong inside Paperlight"),
        (QueueFull("9 requests are under way", 5.0), 429, "under way"),
    ],
    ids=["disk", "fault", "queue"],
)
def test_an_upload_that_fails_half_way_tells_what_is_stored(
    make_api: MakeApi,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    status: int,
    words: str,
) -> None:
    """The outcomes of the files before it were lost, and nobody knew that they had been added."""
    client = make_api()
    library = current().library
    add, names = library.add_bytes, ["a.txt", "b.txt", "c.txt"]

    def add_or_fail(name: str, *given: Any, **options: Any) -> Any:
        if name == "c.txt":
            raise failure
        return add(name, *given, **options)

    monkeypatch.setattr(library, "add_bytes", add_or_fail)
    files = [("files", (name, f"Text of {name}.".encode())) for name in names]
    reply = client.post("/api/documents", files=files)
    error = reply.json()["error"]
    assert reply.status_code == status
    assert words in error["message"]
    assert ("retry-after" in reply.headers) is (status == 429)
    assert [(f["path"], f["outcome"]) for f in error["files"]] == [
        ("a.txt", "added"),
        ("b.txt", "added"),
    ]
    first = client.post("/api/documents", files=files[2:]).json()["error"]
    assert "files" not in first  # there is none before it


def test_an_upload_over_the_limit_is_a_413_and_one_at_the_limit_is_taken(
    make_api: MakeApi,
) -> None:
    client = make_api(max_upload_mb=1)
    largest = b"word " * ((1 << 20) // 5)
    taken = client.post("/api/documents", files=[("files", ("large.txt", largest))])
    assert taken.status_code == 200
    refused = client.post("/api/documents", files=[("files", ("larger.txt", largest * 3))])
    assert refused.status_code == 413
    assert "PAPERLIGHT_MAX_UPLOAD_MB" in refused.json()["error"]["message"]


def test_a_page_has_a_picture_where_the_document_is_a_pdf(client: TestClient) -> None:
    drawn = io.BytesIO()
    canvas = Canvas(drawn, invariant=1)
    canvas.drawString(72, 720, "The quay is made of granite.")
    canvas.save()
    files = [("files", ("quay.pdf", drawn.getvalue()))]
    [outcome] = client.post("/api/documents", files=files).json()["files"]
    pages = f"/api/documents/{outcome['document_id']}/pages"
    picture = client.get(f"{pages}/1.png?start=4&end=8")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")
    assert client.get(f"{pages}/2.png").status_code == 404
    assert client.get(f"{pages}/0").status_code == 404
    text = client.get("/api/documents").json()["documents"][0]["document_id"]
    assert client.get(f"/api/documents/{text}/pages/1.png").status_code == 404


def test_search_finds_in_the_collection_that_was_named(client: TestClient) -> None:
    files = [("files", ("ferry.txt", b"The ferry to Grey Island was cancelled."))]
    client.post("/api/documents?collection=news", files=files).raise_for_status()

    def found(**body: Any) -> list[str]:
        reply = client.post("/api/search", json={"query": "ferry to Grey Island", **body})
        return [hit["document_name"] for hit in reply.json()["hits"]]

    assert set(found()) == {"harbour.txt", "ferry.txt"}
    assert set(found(collection="news")) == {"ferry.txt"}
    assert set(found(filter={"collection": "news"})) == {"ferry.txt"}


def test_a_search_for_nothing_is_refused(client: TestClient) -> None:
    """Blanks found nothing, where a question of blanks was refused."""
    for query in ("", "  \n"):
        assert client.post("/api/search", json={"query": query}).status_code == 400


def test_an_id_of_feedback_that_no_row_can_have_is_refused(client: TestClient) -> None:
    """SQLite cannot take so large a number: it was a 500."""
    assert client.delete(f"/api/feedback/{10**26}").status_code == 400
    assert client.delete("/api/feedback/1").status_code == 404


def add_letter(client: TestClient) -> str:
    """Adds an e-mail to the library; gives its id."""
    letter = b"From: a@b.c\nTo: d@e.f\nSubject: Ferry\n\nThe ferry to Grey Island is late.\n"
    reply = client.post("/api/documents", files=[("files", ("letter.eml", letter))])
    [outcome] = reply.raise_for_status().json()["files"]
    return str(outcome["document_id"])


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ({"types": ["email"]}, {"letter.eml"}),
        ({"types": ["text", "eml"]}, {"letter.eml", "harbour.txt"}),
        ({"documents": ["HARBOUR.txt"]}, {"harbour.txt"}),
        ({"documents": ["*.eml", "harb*"], "types": ["text"]}, {"harbour.txt"}),
        ({"since": "2020-01-01", "before": "2999-01-01T00:00Z"}, {"letter.eml", "harbour.txt"}),
        ({"before": "2020-01-01"}, set()),
        ({"collection": "default", "types": ["pdf"]}, set()),
    ],
    ids=str,
)
def test_search_looks_at_what_the_filter_leaves(
    client: TestClient, chosen: dict[str, Any], names: set[str]
) -> None:
    add_letter(client)
    reply = client.post("/api/search", json={"query": "ferry to Grey Island", "filter": chosen})
    body = reply.raise_for_status().json()
    assert {hit["document_name"] for hit in body["hits"]} == names
    assert ("note" in body) == (not names)
    if not names:
        assert body["note"] == "The filter leaves no documents; widen it."


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("", {"letter.eml", "harbour.txt"}),
        ("collection=default", {"letter.eml", "harbour.txt"}),
        ("types=email", {"letter.eml"}),
        ("types=text&types=eml", {"letter.eml", "harbour.txt"}),
        ("documents=*.eml&documents=harb*&types=text", {"harbour.txt"}),
        ("since=2020-01-01&before=2999-01-01", {"letter.eml", "harbour.txt"}),
        ("before=2020-01-01", set()),
    ],
    ids=str,
)
def test_the_list_has_the_documents_that_the_filter_leaves(
    client: TestClient, chosen: str, names: set[str]
) -> None:
    add_letter(client)
    listed = client.get(f"/api/documents?{chosen}").raise_for_status().json()["documents"]
    assert {document["name"] for document in listed} == names


def test_answers_and_forms_rest_on_what_the_filter_leaves(client: TestClient) -> None:
    letter = add_letter(client)
    chosen = {"filter": {"documents": [letter]}}

    def of(answer: Any) -> set[str]:
        return {passage["document_id"] for passage in answer["passages"]}

    assert of(client.post(ASK[0], json=ASK[1] | chosen).json()) == {letter}
    streamed = events_of(client.post(ASK_STREAM[0], json=ASK_STREAM[1] | chosen))
    assert of(streamed[-1][1]["answer"]) == {letter}
    chat = client.post(CHAT[0], json=CHAT[1] | chosen).json()
    assert of(chat["choices"][0]["message"]) == {letter}
    nothing = {"filter": {"before": "2020-01-01"}}
    refused = client.post(ASK[0], json=ASK[1] | nothing).json()
    assert refused["refused"]
    assert refused["text"].endswith("The filter leaves no passages to look at; widen it.")
    schema = {"type": "object", "properties": {"height": {"type": "string"}}}
    form = client.post("/api/extract", json={"schema": schema, **nothing}).json()
    assert form["data"] == {"height": None}


@pytest.mark.parametrize("path", ["/api/search", "/api/ask", "/v1/chat/completions"])
@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"filter": {"types": ["pfd"]}}, "'pfd' is not a type of document; use one of pdf"),
        ({"filter": {"since": "yesterday"}}, "'yesterday' is not a date; write one like"),
        ({"filter": {"before": ""}}, "'' is not a date"),
        ({"filter": {"since": "2026-02-01", "before": "2026-01-01"}}, "exchange the two dates"),
        ({"filter": {"documents": ["absent.pdf"]}}, "No document is called 'absent.pdf'"),
        ({"filter": {"documents": [""]}}, "names no document"),
        ({"filter": {"documents": "harbour.txt"}}, "filter.documents: "),
        ({"filter": {"document": ["harbour.txt"]}}, "filter.document: Extra inputs"),
        ({"filter": {"collection": "a"}, "collection": "b"}, "name one of them"),
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_filter_that_makes_no_sense_is_a_400_that_says_why(
    client: TestClient, path: str, chosen: dict[str, Any], words: str, stream: bool
) -> None:
    body: dict[str, Any] = {
        "/api/search": {"query": QUESTION},
        "/api/ask": {"question": QUESTION, "stream": stream},
        CHAT[0]: CHAT[1] | {"stream": stream},
    }[path]
    reply = client.post(path, json=body | chosen)
    assert reply.status_code == 400
    assert words in reply.json()["error"]["message"]


# --- bad requests -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "words"),
    [
        ("POST", "/api/ask", b"{", 400, "not valid JSON"),
        ("POST", "/api/ask", b"{}", 400, "question: Field required"),
        ("POST", "/api/ask", b'{"question": "  "}', 400, "question is empty"),
        ("POST", "/api/search", b'{"query": "x", "k": 0}', 400, "k: "),
        ("POST", "/api/documents", b"", 400, "files"),
        ("POST", "/api/documents?collection=%0a", None, 400, "collection"),
        ("POST", "/v1/chat/completions", b'{"model": "m"}', 400, "messages"),
        (  # it was three sentences: of a string, of a type, of a text that were expected
            "POST",
            "/v1/chat/completions",
            b'{"model": "m", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}',
            400,
            "messages.0.content: only text is read here; leave out the part of type image_url",
        ),
        ("POST", "/v1/completions", b'{"model": "scripted", "prompt": []}', 400, "1 to 128"),
        ("POST", "/v1/completions", b'{"model": "paperlight", "prompt": "x"}', 400, "scripted"),
        (
            "POST",
            "/v1/chat/completions",
            b'{"model": "hashed-words", "messages": [{"role": "user", "content": "x"}]}',
            400,
            "not one that chats",
        ),
        ("GET", "/v1/chat/completions", b"", 405, "completions' does not take GET; see"),
        ("GET", "/v1/models/absent", b"", 404, "there is no model 'absent'"),
        ("GET", "/v1/nothing", b"", 404, "/api/docs"),
        ("GET", "/api", b"", 404, "/api/docs"),
        ("GET", "/api/documents/absent", b"", 404, "absent"),
        ("GET", "/api/documents?types=pfd", b"", 400, "'pfd' is not a type of document"),
        ("GET", "/api/documents?since=yesterday", b"", 400, "'yesterday' is not a date"),
        ("GET", "/api/documents?documents=absent", b"", 400, "No document is called 'absent'"),
        ("GET", "/api/documents?type=pdf", b"", 400, "type: Extra inputs"),
        ("GET", "/api/documents/absent/pages/x", b"", 400, "number"),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else str(value)[:30],
)
def test_a_bad_request_is_told_in_one_form(
    client: TestClient, method: str, path: str, content: bytes | None, status: int, words: str
) -> None:
    if content is None:
        reply = client.request(method, path, files=[("files", ("a.txt", b"Text."))])
    else:
        headers = {"Content-Type": "application/json"}
        reply = client.request(method, path, content=content, headers=headers)
    assert reply.status_code == status
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert words in error["message"]


HALF = "\ud800"  # of a character: JSON can spell it, UTF-8 cannot
HALF_A_SCHEMA = [
    {"type": "string", "pattern": f"^{HALF}$"},
    {"enum": [HALF]},
    {"const": HALF},
    {"type": "string", "title": HALF},
    {"type": "object", "properties": {HALF: {"type": "string"}}},
    {"$ref": f"#/{HALF}"},
]


def post_escaped(client: TestClient, path: str, body: dict[str, Any]) -> httpx.Response:
    """As JSON in ASCII, which alone can spell half a character."""
    headers = {"Content-Type": "application/json"}
    return client.post(path, content=json.dumps(body), headers=headers)


@pytest.mark.parametrize(
    "schema", HALF_A_SCHEMA, ids=["pattern", "enum", "const", "title", "name", "ref"]
)
def test_a_schema_with_half_a_character_is_refused(
    make_api: MakeApi, schema: dict[str, Any]
) -> None:
    """One such pattern killed the engine; a name or a reference made a response unsendable."""
    service = ScriptedService(REPLY)
    client = make_api(service)
    form = {"type": "object", "properties": {"height": schema}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    for path, body in (
        ("/api/extract", {"schema": form}),
        (DIRECT[0], DIRECT[1] | {"response_format": wanted}),
    ):
        reply = post_escaped(client, path, body)
        assert reply.status_code == 400
        assert "half a character" in reply.json()["error"]["message"]
    assert not service.requests


def test_text_with_half_a_character_harms_nobody(client: TestClient) -> None:
    """Only schemas are refused: a tokenizer reads it as "?", and no text has it to stop at."""
    said = [{"role": "user", "content": f"{QUESTION} {HALF}"}]
    for path, body in (
        (CHAT[0], CHAT[1] | {"messages": said}),
        (DIRECT[0], DIRECT[1] | {"messages": said, "stop": [HALF]}),
        (TEXT[0], TEXT[1] | {"prompt": HALF, "stop": HALF}),
    ):
        assert post_escaped(client, path, body).status_code == 200


def test_half_a_character_that_cannot_be_kept_is_refused(client: TestClient) -> None:
    """The tokenizer of /v1/embeddings and SQLite behind /api/feedback made a 500 of it."""
    answer = client.post(ASK[0], json=ASK[1]).json()
    for path, body in (
        ("/v1/embeddings", {"model": "hashed-words", "input": HALF}),
        ("/v1/embeddings", {"model": "hashed-words", "input": ["whole", HALF]}),
        ("/api/feedback", {"rating": "down", "answer": answer, "expected": HALF}),
        ("/api/feedback", {"rating": "down", "answer": answer | {"text": HALF}}),
        ("/api/extract", {"schema": {"properties": {}}, "instruction": HALF}),
        ("/api/ask", {"question": HALF}),
        ("/api/ask", ASK[1] | {"history": [{"question": HALF, "answer": HALF}]}),
        ("/api/search", {"query": HALF}),
        ("/api/search", {"query": "ferry", "collection": HALF}),
        (CHAT[0], CHAT[1] | {"filter": {"documents": [HALF]}}),
    ):
        reply = post_escaped(client, path, body)
        assert reply.status_code == 400
        assert "half a character" in reply.json()["error"]["message"]


def test_a_field_that_is_not_known_is_refused(client: TestClient) -> None:
    """A question with "filtr" was answered from all documents, as if nothing had been chosen."""
    answer = client.post(ASK[0], json=ASK[1]).json()
    for path, body in (
        ASK,
        ("/api/search", {"query": "ferry"}),
        ("/api/extract", {"schema": {"properties": {}}}),
        ("/api/feedback", {"rating": "up", "answer": answer}),
    ):
        reply = client.post(path, json=body | {"filtr": {"types": ["pdf"]}})
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "filtr")
    for path, body in (CHAT, TEXT, ("/v1/embeddings", {"model": "hashed-words", "input": "x"})):
        assert client.post(path, json=body | {"filtr": 1}).status_code == 200  # OpenAI's may grow


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}], ids=str)
def test_json_without_its_type_is_told_how_to_be_sent(
    client: TestClient, headers: dict[str, str]
) -> None:
    """It was "Input should be a valid dictionary", of a body that was one."""
    reply = client.post(ASK[0], content=json.dumps(ASK[1]), headers=headers)
    assert reply.status_code == 400
    assert "send it with Content-Type: application/json" in reply.json()["error"]["message"]


@pytest.mark.parametrize("number", [0, -3, 99, 10**30])
def test_a_page_that_is_not_there_is_named_as_it_was_asked_for(
    client: TestClient, number: int
) -> None:
    """Of page 0 it said "no page with index -1", of 99 it said 98; 10**30 was a 500."""
    [record] = client.get("/api/documents").json()["documents"]
    reply = client.get(f"/api/documents/{record['document_id']}/pages/{number}")
    assert reply.status_code == 404
    assert f"has no page {number};" in reply.json()["error"]["message"]


@pytest.mark.parametrize(("path", "name"), [("/api/ask", "question"), ("/api/search", "query")])
def test_a_question_may_be_as_long_everywhere(client: TestClient, path: str, name: str) -> None:
    """What /api/ask took, /api/search refused and the page cut: each had a limit of its own."""
    longest = "lighthouse ".ljust(MOST_QUESTION_CHARS, "x")
    assert client.post(path, json={name: longest}).status_code == 200
    refused = client.post(path, json={name: f"{longest}x"})
    assert refused.status_code == 400
    assert f"at most {MOST_QUESTION_CHARS} characters" in refused.json()["error"]["message"]


def test_an_endless_message_is_refused_at_once(client: TestClient) -> None:
    """It was searched for by whatever path came without a limit of its own, for minutes."""
    endless = "lighthouse " * 100_000
    chat = {"model": "paperlight", "messages": [{"role": "user", "content": endless}]}
    turn = {"question": endless, "answer": "41 metres."}
    for path, body in (
        ("/v1/chat/completions", chat),
        ("/v1/chat/completions", chat | {"stream": True}),
        ("/api/ask", {"question": "And how old?", "history": [turn]}),
    ):
        refused = client.post(path, json=body)
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert f"at most {MOST_QUESTION_CHARS} characters" in error["message"]
        assert error["type"] == "invalid_request_error"
        assert error["param"]


def test_the_reference_describes_every_path_and_loads_nothing(client: TestClient) -> None:
    schema = client.get("/api/openapi.json").json()
    page = client.get("/api/docs").text
    assert {"/v1/chat/completions", "/api/ask", "/api/documents"} <= set(schema["paths"])
    assert all(path in page for path in schema["paths"])
    assert "http://" not in page
    assert "https://" not in page


def test_every_field_of_every_body_is_described(client: TestClient) -> None:
    schema = client.get("/api/openapi.json").json()
    page = client.get("/api/docs").text
    assert "<code>logit_bias</code> (object) Token id" in page
    assert "<code>messages</code> (list of ChatMessage, required)" in page
    assert "<code>?types</code> (list of string) Any of these: pdf, word" in page
    bodies = {
        name: body
        for name, body in schema["components"]["schemas"].items()
        if name.endswith(("Body", "Message", "Options", "Format", "Schema")) and name != "ErrorBody"
    }
    assert {"ChatBody", "CompletionBody", "EmbeddingBody", "AskBody"} <= set(bodies)
    for name, body in bodies.items():
        for field, facts in body["properties"].items():
            assert facts.get("description"), (name, field)


# --- clients that leave, clients that do not read -------------------------------------------------


@contextmanager
def serving(client: TestClient) -> Iterator[tuple[str, int]]:
    """The client's API behind a real server, in a thread; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(client.app, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


def send(address: tuple[str, int], path: str, body: dict[str, Any]) -> socket.socket:
    """A connection on which a request was sent and nothing was read."""
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    connection = socket.create_connection(address, timeout=30)
    connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    return connection


@EVERY_WAY_TO_ASK
@pytest.mark.parametrize("words", ["", "The first words"], ids=["silent", "speaking"])
def test_a_client_that_leaves_stops_the_engine(
    make_api: MakeApi, path: str, body: dict[str, Any], words: str
) -> None:
    service = ScriptedService(words, hold=True)
    with serving(make_api(service)) as address:
        with send(address, path, body):
            assert service.submitted.acquire(timeout=30)
        assert service.streams[0].cancelled.wait(30)


def test_clients_that_do_not_read_hold_nobody_up(make_api: MakeApi) -> None:
    service = ScriptedService(REPLY, hold=True)
    clients = 60  # more than the threads that Starlette and Streamlit share
    with serving(make_api(service)) as address:
        silent = [send(address, *CHAT_STREAM) for _ in range(clients)]
        for _ in silent:
            assert service.submitted.acquire(timeout=30)
        base = f"http://{address[0]}:{address[1]}"
        assert httpx.get(f"{base}/api/documents", timeout=30).status_code == 200
        found = httpx.post(f"{base}/api/search", json={"query": "ferry"}, timeout=30)
        assert found.json()["hits"]
        for connection in silent:
            connection.close()
        assert all(stream.cancelled.wait(30) for stream in service.streams)


def test_more_questions_than_may_wait_are_refused(make_api: MakeApi) -> None:
    service = ScriptedService(REPLY, hold=True)
    with serving(make_api(service, max_sequences=1, queue_limit=1)) as address:
        with send(address, *CHAT), send(address, *CHAT):
            for _ in range(2):
                assert service.submitted.acquire(timeout=30)
            reply = httpx.post(f"http://{address[0]}:{address[1]}{CHAT[0]}", json=CHAT[1])
        assert reply.status_code == 429
        assert int(reply.headers["retry-after"]) > 0
        assert all(stream.cancelled.wait(30) for stream in service.streams)


# --- feedback -----------------------------------------------------------------------------------


def test_an_answer_is_judged_as_it_was_given(client: TestClient) -> None:
    answer = client.post(*ASK[:1], json=ASK[1]).json()
    reply = client.post("/api/feedback", json={"rating": "up", "answer": answer})
    assert reply.status_code == 201
    kept = reply.json()["feedback"]
    assert (kept["rating"], kept["approved"], kept["question"]) == ("up", False, QUESTION)
    assert kept["example"]["passages"][0]["document_name"] == "harbour.txt"
    assert client.get("/api/feedback").json()["feedback"] == [kept]
    path = f"/api/feedback/{kept['feedback_id']}"
    assert client.delete(path).json() == {"removed": kept["feedback_id"]}
    assert client.delete(path).status_code == 404
    assert client.get("/api/feedback").json()["feedback"] == []


def test_a_judgement_cannot_quote_what_the_documents_do_not_hold(client: TestClient) -> None:
    answer = client.post(*ASK[:1], json=ASK[1]).json()
    answer["citations"][0]["end"] = 10_000
    reply = client.post("/api/feedback", json={"rating": "up", "answer": answer})
    assert reply.status_code == 400
    assert "cites characters" in reply.json()["error"]["message"]
    reply = client.post("/api/feedback", json={"rating": "sideways", "answer": answer})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "rating")


# --- forms --------------------------------------------------------------------------------------

FORM = {
    "type": "object",
    "properties": {"height": {"type": "integer", "description": "lighthouse"}},
}


def test_a_form_is_filled_in_with_the_place_of_each_value(make_api: MakeApi) -> None:
    client = make_api(ScriptedService("41"))
    reply = client.post("/api/extract", json={"schema": FORM}).json()
    assert reply["data"] == {"height": 41}
    (value,) = reply["values"]
    assert (value["path"], value["supported"]) == ("height", True)
    assert value["citation"]["quote"].endswith("is 41 metres tall.")
    assert value["citation"]["document_name"] == "harbour.txt"


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "string"}, "at least one property"),
        ({"properties": {"a": {"type": "string", "maxLength": 10**9}}}, "more than 2000"),
    ],
)
def test_a_form_that_cannot_be_filled_in_is_refused(
    client: TestClient, schema: dict[str, Any], message: str
) -> None:
    reply = client.post("/api/extract", json={"schema": schema})
    assert reply.status_code == 400
    assert message in reply.json()["error"]["message"]


def test_a_document_is_summarized(make_api: MakeApi) -> None:
    client = make_api(ScriptedService("The ferry to Grey Island takes 50 minutes."))
    document = client.get("/api/documents").json()["documents"][0]["document_id"]
    reply = client.post(f"/api/documents/{document}/summary").json()
    assert reply["text"] == "The ferry to Grey Island takes 50 minutes [1]."
    assert reply["citations"][0]["document_name"] == "harbour.txt"
    assert client.post("/api/documents/absent/summary").status_code == 404
