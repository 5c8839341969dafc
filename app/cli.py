"""The `paperlight` command.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed
(one sentence says why), 2 wrong usage, 130 interrupted. PAPERLIGHT_DEBUG=1 shows tracebacks.
"""

from __future__ import annotations

import gc
import json
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.as_json import as_json as as_plain
from app.batch import batch
from app.benchmark import benchmark
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
from app.entry import INTERRUPTED
from app.evaluate import evaluate
from app.feedback import feedback
from app.library_archive import export_library, import_library
from app.models import models
from app.named_documents import SHOWN_ID_CHARS, find_document, find_documents
from app.shown_answers import place_of, print_answer
from app.terminal import (
    Terminal,
    counted_progress,
    draft_view,
    ingest_progress,
    one_line,
    safe,
    size_text,
    tolerate_any_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inference.models import FetchProgress
    from ingest.outcomes import AddReport, FileOutcome
    from ingest.records import DocumentRecord
    from rag.results import Answer

_SNIPPET_CHARS = 300

app = typer.Typer(
    help="Ask your own documents, on your own machine; every claim is cited to a page.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models, name="models")
app.add_typer(evaluate, name="eval")
app.add_typer(feedback, name="feedback")
app.add_typer(benchmark, name="bench")


def _version(value: bool) -> None:
    if value:
        print(f"paperlight {version('paperlight')}")
        raise typer.Exit


@app.callback()
def common(
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
    wants_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options before a command hold for it; most may also follow it."""


# --- documents --------------------------------------------------------------------------------


@app.command()
def add(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Put them into this collection.")
    ] = None,
    password: Annotated[
        str, typer.Option("--password", help="Opens encrypted PDFs; kept nowhere. '-' asks for it.")
    ] = "",
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add files and folders. What is there already is left alone; what changed is replaced.

    A file that was moved keeps its document; what an older version read is read again.
    """
    options = options_of(context)
    if password == "-":  # noqa: S105 - not on the command line, where others may see it
        password = _asked_password()
    with (
        options.open_library(may_make=True) as opened,
        ingest_progress("Loading the models") as progress,
    ):
        before = len(opened.documents())
        try:
            resumed = opened.resume(progress)
            report = opened.add(paths, collection=collection, password=password, progress=progress)
        except KeyboardInterrupt:
            done = counted(len(opened.documents()) - before, "document")
            options.terminal.note(f"{done} added so far; the same command goes on with the rest.")
            raise
        gone = _gone_below(paths, opened.documents())
    for file in resumed.files:
        options.terminal.note(f"taken up again: {_outcome_line(file)}")
    if options.as_json:
        options.terminal.result(as_plain(report))
    else:
        _print_report(options.terminal, report)
    if gone:
        options.terminal.note(
            f"The files of {counted(gone, 'document')} from there are gone: paperlight list --gone"
            " shows them, paperlight remove ID takes them out."
        )
    if all(file.outcome == "skipped" for file in report.files):
        raise typer.Exit(1)


def _asked_password() -> str:
    """Asked for where somebody can answer, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, err=True))
    if password := sys.stdin.readline().rstrip("\r\n"):
        return password
    raise CommandFailed("No password came on standard input; write it there, or use a terminal.")


def _gone_below(paths: Sequence[Path], records: Sequence[DocumentRecord]) -> int:
    """How many documents come from files of these folders that are no longer there."""
    from ingest.known_files import is_original_gone
    from ingest.naming import path_of

    folders = {path.expanduser().resolve() for path in paths if path.is_dir()}
    if not folders:
        return 0
    return sum(
        not folders.isdisjoint(path_of(record.path).parents) and is_original_gone(record)
        for record in records
    )


def _print_report(terminal: Terminal, report: AddReport) -> None:
    for file in report.files:
        terminal.say(_outcome_line(file))
    counts = Counter(file.outcome.value for file in report.files)
    if len(report.files) > 1:
        terminal.note(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    elif not report.files:
        terminal.note("There are no files to add there.")
    if any(file.needs_password for file in report.files):
        terminal.note("A password is given with --password; --password - asks for it.")


def _outcome_line(file: FileOutcome) -> str:
    size = ""
    if file.document_id:
        size = f" ({counted(file.pages, 'page')}, {counted(file.chunks, 'chunk')})"
    why = f": {file.reason}" if file.reason else ""
    return f"{file.outcome.value:9} {one_line(file.path + size + why)}"


@app.command("list")
def list_documents(
    context: typer.Context,
    collection: CollectionOption = None,
    documents: DocumentsOption = None,
    types: TypesOption = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    gone: Annotated[
        bool, typer.Option("--gone", help="Only those whose files are no longer where they were.")
    ] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the documents."""
    from ingest.known_files import is_original_gone

    options = options_of(context)
    chosen = options.filter()
    with options.open_library() as opened:
        records = opened.documents(filter=chosen)
    if gone:
        records = [record for record in records if is_original_gone(record)]
    if options.as_json:
        options.terminal.result([as_plain(record) for record in records])
        return
    if not records:
        options.terminal.note(
            "No document's file is known to be gone."
            if gone
            else "No document fits; paperlight list alone shows all."
            if chosen
            else "There are no documents; add some with: paperlight add FILE"
        )
        return
    options.terminal.table(
        ("id", "name", "pages", "chunks", "size", "path"),
        [
            (
                record.document_id[:SHOWN_ID_CHARS],
                record.name,
                record.page_count,
                record.chunk_count,
                size_text(record.byte_size),
                record.path,
            )
            for record in records
        ],
    )


@app.command()
def remove(
    context: typer.Context,
    documents: Annotated[
        list[str],
        typer.Argument(
            help="Ids (or their first characters), names or paths; an archive's means all in it,"
            " 'report*.pdf' all that it fits."
        ),
    ],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove documents from the library and from every index; the files themselves stay."""
    options = options_of(context)
    with options.open_library() as opened:
        records = opened.documents()
        # A document named twice is removed once; one that is not there stops all.
        found = (find_documents(records, wanted) for wanted in documents)
        chosen = {record.document_id: record for each in found for record in each}
        opened.remove(*chosen)
    if options.as_json:
        options.terminal.result({"removed": list(chosen)})
        return
    for record in chosen.values():
        options.terminal.say(f"removed   {one_line(record.name)}")


# --- questions --------------------------------------------------------------------------------


@app.command()
def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help='The question; "-" reads it from stdin.')],
    collection: CollectionOption = None,
    documents: DocumentsOption = None,
    types: TypesOption = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the documents, with citations."""
    options = options_of(context)
    text = sys.stdin.read() if question == "-" else question
    answer: Answer | None = None
    chosen = options.filter()
    with options.open_filled_library() as opened, draft_view(enabled=not options.as_json) as show:
        draft = ""
        for event in opened.stream(text, filter=chosen):
            if event.text:
                draft += event.text
                show(draft)
            answer = event.answer or answer
    assert answer is not None
    if options.as_json:
        options.terminal.result(as_plain(answer))
    else:
        if answer.read_as:
            options.terminal.note(one_line(f"Read as: {answer.read_as}"))
        print_answer(options.terminal, answer)


app.command()(batch)


@app.command()
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many passages.")] = 10,
    collection: CollectionOption = None,
    documents: DocumentsOption = None,
    types: TypesOption = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that fit a query best."""
    options = options_of(context)
    if not query.strip():
        raise CommandFailed("The query is empty; say what to look for.")
    chosen = options.filter()
    with options.open_filled_library() as opened:
        hits = opened.search(query, k=k, filter=chosen)
        is_empty = not hits and bool(chosen) and not opened.documents(filter=chosen)
    if options.as_json:
        options.terminal.result([as_plain(hit) for hit in hits])
        return
    if not hits:
        nothing = "The filter leaves no documents; paperlight list shows all."
        options.terminal.note(nothing if is_empty else "Nothing was found.")
    for number, hit in enumerate(hits, 1):
        place = f"{place_of(hit)} ({hit.reason})"
        options.terminal.say(f"{number:2}. {one_line(place)}")
        options.terminal.say(f"    {one_line(hit.text)[:_SNIPPET_CHARS]}")


@app.command()
def extract(
    context: typer.Context,
    schema: Annotated[
        Path,
        typer.Option("--schema", help="JSON schema of an object.", exists=True, dir_okay=False),
    ],
    instruction: Annotated[
        str, typer.Argument(help='What the values are of, as in "the invoice of March".')
    ] = "",
    collection: CollectionOption = None,
    documents: DocumentsOption = None,
    types: TypesOption = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    keep: Annotated[
        bool | None,
        typer.Option(
            "--keep/--drop",
            help="Values that no passage has: keep them, or make them null; without it as"
            " PAPERLIGHT_UNSUPPORTED says.",
            show_default=False,
        ),
    ] = None,
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fill in a JSON schema from the documents; says where each value stands.

    The JSON goes to standard output, null where the documents do not say; the places go to
    standard error. --json prints all of it as one document.
    """
    options = options_of(context)
    try:
        form = json.loads(schema.read_text("utf-8"))
    except ValueError as error:
        raise CommandFailed(f"{schema} is not a JSON file: {error}") from error
    from rag.citations import Unsupported

    unsupported = None if keep is None else Unsupported.KEEP if keep else Unsupported.DROP
    chosen = options.filter()
    with options.open_filled_library() as opened, counted_progress("fields") as progress:
        found = opened.extract(
            form, instruction, filter=chosen, unsupported=unsupported, progress=progress
        )
    if options.as_json:
        options.terminal.result(as_plain(found))
        return
    options.terminal.result(found.data)
    for each in found.values:
        if each.citation is None:
            options.terminal.note(one_line(f"{each.path}: no passage says {each.value!r}"))
        else:
            place = place_of(each.citation)
            options.terminal.note(one_line(f"{each.path}: {place}: “{each.citation.quote}”"))


@app.command()
def summarize(
    context: typer.Context,
    document: Annotated[str, typer.Argument(help="Id (or its first characters), name or path.")],
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Summarize a document, with citations; a long one is read in parts."""
    options = options_of(context)
    with options.open_library() as opened, counted_progress("parts read") as progress:
        record = find_document(opened.documents(), document)
        summary = opened.summarize(record.document_id, progress=progress)
    if options.as_json:
        options.terminal.result(as_plain(summary))
    else:
        print_answer(options.terminal, summary)


# --- service ----------------------------------------------------------------------------------


@app.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: any free port.")] = None,
    library: LibraryOption = None,
    model: ModelOption = None,
) -> None:
    """Serve the page and the HTTP API until interrupted."""
    options = options_of(context)
    settings = options.settings(host=host, port=port)
    from app.server import serve as run_server

    with options.opened(settings, engine_process=True) as opened:
        run_server(settings, opened, announce=options.terminal.note)


@app.command()
def warm(
    context: typer.Context,
    collection: CollectionOption = None,
    documents: DocumentsOption = None,
    types: TypesOption = None,
    since: SinceOption = None,
    before: BeforeOption = None,
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute the state of passages ahead of questions (needs PAPERLIGHT_PASSAGE_BLOCKS)."""
    options = options_of(context)
    chosen = options.filter()
    with options.open_library() as opened, counted_progress("passages") as progress:
        done = opened.warm_passages(filter=chosen, progress=progress)
    if options.as_json:
        options.terminal.result({"passages": done})
    else:
        options.terminal.say(f"{counted(done, 'passage')} ready.")


@app.command()
def doctor(
    context: typer.Context,
    repair: Annotated[bool, typer.Option(help="Mend what can be mended.")] = True,
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the library, the models and the machine; exit code 1 if something stays wrong."""
    options = options_of(context)
    with options.open_library() as opened:
        opened.fetch_progress = _fetch_nothing
        report = opened.doctor(repair=repair)
    if options.as_json:
        options.terminal.result(as_plain(report) | {"ok": report.ok})
    else:
        for check in report.checks:
            mark = "repaired" if check.repaired and check.ok else "ok" if check.ok else "PROBLEM"
            options.terminal.say(f"{mark:9} {one_line(f'{check.name}: {check.detail}')}")
    if not report.ok:
        raise typer.Exit(1)


def _fetch_nothing(progress: FetchProgress) -> None:
    """Ends the fetching of a model before it begins: a check-up goes to no network."""
    from inference.models import ModelFetchError

    raise ModelFetchError(
        f"It is not on this machine, and doctor fetches nothing ({progress.what}). Fetch it with"
        " paperlight serve, which gets all that is missing, or paperlight models pull NAME."
    )


app.command("export")(export_library)
app.command("import")(import_library)


# --- entry point ------------------------------------------------------------------------------


def main() -> None:
    """Run the command line; every failure ends in one sentence. See app.entry."""
    tolerate_any_text()
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # Typer's answer to Ctrl-C, which says nothing
            print("Interrupted.", file=sys.stderr)
        raise
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:  # the process's boundary
        if _wants_traceback():
            raise
        print(f"paperlight: {_sentence(error)}", file=sys.stderr)
        sys.exit(1)
    finally:
        # Or the interpreter looks through all of torch once more before it ends, for seconds.
        gc.freeze()


def _wants_traceback() -> bool:
    from pydantic import ValidationError

    from rag.settings import Settings

    try:
        return Settings().debug
    except ValidationError:
        return False


def _sentence(error: Exception) -> str:
    from pydantic import ValidationError

    from rag.settings import Settings, what_is_wrong

    if isinstance(error, ValidationError) and error.title == Settings.__name__:
        return one_line(what_is_wrong(error))
    ours = type(error).__module__.partition(".")[0] in ("app", "rag", "ingest", "inference")
    kind = "" if ours or type(error).__module__ == "__main__" else f"{type(error).__name__}: "
    return safe(f"{kind}{error}" if str(error) else kind + "no reason was given")


if __name__ == "__main__":
    main()
