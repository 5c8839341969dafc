"""What each step from a stuffed prompt to the product gains and costs, on the same questions.

The same questions over the same index with the same model and greedy decoding; each way adds
something to the one before: the product's passages instead of the nearest chunks with its prompt
and its check of every statement, three examples or (which the rest has) one, excerpts instead of
passages, single sentences instead of those, then what is quoted or read instead of
drafted (`rag.reading`), and last the refusal of what is not likely enough.

    .venv/bin/python bench/ablation.py MODEL.gguf SET... [--questions 40] [--seed 7] \
        [--home FOLDER] [--output FILE.json]

SET: as for `paperlight eval answers`, whose measures these are. The ways take turns question by
question; the differences between a way and the one before are paired (`compare_known`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.command_options import Options
from app.evaluation_library import filled_folder
from inference.chat_model import PaperlightChatModel
from rag.answer import Answerer, AnswerOptions
from rag.answer_evaluation import SystemAnswers, as_json, judged_values, measures_of
from rag.answer_sets import AnswerSet, load_answer_sets
from rag.examples import ExampleStore, bundled_examples
from rag.library import Library
from rag.library_parts import LibraryParts
from rag.reading import LARGE_READER, MEDIUM_READER
from rag.results import Answer
from rag.retrieval_evaluation import compare_known
from rag.settings import Settings
from rag.stuff_chain import StuffChain

CHAIN = "stuff chain"
_PASSAGES = replace(LARGE_READER, focus=None)
WAYS: dict[str, AnswerOptions] = {
    "zero-shot": AnswerOptions(reading=_PASSAGES, examples=0),
    "few-shot": AnswerOptions(reading=_PASSAGES, examples=3),
    "one-shot": AnswerOptions(reading=_PASSAGES, examples=1),
    "excerpts": AnswerOptions(reading=LARGE_READER, examples=1),
    "sentences": AnswerOptions(reading=replace(LARGE_READER, focus=MEDIUM_READER.focus)),
    "quoted": AnswerOptions(least_confidence=0.0),
    "product": AnswerOptions(),
}


def main() -> None:
    """Ask every question in each of the ways, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("sets", type=Path, nargs="+")
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, default=None, help="keep the indexes here")
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    options = Options(model=arguments.model)
    settings = options.settings()
    report: dict[str, Any] = {"bench": "ablation", "model": Path(arguments.model).name, "sets": []}
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.home or Path(temporary)
        for path in arguments.sets:
            for whole in load_answer_sets(path):
                chosen = whole.sample(arguments.questions, seed=arguments.seed)
                with Library.open(home / "embedder", settings=settings) as library:
                    folder = filled_folder(options, home, chosen, library.embedder)
                measured = asked_in_all_ways(chosen, folder, settings)
                report["sets"].append(as_json(chosen, measured))
                show(chosen, measured)
                if arguments.output is not None:
                    arguments.output.write_text(json.dumps(report) + "\n", "utf-8")


def asked_in_all_ways(chosen: AnswerSet, folder: Path, settings: Settings) -> list[SystemAnswers]:
    """One SystemAnswers a way."""
    parts = LibraryParts(folder, settings)
    with Library(parts) as library:
        library.warm_up()
        model = PaperlightChatModel(
            service=library.generator, max_tokens=settings.max_answer_tokens
        )
        ways: dict[str, Callable[[str], Answer]] = {
            CHAIN: StuffChain(
                lambda question: library.nearest_texts(question, k=settings.passages), model
            ).ask
        }
        examples = ExampleStore(bundled_examples(), parts.vectors.get)
        for name, options in WAYS.items():
            ways[name] = Answerer(
                parts.search,
                parts.generator.get,
                pages=parts.store,
                examples=examples,
                embedder=parts.vectors.get,
                options=options,
            ).ask
        answers: dict[str, list[Answer]] = {name: [] for name in ways}
        for number, question in enumerate(chosen.questions):
            # Whoever comes first pays for what the others find in the cache.
            turn = number % len(ways)
            for name in [*list(ways)[turn:], *list(ways)[:turn]]:
                answers[name].append(ways[name](question.text))
            print(f"{chosen.name}: {number + 1} of {len(chosen.questions)}", file=sys.stderr)

        def page_text(document: str, page: int) -> str:
            return parts.store.page(document, page).text

        return [
            SystemAnswers(
                name,
                tuple(answers[name]),
                judged_values(chosen, answers[name], page_text=page_text),
                sum(answer.timings.total_seconds for answer in answers[name]),
            )
            for name in ways
        ]


def show(chosen: AnswerSet, measured: list[SystemAnswers]) -> None:
    """Print a table, and each way against the one before."""
    print(f"\n{chosen.name}: {len(chosen.questions)} questions")
    print("measure".ljust(22), *(each.system.rjust(11) for each in measured))
    for measure in measures_of(measured):
        figures = [each.figure(measure) for each in measured]
        print(measure.ljust(22), *("-".rjust(11) if f is None else f"{f:11.3f}" for f in figures))
    for name in ("prompt_tokens", "computed_prompt_tokens", "completion_tokens", "answer_seconds"):
        print(name.ljust(22), *(f"{getattr(each, name):11.2f}" for each in measured))
    for first, other in pairwise(measured):
        for measure in ("contains gold", "F1", "declines", "citation recall", "correct"):
            found = compare_known(first.values[measure], other.values[measure])
            if found is not None:
                print(
                    f"{other.system} - {first.system}, {measure}: {found.difference:+.3f}"
                    f" (95 % {found.low:+.3f} to {found.high:+.3f})"
                )


if __name__ == "__main__":
    main()
