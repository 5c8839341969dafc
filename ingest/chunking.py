"""Document -> chunks: spans of a page that are embedded, retrieved and quoted as a unit.

Pure. A chunk never crosses a page, and its text is the page's text from start to end, unchanged.
Sizes are in the embedder's own tokens, so that nothing is cut silently when a chunk is embedded.
A chunk ends, in this order of preference, before a heading, at a blank line, at the end of a
paragraph, between lines of a table or list, at the end of a sentence, at a space; inside a word
only where a word alone is too long. Time is linear in the length of the text.

It knows nothing of files, models or the store: `count_tokens` is given to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import pairwise, takewhile

from ingest.documents import Chunk, Document, Heading, Page
from ingest.marked_headings import FENCE, MARKED_TYPES, heading_title, marked_headings

CountTokens = Callable[[str], int]

# MiniLM reads 256 tokens, 2 of them special; the line of context takes up to 48 of the rest.
MAX_TOKENS = 200
CONTEXT_TOKENS = 48
# Text with more characters a token than this is no language: to BERT a word of a million letters
# is one unknown token. So a span counts as at least this many tokens for its characters.
_CHARACTERS_A_TOKEN = 8
# Of a chunk's further sections. Where short headings stand under many long ones, as somebody may
# make them, their paths were a hundred times the text; then only the headings themselves are kept.
_MOST_PATH_CHARACTERS = 8_000
_LINE_TYPES = frozenset({"text/csv", "application/json"})


class Break(IntEnum):
    """How well a text may be cut before a unit; higher is better."""

    WORD = 0  # inside a sentence
    SENTENCE = 1
    LINE = 2  # between rows of a table, items of a list, lines of code
    PARAGRAPH = 3
    HEADING = 4


@dataclass(frozen=True, slots=True)
class _Unit:
    """A span that is kept whole: a sentence, a row, a heading, or a piece of an overlong one."""

    start: int
    end: int
    tokens: int
    before: Break
    heading: str


def chunk_document(
    document: Document, *, count_tokens: CountTokens, max_tokens: int = MAX_TOKENS
) -> list[Chunk]:
    """Cut every page of a document into chunks of at most `max_tokens` tokens, in reading order.

    Together the chunks hold all text of the document but white space between them. A chunk is
    shorter than a quarter of `max_tokens` only where its page or section has no more to give.
    """
    if max_tokens < 8:
        raise ValueError(f"max_tokens must be 8 or more, got {max_tokens}")
    # A unit is counted when it is looked at for being too long, and again when it is taken.
    count_tokens = lru_cache(maxsize=64)(count_tokens)
    headings = _Headings(reads_marks=document.media_type in MARKED_TYPES)
    rows_only = document.media_type in _LINE_TYPES
    chunks: list[Chunk] = []
    # With units of at most three quarters, a short heading always finds room for what follows it.
    unit_tokens = max_tokens - max_tokens // 4
    for index, page in enumerate(document.pages):
        units = list(_units(page, headings, count_tokens, unit_tokens, rows_only=rows_only))
        for group in _pack(units, max_tokens):
            start, end = group[0].start, group[-1].end
            text = page.text[start:end]
            chunks.append(Chunk(index, start, end, text, _heading_of(group), _sections_in(group)))
    return chunks


def passage_text(
    text: str,
    *,
    name: str,
    title: str = "",
    heading: str = "",
    page_number: int | None = None,
    count_tokens: CountTokens,
    max_tokens: int = CONTEXT_TOKENS,
) -> str:
    """What is embedded for a chunk: a line that says where it stands, then its text.

    The line is never quoted or shown as part of the chunk. It loses the outer headings, then the
    title, then all headings, until it has at most `max_tokens` tokens.
    """
    stem = readable_name(name)
    named = f"{stem}, {title}" if title and title.lower() not in stem.lower() else stem
    place = f", page {page_number}" if page_number is not None else ""
    path = heading.split(" > ") if heading else []
    candidates = [" > ".join([named + place, *path[i:]]) for i in range(len(path) + 1)]
    candidates += [" > ".join([stem + place, *path[-1:]]), stem + place, stem]
    for line in candidates:
        if count_tokens(line) <= max_tokens:
            return f"{line}\n{text}"
    return text


def readable_name(name: str) -> str:
    """A file name as words: "3M_2018_10K.pdf" is "3M 2018 10K"."""
    stem, _, suffix = name.rpartition(".")
    bare = stem if stem and 1 <= len(suffix) <= 8 and suffix.isalnum() else name
    return " ".join(re.sub(r"[_\s]+", " ", bare).split())


# --- packing units into chunks ------------------------------------------------------------------


def _heading_of(group: Sequence[_Unit]) -> str:
    """What a chunk stands under: where it begins with headings, the last of those."""
    leading = list(takewhile(lambda unit: unit.before is Break.HEADING, group))
    return (leading or group[:1])[-1].heading


def _sections_in(group: Sequence[_Unit]) -> tuple[tuple[int, str], ...]:
    """The sections of a chunk; a heading and the one right below it begin the same."""
    found = [(group[0].start, group[0].heading)]
    for before, unit in pairwise(group):
        if unit.before is not Break.HEADING:
            continue
        start = unit.start
        if before.before is Break.HEADING and unit.heading.startswith(f"{before.heading} > "):
            start, _ = found.pop()
        found.append((start, unit.heading))
    if sum(len(path) for _, path in found[1:]) > _MOST_PATH_CHARACTERS:
        found[1:] = [(start, path.rpartition(" > ")[2]) for start, path in found[1:]]
    return tuple(found)


def _pack(units: Sequence[_Unit], max_tokens: int) -> list[list[_Unit]]:
    """Group consecutive units into chunks: each section by itself, then tiny ones together."""
    enough = max_tokens // 4
    groups: list[list[_Unit]] = []
    for section in _sections(units):
        groups += _without_tiny_tail(_fill(section, max_tokens), enough, max_tokens)
    return _merge_tiny(groups, enough, max_tokens)


def _sections(units: Sequence[_Unit]) -> Iterator[list[_Unit]]:
    """Runs of units from one heading to the next; one without text stays with the next."""
    section: list[_Unit] = []
    for unit in units:
        if unit.before is Break.HEADING and section and section[-1].before is not Break.HEADING:
            yield section
            section = []
        section.append(unit)
    if section:
        yield section


def _fill(units: Sequence[_Unit], max_tokens: int) -> list[list[_Unit]]:
    """Take units while they fit; then end the chunk at the best break of its second half.

    What is left over begins the next chunk, so each unit is looked at a bounded number of times.
    """
    groups: list[list[_Unit]] = []
    current: list[_Unit] = []
    size = 0
    for unit in units:
        while current and size + unit.tokens > max_tokens:
            cut = _best_cut(current, unit, max_tokens)
            groups.append(current[:cut])
            current = current[cut:]
            size = _size(current)
        current.append(unit)
        size += unit.tokens
    return [*groups, current]


def _best_cut(current: Sequence[_Unit], following: _Unit, max_tokens: int) -> int:
    """How many of the units to close the chunk with: the best break in its second half."""
    best, best_break = len(current), following.before
    size = sum(unit.tokens for unit in current)
    for index in range(len(current) - 1, 0, -1):
        size -= current[index].tokens
        if size < max_tokens // 2:
            break
        if current[index].before > best_break:
            best, best_break = index, current[index].before
    return best


def _without_tiny_tail(
    groups: list[list[_Unit]], enough: int, max_tokens: int
) -> list[list[_Unit]]:
    """Give a tiny last chunk more to hold: all of the one before, or the end of it."""
    if len(groups) < 2 or _size(groups[-1]) >= enough:
        return groups
    *others, before, tail = groups
    both = before + tail
    if _size(both) <= max_tokens:
        return [*others, both]
    cut = len(before)
    while cut > 1 and _size(both[cut:]) < enough:
        cut -= 1
    fits = _size(both[cut:]) <= max_tokens
    return [*others, both[:cut], both[cut:]] if fits else groups


def _merge_tiny(groups: list[list[_Unit]], enough: int, max_tokens: int) -> list[list[_Unit]]:
    """Put a tiny section before the next one, else after the one before, where it belongs and fits.

    The last section of a chapter does not belong with the first of the next.
    """

    def merges(one: list[_Unit], other: list[_Unit]) -> bool:
        fits = _size(one) + _size(other) <= max_tokens
        return fits and _are_together(_heading_of(one), _heading_of(other))

    forwards: list[list[_Unit]] = []
    for group in groups:
        if forwards and _size(forwards[-1]) < enough and merges(forwards[-1], group):
            forwards[-1] = forwards[-1] + group
        else:
            forwards.append(group)
    merged: list[list[_Unit]] = []
    for group in forwards:
        if merged and _size(group) < enough and merges(merged[-1], group):
            merged[-1] = merged[-1] + group
        else:
            merged.append(group)
    return merged


def _are_together(one: str, other: str) -> bool:
    """Whether two section paths have one parent, or one is in the other."""
    first, second = one.split(" > "), other.split(" > ")
    shorter = min(len(first), len(second))
    return first[:-1] == second[:-1] or first[:shorter] == second[:shorter]


def _size(units: Sequence[_Unit]) -> int:
    return sum(unit.tokens for unit in units)


# --- cutting a page into units ------------------------------------------------------------------

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_LIST_ITEM = re.compile(r"\s{0,12}(?:[-*+•▪◦‣·●○■–]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s")
# A line of a table of contents ends so; its dots ended sentences.
_LEADER = re.compile(r"(?:(?:\. ?){4,}|(?:… ?){2,}) *(?:\d{1,4}|[ivxlc]{1,6})$")
_LEADER_WITHIN = 40
_NUMBER = re.compile(r"[($€£¥+-]*\d[\d.,]*[)%]*|[—–-]")
# The repeats are bounded, or a line of a million dots would take quadratic time.
_SENTENCE_END = re.compile(
    r"[.!?…]{1,8}[\"'”’»)\]]{0,4}(?=\s)|[。！？｡।॥؟۔]{1,8}[\"'”’」』）]{0,4}"
)
# Before a full stop that ends no sentence: titles, companies, months, references, initials.
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|Inc|Corp|Co|Ltd|No|Nos|vs|etc|e\.g|i\.e|cf|al|Fig|Figs|Eq"
    r"|Sec|Art|Vol|Ed|Eds|pp|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|U\.S|U\.K)"
    r"|\b[A-Z])$"
)
_ABBREVIATION_WITHIN = 8
_ROW_NUMBERS = 2
_ROW_SHARE = 0.25  # of a line's words; prose has fewer numbers
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_BOILERPLATE = re.compile(r"(?i)table of contents|(?:page )?\d+|")
_CAPTION_LINES = 3
_MAX_CAPTION_LINE = 120
_CAPTION_CHARS = 90
_COLUMNS_CHARS = 40
_HEADER_ROWS = 3


class _Headings:
    """The path of headings in force while a document is read from top to bottom.

    reads_marks: the text has marks for its headings, and for code.
    """

    def __init__(self, *, reads_marks: bool) -> None:
        self.reads_marks = reads_marks
        self._stack: list[tuple[int, str]] = []

    def of_page(self, page: Page) -> dict[int, Heading]:
        """Those of a page by where they start: what its loader knew, and what is marked."""
        marked = marked_headings(page.text) if self.reads_marks else ()
        return {heading.start: heading for heading in (*marked, *page.headings)}

    def enter(self, level: int, title: str) -> None:
        """A heading of this level begins: it ends those of the same and deeper levels."""
        self._stack = [entry for entry in self._stack if entry[0] < level]
        self._stack.append((level, heading_title(title)))

    @property
    def path(self) -> str:
        """Outermost first, joined by " > "."""
        return " > ".join(title for _, title in self._stack)


class _TableLabel:
    """What stands over the rows of a table, for chunks that begin in the middle of it.

    The lines right above the table, and its first row that has a year in it: what "4,366 | 4,034"
    is, and of when. Told the lines of one page in order.
    """

    def __init__(self) -> None:
        self._above: list[str] = []
        self._caption = ""
        self._columns = ""
        self._rows = 0

    def passes(self, line: str) -> None:
        """A line that is no row of a table."""
        self._rows = 0
        short = len(line) <= _MAX_CAPTION_LINE and not line.endswith((".", "!", "?", ";"))
        self._above = [*self._above, line.strip()][-_CAPTION_LINES:] if short else []

    @property
    def is_captioned(self) -> bool:
        """Whether a row that comes now is the first below a caption."""
        return self._rows == 0 and bool(self._above)

    def of_row(self, line: str) -> str:
        """The label of a row; "" where nothing stands over it."""
        if self._rows == 0:
            # A single line ("Liabilities") parts a table and does not name a new one.
            if len(self._above) > 1 or not self._caption:
                self._caption, self._columns = _clipped(" ".join(self._above), _CAPTION_CHARS), ""
            self._above = []
        self._rows += 1
        if not self._columns and self._rows <= _HEADER_ROWS and _YEAR.search(line):
            cells = dict.fromkeys(cell.strip() for cell in line.split("|") if cell.strip())
            self._columns = _clipped(", ".join(cells), _COLUMNS_CHARS)
        label = ": ".join(part for part in (self._caption, self._columns) if part)
        return label.replace(">", " ")  # which parts the path


def _clipped(text: str, characters: int) -> str:
    """At most so many characters, whole words."""
    if len(text) <= characters:
        return text
    return text[:characters].rpartition(" ")[0] or text[:characters]


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of a page under one heading."""

    start: int
    end: int
    before: Break
    heading: str


def _units(
    page: Page,
    headings: _Headings,
    count_tokens: CountTokens,
    max_tokens: int,
    *,
    rows_only: bool,
) -> Iterator[_Unit]:
    text = page.text
    for span in _spans(page, headings, rows_only=rows_only):
        for start, end, before in _pieces(text, span.start, span.end, count_tokens, max_tokens):
            stripped = text[start:end].rstrip()
            if stripped:
                yield _Unit(
                    start=start,
                    end=start + len(stripped),
                    tokens=max(1, count_tokens(stripped), len(stripped) // _CHARACTERS_A_TOKEN),
                    before=span.before if before is None else before,
                    heading=span.heading,
                )


def _spans(page: Page, headings: _Headings, *, rows_only: bool) -> Iterator[_Span]:
    """Lines, headings and sentences of a page, in order, white space between them left out."""
    text = page.text
    paragraph: list[tuple[int, int]] = []  # consecutive lines of prose
    before = Break.PARAGRAPH
    in_code = False
    table = _TableLabel()
    known = headings.of_page(page)
    heading_end = 0
    for match in _LINE.finditer(text):
        start, end = match.span()
        if start < heading_end:
            continue  # a further line of it
        line = match.group().rstrip()
        start += len(line) - len(line.lstrip())
        is_row = in_code or rows_only
        kind = _line_kind(line, is_row=is_row)
        if start in known:
            if paragraph:  # of the section that ends here
                yield from _sentences(text, paragraph, before, headings.path)
                paragraph, before = [], Break.LINE
            heading_end = known[start].end
            headings.enter(known[start].level, text[start:heading_end])
            kind = _LineKind.HEADING
        if kind is not _LineKind.PROSE and paragraph:
            yield from _sentences(text, paragraph, before, headings.path)
            paragraph, before = [], Break.LINE
        if kind is _LineKind.BLANK:
            before = Break.PARAGRAPH
        elif kind is _LineKind.HEADING:
            yield _Span(start, heading_end, Break.HEADING, headings.path)
            before = Break.WORD  # a heading stays with what it heads
            if after := text[heading_end:end].lstrip():  # "7.2 Notice. Either party may ..."
                paragraph.append((end - len(after), end))
        elif kind is _LineKind.ROW:
            is_ruled = _is_ruled_row(line) and not rows_only
            if is_ruled and table.is_captioned:
                before = Break.WORD  # a caption stays with its table
            label = table.of_row(line) if is_ruled else ""
            path = " > ".join(part for part in (headings.path, label) if part)
            yield _Span(start, end, before, path)
            before = Break.LINE
        else:
            if paragraph and _ends_paragraph(text, paragraph):
                yield from _sentences(text, paragraph, before, headings.path)
                paragraph, before = [], Break.PARAGRAPH
            paragraph.append((start, end))
        if kind is _LineKind.HEADING:
            table = _TableLabel()  # the path has the heading
        elif kind is _LineKind.PROSE and not _BOILERPLATE.fullmatch(line.strip()):
            table.passes(line)
        if headings.reads_marks and FENCE.match(line):
            in_code = not in_code
    if paragraph:
        yield from _sentences(text, paragraph, before, headings.path)


class _LineKind(IntEnum):
    BLANK = 0
    HEADING = 1
    ROW = 2
    PROSE = 3


def _line_kind(line: str, *, is_row: bool) -> _LineKind:
    """What a line that is no heading is. is_row: it is one whatever it says, if anything."""
    if not line.strip():
        return _LineKind.BLANK
    if is_row:
        return _LineKind.ROW
    head = line[:400]
    if (
        _LIST_ITEM.match(head)
        or _is_ruled_row(head)
        or _is_row_of_numbers(head)
        or _LEADER.search(line[-_LEADER_WITHIN:])
    ):
        return _LineKind.ROW
    return _LineKind.PROSE


def _is_ruled_row(line: str) -> bool:
    return (
        " | " in line
        or line.strip().startswith("|")
        or line.rstrip().endswith(" |")
        or line.count("\t") >= 2
    )


def _is_row_of_numbers(line: str) -> bool:
    """Whether a line looks like a row of a table whose rules were lost: label, then figures."""
    words = line.split()
    numbers = len(list(filter(_NUMBER.fullmatch, words)))
    return numbers >= _ROW_NUMBERS and numbers >= _ROW_SHARE * len(words)


def _ends_paragraph(text: str, lines: Sequence[tuple[int, int]]) -> bool:
    """Whether the last line ends a sentence well short of the width of the lines before it."""
    start, end = lines[-1]
    last = text[start:end].rstrip()
    if not last.endswith((".", "!", "?", ":", "。")) or len(lines) < 2:
        return False
    widest = max(b - a for a, b in lines[-4:-1])
    return len(last) < 0.8 * widest


def _sentences(
    text: str, lines: Sequence[tuple[int, int]], before: Break, heading: str
) -> Iterator[_Span]:
    """Sentences of a paragraph, which may run over line ends."""
    start, end = lines[0][0], lines[-1][1]
    for match in _SENTENCE_END.finditer(text, start, end):
        if _is_sentence_end(text, match, end):
            yield _Span(start, match.end(), before, heading)
            before = Break.SENTENCE
            start = match.end()
            while start < end and text[start].isspace():
                start += 1
    if text[start:end].strip():
        yield _Span(start, end, before, heading)


def _is_sentence_end(text: str, match: re.Match[str], end: int) -> bool:
    if match.group()[0] not in ".!?…":
        return True
    following = text[match.end() : min(end, match.end() + 3)].lstrip()[:1]
    if following.islower():
        return False
    window = text[max(0, match.start() - _ABBREVIATION_WITHIN) : match.start()]
    return match.group()[0] != "." or not _ABBREVIATION.search(window)


def _pieces(
    text: str, start: int, end: int, count_tokens: CountTokens, max_tokens: int
) -> Iterator[tuple[int, int, Break | None]]:
    """A span, cut where it is too long for one chunk: (start, end, break or the span's own)."""
    max_characters = max_tokens * _CHARACTERS_A_TOKEN
    before: Break | None = None
    while start < end:
        stop = min(end, start + max_characters)
        if stop < end:
            stop = _space_before(text, start, stop)
        for low, high in _halves(text, start, stop, count_tokens, max_tokens):
            yield low, high, before
            before = Break.WORD
        start = stop


def _halves(
    text: str, start: int, end: int, count_tokens: CountTokens, max_tokens: int
) -> Iterator[tuple[int, int]]:
    """Cut in the middle until each part fits. The depth is bounded by the span's short length."""
    # Without the line's end, as the unit is counted: once.
    if end - start <= 1 or count_tokens(text[start:end].rstrip()) <= max_tokens:
        yield start, end
        return
    middle = _space_before(text, start, (start + end + 1) // 2)
    yield from _halves(text, start, middle, count_tokens, max_tokens)
    yield from _halves(text, middle, end, count_tokens, max_tokens)


def _space_before(text: str, start: int, stop: int) -> int:
    """The place after the last white space in the second half of text[start:stop], or `stop`."""
    for position in range(stop, start + (stop - start) // 2, -1):
        if text[position - 1].isspace():
            return position
    return stop
