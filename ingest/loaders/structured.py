"""JSON and JSON lines -> `path: value` lines, so that each value stands beside what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from ingest.documents import Document
from ingest.loaders.characters import clean_text
from ingest.loaders.encodings import decode
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import check_text_size, text_document


def load_json(path: Path, reading: Reading) -> Document:
    """Read a JSON file; one that does not parse is read as text. Raises EmptyFile, FileTooLarge."""
    check_text_size(path, reading.limits)
    text = clean_text(decode(path.read_bytes()))
    budget = reading.budget()
    try:
        lines = []
        for line in _flattened(text):
            budget.spend(line)
            lines.append(line)
        text = "\n".join(lines)
    except (ValueError, RecursionError):
        budget.spend(text)
    return text_document(text, title="", kind=FileKind.JSON)


def _flattened(text: str) -> Iterator[str]:
    try:
        yield from _lines("", json.loads(text))
    except json.JSONDecodeError:
        for line in text.splitlines():
            if line.strip():
                yield from _lines("", json.loads(line))
                yield ""


def _lines(path: str, value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(f"{path}.{key}" if path else str(key), inner)
    elif isinstance(value, list):
        if all(isinstance(item, str | int | float | None) for item in value):
            yield _line(path, ", ".join(_scalar(item) for item in value))
            return
        for index, inner in enumerate(value):
            yield from _lines(f"{path}[{index}]", inner)
    else:
        yield _line(path, _scalar(value))


def _line(path: str, value: str) -> str:
    return f"{path}: {value}" if path else value


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
