"""What a model answers from whole passages, from excerpts and from single sentences.

The same questions over the same index with the same model and greedy decoding; every answer is
drafted, none is judged before, and only what of the passages the model is shown differs:
`rag.reading.LARGE_READER` with all of the passages, with the excerpts that it has, and with the
few sentences of `MEDIUM_READER`.

    .venv/bin/python bench/what_is_shown.py MODEL.gguf SET... [--questions 40] [--seed 7] \
        [--home FOLDER] [--output FILE.json]

SET: as for `paperlight eval answers`, whose measures these are. The three ways take turns question
by question; the differences to whole passages are paired (`compare_known`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.command_options import Options
from app.evaluation_library import filled_folder
from rag.answer import Answerer, AnswerOptions
from rag.answer_evaluation import SystemAnswers, as_json, judged_values, measures_of
from rag.answer_sets import AnswerSet, load_answer_sets
from rag.library import Library
from rag.library_parts import LibraryParts
from rag.reading import LARGE_READER, MEDIUM_READER, Reading
from rag.results import Answer
from rag.retrieval_evaluation import compare_known
from rag.settings import Settings

WAYS: dict[str, Reading] = {
    "passages": replace(LARGE_READER, focus=None),
    "excerpts": LARGE_READER,
    "sentences": replace(LARGE_READER, focus=MEDIUM_READER.focus),
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
    report: dict[str, Any] = {"bench": "what_is_shown", "model": arguments.model, "sets": []}
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
    try:
        answerers = {
            name: Answerer(
                parts.search,
                parts.generator.get,
                pages=parts.store,
                embedder=parts.vectors.get,
                options=AnswerOptions(reading=reading, examples=settings.examples),
            )
            for name, reading in WAYS.items()
        }
        answers: dict[str, list[Answer]] = {name: [] for name in answerers}
        for number, question in enumerate(chosen.questions):
            # Whoever comes first pays for what the others find in the cache.
            for name in sorted(answerers, key=lambda name: (number + list(WAYS).index(name)) % 3):
                answers[name].append(answerers[name].ask(question.text))
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
            for name in WAYS
        ]
    finally:
        parts.close()


def show(chosen: AnswerSet, measured: list[SystemAnswers]) -> None:
    """Print a table, and each way against the first."""
    print(f"\n{chosen.name}: {len(chosen.questions)} questions")
    print("measure".ljust(22), *(each.system.rjust(10) for each in measured))
    for measure in measures_of(measured):
        figures = [each.figure(measure) for each in measured]
        print(measure.ljust(22), *("-".rjust(10) if f is None else f"{f:10.3f}" for f in figures))
    for name in ("prompt_tokens", "computed_prompt_tokens", "completion_tokens", "answer_seconds"):
        print(name.ljust(22), *(f"{getattr(each, name):10.2f}" for each in measured))
    first, *others = measured
    for other in others:
        for measure in ("contains gold", "F1", "citation recall", "correct"):
            found = compare_known(first.values[measure], other.values[measure])
            if found is not None:
                print(
                    f"{other.system} - {first.system}, {measure}: {found.difference:+.3f}"
                    f" (95 % {found.low:+.3f} to {found.high:+.3f})"
                )


if __name__ == "__main__":
    main()
