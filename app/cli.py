"""The `paperlight` command.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed
(one sentence says why), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.as_json import as_json as convert
from app.terminal import Terminal, draft_view, fetch_progress, ingest_progress, safe, size_text

if TYPE_CHECKING:
    from ingest.pipeline import AddReport
    from ingest.records import DocumentRecord
    from rag.library import Library
    from rag.results import Answer
    from rag.settings import Settings

app = typer.Typer(
    help="Ask your own documents, on your own machine; every claim is cited to a page.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="List and fetch language models.", no_args_is_help=True)
app.add_typer(models, name="models")


@dataclass(slots=True)
class Options:
    """The options that every command takes."""

    library: Path | None = None
    model: str | None = None
    as_json: bool = False
    debug: bool = False

    @property
    def terminal(self) -> Terminal:
        return Terminal(self.as_json)

    def settings(self, **changes: Any) -> Settings:
        """The settings of the environment with the command line's on top."""
        from rag.settings import Settings

        given = {"model": self.model, **changes}
        return Settings(**{name: value for name, value in given.items() if value is not None})

    @contextmanager
    def open_library(self) -> Iterator[Library]:
        from rag.library import Library

        with Library.open(self.library, settings=self.settings()) as library:
            library.fetch_progress = fetch_progress()
            yield library


_options = Options()  # filled by the callback before a command runs; one command a process

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON.", callback=lambda v: _json(v))
]
LibraryOption = Annotated[
    Path | None,
    typer.Option("--library", "-L", help="The library's folder.", callback=lambda v: _library(v)),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="GGUF file or model name.", callback=lambda v: _model(v)),
]
CollectionOption = Annotated[
    str | None, typer.Option("--collection", "-c", help="Only this collection of documents.")
]


def _json(value: bool) -> bool:
    _options.as_json |= value
    return value


def _library(value: Path | None) -> Path | None:
    _options.library = value or _options.library
    return value


def _model(value: str | None) -> str | None:
    _options.model = value or _options.model
    return value


def _version(value: bool) -> None:
    if value:
        print(f"paperlight {version('paperlight')}")
        raise typer.Exit


@app.callback()
def common(
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options before a command hold for it; --library, --model and --json may also follow it."""
    _options.debug = debug


# --- documents --------------------------------------------------------------------------------


@app.command()
def add(
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Put them into this collection.")
    ] = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add files and folders. What is there already is left alone; what changed is replaced."""
    with _options.open_library() as opened, ingest_progress("Loading the models") as progress:
        resumed = opened.resume(progress)
        report = opened.add(paths, collection=collection, progress=progress)
    _print_report(resumed, "taken up again")
    _print_report(report)
    if report.files and all(file.outcome == "skipped" for file in report.files):
        raise typer.Exit(1)


def _print_report(report: AddReport, remark: str = "") -> None:
    terminal = _options.terminal
    if terminal.as_json:
        if not remark:
            terminal.result(convert(report))
        return
    for file in report.files:
        size = f" ({file.pages} pages, {file.chunks} chunks)" if file.document_id else ""
        why = f": {file.reason}" if file.reason else ""
        also = f", {remark}" if remark else ""
        terminal.say(f"{file.outcome.value:9} {file.path}{size}{also}{why}")
    if len(report.files) > 1:
        counts: dict[str, int] = {}
        for file in report.files:
            counts[file.outcome.value] = counts.get(file.outcome.value, 0) + 1
        terminal.note(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


@app.command("list")
def list_documents(
    collection: CollectionOption = None, library: LibraryOption = None, as_json: JsonOption = False
) -> None:
    """List the documents."""
    terminal = _options.terminal
    with _options.open_library() as opened:
        records = opened.documents(collection)
    if terminal.as_json:
        terminal.result([convert(record) for record in records])
        return
    if not records:
        terminal.note("The library is empty; add documents with: paperlight add FILE")
    rows = [
        (r.document_id[:12], r.name, r.page_count, r.chunk_count, size_text(r.byte_size), r.path)
        for r in records
    ]
    terminal.table(("id", "name", "pages", "chunks", "size", "path"), rows)


@app.command()
def remove(
    documents: Annotated[
        list[str], typer.Argument(help="Ids (or their first characters), names or paths.")
    ],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove documents from the library and from every index; the files themselves stay."""
    terminal = _options.terminal
    with _options.open_library() as opened:
        records = opened.documents()
        chosen = [_find(records, wanted) for wanted in documents]
        for record in chosen:
            opened.remove(record.document_id)
            if not terminal.as_json:
                terminal.say(f"removed   {record.name}")
    if terminal.as_json:
        terminal.result({"removed": [record.document_id for record in chosen]})


def _find(records: list[DocumentRecord], wanted: str) -> DocumentRecord:
    """The one document that `wanted` names."""
    path = str(Path(wanted).absolute())
    found = [r for r in records if wanted == r.document_id or wanted == r.name or path == r.path]
    found = found or [r for r in records if len(wanted) >= 4 and r.document_id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandFailed(f"no document is called {wanted!r}; paperlight list shows them all")
    ids = ", ".join(record.document_id[:12] for record in found)
    raise CommandFailed(f"{wanted!r} names several documents; use one of the ids {ids}")


# --- questions --------------------------------------------------------------------------------


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help='The question; "-" reads it from stdin.')],
    collection: CollectionOption = None,
    library: LibraryOption = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question from the documents, with citations."""
    terminal = _options.terminal
    text = sys.stdin.read() if question == "-" else question
    with _options.open_library() as opened, draft_view(enabled=not terminal.as_json) as show:
        draft, answer = "", None
        for event in opened.stream(text, collection=collection):
            draft += event.text
            if event.text:
                show(draft)
            answer = event.answer or answer
    assert answer is not None
    if terminal.as_json:
        terminal.result(convert(answer))
    else:
        _print_answer(answer)


def _print_answer(answer: Answer) -> None:
    terminal = _options.terminal
    terminal.say(answer.text)
    if answer.citations:
        terminal.say()
    for citation in answer.citations:
        place = f", page {citation.page}" if citation.page else ""
        quote = " ".join(citation.quote.split())
        terminal.say(f"[{citation.marker}] {citation.document_name}{place}: “{quote}”")


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=200, help="How many passages.")] = 10,
    collection: CollectionOption = None,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that fit a query best."""
    terminal = _options.terminal
    with _options.open_library() as opened:
        hits = opened.search(query, k=k, collection=collection)
    if terminal.as_json:
        terminal.result([convert(hit) for hit in hits])
        return
    if not hits:
        terminal.note("Nothing was found.")
    for number, hit in enumerate(hits, 1):
        place = f", page {hit.page}" if hit.page else ""
        terminal.say(f"{number:2}. {hit.document_name}{place}  ({hit.reason})")
        terminal.say(f"    {' '.join(hit.text.split())[:300]}")


# --- service ----------------------------------------------------------------------------------


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: any free port.")] = None,
    library: LibraryOption = None,
    model: ModelOption = None,
) -> None:
    """Serve the page and the HTTP API until interrupted."""
    from app.server import serve as run_server
    from rag.library import Library

    settings = _options.settings(host=host, port=port)
    opened = Library.open(_options.library, settings=settings)
    try:
        run_server(settings, opened, announce=_options.terminal.note)
    finally:
        opened.close()


@app.command()
def doctor(
    repair: Annotated[bool, typer.Option(help="Mend what can be mended.")] = True,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check the library, the models and the machine."""
    terminal = _options.terminal
    with _options.open_library() as opened:
        report = opened.doctor(repair=repair)
    if terminal.as_json:
        terminal.result(convert(report) | {"ok": report.ok})
    for check in () if terminal.as_json else report.checks:
        mark = "repaired" if check.repaired and check.ok else "ok" if check.ok else "PROBLEM"
        terminal.say(f"{mark:9} {check.name}: {check.detail}")
    if not report.ok:
        raise typer.Exit(1)


@models.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """Models that are here, and good ones that can be fetched."""
    from inference.hub_models import CATALOGUE
    from inference.models import available_models

    terminal = _options.terminal
    here = available_models(_options.settings().models_path)
    if terminal.as_json:
        terminal.result(
            {
                "here": [{"name": m.name, "path": str(m.path)} for m in here],
                "catalogue": [{"name": e.name, "licence": e.licence} for e in CATALOGUE],
            }
        )
        return
    rows: list[tuple[object, ...]] = [(m.name, size_text(m.size_bytes), "here") for m in here]
    rows += [
        (e.name, size_text(e.memory_bytes), f"paperlight models pull {e.name}") for e in CATALOGUE
    ]
    terminal.table(("name", "memory", ""), rows)


@models.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="A listed name, or hf:owner/repository/file.gguf.")],
) -> None:
    """Fetch a model from the Hugging Face hub; goes on where an earlier attempt ended."""
    from inference.models import pull

    path = pull(name, _options.settings().models_path, fetch_progress())
    _options.terminal.say(f"{path}\nUse it with: PAPERLIGHT_MODEL={path.stem}")


# --- entry point ------------------------------------------------------------------------------


class CommandFailed(Exception):
    """A command cannot be done; the message is shown as it is."""


def main() -> None:
    """Run the command line; every failure ends in one sentence."""
    from rag.settings import set_environment

    set_environment()
    try:
        app()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except Exception as error:  # the process's boundary
        if _options.debug:
            raise
        print(f"paperlight: {_sentence(error)}", file=sys.stderr)
        sys.exit(1)


def _sentence(error: Exception) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):  # a setting that cannot be
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"]).upper()
        return f"PAPERLIGHT_{name}={problem['input']!r} cannot be used: {problem['msg']}"
    ours = type(error).__module__.partition(".")[0] in ("app", "rag", "ingest", "inference")
    kind = "" if ours else f"{type(error).__name__}: "
    return safe(f"{kind}{error}" if str(error) else kind + "no reason was given")


if __name__ == "__main__":
    main()
