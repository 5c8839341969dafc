"""What a field of a form is filled in with, and what is kept of what a model gave for it. Pure.

A value of a model is believed as far as something supports it: what becomes of the rest is the
caller's choice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag.evidence import Quote
from rag.extraction_schema import SchemaField
from rag.results import AnswerUsage, Citation, Hit


@dataclass(frozen=True, slots=True)
class ExtractedValue:
    """A scalar of the result, and where it stands.

    path: "address.city", "items[0].price". value: as the model gave it, also where it was not
    kept. supported: it was found in a passage; if so, citation says where.
    """

    path: str
    value: Any
    supported: bool
    citation: Citation | None


PlacedScalar = tuple[str, Any, Quote | None]  # path, value, and where it stands


@dataclass(frozen=True, slots=True)
class FilledField:
    """One field: its value as far as it is kept, and the scalars in it."""

    field: SchemaField
    value: Any
    scalars: tuple[PlacedScalar, ...]
    passages: tuple[Hit, ...]
    usage: AnswerUsage
    failure: str = ""


def judged(
    found: FilledField, said: str, supported: Callable[[object], Quote | None], *, drops: bool
) -> FilledField:
    """The field as it is shown: what was said, less what nothing supports where that drops."""
    try:
        said_value = json.loads(said)
    except ValueError:
        return replace(found, failure="the value did not end in time, or is no JSON")
    value, scalars = _settled(found.field.name, said_value, supported, drops=drops)
    found = replace(found, scalars=tuple(scalars))
    if value is None:
        return replace(found, failure="no passage says it" if scalars else "")
    if not found.field.accepts(value):
        return replace(found, failure="what is left of it does not follow the schema")
    return replace(found, value=value)


def _settled(
    path: str, value: Any, supported: Callable[[object], Quote | None], *, drops: bool
) -> tuple[Any, list[PlacedScalar]]:
    """What is kept of a value, and every text, number and truth value that was in it.

    Where what is not supported drops, it is null in an object and left out of a list; its path is
    then that of the list, "items[]".
    """
    if value is None:
        return None, []
    scalars: list[PlacedScalar] = []
    if isinstance(value, dict):
        members = {}
        for name, each in value.items():
            members[name], inner = _settled(f"{path}.{name}", each, supported, drops=drops)
            scalars += inner
        return (members if any(m is not None for m in members.values()) else None), scalars
    if isinstance(value, list):
        left: list[Any] = []
        for each in value:
            place = f"{path}[{len(left)}]"
            kept, inner = _settled(place, each, supported, drops=drops)
            if kept is None:
                inner = [(f"{path}[]{at[len(place) :]}", said, quote) for at, said, quote in inner]
            else:
                left.append(kept)
            scalars += inner
        return (left if left or not value else None), scalars
    quote = supported(value)
    return (None if quote is None and drops else value), [(path, value, quote)]


def extracted_values(found: Sequence[FilledField]) -> Iterator[ExtractedValue]:
    """Every scalar with its citation; the same span has the same number throughout."""
    markers: dict[tuple[str, int, int, int], int] = {}
    for each in found:
        for path, value, quote in each.scalars:
            if quote is None:
                yield ExtractedValue(path, value, False, None)
                continue
            key = (quote.document_id, quote.page_index, quote.start, quote.end)
            hit = each.passages[quote.passage]
            yield ExtractedValue(
                path,
                value,
                True,
                Citation.of_passage(
                    hit,
                    marker=markers.setdefault(key, len(markers) + 1),
                    quote=quote.text,
                    start=quote.start,
                    end=quote.end,
                    statement=f"{path}: {json.dumps(value, ensure_ascii=False)}",
                ),
            )
