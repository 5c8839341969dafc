"""`paperlight eval`: search, chunks, extraction and answers on public sets; tables and JSON."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.command_options import JsonOption, Options, options_of
from app.evaluate_answers import answers
from app.evaluation_library import filled_folder

if TYPE_CHECKING:
    from rag.chunking_evaluation import ChunkingSet
    from rag.extraction_evaluation import ExtractionFigures
    from rag.retrieval_evaluation import SetFigures
    from rag.retrieval_sets import RetrievalSet

evaluate = typer.Typer(help="Measure this program on public sets.", no_args_is_help=True)
evaluate.command()(answers)


@evaluate.command()
def retrieval(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="BEIR folders, SQuAD files, multi-hop rows, ClapNQ, page evidence, or a folder.",
            exists=True,
        ),
    ],
    corpus: Annotated[
        Path | None,
        typer.Option(help="corpus.jsonl of a BEIR folder that has none.", exists=True),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option(help="Keep the indexes in this folder and use them again; else temporary."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the JSON here.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="JSON of an earlier run: a paired test.", exists=True)
    ] = None,
    system: Annotated[
        list[str] | None, typer.Option(help="Only these: product, dense, bm25, sum, reranked.")
    ] = None,
    queries: Annotated[
        int | None, typer.Option(min=1, help="At most so many queries of a set, drawn at random.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the search, its two sides alone, their plain sum, and the reranker if one is set."""
    options = options_of(context)
    from rag.retrieval_evaluation import RERANKED, SYSTEMS, sampled
    from rag.retrieval_sets import load_retrieval_sets

    known = (*SYSTEMS, RERANKED) if options.settings().reranker else SYSTEMS
    systems = tuple(system or known)
    if unknown := set(systems) - set(known):
        raise typer.BadParameter(
            f"{', '.join(sorted(unknown))}: choose from {', '.join(known)};"
            f" {RERANKED} needs PAPERLIGHT_RERANKER"
        )
    sets = [each for path in paths for each in load_retrieval_sets(path, corpus=corpus)]
    if queries is not None:
        sets = [sampled(each, queries) for each in sets]
    with ExitStack() as stack:
        folder = home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured = [_measured(options, folder, each, systems) for each in sets]
    _report(options, measured, output, against)


@evaluate.command()
def chunking(
    context: typer.Context,
    folders: Annotated[
        list[Path],
        typer.Argument(help="corpora/*.md and questions_df.csv.", exists=True, file_okay=False),
    ],
    home: Annotated[
        Path | None,
        typer.Option(help="Keep the indexes in this folder and use them again; else temporary."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the JSON here.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="JSON of an earlier run: a paired test.", exists=True)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how much of what answers a question is found, and how little else."""
    options = options_of(context)
    from rag.chunking_evaluation import load_chunking_set

    sets = [load_chunking_set(folder) for folder in folders]
    with ExitStack() as stack:
        kept = home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measured = [_measured_chunking(options, kept, each) for each in sets]
    _report(options, measured, output, against)


@evaluate.command()
def extraction(
    context: typer.Context,
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Page evidence (questions.jsonl, pdfs/), tables (NAME.pdf, NAME-str.xml), or texts"
            " (FILE, FILE.expected.md).",
            exists=True,
            file_okay=False,
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="Write the JSON here.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="JSON of an earlier run: a paired test.", exists=True)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how much of what stands in files comes out of them: words, table cells, texts."""
    options = options_of(context)
    from rag.extraction_evaluation import as_json as as_plain
    from rag.extraction_evaluation import evaluate_extraction, values_of_run

    measured = [evaluate_extraction(each, progress=options.terminal.note) for each in folders]
    report = {"sets": [as_plain(figures) for figures in measured]}
    if output is not None:
        output.write_text(json.dumps(report) + "\n", "utf-8")
    if options.as_json:
        options.terminal.result(report)
        return
    _print_extraction(options, measured)
    before = values_of_run(against) if against is not None else {}
    for figures in measured:
        if figures.name in before:
            _print_differences(options, figures.name, before[figures.name], figures.values)


def _report(
    options: Options, measured: list[SetFigures], output: Path | None, against: Path | None
) -> None:
    """Write the figures to a file, and print them and what changed since an earlier run."""
    from rag.retrieval_evaluation import as_json as as_plain

    report = {"sets": [as_plain(figures) for figures in measured]}
    if output is not None:
        output.write_text(json.dumps(report) + "\n", "utf-8")
    if options.as_json:
        options.terminal.result(report)
        return
    _print(options, measured)
    if against is not None:
        _print_comparison(options, measured, against)


def _measured_chunking(options: Options, home: Path, chosen: ChunkingSet) -> SetFigures:
    from ingest.store import Store
    from ingest.vector_index import VectorIndex
    from rag.chunking_evaluation import (
        chunking_folder,
        evaluate_chunking,
        store_baseline,
        store_texts,
    )
    from rag.library import Library

    with Library.open(home / "embedder", settings=options.settings()) as library:
        embedder = library.embedder
        folder = chunking_folder(home, chosen, embedder.identity)
        folder.mkdir(parents=True, exist_ok=True)
        with (
            Store(folder / "library.db") as store,
            Store(folder / "baseline.db") as baseline,
        ):
            store_texts(store, chosen, embedder)
            store_baseline(baseline, chosen, embedder)
            return evaluate_chunking(
                chosen,
                store,
                VectorIndex(folder / "index", embedder.dimensions),
                baseline,
                VectorIndex(folder / "baseline-index", embedder.dimensions),
                embedder,
            )


def _measured(
    options: Options, home: Path, chosen: RetrievalSet, systems: tuple[str, ...]
) -> SetFigures:
    from ingest.store import Store
    from ingest.vector_index import VectorIndex
    from rag.library import Library
    from rag.retrieval_evaluation import RERANKED, evaluate_set

    settings = options.settings()
    with Library.open(home / "embedder", settings=settings) as library:
        embedder = library.embedder
        folder = filled_folder(options, home, chosen, embedder)
        with Store(folder / "library.db") as store:
            index = VectorIndex(folder / "index", embedder.dimensions)
            figures = evaluate_set(
                chosen,
                store,
                index,
                embedder,
                cache=folder,
                systems=systems,
                hops=settings.hops,
                reranker=library.reranker if RERANKED in systems else None,
                candidates=settings.rerank_candidates,
            )
            index.save()
            return figures


def _print(options: Options, measured: list[SetFigures]) -> None:
    rows = [
        (
            figures.name if number == 0 else "",
            str(figures.queries) if number == 0 else "",
            each.system,
            "  ".join(f"{m} {each.figure(m):.3f}" for m in figures.measures),
            f"{each.p50_milliseconds:.1f} ms",
        )
        for figures in measured
        for number, each in enumerate(figures.systems)
    ]
    heads = ("set", "queries", "system", "figures", "p50")
    options.terminal.table(heads, rows, has_plain_heads=True)
    for figures in measured:
        options.terminal.note(
            f"{figures.name}: {figures.chunks} chunks, {figures.queries_per_second:.0f} queries/s"
            f" one at a time with {figures.embed_milliseconds:.1f} ms to embed each"
        )


def _print_extraction(options: Options, measured: list[ExtractionFigures]) -> None:
    rows = [
        (
            figures.name,
            str(len(figures.names)),
            "  ".join(f"{m} {figures.figure(m):.3f}" for m in figures.values),
            str(figures.pages),
            f"{1000.0 * figures.seconds / max(1, figures.pages):.1f} ms",
        )
        for figures in measured
    ]
    heads = ("set", "rows", "figures", "pages", "a page")
    options.terminal.table(heads, rows, has_plain_heads=True)
    for figures in measured:
        for file, reason in figures.refused.items():
            options.terminal.note(f"{file} {reason}")


def _print_comparison(options: Options, measured: list[SetFigures], against: Path) -> None:
    from rag.retrieval_evaluation import values_of_run

    before = values_of_run(against)
    for figures in measured:
        product = next((s for s in figures.systems if s.system == "product"), None)
        if product is not None and figures.name in before:
            _print_differences(options, figures.name, before[figures.name], product.values)


def _print_differences(
    options: Options,
    name: str,
    before: Mapping[str, Sequence[float]],
    after: Mapping[str, Sequence[float]],
) -> None:
    from rag.retrieval_evaluation import compare

    for measure, values in after.items():
        found = compare(before[measure], values)
        options.terminal.say(
            f"{name} {measure}: {found.difference:+.4f}"
            f" (95 % {found.low:+.4f} to {found.high:+.4f}, p = {found.p_value:.4f})"
        )
