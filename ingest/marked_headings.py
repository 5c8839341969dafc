"""Headings of text that marks them as Markdown does: "## Title". Pure.

What our loaders make of HTML, of Word's files and the like is marked so too. Elsewhere "# 5 staff"
is a line like any other: whoever asks knows what kind of text it is.
"""

from __future__ import annotations

import re

from ingest.documents import Heading

MARKED_TYPES = frozenset(
    {
        "text/markdown",
        "text/html",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.oasis.opendocument.text",
        "application/epub+zip",
    }
)
FENCE = re.compile(r"[ ]{0,3}(?:```|~~~)")  # code is between two of them
_MARKED_LINE = re.compile(r"^[ ]{0,3}(#|```|~~~)[^\n]*", re.MULTILINE)
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.{0,300}?)[ \t]*#*")
_MOST_CHARACTERS = 320


def marked_headings(text: str) -> list[Heading]:
    """The headings of such a text, in order; those in code are comments, and none."""
    found = []
    in_code = False
    for match in _MARKED_LINE.finditer(text):
        if match.group(1) != "#":
            in_code = not in_code
            continue
        start, line = match.start(1), match.group().strip()
        heading = None if in_code else _heading(line)
        if heading is not None:
            found.append(Heading(start, start + len(line), len(heading.group(1))))
    return found


def heading_title(text: str) -> str:
    """A heading in one line, without the marks if it has any."""
    line = " ".join(text.split())
    heading = _heading(line)
    return line if heading is None else heading.group(2)


def _heading(line: str) -> re.Match[str] | None:
    return _HEADING.fullmatch(line) if len(line) <= _MOST_CHARACTERS else None
