"""`paperlight feedback`: look through what readers think of answers, and decide what is learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.as_json import as_json as as_plain
from app.command_options import CommandFailed, JsonOption, LibraryOption, options_of
from app.counts import counted
from app.terminal import one_line

if TYPE_CHECKING:
    from rag.feedback import Feedback

feedback = typer.Typer(
    help="Look through thumbs up and down, and decide what is learned from them. They are kept in"
    " the library with the words of the documents that they quote, and are deleted with those"
    " documents, also when a newer version replaces one; files that were exported are not.",
    no_args_is_help=True,
)

Number = Annotated[int, typer.Argument(help="The number that list shows.")]


@feedback.command("list")
def list_feedback(
    context: typer.Context,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what waits for review.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List feedback, oldest first."""
    options = options_of(context)
    with options.open_library() as opened:
        found = [each for each in opened.feedback.all() if not (waiting and each.approved)]
    if options.as_json:
        options.terminal.result([as_plain(each) for each in found])
        return
    if not found:
        options.terminal.note("There is no feedback; readers give it below an answer on the page.")
    for each in found:
        _print(options.terminal.say, each)


def _print(say: Any, each: Feedback) -> None:
    review = "approved" if each.approved else "waiting"
    say(f"{each.feedback_id:4}  {each.rating.value:4}  {review:8}  {one_line(each.question)}")
    say(f"      answer: {one_line(each.answer)}")
    if each.not_answerable:
        say("      right:  the documents do not say")
    elif each.expected:
        say(f"      right:  {one_line(each.expected)}")


@feedback.command()
def approve(
    context: typer.Context,
    number: Number,
    expected: Annotated[
        str, typer.Option(help="The right answer, where the given one was bad.")
    ] = "",
    not_answerable: Annotated[
        bool, typer.Option("--not-answerable", help="The right answer: the documents do not say.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve: a good answer becomes an example for the model, a bad one a settled case.

    An example, with the sentences that its answer cites, is shown to the model with questions
    like its own, whoever asks them and in whatever collection.
    """
    options = options_of(context)
    with options.open_library() as opened:
        done = opened.feedback.approve(number, expected=expected, not_answerable=not_answerable)
    if options.as_json:
        options.terminal.result(as_plain(done))
    else:
        use = "is an example now" if done.example else "is an evaluation case now"
        options.terminal.say(f"approved  {number}: {use}")


@feedback.command()
def reject(
    context: typer.Context,
    number: Number,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject and delete, also what was approved before; nothing is learned from it any more."""
    options = options_of(context)
    with options.open_library() as opened:
        opened.feedback.delete(number)
    if options.as_json:
        options.terminal.result({"rejected": number})
    else:
        options.terminal.say(f"rejected  {number}")


@feedback.command()
def cases(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The file to write (JSON lines).", dir_okay=False)],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the questions that were answered badly as a set for paperlight eval answers."""
    options = options_of(context)
    with options.open_library() as opened:
        rows = opened.feedback.cases()
        bad = sum(each.example is None for each in opened.feedback.all())
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    try:
        path.write_text(lines, "utf-8")
    except OSError as error:
        raise CommandFailed(
            f"{path} cannot be written ({error.strerror}); name a file in a folder that is there"
        ) from error
    if options.as_json:
        options.terminal.result({"cases": len(rows), "without_right_answer": bad - len(rows)})
        return
    options.terminal.say(f"{counted(len(rows), 'case')} in {path}")
    if bad > len(rows):
        options.terminal.note(
            f"{bad - len(rows)} without a right answer left out; give it with: paperlight feedback"
            " approve NUMBER --expected TEXT (or --not-answerable)"
        )
