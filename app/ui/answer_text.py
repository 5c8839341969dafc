"""Splits an answer's text into the few shapes that the page draws: pure, knows no browser.

A model's text is untrusted. Nothing in it is ever interpreted as HTML or full Markdown: this
module recognises paragraphs, list items, bold, inline code and citation markers, and everything
else (links, images, tags, formulas) stays the characters it was. The page draws each run with
`textContent`, so no run can become markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from rag.results import Citation

_MARKER = re.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_INLINE = re.compile(r"\*\*(?P<bold>[^*\n]+)\*\*|`(?P<code>[^`\n]+)`")
_BULLET = re.compile(r"^\s{0,6}[-*•]\s+(?P<text>\S.*?)\s*$")
_NUMBERED = re.compile(r"^\s{0,6}(?P<ordinal>\d{1,3})[.)]\s+(?P<text>\S.*?)\s*$")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(?P<text>\S.*?)\s*$")


class BlockKind(Enum):
    """How a block is set."""

    PARAGRAPH = "paragraph"
    HEADING = "heading"
    BULLET = "bullet"
    NUMBERED = "numbered"


class Style(Enum):
    """How a run is set."""

    PLAIN = "plain"
    BOLD = "bold"
    CODE = "code"
    CITATION = "citation"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of one style.

    citation: index into the citations given, for Style.CITATION; -1 otherwise.
    """

    text: str
    style: Style = Style.PLAIN
    citation: int = -1


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading or list item. ordinal: the item's number as written; 0 if none."""

    kind: BlockKind
    runs: tuple[Run, ...]
    ordinal: int = 0


def split_answer(text: str, citations: Sequence[Citation] = ()) -> tuple[Block, ...]:
    """Split an answer into blocks of runs, in reading order.

    A marker such as "[2]" or "[1, 2]" becomes citation runs only when every number in it has a
    citation; otherwise it stays text, since what cannot be opened must not look as if it could.
    """
    # The first wins should a marker ever have two citations, as in the list below the answer.
    cited = {c.marker: index for index, c in reversed(list(enumerate(citations)))}
    blocks: list[Block] = []
    paragraph: list[str] = []

    def end_paragraph() -> None:
        if paragraph:
            blocks.append(Block(BlockKind.PARAGRAPH, _runs(" ".join(paragraph), cited)))
            paragraph.clear()

    for line in text.splitlines():
        item = _item(line, cited)
        if item is not None:
            end_paragraph()
            blocks.append(item)
        elif line.strip():
            paragraph.append(line.strip())
        else:
            end_paragraph()
    end_paragraph()
    return tuple(blocks)


def emphasized(blocks: Sequence[Block], words: str) -> tuple[Block, ...]:
    """The blocks with the first occurrence of some words in bold, if they stand in a plain run."""
    for number, block in enumerate(blocks):
        for index, run in enumerate(block.runs):
            before, found, after = run.text.partition(words) if words else ("", "", "")
            if found and run.style is Style.PLAIN:
                parts = (Run(before), Run(found, Style.BOLD), Run(after))
                runs = [*block.runs[:index], *parts, *block.runs[index + 1 :]]
                bold = replace(block, runs=tuple(run for run in runs if run.text))
                return (*blocks[:number], bold, *blocks[number + 1 :])
    return tuple(blocks)


def _item(line: str, cited: Mapping[int, int]) -> Block | None:
    if match := _BULLET.match(line):
        return Block(BlockKind.BULLET, _runs(match["text"], cited))
    if match := _NUMBERED.match(line):
        return Block(BlockKind.NUMBERED, _runs(match["text"], cited), int(match["ordinal"]))
    if match := _HEADING.match(line):
        return Block(BlockKind.HEADING, _runs(match["text"], cited))
    return None


def _runs(line: str, cited: Mapping[int, int]) -> tuple[Run, ...]:
    runs: list[Run] = []
    position = 0
    for match in _INLINE.finditer(line):
        runs += _split_markers(line[position : match.start()], Style.PLAIN, cited)
        if match["code"] is not None:
            runs.append(Run(match["code"], Style.CODE))
        else:
            runs += _split_markers(match["bold"], Style.BOLD, cited)
        position = match.end()
    return (*runs, *_split_markers(line[position:], Style.PLAIN, cited))


def _split_markers(piece: str, style: Style, cited: Mapping[int, int]) -> list[Run]:
    """The piece in `style`, with its markers as citation runs."""
    runs: list[Run] = []
    position = 0
    for match in _MARKER.finditer(piece):
        markers = [int(number) for number in match[1].split(",")]
        if not all(marker in cited for marker in markers):
            continue
        if match.start() > position:
            runs.append(Run(piece[position : match.start()], style))
        runs += [Run(str(m), Style.CITATION, cited[m]) for m in dict.fromkeys(markers)]
        position = match.end()
    if position < len(piece):
        runs.append(Run(piece[position:], style))
    return runs
