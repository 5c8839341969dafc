"""A passage -> the windows of adjacent sentences in which statements are looked up. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile, zip_longest

from rag.letters import block_of_lines
from rag.question_kind import amount_terms
from rag.sentences import TIMESTAMP, Span, is_row, opens_item, sentence_spans
from rag.terms import content_terms

_LONGEST_WINDOW = 3  # sentences
_LONGEST_LIST_CHARS = 900
_LONGEST_HEADER_CHARS = 300
_SENTENCE_ENDS = (".", "!", "?", ":", "。", "！", "？", "।", ".)", ".”", '."')
_MOST_SHORT_LINES, _LONGEST_SHORT_LINE = 12, 60
_LABELLED = re.compile(r"\W*[^\W\d_][^:.\n|]{0,40}:\s+\S")
_RULE = re.compile(r"\|?(?:\s*:?-{2,}:?\s*\|)+(?:\s*:?-{2,}:?)?")  # below a table's head
_PRONOUN = re.compile(
    r"(?:It|Its|They|Their|He|His|She|Her|This|That|These|Those|Both|Such|The (?:former|latter))\b"
)


@dataclass(frozen=True, slots=True)
class Window:
    """Adjacent sentences of one passage.

    passage: its index. start, end: offsets in the passage's text; text is between them.
    carried: terms that the reader has in mind here: of the sentence before, where this one begins
        with a pronoun; of the lines above, where this is a row of a table.
    header: those lines' offsets in the passage's text.
    """

    passage: int
    start: int
    end: int
    text: str
    sentences: int
    terms: frozenset[str]
    carried: frozenset[str] = frozenset()
    header: Span | None = None


def sentence_windows(
    passage: int, text: str, headings: Container[int] = frozenset()
) -> list[Window]:
    """The sentences of a passage in order, each with the terms that it leans on.

    headings: where in the text those of its sections begin; no table goes on across one.
    """
    spans = sentence_spans(text)
    return _with_carried([_window(passage, text, (span,)) for span in spans], headings)


def wider_windows(passage: int, text: str, sentences: Sequence[Window]) -> list[Window]:
    """Every two and three adjacent sentences."""
    spans = [Span(window.start, window.end) for window in sentences]
    return [
        _window(passage, text, spans[i : i + size])
        for size in range(2, _LONGEST_WINDOW + 1)
        for i in range(len(spans) - size + 1)
    ]


def with_list(
    text: str, sentences: Sequence[Window], position: int, *, is_heading: bool = False
) -> Window:
    """A sentence of the passage; one that ends with a colon has the list or table after it.

    The closing words of a letter have the lines of its signature, a name above an address has that.
    is_heading: it heads the sentences that follow; where those are but a few short lines
    ("Skills", "Welding", "Joinery"), it has them.
    """
    window = sentences[position]
    if is_heading and _are_short_lines(sentences[position + 1 :]):
        whole = text[window.start : sentences[-1].end]
        return replace(window, end=sentences[-1].end, text=whole, terms=content_terms(whole))
    if not window.text.endswith((":", "：")):
        return _with_block(text, window, sentences[position + 1 :])
    end = window.end
    following = sentences[position + 1 :]
    for item, after in zip_longest(following, following[1:]):
        belongs = opens_item(text, item.start) or is_row(item.text)
        # A line by itself amid rows is a cell that was set above or below its own.
        is_cell = end > window.end and after is not None and is_row(after.text)
        if (
            not (belongs or (is_cell and not is_sentence(item.text)))
            or item.end - window.start > _LONGEST_LIST_CHARS
        ):
            break
        end = item.end
    whole = text[window.start : end]
    return replace(window, end=end, text=whole, terms=content_terms(whole))


def _are_short_lines(lines: Sequence[Window]) -> bool:
    """Whether lines are a list without marks; what has rows, labels or figures is read by those."""
    texts = [line.text for line in lines]
    return (
        2 <= len(texts) <= _MOST_SHORT_LINES
        and all(len(text) <= _LONGEST_SHORT_LINE for text in texts)
        and not any(is_row(text) or is_labelled(text) or is_sentence(text) for text in texts)
        and 2 * sum(bool(amount_terms(text)) for text in texts) <= len(texts)
    )


def _with_block(text: str, window: Window, following: Sequence[Window]) -> Window:
    """A window with the lines below it, where these are a signature or an address."""
    lines = [window, *takewhile(lambda line: not is_sentence(line.text), following)]
    block = block_of_lines(text, [Span(line.start, line.end) for line in lines])
    if block is None:
        return window
    whole = text[window.start : block.end]
    terms = content_terms(whole)
    return replace(window, end=block.end, text=whole, terms=terms, carried=block.carried)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a passage, and all of them with the lines above as one window."""

    whole: Window
    rows: tuple[Window, ...]


def short_tables(text: str, sentences: Sequence[Window]) -> list[Table]:
    """The tables of a passage that are short enough to be shown whole."""
    found: list[Table] = []
    for header, run in groupby(sentences, key=lambda window: window.header):
        rows = tuple(run)
        if header is None or len(rows) < 2 or rows[-1].end - header.start > _LONGEST_LIST_CHARS:
            continue
        whole = text[header.start : rows[-1].end]
        window = Window(
            rows[0].passage,
            header.start,
            rows[-1].end,
            whole,
            sum(header.start <= w.start < rows[-1].end for w in sentences),
            content_terms(whole),
        )
        found.append(Table(window, rows))
    return found


def is_sentence(line: str) -> bool:
    """Whether a line ends like a sentence, or is several lines long."""
    return line.endswith(_SENTENCE_ENDS) or "\n" in line


def is_labelled(line: str) -> bool:
    """Whether a line says what it is: "Present: Ines Duarte (chair)"."""
    message = TIMESTAMP.match(line)
    return _LABELLED.match(line, message.end() if message else 0) is not None


def _is_rule(line: Window) -> bool:
    return _RULE.fullmatch(line.text.strip()) is not None


def _window(passage: int, text: str, spans: Sequence[Span]) -> Window:
    start, end = spans[0].start, spans[-1].end
    part = text[start:end]
    return Window(passage, start, end, part, len(spans), content_terms(part))


def _nearest(lines: Sequence[Window]) -> Span:
    """From the first of the lines that is not far above the last one to the end of that."""
    end = lines[-1].end
    near = (line.start for line in lines[:-1] if end - line.start <= _LONGEST_HEADER_CHARS)
    return Span(next(near, lines[-1].start), end)


def _with_carried(sentences: Sequence[Window], headings: Container[int]) -> list[Window]:
    result: list[Window] = []
    above: list[Window] = []  # lines without figures above a table's rows, one of cells at most
    in_rows = False
    for window, after in zip_longest(sentences, sentences[1:]):
        line = window.text
        carried: frozenset[str] = frozenset()
        header = None
        if window.start in headings:
            above, in_rows = [], False
        if after is not None and is_row(line) and _is_rule(after) and not _is_rule(window):
            # A head, whatever figures are in it: "| | Aquila 300 | Aquila 500 |".
            above, in_rows = [window] if in_rows else [*above, window], False
        elif not is_row(line) and is_sentence(line):
            above, in_rows = [], False
            if result and _PRONOUN.match(line):
                # What the sentence before leaned on is carried too: "It opened. It closed."
                carried = result[-1].terms | result[-1].carried
        elif above and (
            amount_terms(line) or is_labelled(line) or (is_row(line) and is_row(above[-1].text))
        ):
            carried, in_rows = frozenset().union(*(w.terms for w in above)), True
            header = _nearest(above) if is_row(line) else None
        elif amount_terms(line):  # of a table whose head is in another passage
            above, in_rows = [], False
        else:
            above, in_rows = [window] if in_rows else [*above, window], False
        result.append(replace(window, carried=carried, header=header))
    return result
