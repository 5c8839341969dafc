"""Worked questions that show the model what a good answer looks like, picked by similarity.

The examples that ship are our own texts (rag/examples.json); a user may add a file of the same
form, and approve answers of their own (rag/feedback.py), which quote their documents.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from rag.errors import ExamplesInvalid
from rag.prompts import Example, LabelledPassage
from rag.vectors import CachedEmbedder


class ExampleStore:
    """Examples by the similarity of their questions. Thread-safe.

    embedder: called at the first pick. learned: further examples, asked for at every pick, since
    they come and go while the store is in use.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        embedder: Callable[[], CachedEmbedder],
        *,
        learned: Callable[[], Sequence[Example]] = tuple,
    ) -> None:
        self._examples = tuple(examples)
        self._embedder = embedder
        self._learned = learned

    def pick(self, question: str, count: int) -> list[Example]:
        """The `count` examples whose questions are nearest, in the store's own order.

        That order is fixed, so that the same choice gives the same prompt prefix whatever the
        ranking within it.
        """
        examples = (*self._examples, *self._learned()) if count > 0 else ()
        if not examples:
            return []
        questions = [example.question for example in examples]
        similarity = self._embedder().similarities(question, questions)
        nearest = sorted(range(len(questions)), key=lambda i: (-similarity[i], i))[:count]
        return [examples[i] for i in sorted(nearest)]


def bundled_examples() -> tuple[Example, ...]:
    """The examples that ship with the package."""
    return parse_examples(
        resources.files("rag").joinpath("examples.json").read_text(encoding="utf-8")
    )


def load_examples(path: Path) -> tuple[Example, ...]:
    """Examples from a user's file. Raises ExamplesInvalid, naming the file and the entry."""
    try:
        return parse_examples(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ExamplesInvalid(f"{path} cannot be read as UTF-8 text: {error}") from error
    except ExamplesInvalid as error:
        raise ExamplesInvalid(f"{path}: {error}") from error


def parse_examples(text: str) -> tuple[Example, ...]:
    """A JSON list of {id, kind, question, passages: [{document, page, text}], answer}."""
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ExamplesInvalid(f"expected a JSON list of examples: {error}") from error
    if not isinstance(entries, list):
        raise ExamplesInvalid(f"expected a JSON list of examples, got {type(entries).__name__}")
    return tuple(_example(entry, number) for number, entry in enumerate(entries, start=1))


def as_entry(example: Example) -> dict[str, Any]:
    """The example as `parse_examples` reads it."""
    return {
        "id": example.identifier,
        "kind": example.kind,
        "question": example.question,
        "passages": [
            {"document": passage.document_name, "page": passage.page, "text": passage.text}
            for passage in example.passages
        ],
        "answer": example.answer,
    }


def _example(entry: object, number: int) -> Example:
    try:
        if not isinstance(entry, dict):
            raise TypeError("an object was expected")
        return Example(
            identifier=_text(entry, "id"),
            kind=_text(entry, "kind"),
            question=_text(entry, "question"),
            passages=tuple(
                LabelledPassage(
                    document_name=_text(passage, "document"),
                    page=_page(passage.get("page")),
                    text=_text(passage, "text"),
                )
                for passage in entry["passages"]
            ),
            answer=_text(entry, "answer"),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ExamplesInvalid(f"example {number} is not valid: {error}") from error


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key!r} must be a non-empty string")
    return value


def _page(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError("'page' must be null or a number from 1")
