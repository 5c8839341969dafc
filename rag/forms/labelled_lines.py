"""Lines of a passage that say what they state, and how well they name a field. Pure.

"Total due: £768.00", "Weight | 2.4 kg", "Guttering ....... $460.00".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.evidence import Evidence
from rag.forms.asked_field import AskedField, terms_of
from rag.forms.field_kinds import FieldKind
from rag.forms.findings import DESCRIBED, EXACT_LABEL, LABEL
from rag.sentences import is_row, trimmed
from rag.tables.cells import cells_of, table_terms
from rag.tables.summable import says_total
from rag.terms import content_terms
from rag.windows import Window

_LONGEST_TITLE = 80
_OF_DESCRIPTION = 0.5  # what a label must have of its telling words, where it lacks the name's
LABELLED = re.compile(  # of a line without line breaks
    r"[^\w(]*(?P<label>[^\W\d_][^:\n|]{0,60}?)[\s*_]*:[\s*_]+(?P<value>[^\s*_].*)"
)
_NUMBERED = re.compile(
    r"\W*(?P<label>[^\W\d_][^:\n|]{0,30}?\b(?:no|nr)\.)\s(?P<value>\S.*)", re.IGNORECASE
)
_GAP = re.compile(r"\s{3,}|\t\s*|\s*\.{4,}\s*")  # of plain text that is set in columns
_BRACKETS = re.compile(r"(?<!\s)\s*\([^()]*\)")
_EMPHASIS = re.compile(r"^[\s*_>#-]+|(?<![\s*_])[\s*_]+$")
_NO_WORDS = re.compile(r"[_.\d-]+")
# Labels whose words say nothing elsewhere.
_LABEL_WORDS = {
    "from": "sender",
    "to": "recipient",
    "bill to": "customer name",
    "billed to": "customer name",
    "invoice to": "customer name",
    "sold to": "customer name",
    "present": "attendees",
    "von": "sender",
    "an": "recipient",
}
_NEUTRAL_OF_SUMS = table_terms("due payable grand amount sum gross final overall incl including")


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """What stands after a label. sums_up: it is the last row of a table, "Total |  |  | 12.90"."""

    label: str
    value: str
    window: Window
    sums_up: bool = False


def labelled_lines(evidence: Evidence) -> Iterator[LabelledLine]:
    """The lines with labels of all passages: as lines, and as sentences, which may be longer."""
    for passage, sentences in enumerate(evidence.sentences):
        for window in (*lines_of(evidence, passage), *sentences):
            if is_row(window.text):
                yield from _of_row(window)
            else:
                yield from _of_line(window)


def _of_row(window: Window) -> Iterator[LabelledLine]:
    """A row of two cells, the first of which is its label."""
    cells = cells_of(window.text)
    filled = [cell for cell in cells if cell]
    if len(filled) == 2 and filled[0] == cells[0]:
        sums_up = len(cells) > 2 and says_total(filled[0])
        yield LabelledLine(filled[0].rstrip(":"), filled[1], window, sums_up)


def _of_line(window: Window) -> Iterator[LabelledLine]:
    parts = [part for part in _GAP.split(window.text) if part]
    if len(parts) == 2 and not any(":" in part for part in parts):
        yield LabelledLine(parts[0], parts[1], window)
    for part in parts:
        if match := LABELLED.fullmatch(part) or _NUMBERED.fullmatch(part):
            yield LabelledLine(match["label"], without_emphasis(match["value"]), window)


def lines_of(evidence: Evidence, passage: int) -> Iterator[Window]:
    """The lines of a passage: a full stop after "incl." or "Pos." ends none."""
    at = 0
    for line in evidence.passages[passage].text.splitlines(keepends=True):
        if span := trimmed(line, 0, len(line)):
            text = line[span.start : span.end]
            start = at + span.start
            yield Window(passage, start, start + len(text), text, 1, content_terms(text))
        at += len(line)


def without_emphasis(text: str) -> str:
    """A text without white space and the marks of Markdown at its ends."""
    return _EMPHASIS.sub("", text)


def label_terms(label: str) -> frozenset[str]:
    """What a label or the name of a column says, without what stands in brackets."""
    plain = " ".join(_BRACKETS.sub("", label).strip(" *_#-").casefold().split())
    return terms_of(_LABEL_WORDS.get(plain, plain))


def context_terms(evidence: Evidence, window: Window) -> frozenset[str]:
    """What a line need not repeat: what it stands under, and what its document is called."""
    hit = evidence.passages[window.passage]
    above = " ".join(evidence.section(window).path)
    first = evidence.sentences[window.passage][0]
    title = first.text if not hit.start and not hit.page_index else ""
    name = _NO_WORDS.sub(" ", hit.document_name)
    return terms_of(f"{above} {name} {title if len(title) <= _LONGEST_TITLE else ''}")


def label_score(asked: AskedField, line: LabelledLine, evidence: Evidence) -> float:
    """How well a line's label names a field; 0 where it names another."""
    label = label_terms(line.label)
    if not label:
        return 0.0
    if label == asked.own:
        return LABEL if line.sums_up else EXACT_LABEL
    context = context_terms(evidence, line.window)
    if _is_named(asked, label, context, line.value):
        return LABEL + len(label & asked.own) / (1 + len(label | asked.own))
    return DESCRIBED if _is_described(asked, label, context) else 0.0


def _is_named(
    asked: AskedField, label: frozenset[str], context: frozenset[str], value: str
) -> bool:
    """Whether a label has a telling word of the field's name, lacks none, and has no other's."""
    neutral = _NEUTRAL_OF_SUMS if asked.wanted.kind is FieldKind.MONEY else frozenset[str]()
    sort = asked.sort if asked.telling else frozenset[str]()
    if not label & asked.own - (sort - asked.described) or label - asked.known - context - neutral:
        return False
    return not asked.own - label - context - asked.instruction - sort - terms_of(value)


def _is_described(asked: AskedField, label: frozenset[str], context: frozenset[str]) -> bool:
    """Whether a label has enough of the field's description, and no other's words."""
    telling = label - asked.sort - context
    described = asked.described - asked.sort - context
    shared = telling & described
    if not shared or telling - described - asked.own:
        return False
    return len(shared) >= _OF_DESCRIPTION * len(described)
