"""What passages list: after a label, under a heading, or before a role in brackets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from rag.evidence import Evidence
from rag.extraction_schema import SchemaField
from rag.forms.asked_field import AskedField
from rag.forms.findings import SAID_TO_BE, Scalar, StatedField
from rag.forms.labelled_lines import (
    LABELLED,
    LabelledLine,
    label_score,
    labelled_lines,
    without_emphasis,
)
from rag.forms.read_value import read_value
from rag.forms.sentence_values import names_in_roles
from rag.sentences import is_row, opens_item
from rag.windows import Window, is_sentence

_LONGEST_HEADING = 40
_SEPARATOR = re.compile(r"[,;•]|\band\b|\bund\b")
_BULLET = re.compile(r"^\W*(?:\d+[.)])?\s*")

_Part = tuple[str, Window]  # of a list, and where it stands


def listed_values(
    asked: AskedField, items: Mapping[str, Any], evidence: Evidence
) -> Iterator[StatedField]:
    """The lists that may be a field's. items: the schema of each of its values."""
    for parts, score in (
        *_after_labels(asked, evidence),
        *_under_headings(asked, evidence),
        *_before_roles(asked, evidence),
    ):
        yield from _list_of(asked, items, parts, score, evidence)


def _after_labels(asked: AskedField, evidence: Evidence) -> Iterator[tuple[list[_Part], float]]:
    for line in labelled_lines(evidence):
        if score := label_score(asked, line, evidence):
            yield _parts(line.value, line.window), score


def _under_headings(asked: AskedField, evidence: Evidence) -> Iterator[tuple[list[_Part], float]]:
    """The items below a line that names the field, or the one line that has them all."""
    for sentences in evidence.sentences:
        for at, above in enumerate(sentences[:-1], start=1):
            score = _heading_score(asked, above, evidence)
            if not score:
                continue
            following = sentences[at]
            if items := _items(evidence, sentences[at:]):
                yield items, score
            elif "," in following.text and not is_sentence(following.text):
                yield _parts(following.text, following), score


def _heading_score(asked: AskedField, window: Window, evidence: Evidence) -> float:
    """How well a line that is a heading names a field."""
    heading = " ".join(window.text.strip("#*_: ").split())
    if len(heading) > _LONGEST_HEADING or heading.endswith((".", "?", "!")):
        return 0.0
    if is_row(heading) or LABELLED.match(window.text):
        return 0.0
    return label_score(asked, LabelledLine(heading, "", window), evidence)


def _items(evidence: Evidence, sentences: Sequence[Window]) -> list[_Part]:
    """The items of a list that these begin with, without their bullets and numbers."""
    items = takewhile(
        lambda each: opens_item(evidence.passages[each.passage].text, each.start), sentences
    )
    return [(_BULLET.sub("", each.text), each) for each in items]


def _before_roles(asked: AskedField, evidence: Evidence) -> Iterator[tuple[list[_Part], float]]:
    for sentences in evidence.sentences:
        for window in sentences:
            for names, role in names_in_roles(" ".join(window.text.split())):
                if role <= asked.own:
                    yield _parts(names, window), SAID_TO_BE


def _parts(text: str, window: Window) -> list[_Part]:
    """The parts of a line that lists several."""
    return [(part, window) for part in _SEPARATOR.split(text.rstrip(". "))]


def _list_of(
    asked: AskedField,
    items: Mapping[str, Any],
    parts: Sequence[_Part],
    score: float,
    evidence: Evidence,
) -> Iterator[StatedField]:
    """The list of these parts, where each is of the kind of the field's items."""
    item = AskedField(SchemaField(asked.field.path, items, ""))
    scalars: list[Scalar] = []
    for part, window in parts:
        if not part.strip():
            continue
        value = read_value(item, without_emphasis(part))
        if value is None or value == "":
            return  # the list is of something else
        scalars.append(Scalar(f"[{len(scalars)}]", value, evidence.quote(window)))
    if scalars:
        yield StatedField([each.value for each in scalars], tuple(scalars), score)
