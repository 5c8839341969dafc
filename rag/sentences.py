"""Text -> the spans of its sentences and clauses. Pure; offsets are Python string indices.

Made for text that came out of files: hard-wrapped lines, bullet lists, table rows, headings. It
never changes a character, so that every span is verbatim. Abbreviations are known for English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_ABBREVIATION_LIST = """
    mr mrs ms dr prof st sr jr vs etc e.g i.e cf al fig figs no nos vol pp p ch sec art inc ltd
    co corp dept est approx ca u.s u.k u.n e.u a.m p.m jan feb mar apr jun jul aug sep sept oct
    nov dec gen col lt sgt capt rev hon pres gov sen rep ph.d d.c
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
# A Latin full stop ends a sentence only before white space; a CJK one always does. It is looked for
# at the first of several only: of a long row of dots each would look at all that follow.
_TERMINATOR = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？｡؟।॥]+[」』”’)]*")
_LINE_START = re.compile(r"[ \t]*(?:[-*•‣◦▪·–—|#>]|\(?\d{1,3}[.)](?!\d)|\(?[a-zA-Z][.)]\s)")
_LINE = re.compile(r"(?<=\n)[^\S\n]*\S[^\n]*")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
_ENUMERATOR = re.compile(r"^\s*(?:[-*•#>]+\s+|\(?\d{1,3}(?:\.\d{1,3})*[.)]?\s+(?=\D))")
_CLAUSE_BREAK = re.compile(
    r"[;:](?=\s)|,(?=\s)|\s[–—-]\s|[，；：、]|\s(?=and\b|but\b|while\b|whereas\b)"
)
# A line clearly shorter than the widest one ended on purpose: a heading, a page header, a list
# item. Ragged-right prose varies by less.
_SHORT_LINE = 0.8


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range [start, end) of a text; never empty, no white space at its ends."""

    start: int
    end: int


def trimmed(text: str, start: int, end: int) -> Span | None:
    """The span without white space at its ends, or None when nothing is left."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return Span(start, end) if start < end else None


def sentence_spans(text: str) -> list[Span]:
    """The sentences of a text in order; a list item, a table row and a heading count as one.

    The spans are disjoint and hold every character that is not white space.
    """
    spans: list[Span] = []
    for block_start, block_end in _blocks(text):
        cuts = [block_start]
        cuts += [
            match.end()
            for match in _TERMINATOR.finditer(text, block_start, block_end)
            if _ends_sentence(text, match, block_start, block_end)
        ]
        cuts.append(block_end)
        for start, end in pairwise(cuts):
            if span := trimmed(text, start, end):
                spans += _lines_of_fragment(text, span)
    return spans


def _lines_of_fragment(text: str, span: Span) -> list[Span]:
    """The span; where it does not end like a sentence, cut before lines that open like one.

    Page headers, captions and rows of figures stand on lines of their own without full stops.
    """
    ends = _TERMINATOR.search(text[max(0, span.end - 2) : span.end])  # alone: of "..." the last two
    if ends or "\n" not in text[span.start : span.end]:
        return [span]
    cuts = [span.start]
    for match in _LINE.finditer(text, span.start, span.end):
        if not match.group().lstrip()[0].islower() or len(_FIGURE.findall(match.group())) > 1:
            cuts.append(match.start())
    lines = (trimmed(text, start, end) for start, end in pairwise([*cuts, span.end]))
    return [line for line in lines if line]


def clause_spans(text: str, sentence: Span) -> list[Span]:
    """The clauses of one sentence in order: split at ; : , dashes and conjunctions.

    They cover the sentence up to white space; punctuation stays with the clause before it.
    """
    cuts = [sentence.start]
    cuts += [m.end() for m in _CLAUSE_BREAK.finditer(text, sentence.start, sentence.end)]
    cuts.append(sentence.end)
    spans = (trimmed(text, a, b) for a, b in pairwise(cuts))
    return [span for span in spans if span]


def opens_item(text: str, position: int) -> bool:
    """Whether a list item (bullet, number, letter) begins at this offset."""
    match = _LINE_START.match(text, position)
    return match is not None and match.group().strip() not in ("|", "#", ">")


def without_enumerator(line: str) -> str:
    """A line without the bullet or section number that it opens with."""
    return _ENUMERATOR.sub("", line)


def is_row(line: str) -> bool:
    """Whether a line is a table's row as our loaders write it: cells with bars between."""
    return line.lstrip().startswith("|") or " | " in line


def _blocks(text: str) -> list[tuple[int, int]]:
    """Runs of lines that may hold a sentence together: cut at blank lines, items and rows."""
    lines: list[tuple[int, int]] = []
    position = 0
    for line in text.splitlines(keepends=True):
        lines.append((position, position + len(line)))
        position += len(line)
    widest = max((end - start for start, end in lines), default=0)
    blocks: list[tuple[int, int]] = []
    for i, (start, end) in enumerate(lines):
        if i == 0 or _starts_block(text, lines[i - 1], (start, end), widest):
            blocks.append((start, end))
        else:
            blocks[-1] = (blocks[-1][0], end)
    return blocks


def _starts_block(text: str, before: tuple[int, int], line: tuple[int, int], widest: int) -> bool:
    previous, current = text[slice(*before)], text[slice(*line)]
    if not previous.strip() or not current.strip():
        return True
    if _LINE_START.match(current) or previous.lstrip().startswith(("|", "#")):
        return True
    if is_row(previous) or is_row(current):
        return True
    stripped = previous.rstrip()
    ended_on_purpose = len(stripped) < _SHORT_LINE * widest and stripped[-1] not in ",;-–"
    return ended_on_purpose and not current.lstrip()[0].islower()


def _ends_sentence(text: str, match: re.Match[str], block_start: int, block_end: int) -> bool:
    if match.group()[0] != ".":
        return True
    word_start = match.start()
    while word_start > block_start and not text[word_start - 1].isspace():
        word_start -= 1
    word = text[word_start : match.start()].lstrip("(\"'“‘[").casefold()
    following = text[match.end() : block_end].lstrip()
    if not following:
        return True
    is_enumerator = re.fullmatch(r"[-*•]|\d{1,3}(?:\.\d{1,3})*|[a-z]", word)
    if is_enumerator and not text[block_start:word_start].strip("#>*-• \t\n"):
        return False  # "1.", "## 2.1." or "a." opens a list item or a heading
    if word in _ABBREVIATIONS or re.fullmatch(r"[a-z](\.[a-z])*", word):
        # "U.S. The" may end a sentence, "Dr. Smith" and "J. Smith" do not; keeping them together
        # costs a longer quote, cutting them costs a broken one.
        return False
    return not following[0].islower()
