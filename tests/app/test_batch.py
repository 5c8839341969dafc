"""`paperlight batch`: the answers of `ask`, in the order of the questions, and nothing lost."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app import cli
from app.as_json import as_json
from inference.request import EngineStopped
from rag.errors import InvalidQuestion
from rag.library import Library
from rag.results import Answer
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedService

NOTES = (
    "The lighthouse at Port Ellery was built in 1874 and is 41 metres tall.\n\n"
    "The ferry to Grey Island leaves every day at 07:30 and takes 50 minutes.\n"
)
REPLY = "The lighthouse at Port Ellery is 41 metres tall [1]."
QUESTIONS = [
    "How tall is the lighthouse at Port Ellery?",
    "When was the lighthouse built?",
    "When does the ferry to Grey Island leave?",
    "Who painted the ceiling?",
]
PASSING = ("timings",)  # what differs from one run to the next

Run = Callable[..., Result]


@pytest.fixture
def library(tmp_path: Path) -> ModellessLibrary:
    return ModellessLibrary(tmp_path / "library", Settings(), lambda: ScriptedService(REPLY))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `paperlight batch` on a library without models that holds the notes."""
    monkeypatch.setenv("PAPERLIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def opened(path: Path | None = None, *, settings: Settings) -> ModellessLibrary:
        return ModellessLibrary(tmp_path / "library", settings, lambda: ScriptedService(REPLY))

    monkeypatch.setattr(Library, "open", opened)
    notes = tmp_path / "harbour.txt"
    notes.write_text(NOTES)
    assert CliRunner().invoke(cli.app, ["add", str(notes)]).exit_code == 0

    def run(*arguments: str, input: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli.app, ["batch", *arguments], input=input)

    return run


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def lasting(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in PASSING}


def test_answers_are_those_of_asking_one_at_a_time(
    run: Run, library: ModellessLibrary, tmp_path: Path
) -> None:
    Path("q.txt").write_text("\n\n".join(QUESTIONS) + "\r\n")
    result = run("q.txt")
    assert result.exit_code == 0, result.stderr
    with library:
        alone = [json.loads(json.dumps(as_json(library.ask(each)))) for each in QUESTIONS]
    assert [lasting(row) for row in lines_of(result.stdout)] == [lasting(row) for row in alone]
    assert any(row["citations"] for row in alone)
    assert any(row["refused"] for row in alone)


def test_fields_of_json_lines_come_back_with_the_answers(run: Run) -> None:
    rows = [{"id": number, "question": text} for number, text in enumerate(QUESTIONS)]
    written = "".join(json.dumps(row) + "\n" for row in rows)
    result = run("-", "-o", "answers.jsonl", input=written)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    answers = lines_of(Path("answers.jsonl").read_text())
    assert [(row["id"], row["question"]) for row in answers] == list(enumerate(QUESTIONS))
    assert "41 metres" in answers[0]["text"]


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("q.txt", b"Good?\nB\xe4d?\n", "q.txt, line 2: it is not UTF-8"),
        ("q.jsonl", b'{"question": "Good?"}\n\n{"question": \n', "q.jsonl, line 3: it is not JSON"),
        ("q.txt", b'{"question": "Good?"}\n["B"]\n', 'line 2: it is not an object with a "que'),
        ("q.jsonl", b'{"question": " "}\n', "line 1: it is not an object"),
        ("q.jsonl", b'{"question": "A?", "n": NaN}\n', "line 1: it is not JSON"),
        ("q.jsonl", b"[" * 100_000, "line 1: "),
        ("q.jsonl", b'{"question": "A?", "text": "B"}\n', 'answers have a field "text"'),
        ("q.txt", b"\n \n", "There are no questions in q.txt"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_before_anything_is_asked(
    run: Run, name: str, data: bytes, sentence: str
) -> None:
    Path(name).write_bytes(data)
    result = run(name, "-o", "answers.jsonl")
    assert result.exit_code == 1
    assert sentence in str(result.exception)
    assert not Path("answers.jsonl").exists()


def failing(
    monkeypatch: pytest.MonkeyPatch, failure: BaseException, *, at: str
) -> Callable[..., Answer]:
    """Library.ask, which raises for one question. Gives back the ask that works."""
    works = Library.ask

    def ask(self: Library, question: str, **how: Any) -> Answer:
        if question == at:
            raise failure
        return works(self, question, **how)

    monkeypatch.setattr(Library, "ask", ask)
    return works


def test_a_question_that_fails_says_why_and_the_others_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, InvalidQuestion("It is too long."), at=QUESTIONS[1])
    result = run("-", input="\n".join(QUESTIONS))
    rows = lines_of(result.stdout)
    assert result.exit_code == 1
    assert rows[1] == {"question": QUESTIONS[1], "error": "It is too long."}
    assert [row["question"] for row in rows] == QUESTIONS
    assert [("text" in row) for row in rows] == [True, False, True, True]
    assert "1 question could not be answered." in result.stderr


def test_what_was_answered_before_an_interrupt_is_kept_and_gone_on_with(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("q.txt").write_text("\n".join(QUESTIONS))
    works = failing(monkeypatch, KeyboardInterrupt(), at=QUESTIONS[2])
    interrupted = run("q.txt", "-o", "answers.jsonl")
    assert interrupted.exit_code != 0
    assert "2 of 4 questions done; the same command with --resume" in interrupted.stderr
    monkeypatch.setattr(Library, "ask", works)
    before = Path("answers.jsonl").read_text()
    assert [row["question"] for row in lines_of(before)] == QUESTIONS[:2]
    refused = run("q.txt", "-o", "answers.jsonl")
    assert "answers.jsonl is there already" in str(refused.exception)
    assert Path("answers.jsonl").read_text() == before
    assert run("q.txt", "-o", "answers.jsonl", "--resume").exit_code == 0
    whole = Path("answers.jsonl").read_text()
    assert whole.startswith(before)
    assert [row["question"] for row in lines_of(whole)] == QUESTIONS
    assert run("q.txt", "-o", "answers.jsonl", "--resume").exit_code == 0  # nothing is left to do
    assert Path("answers.jsonl").read_text() == whole


def test_an_engine_that_died_ends_the_batch_so_that_resuming_asks_the_rest(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("q.txt").write_text("\n".join(QUESTIONS))
    works = failing(monkeypatch, EngineStopped("The engine stopped."), at=QUESTIONS[1])
    ended = run("q.txt", "-o", "answers.jsonl")
    assert str(ended.exception) == "The engine stopped."
    assert len(lines_of(Path("answers.jsonl").read_text())) == 1
    monkeypatch.setattr(Library, "ask", works)
    assert run("q.txt", "-o", "answers.jsonl", "--resume").exit_code == 0
    rows = lines_of(Path("answers.jsonl").read_text())
    assert [row["question"] for row in rows] == QUESTIONS


def test_a_line_that_a_kill_cut_off_is_written_anew(run: Run) -> None:
    Path("q.txt").write_text("\n".join(QUESTIONS))
    assert run("q.txt", "-o", "whole.jsonl").exit_code == 0
    whole = Path("whole.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    Path("answers.jsonl").write_bytes(lines[0] + lines[1][:-20])
    assert run("q.txt", "-o", "answers.jsonl", "--resume").exit_code == 0
    resumed = Path("answers.jsonl").read_text()
    assert [lasting(row) for row in lines_of(resumed)] == [
        lasting(row) for row in lines_of(whole.decode())
    ]


@pytest.mark.parametrize(
    "there",
    [
        b"My notes.\n",
        b"My notes",
        b'{"question": "Another?", "citations": []}\n',
        b'{"question": "How tall is the lighthouse at Port Ellery?"}\n',  # is no answer
    ],
)
def test_a_file_that_is_not_these_answers_is_left_as_it_is(run: Run, there: bytes) -> None:
    Path("q.txt").write_text("\n".join(QUESTIONS))
    Path("mine.txt").write_bytes(there)
    result = run("q.txt", "-o", "mine.txt", "--resume")
    assert "mine.txt, line 1, is no answer to question 1" in str(result.exception)
    assert Path("mine.txt").read_bytes() == there
    own = run("q.txt", "-o", "q.txt", "--resume")
    assert "is no file of answers" in str(own.exception)


def test_a_folder_that_is_not_there_is_told_at_once(run: Run) -> None:
    result = run("-", "-o", "absent/answers.jsonl", input=QUESTIONS[0])
    assert "There is no folder" in str(result.exception)
    assert run("-", "--resume", input=QUESTIONS[0]).exit_code == 2


def test_people_at_a_terminal_see_questions_and_cited_answers(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.batch._is_for_people", lambda _terminal: True)
    result = run("-", input=QUESTIONS[0])
    lines = result.stdout.splitlines()
    assert lines[0] == f"> {QUESTIONS[0]}"
    assert "41 metres" in lines[1]
    assert lines[3].startswith("[1] harbour.txt: “")


def test_results_beside_a_progress_bar_reach_their_file(tmp_path: Path) -> None:
    """Rich took what was printed under its bar to the terminal: an empty file was left."""
    code = (
        "from app.terminal import counted_progress\n"
        "with counted_progress('questions') as progress:\n"
        "    progress(1, 2)\n"
        "    print('an answer', flush=True)\n"
    )
    terminal, end = pty.openpty()
    try:
        with (tmp_path / "out").open("wb") as out:
            subprocess.run([sys.executable, "-c", code], stdout=out, stderr=end, check=True)
    finally:
        os.close(end)
        os.close(terminal)
    assert (tmp_path / "out").read_text() == "an answer\n"
