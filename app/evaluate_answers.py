"""`paperlight eval answers`: how often answers are right, wrong or refused, and a usual chain's."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.as_json import as_json as as_plain
from app.command_options import JsonOption, LibraryOption, ModelOption, Options, options_of
from app.evaluation_library import filled_folder

if TYPE_CHECKING:
    from rag.answer_evaluation import SystemAnswers
    from rag.answer_sets import AnswerSet
    from rag.library import Library
    from rag.results import Answer

_SYSTEMS = ("paperlight", "stuff chain")
_PROGRESS_SECONDS = 10.0


def answers(
    context: typer.Context,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="SQuAD files, ClapNQ, page evidence, RGB, or your own questions as JSON lines: "
            '{"question": "...", "answers": ["..."], "document": "a.pdf", "page": 3}, '
            "which are asked of --library.",
            exists=True,
        ),
    ],
    questions: Annotated[int, typer.Option(min=1, help="Most questions of a set.")] = 100,
    off_topic: Annotated[
        Path | None,
        typer.Option(help="Questions on other things, which are to be refused.", exists=True),
    ] = None,
    system: Annotated[
        list[str] | None, typer.Option(help=f"Only these: {', '.join(_SYSTEMS)}.")
    ] = None,
    clients: Annotated[
        int, typer.Option(min=1, max=64, help="Questions at once; 1 to measure their time.")
    ] = 4,
    seed: Annotated[int, typer.Option(help="Which questions are drawn.")] = 7,
    home: Annotated[
        Path | None,
        typer.Option(help="Keep the indexes in this folder and use them again; else temporary."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the figures here (JSON).")] = None,
    texts: Annotated[
        Path | None, typer.Option(help="Write questions and answers here, to be read (JSONL).")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Figures of an earlier run: a paired test.", exists=True)
    ] = None,
    library: LibraryOption = None,  # noqa: ARG001 - kept in the options
    model: ModelOption = None,  # noqa: ARG001 - kept in the options
    as_json: JsonOption = False,  # noqa: ARG001 - kept in the options
) -> None:
    """Measure the answers: right, wrong, refused, and what their citations are worth."""
    options = options_of(context)
    from rag.answer_evaluation import as_json as as_plain
    from rag.answer_sets import load_answer_sets, load_questions

    systems = tuple(system or _SYSTEMS)
    if unknown := set(systems) - set(_SYSTEMS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(_SYSTEMS)}")
    sets = [each.sample(questions, seed=seed) for path in paths for each in load_answer_sets(path)]
    if off_topic is not None:
        strangers = load_questions(off_topic)
        sets = [each.with_off_topic(strangers[:questions]) for each in sets]
    report: dict[str, Any] = {"model": "", "questions": questions, "seed": seed, "sets": []}
    with ExitStack() as stack:
        folder = home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for chosen in sets:
            measured = _measured(options, folder, chosen, systems, clients, report)
            report["sets"].append(as_plain(chosen, measured))
            if output is not None:  # as far as it is: a run takes many minutes
                output.write_text(json.dumps(report) + "\n", "utf-8")
            if texts is not None:
                _write_texts(texts, chosen, measured, first=len(report["sets"]) == 1)
            if not options.as_json:
                _print(options, chosen, measured)
    if options.as_json:
        options.terminal.result(report)
    elif against is not None:
        _print_comparison(options, report, against)


def _measured(
    options: Options,
    home: Path,
    chosen: AnswerSet,
    systems: tuple[str, ...],
    clients: int,
    report: dict[str, Any],
) -> list[SystemAnswers]:
    from rag.answer_evaluation import answer_all
    from rag.library import Library

    folder = _filled(options, home, chosen)
    with Library.open(folder, settings=options.settings()) as library:
        report["model"] = library.generator.model_name
        library.warm_up()
        measured = []
        for name in systems:
            measured.append(
                answer_all(
                    name,
                    _asker(library, name, clients),
                    chosen,
                    page_text=lambda document, page: library.page(document, page).text,
                    clients=clients,
                    progress=_teller(options, f"{chosen.name}, {name}"),
                )
            )
        return measured


def _filled(options: Options, home: Path, chosen: AnswerSet) -> Path | None:
    """The folder of a library that has the set's texts; None is the user's own library."""
    if not chosen.entries and not chosen.files:
        return options.library
    from rag.library import Library

    with Library.open(home / "embedder", settings=options.settings()) as library:
        return filled_folder(options, home, chosen, library.embedder)


def _asker(library: Library, system: str, clients: int) -> Callable[[str], Answer]:
    from inference.chat_model import PaperlightChatModel
    from inference.request import Priority
    from rag.stuff_chain import StuffChain

    # Alone, a question is asked as a reader would ask it; among many, nobody waits for it.
    priority = Priority.INTERACTIVE if clients == 1 else Priority.BATCH
    if system == "paperlight":
        return lambda question: library.ask(question, priority=priority)
    settings = library.settings
    model = PaperlightChatModel(
        service=library.generator, max_tokens=settings.max_answer_tokens, priority=priority
    )
    return StuffChain(
        lambda question: library.nearest_texts(question, k=settings.passages), model
    ).ask


def _teller(options: Options, what: str) -> Callable[[int, int], None]:
    """Tells how far it is, every some seconds."""
    begun = said = time.monotonic()

    def tell(done: int, count: int) -> None:
        nonlocal said
        now = time.monotonic()
        if done == count or now - said >= _PROGRESS_SECONDS:
            said = now
            left = (now - begun) / done * (count - done)
            options.terminal.note(f"{what}: {done} of {count} answered, {left:.0f} s left")

    return tell


def _print(options: Options, chosen: AnswerSet, measured: list[SystemAnswers]) -> None:
    from rag.answer_evaluation import measures_of

    options.terminal.say(f"\n{chosen.name}: {len(chosen.questions)} questions")
    rows: list[tuple[str, ...]] = []
    for measure in measures_of(measured):
        cells = []
        for each in measured:
            figure, interval = each.figure(measure), each.interval(measure)
            cells.append(
                "-"
                if figure is None or interval is None
                else f"{figure:.3f}  [{interval[0]:.2f}, {interval[1]:.2f}]"
            )
        rows.append((measure, *cells))
    for name, unit in (
        ("prompt_tokens", ""),
        ("computed_prompt_tokens", ""),
        ("completion_tokens", ""),
        ("answer_seconds", " s"),
    ):
        shown = [f"{getattr(each, name):.{2 if unit else 0}f}{unit}" for each in measured]
        rows.append((name.replace("_", " "), *shown))
    heads = ("measure", *(each.system for each in measured))
    options.terminal.table(heads, rows, has_plain_heads=True)


def _print_comparison(options: Options, report: dict[str, Any], against: Path) -> None:
    from rag.retrieval_evaluation import compare_known

    earlier = {each["set"]: each for each in json.loads(against.read_text("utf-8"))["sets"]}
    for each in report["sets"]:
        before = earlier.get(each["set"], {}).get("systems", {}).get("paperlight")
        after = each["systems"].get("paperlight")
        if before is None or after is None:
            continue
        for measure, values in after["values"].items():
            found = compare_known(before["values"].get(measure, ()), values)
            if found is None:
                continue
            options.terminal.say(
                f"{each['set']} {measure}: {found.difference:+.4f}"
                f" (95 % {found.low:+.4f} to {found.high:+.4f}, p = {found.p_value:.4f})"
            )


def _write_texts(
    path: Path, chosen: AnswerSet, measured: list[SystemAnswers], *, first: bool
) -> None:
    """A set's rows, behind those of the sets before it; the first takes the place of a file."""
    with path.open("w" if first else "a", encoding="utf-8") as file:
        for number, question in enumerate(chosen.questions):
            row: dict[str, Any] = {
                "set": chosen.name,
                "question": question.text,
                "kind": question.answerable,
                "gold": question.gold,
            }
            for each in measured:
                answer = each.answers[number]
                row[each.system] = {
                    "text": answer.text,
                    "short": answer.short,
                    "refused": answer.refused,
                    "confidence": as_plain(answer.confidence) if answer.confidence else None,
                    "cites": [(c.document_name, c.page, c.quote) for c in answer.citations],
                    "values": {
                        m: v[number] for m, v in each.values.items() if v[number] is not None
                    },
                }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
