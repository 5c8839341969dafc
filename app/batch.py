"""`paperlight batch`: many questions from a file, answered side by side, in their order.

An answer is a line of JSON, written as soon as it and all before it are there, so that whatever
ends the command leaves a file that --resume goes on with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.as_json import as_json as as_plain
from app.command_options import (
    BeforeOption,
    CollectionOption,
    CommandFailed,
    DocumentsOption,
    JsonOption,
    LibraryOption,
    ModelOption,
    SinceOption,
    TypesOption,
    options_of,
)
from app.counts import counted
from app.shown_answers import print_answer
from app.terminal import Terminal, counted_progress, json_text, one_line

if TYPE_CHECKING:
    from rag.results import Answer

_ERROR = "error"  # in place of an answer's fields
Write = Callable[["Asked", "Answer | Exception"], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of the file. fields: all that its line has, the question among it."""

    question: str
    fields: Mapping[str, Any]


def batch(
    context: typer.Context,
    questions: Annotated[
        str,
        typer.Argument(
            help='A text file with a question a line, or JSON lines with "question", whose other'
            ' fields are kept; "-" reads stdin.'
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the answers into this new file.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the answers that --output has already.")
    ] = False,
    collection: CollectionOption = None,
    documents: DocumentsOption = None,
    types: TypesOption = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer many questions at once, as JSON lines; exit code 1 if any could not be answered.

    A line has the fields of ask --json, or "question" and "error".
    """
    from inference.request import EngineStopped
    from rag.errors import LibraryClosed

    options = options_of(context)
    if resume and output is None:
        raise typer.BadParameter("--resume needs --output, the file to go on with.")
    _refuse_existing(output, questions, resume=resume)
    asked = read_questions(questions)
    done = _answered(output, asked) if resume and output is not None else 0
    chosen = options.filter()
    terminal = options.terminal
    failures = 0
    with options.open_filled_library() as opened:
        opened.documents(filter=chosen)  # a wrong filter is one error and not one a question
        if done < len(asked):
            opened.warm_up()  # so is a model that cannot be loaded
        with (
            _writer(output, terminal) as write,
            counted_progress("questions") as progress,
            closing(
                opened.batch_outcomes([each.question for each in asked[done:]], filter=chosen)
            ) as outcomes,
        ):
            progress(done, len(asked))
            try:
                for each, outcome in zip(asked[done:], outcomes, strict=True):
                    if isinstance(outcome, EngineStopped | LibraryClosed):
                        raise outcome  # all after it would end the same way
                    write(each, outcome)
                    failures += isinstance(outcome, Exception)
                    done += 1
                    progress(done, len(asked))
            except BaseException:
                if output is not None:
                    terminal.note(
                        f"{done:,} of {counted(len(asked), 'question')} done; the same command"
                        " with --resume goes on with the rest."
                    )
                raise
    if output is not None:
        terminal.note(f"{counted(len(asked), 'question')} done, in {output}.")
    if failures:
        terminal.note(f"{counted(failures, 'question')} could not be answered.")
        raise typer.Exit(1)


def read_questions(path: str) -> list[Asked]:
    """All questions of a file, or of standard input. Raises CommandFailed, naming the line."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror}.") from error
    lines = [
        (number, line)
        for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1)
        if line.strip()
    ]
    if not lines:
        raise CommandFailed(f"There are no questions in {path}; write one a line.")
    is_json = path.endswith((".jsonl", ".ndjson")) or lines[0][1].lstrip().startswith(b"{")
    read = _from_json if is_json else _from_text
    asked = []
    for number, line in lines:
        try:
            asked.append(read(line.decode("utf-8").strip()))
        except (ValueError, RecursionError) as error:
            why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            raise CommandFailed(f"{path}, line {number}: {why}; nothing was asked.") from error
    return asked


def _from_text(line: str) -> Asked:
    return Asked(line, {"question": line})


def _from_json(line: str) -> Asked:
    from rag.results import Answer

    try:
        row = json.loads(line)
        json.dumps(row, allow_nan=False)
    except ValueError as error:
        raise ValueError(f"it is not JSON ({error})") from error
    question = row.get("question") if isinstance(row, dict) else None
    if not isinstance(question, str) or not question.strip():
        raise ValueError('it is not an object with a "question" that is text')
    own = {field.name for field in fields(Answer)} - {"question"} | {_ERROR}
    if taken := sorted(own & row.keys()):
        raise ValueError(f'answers have a field "{taken[0]}" of their own, so rename this one')
    return Asked(question, row)


def _refuse_existing(output: Path | None, questions: str, *, resume: bool) -> None:
    """Mistakes about the output are told before a model is loaded."""
    if output is None:
        return
    if not output.absolute().parent.is_dir():
        raise CommandFailed(f"There is no folder {output.absolute().parent}; make it first.")
    if not output.exists():
        return
    if not resume:
        raise CommandFailed(
            f"{output} is there already; give another file, or --resume to go on after the answers"
            " in it."
        )
    if not output.is_file() or (questions != "-" and output.samefile(questions)):
        raise CommandFailed(f"{output} is no file of answers; give another.")


def _answered(output: Path, asked: Sequence[Asked]) -> int:
    """How many of the questions, from the first on, have their line in the file.

    A last line that was cut off by a kill is taken out. Raises CommandFailed where the file is not
    the answers to these questions.
    """
    if not output.exists():
        return 0
    done = kept_bytes = 0
    with output.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n") and line.startswith(b"{"):
                break
            if done == len(asked) or not _answers(line, asked[done]):
                raise CommandFailed(
                    f"{output}, line {done + 1}, is no answer to question {done + 1} of these; give"
                    " the questions that it was made from, or another file."
                )
            done += 1
            kept_bytes += len(line)
        file.truncate(kept_bytes)
    return done


def _answers(line: bytes, asked: Asked) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(row, dict)
        and row.get("question") == asked.question
        and ("citations" in row or _ERROR in row)
    )


@contextmanager
def _writer(output: Path | None, terminal: Terminal) -> Iterator[Write]:
    """Writes what became of a question to where it belongs, at once."""
    if output is None:
        show = _show if _is_for_people(terminal) else _say
        yield lambda asked, outcome: show(terminal, asked, outcome)
        return
    try:
        with output.open("a", encoding="utf-8", newline="\n") as file:

            def write(asked: Asked, outcome: Answer | Exception) -> None:
                file.write(_line(asked, outcome) + "\n")
                file.flush()

            yield write
    except OSError as error:  # a full disk; what is not whole in the file, --resume takes out
        raise CommandFailed(f"{output} cannot be written: {error.strerror}.") from error


def _is_for_people(terminal: Terminal) -> bool:
    return sys.stdout.isatty() and not terminal.as_json


def _line(asked: Asked, outcome: Answer | Exception) -> str:
    if isinstance(outcome, Exception):
        return json_text({**asked.fields, _ERROR: _why(outcome)})
    return json_text(as_plain(outcome) | dict(asked.fields))


def _say(terminal: Terminal, asked: Asked, outcome: Answer | Exception) -> None:
    terminal.say(_line(asked, outcome))


def _show(terminal: Terminal, asked: Asked, outcome: Answer | Exception) -> None:
    terminal.say(f"> {one_line(asked.question)}")
    if isinstance(outcome, Exception):
        terminal.say(one_line(_why(outcome)))
    else:
        print_answer(terminal, outcome)
    terminal.say()


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
