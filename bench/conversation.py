"""Does a follow-up find its passages by the question that is made to stand alone?

Hypothesis: of real conversations, more reference passages are found by `standalone_question` than
by the last question alone, and no fewer than by all questions of the conversation joined.

    .venv/bin/python bench/conversation.py MTRAG_UN.jsonl [--home DIR] [--show FILE]

The passages of all tasks are one library. Those that answered the earlier questions are not in the
data; what was answered stands for them ("with answers"), else a search could not go astray to the
old topic. Conversations are halved by a hash of their ids: rules were tuned on one half, the other
was held out. Counted besides: how many first questions, which lean on nothing, are changed when
another conversation is put before them. No model is asked. The last line is JSON.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.command_options import Options
from app.evaluation_library import filled_folder
from rag.answer import Search
from rag.conversation import standalone_question
from rag.library import Library
from rag.library_parts import LibraryParts
from rag.results import Turn
from rag.retrieval_evaluation import MEASURES, compare
from rag.retrieval_sets import Entry, RetrievalSet
from rag.settings import MOST_QUESTION_CHARS, Settings

REPORTED = ("hit@1", "hit@5", "recall@5")
ANSWERED = ("ANSWERABLE", "PARTIAL")
DEPTH = 8  # passages, before they are counted as entries

Asking = Callable[[str, Sequence[Turn]], str]
ASKINGS: Mapping[str, Asking] = {
    "last question": lambda question, _: question,
    "standalone": standalone_question,
    "with the one before": lambda question, history: _joined(question, history[-1:]),
    "all joined": lambda question, history: _joined(question, history),
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A question, what was said before it, and the keys of the passages that answer it.

    first: the first question of the conversation. is_tuned: of the half that rules were tuned on.
    """

    question: str
    history: tuple[Turn, ...]
    relevant: Mapping[str, float]
    first: str
    is_tuned: bool


def main() -> None:
    """Measure both libraries, print a line for each way of asking, then the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", type=Path, help="MTRAG-UN's reference.jsonl")
    parser.add_argument("--home", type=Path, help="keeps the embedded passages")
    parser.add_argument("--show", type=Path, help="where to write each follow-up and its ranks")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.tasks.read_text("utf-8").splitlines()]
    conversations = [conversation(row) for row in rows]
    asked = [each for each in conversations if each.history and each.relevant]
    passages = passages_of(rows)
    report: dict[str, Any] = {"benchmark": "conversation", "follow_ups": len(asked)}
    report["passages"] = len(passages)
    report["changed"] = changed(asked)
    report["first questions changed"] = changed(misplaced(conversations))
    print({key: report[key] for key in ("follow_ups", "changed", "first questions changed")})
    with tempfile.TemporaryDirectory() as temporary:
        home = arguments.home or Path(temporary)
        for name, entries in (
            ("passages", passages),
            ("with answers", passages + answers_of(conversations)),
        ):
            found = searched(name.replace(" ", "-"), entries, asked, home)
            report[name] = {
                half: figures([each.is_tuned in halves for each in asked], found)
                for half, halves in (("tuned", (True,)), ("held", (False,)))
            }
            for half, of_half in report[name].items():
                for asking, values in of_half.items():
                    print(f"{name}, {half}, {asking}: {values}")
            if arguments.show is not None:
                show(arguments.show.with_suffix(f".{name.replace(' ', '-')}"), asked, found)
    print(json.dumps(report))


def conversation(row: Mapping[str, Any]) -> Conversation:
    """Of a task; nothing is relevant to one without an answer."""
    texts = [turn["text"].strip() for turn in row["input"]]
    turns = tuple(Turn(*pair) for pair in zip(texts[:-1:2], texts[1::2], strict=True))
    contexts = row["contexts"] if set(row["answerability"]) & set(ANSWERED) else []
    digest = hashlib.sha256(row["conversation_id"].encode()).digest()
    return Conversation(
        question=texts[-1],
        history=turns,
        relevant={context["document_id"]: 1.0 for context in contexts},
        first=texts[0],
        is_tuned=digest[0] % 2 == 0,
    )


def passages_of(rows: Sequence[Mapping[str, Any]]) -> tuple[Entry, ...]:
    """The reference passages of all tasks, each once."""
    texts = {each["document_id"]: each["text"] for row in rows for each in row["contexts"]}
    return tuple(Entry(key, "", text.strip()) for key, text in texts.items())


def answers_of(conversations: Sequence[Conversation]) -> tuple[Entry, ...]:
    """What was answered to the earlier questions of the conversations."""
    texts = dict.fromkeys(turn.answer for each in conversations for turn in each.history)
    return tuple(Entry(f"answer {number}", "", text) for number, text in enumerate(texts))


def misplaced(conversations: Sequence[Conversation]) -> list[Conversation]:
    """The first question of each after another conversation: nothing of it is meant."""
    others = [each for each in conversations if each.history]
    return [
        Conversation(each.first, others[number % len(others)].history, {}, each.first, True)
        for number, each in enumerate(conversations, start=len(others) // 2)
    ]


def changed(conversations: Sequence[Conversation]) -> list[int]:
    """How many of the questions are not searched for as they were asked, and of how many."""
    asked = [standalone_question(each.question, each.history) for each in conversations]
    alone = [each.question for each in conversations]
    return [sum(map(str.__ne__, asked, alone)), len(conversations)]


def searched(
    name: str, entries: tuple[Entry, ...], asked: Sequence[Conversation], home: Path
) -> dict[str, dict[str, list[float]]]:
    """Way of asking -> measure -> its value for each of the follow-ups, in a library of entries."""
    options = Options()
    settings: Settings = options.settings()
    chosen = RetrievalSet(name, entries, (), (), ())
    with Library.open(home / "embedder", settings=settings) as library:
        folder = filled_folder(options, home, chosen, library.embedder)
    found: dict[str, dict[str, list[float]]] = {
        asking: {measure: [] for measure in REPORTED} for asking in ASKINGS
    }
    parts = LibraryParts(folder, settings)
    try:
        for each in asked:
            texts = {name: ask(each.question, each.history) for name, ask in ASKINGS.items()}
            ranked = {text: ranking(parts.search, text) for text in set(texts.values())}
            for asking, measure in product(ASKINGS, REPORTED):
                value = MEASURES[measure](ranked[texts[asking]], each.relevant)
                found[asking][measure].append(value)
    finally:
        parts.close()
    return found


def ranking(search: Search, text: str) -> list[str]:
    """The keys of the entries, best first."""
    return list(dict.fromkeys(hit.document_path for hit in search.search(text, DEPTH)))


def figures(
    chosen: Sequence[bool], found: Mapping[str, Mapping[str, Sequence[float]]]
) -> dict[str, dict[str, Any]]:
    """Of the follow-ups that are chosen: means, and each way of asking against our own."""
    report: dict[str, dict[str, Any]] = {}
    own = {measure: of_half(found["standalone"][measure], chosen) for measure in REPORTED}
    for asking, values in found.items():
        report[asking] = {}
        for measure in REPORTED:
            mine = of_half(values[measure], chosen)
            report[asking][measure] = round(sum(mine) / len(mine), 3)
            if asking != "standalone" and measure == "recall@5":
                compared = compare(mine, own[measure])
                report[asking]["standalone's recall@5 beyond"] = [
                    round(value, 3)
                    for value in (
                        compared.difference,
                        compared.low,
                        compared.high,
                        compared.p_value,
                    )
                ]
    return report


def of_half(values: Sequence[float], chosen: Sequence[bool]) -> list[float]:
    return [value for value, is_chosen in zip(values, chosen, strict=True) if is_chosen]


def show(
    path: Path,
    asked: Sequence[Conversation],
    found: Mapping[str, Mapping[str, Sequence[float]]],
) -> None:
    """Write each follow-up with its history and what the ways of asking reached."""
    with path.open("w", encoding="utf-8") as file:
        for number, each in enumerate(asked):
            row = {
                "tuned": each.is_tuned,
                "question": each.question,
                "standalone": standalone_question(each.question, each.history),
                "history": [[turn.question, turn.answer] for turn in each.history],
                **{name: values["recall@5"][number] for name, values in found.items()},
            }
            print(json.dumps(row, ensure_ascii=False), file=file)


def _joined(question: str, history: Sequence[Turn]) -> str:
    """The earlier questions before it, as far as a search takes them."""
    return " ".join([*(turn.question for turn in history), question])[-MOST_QUESTION_CHARS:]


if __name__ == "__main__":
    main()
