"""The command line around a real library with scripted models: output, exit codes, options."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from app import cli
from app.command_options import Options
from ingest.errors import DocumentNotFound, InvalidFilter
from rag.answer_sets import AnswerSetError, load_questions
from rag.errors import FeedbackNotFound
from rag.feedback import Rating, judgement_of
from rag.library import Library
from rag.results import Answer
from rag.settings import CHECKOUT, Settings, what_is_wrong
from tests.fakes import ModellessLibrary, ScriptedService
from tests.ingest.files import NEEDS_TESSERACT, write_pdf, write_picture, zip_bytes

NOTES = (
    "The lighthouse at Port Ellery was built in 1874 and is 41 metres tall.\n\n"
    "The ferry to Grey Island leaves every day at 07:30 and takes 50 minutes.\n"
)
QUESTION = "How tall is the lighthouse at Port Ellery?"
REPLY = "The lighthouse at Port Ellery is 41 metres tall [1]."

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command line on a library without models, in a home of its own."""
    monkeypatch.setenv("PAPERLIGHT_HOME", str(tmp_path / "home"))

    def opened(path: Path | None = None, *, settings: Settings) -> ModellessLibrary:
        folder = path or settings.library_path
        return ModellessLibrary(folder, settings, lambda: ScriptedService(REPLY))

    monkeypatch.setattr(Library, "open", opened)

    def run(*arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(cli.app, arguments, input=input)

    return run


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "harbour.txt"
    path.write_text(NOTES)
    return path


def as_json(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


# --- documents ----------------------------------------------------------------------------------


def test_add_tells_each_files_outcome(run: Run, notes: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    result = run("add", str(notes), str(tmp_path / "broken.pdf"), str(tmp_path / "absent.txt"))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"added     {notes} (1 page, ")
    assert lines[1].startswith(f"skipped   {tmp_path / 'broken.pdf'}: broken.pdf ")
    assert "There is no file or folder" in lines[2]
    assert result.stderr.strip() == "1 added, 2 skipped"


def test_adding_again_is_no_failure_and_adding_nothing_is_one(
    run: Run, notes: Path, tmp_path: Path
) -> None:
    assert run("add", str(notes)).exit_code == 0
    again = run("add", str(notes))
    assert again.exit_code == 0
    assert again.stdout.startswith("unchanged ")
    assert run("add", str(tmp_path / "absent.txt")).exit_code == 1
    (tmp_path / "empty").mkdir()
    empty = run("add", str(tmp_path / "empty"))
    assert (empty.exit_code, empty.stderr.strip()) == (1, "There are no files to add there.")


def test_a_file_name_cannot_forge_a_line_or_move_the_cursor(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a\x1b[2J\nadded     forged.txt").write_text("Text.")
    result = run("add", str(folder))
    assert len(result.stdout.splitlines()) == 1
    assert "\x1b" not in result.stdout + result.stderr
    listed = run("list")
    assert len(listed.stdout.splitlines()) == 1
    assert "\x1b" not in listed.stdout


def test_names_that_cannot_be_shown_are_the_same_everywhere(run: Run, tmp_path: Path) -> None:
    """Both were called caf_.txt in the list, and by their real names neither could be removed."""
    paths = [tmp_path / os.fsdecode(name) for name in (b"caf\xe9.txt", b"caf\xe8.txt")]
    for path in paths:
        path.write_text(f"Text of {path.name!r}.")
    shown = [f"{tmp_path}/caf%{{E9}}.txt", f"{tmp_path}/caf%{{E8}}.txt"]
    added = run("add", *map(str, paths)).stdout.splitlines()
    assert [line.split()[1] for line in added] == shown
    listed = run("list").stdout.splitlines()
    assert sorted(line.split("\t")[-1] for line in listed) == sorted(shown)
    assert run("remove", paths[0].name).stdout == "removed   caf%{E9}.txt\n"
    run("add", str(paths[0]))
    assert run("remove", "caf%{E9}.txt").stdout == "removed   caf%{E9}.txt\n"
    assert run("remove", str(paths[1])).stdout == "removed   caf%{E8}.txt\n"
    assert as_json(run("list", "--json")) == []


def test_documents_whose_files_are_gone_are_told_and_listed(
    run: Run, notes: Path, tmp_path: Path
) -> None:
    """Nothing said so, and they were quoted as if their files were there."""
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(f"Text of {name}.")
    run("add", str(folder), str(notes))
    notes.unlink()  # is in no folder that is added
    assert "gone" not in run("add", str(folder)).stderr
    (folder / "a.txt").unlink()
    (folder / "b.txt").rename(folder / "c.txt")
    result = run("add", str(folder))
    assert result.stdout.startswith(f"moved     {folder}/c.txt (1 page, 1 chunk): It was added as")
    assert "The files of 1 document from there are gone: paperlight list --gone" in result.stderr
    listed = as_json(run("list", "--gone", "--json"))
    assert sorted(record["name"] for record in listed) == ["a.txt", "harbour.txt"]
    run("remove", *(record["document_id"] for record in listed))
    result = run("list", "--gone")
    # "No document fits" left open whether --gone found nothing gone or nothing at all.
    assert (result.stdout, result.stderr) == ("", "No document's file is known to be gone.\n")


def test_an_encrypted_file_says_how_its_password_is_given(run: Run, tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "plan.pdf", [["The quay is made of granite."]], password="sesame")
    result = run("add", str(path))
    assert result.exit_code == 1
    assert "needs a password" in result.stdout
    assert "--password - asks for it" in result.stderr
    result = run("add", str(path), "--password", "-", input="sesame\n")
    assert result.exit_code == 0
    assert "sesame" not in result.output
    # Where nobody can be asked, Python's warning of an echo was shown, and then "Aborted."
    failure = run("add", str(path), "--password", "-", input="").exception
    assert "No password came on standard input" in str(failure)


def test_list_says_what_to_do_when_there_is_nothing(run: Run) -> None:
    result = run("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "paperlight add" in result.stderr
    assert as_json(run("list", "--json")) == []


def test_remove_takes_an_id_the_beginning_of_one_a_name_or_a_path(
    run: Run, notes: Path, tmp_path: Path
) -> None:
    for name_of in (
        lambda record: record["document_id"],
        lambda record: record["document_id"][:6],
        lambda record: record["name"],
        lambda record: record["path"],
    ):
        run("add", str(notes))
        [record] = as_json(run("list", "--json"))
        result = run("remove", name_of(record))
        assert (result.exit_code, result.stdout) == (0, "removed   harbour.txt\n")
        assert as_json(run("list", "--json")) == []


def test_an_archive_is_removed_with_all_that_came_out_of_it(run: Run, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    archive = tmp_path / "one" / "all.zip"
    archive.write_bytes(zip_bytes(**{"a.txt": b"First words.", "b.txt": b"Second words."}))
    run("add", str(archive))
    assert run("remove", "all.zip/a.txt").stdout == "removed   all.zip/a.txt\n"
    assert run("add", str(archive)).stdout.count("added") == 1
    result = run("remove", "all.zip")
    assert result.stdout == "removed   all.zip/b.txt\nremoved   all.zip/a.txt\n"
    assert as_json(run("list", "--json")) == []
    run("add", str(archive))
    other = tmp_path / "two" / "all.zip"
    other.write_bytes(zip_bytes(**{"a.txt": b"Third words."}))
    run("add", str(other))
    result = run("remove", "all.zip")
    assert isinstance(result.exception, cli.CommandFailed)
    assert "names several archives" in str(result.exception)
    assert run("remove", str(other)).stdout == "removed   all.zip/a.txt\n"
    assert len(as_json(run("list", "--json", "-d", str(archive)))) == 2


def test_remove_does_not_guess(run: Run, notes: Path) -> None:
    run("add", str(notes))
    run("add", str(notes), "--collection", "other")
    for wanted, words, error in (
        ("harbour.txt", "several documents", cli.CommandFailed),
        ("absent", "no document", DocumentNotFound),
        ("absent*", "no document", DocumentNotFound),
    ):
        result = run("remove", wanted)
        assert isinstance(result.exception, error)
        assert words in str(result.exception)
    assert len(as_json(run("list", "--json"))) == 2
    assert len(as_json(run("list", "--json", "-c", "other"))) == 1


def test_remove_takes_the_patterns_that_document_takes(
    run: Run, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`remove '*.txt'` said that no document is called so; `list -d '*.txt'` showed them."""
    starred = tmp_path / "a*.txt"
    starred.write_text("Text of a file with a star in its name.")
    others = [tmp_path / "ab.txt", tmp_path / "rules.md"]
    for other in others:
        other.write_text(f"Text of {other.name}.")
    run("add", str(notes), str(starred), *map(str, others))
    assert run("remove", "a*.txt").stdout == "removed   a*.txt\n"  # the name comes first
    monkeypatch.chdir(tmp_path)
    assert run("remove", "./*.md").stdout == "removed   rules.md\n"
    removed = run("remove", "*.TXT", "harb*").stdout.splitlines()
    assert sorted(removed) == ["removed   ab.txt", "removed   harbour.txt"]
    assert as_json(run("list", "--json")) == []


# --- questions ----------------------------------------------------------------------------------


def test_ask_prints_the_answer_and_then_its_citations(run: Run, notes: Path) -> None:
    run("add", str(notes))
    result = run("ask", QUESTION)
    answer, blank, citation = result.stdout.splitlines()
    assert "41 metres" in answer
    assert blank == ""
    assert citation.startswith("[1] harbour.txt: “The lighthouse at Port Ellery was built in 1874")
    assert run("ask", "-", input=QUESTION).stdout == result.stdout


@NEEDS_TESSERACT
def test_what_was_read_by_ocr_is_named_so(run: Run, tmp_path: Path) -> None:
    text = "The lighthouse at Port Ellery is 41 metres tall."
    run("add", str(write_picture(tmp_path / "sign.png", text)))
    *_, citation = run("ask", QUESTION).stdout.splitlines()
    assert citation == f"[1] sign.png, page 1, read by OCR: “{text}”"
    first, _ = run("search", "lighthouse").stdout.splitlines()
    assert first.startswith(" 1. sign.png, page 1, read by OCR (")


def test_asks_json_has_the_fields_of_an_answer(run: Run, notes: Path) -> None:
    run("add", str(notes))
    answer = as_json(run("ask", QUESTION, "--json"))
    assert set(answer) == {field.name for field in fields(Answer)}
    citation = answer["citations"][0]
    assert citation["quote"] == NOTES[citation["start"] : citation["end"]]


def test_a_refusal_is_an_answer(run: Run, notes: Path) -> None:
    run("add", str(notes))
    other = "Who composed the opera about volcanoes?"
    result = run("ask", other)
    assert result.exit_code == 0
    assert result.stdout
    assert as_json(run("--json", "ask", other))["refused"]


def test_a_library_without_documents_is_said(run: Run, tmp_path: Path) -> None:
    """Every question was answered with "The documents do not say"."""
    for command in ("ask", "search"):
        result = run(command, QUESTION)
        assert result.exit_code == 1
        assert not result.stdout
        assert isinstance(result.exception, cli.CommandFailed)
        assert f"no documents in {tmp_path / 'home' / 'library'}; add" in str(result.exception)


@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("search", QUESTION),
        ("ask", QUESTION),
        ("remove", "a.txt"),
        ("summarize", "a.txt"),
        ("doctor",),
        ("warm",),
        ("feedback", "list"),
        ("feedback", "reject", "1"),
    ],
    ids=" ".join,
)
def test_reading_makes_no_library_at_a_mistyped_path(
    run: Run, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """`-L /mistyped list` said that there are no documents, and left an empty library there."""
    mistyped = tmp_path / "mistyped"
    result = run(*command, "-L", str(mistyped))
    assert (result.exit_code, result.stdout) == (1, "")
    assert isinstance(result.exception, cli.CommandFailed)
    assert f"There is no library at {mistyped}; " in str(result.exception)
    assert not mistyped.exists()


@pytest.mark.parametrize("command", [("list",), ("search", QUESTION), ("ask", QUESTION)], ids=str)
def test_an_unknown_collection_is_named(run: Run, notes: Path, command: tuple[str, ...]) -> None:
    """It ended well, with "The filter leaves no passages"; an unknown document was an error."""
    run("add", str(notes), "-c", "harbour")
    result = run(*command, "-c", "habour")
    assert result.exit_code == 1
    assert str(result.exception) == (
        "There is no collection 'habour' in this library; it has harbour."
    )


def test_an_empty_query_is_no_search(run: Run, notes: Path) -> None:
    """`search ""` was done, with "Nothing was found."; `ask ""` was an error."""
    run("add", str(notes))
    for command in ("search", "ask"):
        result = run(command, " ")
        assert result.exit_code == 1
        assert "is empty" in str(result.exception)


def test_search_shows_where_and_why(run: Run, notes: Path) -> None:
    run("add", str(notes))
    first, second = run("search", "ferry to Grey Island", "-k", "1").stdout.splitlines()
    assert first.startswith(" 1. harbour.txt (")
    assert "07:30" in second
    assert as_json(run("--json", "search", "ferry"))[0]["document_name"] == "harbour.txt"


# --- which documents ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (("--type", "text"), {"harbour.txt"}),
        (("-t", "md", "-t", "txt"), {"harbour.txt", "rules.md"}),
        (("--document", "RULES.md"), {"rules.md"}),
        (("-d", "harb*", "-d", "rules*"), {"harbour.txt", "rules.md"}),
        (("-c", "default", "-d", "harb*"), {"harbour.txt"}),
        (("--since", "2020-01-01", "--before", "2999-01-01"), {"harbour.txt", "rules.md"}),
        (("--before", "2020-01-01"), set()),
    ],
    ids=str,
)
def test_documents_types_and_dates_choose_what_is_searched(
    run: Run, notes: Path, tmp_path: Path, options: tuple[str, ...], names: set[str]
) -> None:
    (tmp_path / "rules.md").write_text("# Rules\n\nThe ferry takes no bicycles.\n")
    run("add", str(notes), str(tmp_path / "rules.md"))
    found = as_json(run("search", "ferry", "--json", *options))
    assert {hit["document_name"] for hit in found} == names
    assert {record["name"] for record in as_json(run("list", "--json", *options))} == names
    answer = as_json(run("ask", QUESTION, "--json", *options))
    assert {passage["document_name"] for passage in answer["passages"]} == names
    if not names:
        assert "The filter leaves no documents" in run("search", "ferry", *options).stderr
        assert "No document fits" in run("list", *options).stderr
        assert "The filter leaves no passages" in answer["text"]


def test_only_the_chosen_documents_are_computed_ahead(
    run: Run, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knew collections only: for one document of a large library all were computed."""

    class KeepsPassages(ScriptedService):
        def __init__(self) -> None:
            super().__init__(REPLY)
            self.keeps_passages = True

    def opened(path: Path | None = None, *, settings: Settings) -> ModellessLibrary:
        return ModellessLibrary(path or settings.library_path, settings, KeepsPassages)

    (tmp_path / "rules.md").write_text("# Rules\n\nThe ferry takes no bicycles.\n")
    run("add", str(notes), str(tmp_path / "rules.md"))
    chunks = {record["name"]: record["chunk_count"] for record in as_json(run("list", "--json"))}
    monkeypatch.setattr(Library, "open", opened)
    for options, names in (
        ((), {"harbour.txt", "rules.md"}),
        (("-d", "harb*"), {"harbour.txt"}),
        (("--type", "md"), {"rules.md"}),
        (("--before", "2020-01-01"), set()),
    ):
        done = as_json(run("warm", "--json", *options))["passages"]
        assert done == sum(chunks[name] for name in names)


def test_a_document_is_chosen_by_its_path_from_here_or_its_folders(
    run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", str(notes))
    monkeypatch.chdir(notes.parent)
    [record] = as_json(run("list", "--json"))
    for name in (
        "./harbour.txt",
        str(notes),
        f"*/{notes.parent.name}/*",
        record["document_id"][:8],
    ):
        assert len(as_json(run("list", "--json", "-d", name))) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--type", "pfd"), "'pfd' is not a type of document"),
        (("--since", "last week"), "'last week' is not a date; write one like 2026-03-31"),
        (("--since", "2026-02-01", "--before", "2026-01-01"), "exchange the two dates"),
        (("--document", "absent.pdf"), "paperlight list shows all"),
        (("--document", ""), "names no document"),
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["search", "ask", "list", "warm"])
def test_a_choice_that_makes_no_sense_says_why(
    run: Run, notes: Path, command: str, options: tuple[str, ...], words: str
) -> None:
    run("add", str(notes))
    question = (QUESTION,) if command in {"search", "ask"} else ()
    result = run(command, *question, *options)
    assert result.exit_code == 1
    assert isinstance(result.exception, InvalidFilter)
    assert words in str(result.exception)


# --- options ------------------------------------------------------------------------------------


def test_options_may_come_before_or_after_the_command(
    run: Run, notes: Path, tmp_path: Path
) -> None:
    other = str(tmp_path / "other")
    run("--library", other, "add", str(notes))
    assert len(as_json(run("list", "--json", "--library", other))) == 1
    assert len(as_json(run("--json", "--library", other, "list"))) == 1
    assert as_json(run("--json", "list")) == []  # and none outlives its command


def test_models_are_listed_without_loading_any(run: Run) -> None:
    listed = as_json(run("models", "list", "--json"))
    assert listed["here"] == []
    assert {"name", "licence", "size_bytes", "memory_bytes"} <= set(listed["catalogue"][0])
    told = run("models", "list").stdout
    assert "paperlight models pull" in told
    # Which of the two sizes is which was not said.
    assert told.splitlines()[0] == "name\tsize of file\tneeds memory\thow to get it"


def test_a_model_that_is_listed_as_here_can_be_pulled(run: Run, tmp_path: Path) -> None:
    """It was said that there is no model 'mine', and in the same sentence that 'mine' is here."""
    folder = Settings(home=tmp_path / "home").models_path
    folder.mkdir(parents=True)
    (folder / "mine.gguf").write_bytes(b"GGUF")
    told = run("models", "pull", "mine").stdout.splitlines()
    assert told == [str(folder / "mine.gguf"), "Use it with: paperlight --model mine serve"]
    assert "there is no model 'other'" in str(run("models", "pull", "other").exception)


def test_doctor_fails_where_something_stays_wrong(
    run: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", str(notes))
    result = run("doctor", "--json")
    report = json.loads(result.stdout)
    assert {"name", "ok", "detail", "repaired"} <= set(report["checks"][0])
    assert (result.exit_code == 0) is report["ok"]


@pytest.mark.parametrize("model", ["", "qwen2.5-0.5b-instruct"])
def test_doctor_fetches_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """A check-up of a machine without the models began to download them."""
    monkeypatch.setenv("PAPERLIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("PAPERLIGHT_MODEL", model)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("asked the network"))
    monkeypatch.setattr(subprocess, "Popen", lambda *_: pytest.fail("ran pip"))
    result = CliRunner().invoke(cli.app, ["doctor", "--json"])
    assert result.exit_code == 1
    checks = {check["name"]: check for check in json.loads(result.stdout)["checks"]}
    for name in ("embedding model", "language model"):
        assert not checks[name]["ok"]
        assert "is not on this machine, and doctor fetches nothing" in checks[name]["detail"]


@pytest.mark.parametrize(
    "arguments", [("ask",), ("bogus",), ("list", "--bogus"), ("serve", "--port", "99999")], ids=str
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Usage: " in result.stderr


# --- the process --------------------------------------------------------------------------------


def paperlight(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        env={"PATH": "/usr/bin:/bin", "PAPERLIGHT_HOME": str(home), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_a_failure_is_one_sentence_and_a_traceback_only_where_it_is_wanted(tmp_path: Path) -> None:
    told = paperlight(tmp_path, "remove", "absent")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        "paperlight: There is no document 'absent' in this library; paperlight list shows all.\n"
    )
    traced = paperlight(tmp_path, "remove", "absent", PAPERLIGHT_DEBUG="1")
    assert traced.returncode == 1
    assert "Traceback" in traced.stderr


def test_a_setting_that_cannot_be_is_named(tmp_path: Path) -> None:
    told = paperlight(tmp_path, "list", PAPERLIGHT_PORT="eighty")
    assert told.returncode == 1
    assert told.stderr.startswith("paperlight: PAPERLIGHT_PORT='eighty' cannot be used: ")


@pytest.mark.parametrize("key", ["", " "])
def test_an_empty_key_is_refused(tmp_path: Path, key: str) -> None:
    """PAPERLIGHT_API_KEYS='["$KEY"]' with KEY unset was a key that every caller without one has."""
    told = paperlight(tmp_path, "list", PAPERLIGHT_API_KEYS=json.dumps(["secret", key]))
    assert told.returncode == 1
    assert told.stderr == (
        "paperlight: PAPERLIGHT_API_KEYS cannot be used: a key must not be empty; write what "
        "callers are to send, or no list for no keys; write it like "
        "PAPERLIGHT_API_KEYS='[\"a long secret\"]'\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "example"),
    [
        ("API_KEYS", "abc", '["a long secret"]'),
        ("ADAPTERS", "foo", '{"style.gguf": 0.8}'),
        ("TENSOR_SPLIT", "1,2", "[3, 1]"),
        ("GLOSSARY", '{"fee": 1}', '{"AMEX": "American Express"}'),
    ],
)
def test_a_setting_of_several_values_shows_how_it_is_written(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, example: str
) -> None:
    """What was no JSON ended in a traceback of 41 lines, also for `paperlight list`."""
    monkeypatch.setenv(f"PAPERLIGHT_{name}", value)
    with pytest.raises(ValidationError) as raised:
        Settings()
    told = what_is_wrong(raised.value)
    assert told.startswith(f"PAPERLIGHT_{name}")
    assert told.endswith(f"; write it like PAPERLIGHT_{name}='{example}'")


def test_an_empty_setting_of_several_values_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """`PAPERLIGHT_API_KEYS= paperlight serve`, to switch the keys off, was a traceback."""
    for name in ("API_KEYS", "GLOSSARY", "ADAPTERS", "TENSOR_SPLIT"):
        monkeypatch.setenv(f"PAPERLIGHT_{name}", "")
    settings = Settings()
    assert (settings.api_keys, settings.tensor_split) == ((), ())
    assert (settings.glossary, settings.adapters) == ({}, {})


@pytest.mark.parametrize("value", ['"hunter2"', '["hunter2", 3]', '{"hunter2": 1}', "hunter2"])
def test_a_key_is_not_printed(tmp_path: Path, value: str) -> None:
    """A key without its brackets was repeated: "PAPERLIGHT_API_KEYS='hunter2' cannot be used"."""
    told = paperlight(tmp_path, "list", PAPERLIGHT_API_KEYS=value)
    assert told.returncode == 1
    assert told.stderr.startswith("paperlight: PAPERLIGHT_API_KEYS cannot be used: ")
    assert "hunter2" not in told.stdout + told.stderr


def test_a_misspelt_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """PAPERLIGHT_PASAGES=3 was passed over in silence, and the answers were the old ones."""
    monkeypatch.setenv("PAPERLIGHT_PASAGES", "3")
    monkeypatch.setenv("PAPERLIGHT_GPU", "cpu")  # the Makefile's own
    monkeypatch.setenv("PAPERLIGHT_XYZ", "3")
    told = run("list", "--json")
    assert json.loads(told.stdout) == []
    assert told.stderr.splitlines() == [
        "paperlight: PAPERLIGHT_PASAGES is no setting; did you mean PAPERLIGHT_PASSAGES?",
        "paperlight: PAPERLIGHT_XYZ is no setting; README.md has a list",
    ]


def test_a_library_that_is_no_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "library.db").write_bytes(b"this was never a database" * 100)
    told = paperlight(tmp_path, "list")
    assert told.returncode == 1
    assert len(told.stderr.splitlines()) == 1
    assert "library.db" in told.stderr or "library" in told.stderr


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("file", "file is a file and not a folder; give the library's folder"),
        ("file/library", "file is a file and not a folder; give the library's folder"),
        ("/proc/library", "The library's folder /proc/library cannot be made; give another"),
    ],
)
def test_a_library_that_can_be_no_folder_is_named(tmp_path: Path, folder: str, words: str) -> None:
    """`-L report.pdf list` ended with "FileExistsError: [Errno 17] File exists".

    And of PAPERLIGHT_HOME=report.pdf, "report.pdf/library" was said to be a file.
    """
    (tmp_path / "file").touch()
    with pytest.raises(cli.CommandFailed) as raised:
        Options(library=tmp_path / folder).opened(Settings(home=tmp_path))
    assert words in str(raised.value)


def test_output_without_unicode_loses_characters_and_not_the_answer(
    tmp_path: Path, notes: Path
) -> None:
    told = paperlight(tmp_path, "remove", "naïve", PYTHONIOENCODING="ascii")
    assert told.returncode == 1
    assert "na?ve" in told.stderr or "na\\xefve" in told.stderr


def test_an_interrupt_ends_with_a_line_and_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_an_interrupt_of_the_imports_ends_with_a_line_and_130() -> None:
    """Ctrl-C in the first moments, while typer was imported, printed a traceback."""
    interrupted_import = """
import sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from app.entry import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", interrupted_import],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    assert settings["project"]["scripts"]["paperlight"] == "app.entry:main"


def test_an_interrupted_addition_says_how_far_it_came(
    run: Run, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said "Interrupted." only: whether anything was added, and how to go on, was not told."""
    other = tmp_path / "other.txt"
    other.write_text("The harbour office closes at five.")
    add_all = Library.add

    def interrupted(library: Library, paths: Any, **how: Any) -> Any:
        add_all(library, paths[:1], **how)
        raise KeyboardInterrupt

    monkeypatch.setattr(Library, "add", interrupted)
    result = run("add", str(notes), str(other))
    assert result.exit_code == 130
    assert result.stderr == "1 document added so far; the same command goes on with the rest.\n"


def test_version_and_help_answer_without_a_library(tmp_path: Path) -> None:
    assert paperlight(tmp_path, "--version").stdout.startswith("paperlight ")
    told = paperlight(tmp_path, "--help")
    assert all(name in told.stdout for name in ("add", "ask", "serve", "doctor", "models"))
    assert not (tmp_path / "library").exists()


# --- feedback -----------------------------------------------------------------------------------


def give_feedback(home: Path, *, good: bool, expected: str = "") -> None:
    settings = Settings(home=home)
    with ModellessLibrary(settings.library_path, settings, lambda: ScriptedService(REPLY)) as found:
        rating = Rating.UP if good else Rating.DOWN
        found.feedback.give(judgement_of(found.ask(QUESTION), rating, expected=expected))


def test_feedback_is_listed_approved_and_rejected(run: Run, notes: Path, tmp_path: Path) -> None:
    assert "no feedback" in run("feedback", "list").stderr
    run("add", str(notes))
    give_feedback(tmp_path / "home", good=True)
    listed = run("feedback", "list").stdout.splitlines()
    assert listed[0].split(maxsplit=3) == ["1", "up", "waiting", QUESTION]
    assert listed[1].strip() == f"answer: {REPLY}"
    assert run("feedback", "approve", "1").stdout == "approved  1: is an example now\n"
    assert as_json(run("feedback", "list", "--waiting", "--json")) == []
    assert as_json(run("feedback", "list", "--json"))[0]["approved"] is True
    assert run("feedback", "reject", "1").stdout == "rejected  1\n"
    assert isinstance(run("feedback", "reject", "1").exception, FeedbackNotFound)


def test_bad_answers_become_a_question_set(run: Run, notes: Path, tmp_path: Path) -> None:
    run("add", str(notes))
    give_feedback(tmp_path / "home", good=False, expected="41 metres")
    give_feedback(tmp_path / "home", good=False)
    path = tmp_path / "cases.jsonl"
    written = run("feedback", "cases", str(path))
    assert written.stdout == f"1 case in {path}\n"
    assert "1 without a right answer left out" in written.stderr
    assert [(q.text, q.gold) for q in load_questions(path)] == [(QUESTION, ("41 metres",))]
    assert run("feedback", "approve", "2", "--not-answerable").exit_code == 0
    assert as_json(run("feedback", "cases", str(path), "--json"))["cases"] == 2


def test_cases_that_cannot_be_written_say_what_to_do(run: Run, tmp_path: Path) -> None:
    """It ended with "FileNotFoundError: [Errno 2] No such file or directory"."""
    failure = run("feedback", "cases", str(tmp_path / "absent" / "cases.jsonl")).exception
    assert isinstance(failure, cli.CommandFailed)
    assert "name a file in a folder that is there" in str(failure)


# --- evaluation ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ('{"answers": ["41 metres"]}', 'line 2 has no question; write it like {"question": "..."'),
        ("[1]", "line 2 has no question"),
        ('{"question": ', "line 2 is not JSON: Expecting value at column 14"),
    ],
)
@pytest.mark.parametrize("option", [(), ("--off-topic",)], ids=["set", "off-topic"])
def test_a_bad_line_of_a_question_set_is_named(
    run: Run, tmp_path: Path, bad: str, words: str, option: tuple[str, ...]
) -> None:
    """A set of a thousand lines was refused with KeyError('question'): no file and no line."""
    good = json.dumps({"question": QUESTION, "answers": ["41 metres"]})
    fine, broken = tmp_path / "fine.jsonl", tmp_path / "broken.jsonl"
    fine.write_text(good)
    broken.write_text(f"{good}\n{bad}\n")
    failure = run("eval", "answers", *([str(fine), *option] if option else []), str(broken))
    assert isinstance(failure.exception, AnswerSetError)
    assert f"{broken} cannot be read as a question set: {words}" in str(failure.exception)


def test_the_texts_of_an_evaluation_are_those_of_its_own_run(
    run: Run, notes: Path, tmp_path: Path
) -> None:
    """They were written behind those of every earlier run, and --output in the place of its."""
    run("add", str(notes))
    sets = []
    for name in ("one", "two"):
        sets.append(tmp_path / f"{name}.jsonl")
        sets[-1].write_text(json.dumps({"question": QUESTION, "answers": ["41 metres"]}))
    texts = tmp_path / "texts.jsonl"
    for _ in range(2):
        done = run(
            "eval", "answers", *map(str, sets), "--system", "paperlight", "--texts", str(texts)
        )
        assert done.exit_code == 0, done.output
        # In a file or a pipe, nothing said which column is whose.
        assert done.stdout.splitlines().count("measure\tpaperlight") == 2
        rows = [json.loads(line) for line in texts.read_text("utf-8").splitlines()]
        assert [(row["set"], row["question"]) for row in rows] == [
            ("one", QUESTION),
            ("two", QUESTION),
        ]


# --- forms --------------------------------------------------------------------------------------


def test_extract_prints_json_and_says_where_it_stands(
    run: Run, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("add", str(notes))
    monkeypatch.setattr(sys.modules[__name__], "REPLY", "41")
    form = tmp_path / "form.json"
    form.write_text('{"properties": {"height": {"type": "integer"}}}')
    result = run("extract", "--schema", str(form), "the lighthouse")
    assert as_json(result) == {"height": 41}
    assert result.stderr.strip().startswith("height: harbour.txt: “The lighthouse")
    whole = as_json(run("extract", "--schema", str(form), "--json"))
    assert whole["values"][0]["citation"]["document_name"] == "harbour.txt"
    form.write_text("{")
    failure = run("extract", "--schema", str(form)).exception
    assert isinstance(failure, cli.CommandFailed)


def test_summarize_prints_the_summary_and_its_sources(run: Run, notes: Path) -> None:
    run("add", str(notes))
    result = run("summarize", "harbour.txt")
    assert result.stdout.splitlines()[0] == REPLY
    assert result.stdout.splitlines()[-1].startswith("[1] harbour.txt: “The lighthouse")
    assert as_json(run("summarize", "harbour.txt", "--json"))["parts"] == 1
