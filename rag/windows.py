"""A passage -> the windows of adjacent sentences in which statements are looked up. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.question_kind import amount_terms
from rag.sentences import Span, is_row, opens_item, sentence_spans
from rag.terms import content_terms

_LONGEST_WINDOW = 3  # sentences
_LONGEST_LIST_CHARS = 900
_SENTENCE_ENDS = (".", "!", "?", ":", "。", "！", "？", "।", ".)", ".”", '."')
_PRONOUN = re.compile(
    r"(?:It|Its|They|Their|He|His|She|Her|This|That|These|Those|Both|Such|The (?:former|latter))\b"
)


@dataclass(frozen=True, slots=True)
class Window:
    """Adjacent sentences of one passage.

    passage: its index. start, end: offsets in the passage's text; text is between them.
    carried: terms that the reader has in mind here: of the sentence before, where this one begins
        with a pronoun; of the lines above, where this is a row of a table.
    """

    passage: int
    start: int
    end: int
    text: str
    sentences: int
    terms: frozenset[str]
    carried: frozenset[str] = frozenset()


def sentence_windows(passage: int, text: str) -> list[Window]:
    """The sentences of a passage in order, each with the terms that it leans on."""
    return _with_carried([_window(passage, text, (span,)) for span in sentence_spans(text)])


def wider_windows(passage: int, text: str, sentences: Sequence[Window]) -> list[Window]:
    """Every two and three adjacent sentences."""
    spans = [Span(window.start, window.end) for window in sentences]
    return [
        _window(passage, text, spans[i : i + size])
        for size in range(2, _LONGEST_WINDOW + 1)
        for i in range(len(spans) - size + 1)
    ]


def with_list(text: str, sentences: Sequence[Window], position: int) -> Window:
    """A sentence of the passage; one that ends with a colon has the list or table after it."""
    window = sentences[position]
    if not window.text.endswith((":", "：")):
        return window
    end = window.end
    for item in sentences[position + 1 :]:
        belongs = opens_item(text, item.start) or is_row(item.text)
        if not belongs or item.end - window.start > _LONGEST_LIST_CHARS:
            break
        end = item.end
    whole = text[window.start : end]
    return replace(window, end=end, text=whole, terms=content_terms(whole))


def is_sentence(line: str) -> bool:
    """Whether a line ends like a sentence, or is several lines long."""
    return line.endswith(_SENTENCE_ENDS) or "\n" in line


def _window(passage: int, text: str, spans: Sequence[Span]) -> Window:
    start, end = spans[0].start, spans[-1].end
    part = text[start:end]
    return Window(passage, start, end, part, len(spans), content_terms(part))


def _with_carried(sentences: Sequence[Window]) -> list[Window]:
    result: list[Window] = []
    header: frozenset[str] = frozenset()  # of the lines without figures above a table's rows
    in_rows = False
    for window in sentences:
        line = window.text
        carried: frozenset[str] = frozenset()
        if not is_row(line) and is_sentence(line):
            header, in_rows = frozenset(), False
            if result and _PRONOUN.match(line):
                # What the sentence before leaned on is carried too: "It opened. It closed."
                carried = result[-1].terms | result[-1].carried
        elif amount_terms(line) and header:
            carried, in_rows = header, True
        else:
            header, in_rows = window.terms if in_rows else header | window.terms, False
        result.append(replace(window, carried=carried))
    return result
