"""The text of an e-mail -> who wrote what of it. Pure.

Replies carry what they answer below them, "> " before each line, or among themselves. The marks
are taken off, and the lines that say who wrote what follows become its headings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.documents import Heading

_QUOTED = re.compile(r"(?:>[ ]?)+")
_ATTRIBUTION = re.compile(
    # "On Tue, 4 Mar 2025 at 08:03, Lena Voss <lena@voss.example> wrote:", wrapped perhaps.
    r"^(?:(?:On|Am|Le|El)\b(?=[^\n]*\d)[^\n]{8,150}(?:\n[^\n]{1,150})?"
    r"(?:\bwrote|\ba écrit ?|\bescribió|\bschrieb\b[^\n:]{0,80}):"
    # What Outlook puts over it: several lines, the first of which names the writer.
    r"|(?:From|Von|De): [^\n]+(?=\n(?:Sent|Date|Gesendet|Datum|Envoyé|Enviado(?: el)?|Fecha): ))$",
    re.MULTILINE,
)
_SAYS_WHO = 20  # its level, below any that the text may have


def without_quote_marks(text: str, writer: str) -> str:
    """A mail without the marks of quotation, a blank line wherever it goes from one to another.

    writer: who sent it. Where the text goes on after a quotation, a line says that it is theirs.
    """
    lines: list[str] = []
    depth_before = 0
    for line in text.split("\n"):
        mark = _QUOTED.match(line)
        depth = 0 if mark is None else mark.group().count(">")
        words = line if mark is None else line[mark.end() :]
        if words.strip() and depth != depth_before:
            if lines and lines[-1].strip():
                lines.append("")
            if depth == 0 and writer:
                lines += [_turn(writer), ""]
            depth_before = depth
        lines.append(words)
    return "\n".join(lines)


def writers(text: str, writer: str) -> Iterator[Heading]:
    """Of such a text, the lines that say who wrote what follows, as headings."""
    for match in _ATTRIBUTION.finditer(text):
        yield Heading(match.start(), match.end(), _SAYS_WHO)
    if writer:
        for match in re.finditer(f"^{re.escape(_turn(writer))}$", text, re.MULTILINE):
            yield Heading(match.start(), match.end(), _SAYS_WHO)


def _turn(writer: str) -> str:
    return f"{writer} wrote:"
