"""`paperlight bench`: how fast this machine serves, beside other servers. Prints tables."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.command_options import JsonOption, ModelOption, options_of

if TYPE_CHECKING:
    from app.terminal import Terminal
    from inference.benchmark.run import WorkloadRuns

benchmark = typer.Typer(help="Measure how fast this machine answers.", no_args_is_help=True)

_FIGURES = {
    "tokens_per_second": "tokens/s",
    "requests_per_second": "requests/s",
    "first_token_p50": "first token p50",
    "first_token_p95": "p95",
    "gap_p99": "between tokens p99",
    "reused": "reused",
    "idle_first_token_p95": "idle p95",
    "share_of_step": "share of step",
}
_PEERS = Path.home() / ".cache" / "paperlight-bench"
_SECONDS = ("first_token", "gap", "idle")


@benchmark.callback()
def _benchmark() -> None:
    """Measure how fast this machine answers."""


@benchmark.command()
def serve(
    context: typer.Context,
    workloads: Annotated[
        list[str] | None,
        typer.Argument(help="decode, rag-new, rag-zipf, follow-up, quotes, ...; default: all."),
    ] = None,
    model: ModelOption = None,
    clients: Annotated[int, typer.Option(min=1, max=64, help="Requests at once.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each system, by turns.")] = 5,
    seed: Annotated[int, typer.Option(help="Determines every request.")] = 7,
    arm: Annotated[
        list[str] | None, typer.Option(help="Only these lines of the tables, e.g. 'paperlight'.")
    ] = None,
    peers: Annotated[
        Path,
        typer.Option(help="Folder in which bench/build_llama_server.sh has built the peers."),
    ] = _PEERS,
    text: Annotated[
        list[Path] | None,
        typer.Option(help="Text files that the passages are made of.", exists=True),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the JSON here.")] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Write a chart here (PNG); needs matplotlib.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve the same requests with this engine and its peers by turns, and compare."""
    # Ended from outside, it still ends the servers that it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = options_of(context)
    settings = options.settings()
    from app.startup import SAMPLES
    from inference.benchmark.run import as_json as as_plain
    from inference.benchmark.run import machine, measure
    from inference.benchmark.systems import EngineSystem, Peers, Systems
    from inference.benchmark.workloads import Material, workloads_by_name
    from inference.cores import usable_cores
    from inference.engine_config import EngineConfig
    from inference.models import resolve_model

    known = workloads_by_name()
    if unknown := set(workloads or ()) - set(known):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(known)}")
    sentences = _sentences(text or sorted(SAMPLES.glob("*.md")) + sorted(SAMPLES.glob("*.txt")))
    path = resolve_model(settings.model, settings.models_path)
    config = EngineConfig(
        path,
        gpu_layers=settings.gpu_layers,
        context_tokens=4096 * clients,
        max_sequences=clients,
        threads=settings.threads or usable_cores(),
    )
    report: dict[str, Any] = {
        "machine": machine(),
        "model": path.name,
        "threads": config.threads,
        "clients": clients,
        "repeats": repeats,
        "seed": seed,
        "workloads": [],
    }
    with Systems(config, Peers.in_folder(peers)) as systems:
        first = systems["paperlight"]
        assert isinstance(first, EngineSystem)
        material = Material(sentences, first.service.encode_chat, seed, clients)
        for name in workloads or known:
            runs = measure(
                known[name],
                systems,
                material,
                repeats=repeats,
                labels=arm or (),
                progress=options.terminal.note,
            )
            report["workloads"].append(as_plain(runs))
            if output is not None:  # as far as it is: a run takes many minutes
                output.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
            if not options.as_json:
                _print(options.terminal, runs)
    if chart is not None:
        from inference.benchmark.chart import draw

        draw(report, chart)
    if options.as_json:
        options.terminal.result(report)


def _sentences(files: list[Path]) -> list[str]:
    from rag.sentences import sentence_spans

    sentences = []
    for file in files:
        text = " ".join(file.read_text("utf-8", "replace").split())
        sentences += [text[span.start : span.end] for span in sentence_spans(text)]
    plain = [sentence for sentence in sentences if 6 <= len(sentence.split()) <= 40]
    if len(plain) < 50:
        raise typer.BadParameter("give text files with at least 50 sentences: --text FILE")
    return plain


def _print(terminal: Terminal, runs: WorkloadRuns) -> None:
    terminal.say(f"\n{runs.name}: {runs.summary}")
    shown = {
        figure: head
        for figure, head in _FIGURES.items()
        if any(arm.median(figure) is not None for arm in runs.arms)
    }
    rows = []
    for arm in runs.arms:
        cells = [_cell(figure, arm.median(figure)) for figure in shown]
        ratio = runs.ratio("paperlight", "requests_per_second", to=arm.label)
        rows.append((arm.label, *cells, "" if ratio is None else f"{ratio:.2f}"))
    heads = ("system", *shown.values(), "paperlight is x times")
    terminal.table(heads, rows, has_plain_heads=True)


def _cell(figure: str, value: float | None) -> str:
    if value is None:
        return ""
    if figure.startswith(_SECONDS):
        return f"{1000 * value:.0f} ms"
    return f"{value:.3g}"
