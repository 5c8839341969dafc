"""A real server process: the API as its clients use it."""

from __future__ import annotations

import io
import json
import re
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import openai
import pypdf
import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.app.conftest import NOTES, ServerProcess, environment, paperlight

pytestmark = pytest.mark.model
QUESTION = "How tall is the lighthouse at Port Ellery?"


@pytest.fixture(scope="module")
def official(server: ServerProcess, client: httpx.Client) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", max_retries=0)


def direct_model(official: openai.OpenAI) -> str:
    return next(model.id for model in official.models.list() if model.id != "paperlight")


def test_the_page_and_the_probes_answer(client: httpx.Client) -> None:
    assert "Streamlit" in client.get("/").text
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["status"] == "ready"
    assert "paperlight_kv_cells " in client.get("/metrics").text
    assert "/api/search" in client.get("/api/docs").text


def test_the_official_client_gets_a_cited_answer(official: openai.OpenAI) -> None:
    reply = official.chat.completions.create(
        model="paperlight", messages=[{"role": "user", "content": QUESTION}]
    )
    message = reply.choices[0].message.model_dump()
    assert "41" in message["content"]
    [citation, *_] = message["citations"]
    assert citation["document_name"] == "harbour.md"
    assert NOTES[citation["start"] : citation["end"]] == citation["quote"]
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 0


def test_the_official_client_streams_the_same_cited_answer(official: openai.OpenAI) -> None:
    chunks = list(
        official.chat.completions.create(
            model="paperlight", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "41" in text
    assert len(chunks) > 3
    assert chunks[-1].choices[0].delta.model_dump()["citations"]
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_direct_inference_streams_tokens_with_usage(official: openai.OpenAI) -> None:
    chunks = list(
        official.chat.completions.create(
            model=direct_model(official),
            messages=[{"role": "user", "content": "Name a fish."}],
            max_tokens=8,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens <= 8
    assert sum(bool(c.choices and c.choices[0].delta.content) for c in chunks) > 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model": "gpt-9"}, openai.NotFoundError),
        ({"n": 3}, openai.BadRequestError),
        ({"temperature": -1.0}, openai.BadRequestError),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, openai.BadRequestError),
        ({"messages": []}, openai.BadRequestError),
    ],
    ids=["model", "n", "temperature", "no-question", "no-messages"],
)
def test_bad_requests_are_refused_in_openais_form(official, change, error) -> None:  # type: ignore[no-untyped-def]
    request = {"model": "paperlight", "messages": [{"role": "user", "content": "x"}]} | change
    with pytest.raises(error) as refused:
        official.chat.completions.create(**request)
    assert refused.value.body["message"]


def test_two_questions_at_once_share_batches_and_both_stream(client: httpx.Client) -> None:
    model = client.get("/v1/models").json()["data"][1]["id"]

    def metric(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))

    def story(animal: str) -> int:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": f"Tell a long story about a {animal}."}],
            "max_tokens": 60,
            "temperature": 0,
            "stream": True,
        }
        with client.stream("POST", "/v1/chat/completions", json=body) as reply:
            return sum(line.startswith("data: {") for line in reply.iter_lines())

    before = metric("paperlight_steps_total"), metric("paperlight_completion_tokens_total")
    with ThreadPoolExecutor(2) as pool:
        events = list(pool.map(story, ("fox", "bear")))
    steps = metric("paperlight_steps_total") - before[0]
    tokens = metric("paperlight_completion_tokens_total") - before[1]
    assert min(events) > 5
    assert tokens > 1.3 * steps


def test_a_client_that_leaves_stops_the_engine(server: ServerProcess, client: httpx.Client) -> None:
    model = client.get("/v1/models").json()["data"][1]["id"]
    body = json.dumps(
        {
            "model": model,
            "messages": [{"role": "user", "content": "Write a very long story."}],
            "max_tokens": 6000,
            "stream": True,
        }
    )
    address = urlsplit(server.address)
    with socket.create_connection((address.hostname, address.port), timeout=60) as raw:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        raw.sendall((head + body).encode())
        received = b""
        while b"content" not in received:
            received += raw.recv(4096)
    # Another request takes its turn in the same loop, after the cancellation was noticed; each
    # pass asks the engine for work, so this waits on its steps and not on a clock.
    for _ in range(200):
        client.post(
            "/v1/chat/completions",
            json={
                "model": model,
                "messages": [{"role": "user", "content": "Hi"}],
                "max_tokens": 1,
            },
        ).raise_for_status()
        if "paperlight_requests_cancelled_total 1" in client.get("/metrics").text:
            return
    pytest.fail("the engine went on for a client that had left")


def test_ask_streams_events_and_ends_with_the_whole_answer(client: httpx.Client) -> None:
    body = {"question": QUESTION, "stream": True}
    with client.stream("POST", "/api/ask", json=body) as reply:
        lines = list(reply.iter_lines())
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names[0] == "retrieved"
    assert names[-1] == "done"
    done = json.loads(lines[-2].removeprefix("data: "))
    assert "41" in done["answer"]["text"]
    assert done["answer"]["citations"][0]["quote"]


def test_search_finds_the_passage(client: httpx.Client) -> None:
    hits = client.post("/api/search", json={"query": "ferry to Grey Island", "k": 3}).json()["hits"]
    assert "07:30" in hits[0]["text"]


def test_what_the_documents_do_not_say_is_refused(client: httpx.Client) -> None:
    answer = client.post("/api/ask", json={"question": "Who won the 1998 World Cup?"}).json()
    assert answer["refused"]
    assert answer["citations"] == []


# --- files ------------------------------------------------------------------------------------


def pdf(text: str | None = None, *, password: str | None = None) -> bytes:
    """A PDF of one page with a text, or of none at all."""
    if text is None:
        empty = io.BytesIO()
        pypdf.PdfWriter().write(empty)
        return empty.getvalue()
    drawn = io.BytesIO()
    canvas = Canvas(drawn, invariant=1)
    canvas.drawString(72, 720, text)
    canvas.save()
    if password is None:
        return drawn.getvalue()
    locked, writer = io.BytesIO(), pypdf.PdfWriter(clone_from=drawn)
    writer.encrypt(password, algorithm="AES-256")
    writer.write(locked)
    return locked.getvalue()


HOSTILE = {
    "corrupt.pdf": (b"%PDF-1.7\n" + b"\xff\x00garbage" * 200, "skipped", "damaged"),
    "encrypted.pdf": (pdf("A secret.", password="pw"), "skipped", "password"),
    "empty.txt": (b"", "skipped", "empty"),
    "no-pages.pdf": (pdf(), "skipped", "page"),
    "really-a-pdf.txt": (pdf("The quay is made of granite."), "added", ""),
    "big.txt": (b"The tide rises and falls twice a day.\n" * 1_380_000, "skipped", "MB|character"),
    "binary.md": (bytes(range(256)) * 64, "skipped", ""),
}


def check_outcome(name: str, outcome: dict[str, str]) -> None:
    _, expected, reason = HOSTILE[name]
    assert outcome["outcome"] == expected, outcome
    if reason:
        assert re.search(reason, outcome["reason"], re.IGNORECASE), outcome


@pytest.mark.parametrize("name", HOSTILE)
def test_each_awkward_upload_has_its_outcome(client: httpx.Client, name: str) -> None:
    reply = client.post("/api/documents", files=[("files", (name, HOSTILE[name][0]))])
    [outcome] = reply.raise_for_status().json()["files"]
    check_outcome(name, outcome)


def test_an_upload_cannot_name_a_place_outside_the_library(
    client: httpx.Client, home: Path
) -> None:
    before = set(home.parent.iterdir())
    files = [("files", ("../../../escaped.txt", b"The anchor weighs two tonnes."))]
    [outcome] = client.post("/api/documents", files=files).json()["files"]
    assert outcome["path"] == "escaped.txt"
    assert set(home.parent.iterdir()) == before


def test_the_command_line_gives_the_same_outcomes_and_one_bad_file_stops_nothing(
    tmp_path: Path, models_path: Path
) -> None:
    (tmp_path / "models").symlink_to(models_path.absolute())
    folder = tmp_path / "files"
    folder.mkdir()
    for name, (data, _, _) in HOSTILE.items():
        (folder / name).write_bytes(data)
    (folder / "harbour.md").write_text(NOTES)
    done = paperlight(tmp_path, "--json", "add", str(folder), str(folder / ".." / "absent.pdf"))
    assert done.returncode == 0, done.stderr
    outcomes = {Path(f["path"]).name: f for f in json.loads(done.stdout)["files"]}
    for name in HOSTILE:
        check_outcome(name, outcomes[name])
    assert outcomes["harbour.md"]["outcome"] == "added"
    assert outcomes["absent.pdf"]["outcome"] == "skipped"
    asked = paperlight(tmp_path, "ask", QUESTION)
    assert "41" in asked.stdout
    assert "[1] harbour.md" in asked.stdout
    assert paperlight(tmp_path, "doctor").returncode == 0


def test_removed_documents_are_found_no_more(client: httpx.Client) -> None:
    files = [("files", ("gone.txt", b"The bell of Saint Oda weighs nine tonnes."))]
    [outcome] = client.post("/api/documents", files=files).json()["files"]
    client.delete(f"/api/documents/{outcome['document_id']}").raise_for_status()
    hits = client.post("/api/search", json={"query": "bell of Saint Oda"}).json()["hits"]
    assert all(hit["document_name"] != "gone.txt" for hit in hits)
    assert client.get(f"/api/documents/{outcome['document_id']}").status_code == 404


# --- guards -----------------------------------------------------------------------------------


def test_requests_of_other_hosts_and_pages_are_refused(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"Host": "evil.example"}).status_code == 403
    foreign = {"Origin": "http://evil.example"}
    assert client.post("/api/search", json={"query": "x"}, headers=foreign).status_code == 403


def test_unknown_paths_and_bad_bodies_answer_in_json(client: httpx.Client) -> None:
    assert client.get("/v1/nothing").json()["error"]["message"]
    assert client.post("/api/search", content=b"{").status_code == 400
    assert client.get("/api/documents/absent").status_code == 404


def test_a_taken_port_is_named_in_one_sentence(server: ServerProcess, home: Path) -> None:
    port = str(urlsplit(server.address).port)
    done = paperlight(home, "serve", "--port", port)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["999.1.1.1", "192.0.2.7"])
def test_an_address_of_no_machine_is_not_a_matter_of_the_port(home: Path, host: str) -> None:
    """It said "stop what uses it, or choose another with --port"."""
    done = paperlight(home, "serve", "--host", host, "--port", "0")
    assert done.returncode == 1
    assert f"cannot listen on {host} (" in done.stderr
    assert "--host" in done.stderr
    assert "--port" not in done.stderr


def test_the_environment_of_a_child_has_no_settings_of_ours(home: Path) -> None:
    names = [name for name in environment(home) if name.startswith("PAPERLIGHT_")]
    assert names == ["PAPERLIGHT_HOME"]


def test_a_server_ends_soon_in_the_middle_of_a_stream(home: Path) -> None:
    """SIGTERM: the answers under way end, the process says so and exits with 0.

    Such an answer once ended with "stop" and [DONE], as if the model had had its say.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "app.cli", "serve", "--port", "0"],
        env=environment(home),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        ready = next(line for line in process.stderr if line.startswith("Paperlight is ready at "))
        address = ready.split()[-1]
        with httpx.Client(base_url=address, timeout=60) as client:
            model = client.get("/v1/models").json()["data"][1]["id"]
            body = {
                "model": model,
                "messages": [{"role": "user", "content": "Write a very long story."}],
                "max_tokens": 6000,
                "stream": True,
            }
            with client.stream("POST", "/v1/chat/completions", json=body) as reply:
                lines = reply.iter_lines()
                next(line for line in lines if "content" in line)
                process.send_signal(signal.SIGTERM)
                rest = [line for line in lines if line]
        assert (
            "the server is stopping"
            in json.loads(rest[-1].removeprefix("data: "))["error"]["message"]
        )
        assert not [line for line in rest if '"finish_reason":"stop"' in line.replace(" ", "")]
        assert process.stderr.read().strip() == "Paperlight has stopped."
        assert process.wait(30) == 0
