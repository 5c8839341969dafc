"""A server and a library whose engine's process is killed in the middle of an answer."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from inference.request import EngineStopped
from inference.supervised import SupervisedService
from rag.library import Library
from rag.results import AnswerStage
from rag.settings import Settings
from tests.app.conftest import NOTES, ServerProcess

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the process in /proc"),
]
QUESTION = "How tall is the lighthouse at Port Ellery?"


def engine_pid(server: ServerProcess) -> int:
    """The one child of the server that runs the engine."""
    tasks = Path(f"/proc/{server.process.pid}/task").glob("*/children")
    children = [pid for task in tasks for pid in task.read_text().split()]
    [found] = [
        c for c in children if b"inference.worker" in Path(f"/proc/{c}/cmdline").read_bytes()
    ]
    return int(found)


def direct_model(client: httpx.Client) -> str:
    models = client.get("/v1/models").json()["data"]
    return next(str(model["id"]) for model in models if model["id"] != "paperlight")


def chat(model: str, text: str, **options: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **options}


def data_of(lines: Iterator[str]) -> Iterator[str]:
    """What the server-sent events of a response say."""
    return (line.removeprefix("data: ") for line in lines if line.startswith("data: "))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT], ids=lambda n: n.name)
def test_the_server_outlives_its_engine(
    server: ServerProcess, client: httpx.Client, number: signal.Signals
) -> None:
    model, killed = direct_model(client), engine_pid(server)
    body = chat(model, "Write a very long story.", max_tokens=6000, stream=True)
    with client.stream("POST", "/v1/chat/completions", json=body) as reply:
        events = data_of(reply.iter_lines())
        next(events)  # the role
        assert json.loads(next(events))["choices"]
        os.kill(killed, number)
        *_, last = events  # the stream ends
    error = json.loads(last)["error"]
    assert number.name in error["message"]
    assert "ask again" in error["message"]
    starting = client.get("/readyz")
    assert starting.status_code == 503
    assert starting.json()["status"] == "starting"
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/").status_code == 200

    answer = client.post("/api/ask", json={"question": QUESTION})
    assert "41" in answer.raise_for_status().json()["text"]
    reply = client.post("/v1/chat/completions", json=chat(model, "Name a fish.", max_tokens=8))
    assert reply.raise_for_status().json()["choices"][0]["message"]["content"]
    assert client.get("/readyz").json()["status"] == "ready"
    assert engine_pid(server) != killed
    lines = client.get("/metrics").text.splitlines()
    [restarts] = [line for line in lines if line.startswith("paperlight_engine_restarts_total ")]
    assert float(restarts.split()[1]) >= 1


def test_an_answer_from_documents_fails_with_a_sentence_and_the_next_one_is_whole(
    home: Path, tmp_path: Path
) -> None:
    settings = Settings(home=home)
    with Library.open(tmp_path / "library", settings=settings, engine_process=True) as library:
        library.add_bytes("harbour.md", NOTES.encode())
        service = library.generator
        assert isinstance(service, SupervisedService)
        events = library.stream(QUESTION)
        assert next(event for event in events if event.stage is AnswerStage.TOKEN)
        assert service.engine_pid is not None
        os.kill(service.engine_pid, signal.SIGKILL)
        with pytest.raises(EngineStopped, match="ask again"):
            list(events)
        assert "41" in library.ask(QUESTION).text
