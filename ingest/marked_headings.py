"""Headings of text that marks them as Markdown does: "## Title". Pure.

What our loaders make of HTML, of Word's files and the like is marked so too. Elsewhere "# 5 staff"
is a line like any other: whoever asks knows what kind of text it is. A line that is bold as a whole
heads what follows as well, below those with marks, and so does what a paragraph has in bold before
its first sentence: "**Deposit.** The tenant pays ...".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ingest.documents import Heading
from ingest.heading_lines import reads_as_heading

MARKED_TYPES = frozenset(
    {
        "text/markdown",
        "text/html",
        "text/calendar",
        "text/vcard",
        "text/vtt",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.oasis.opendocument.text",
        "application/epub+zip",
    }
)
FENCE = re.compile(r"[ ]{0,3}(?:```|~~~)")  # code is between two of them
_MARKED_LINE = re.compile(
    r"^[ ]{0,3}(?:(?P<fence>```|~~~)|(?P<hash>#)|(?P<rule>={3,}|-{3,})[ \t]*$"
    r"|(?P<bold>(?:\d{1,3}[.)][ \t]+)?\*\*))[^\n]*",
    re.MULTILINE,
)
_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.{0,300}?)[ \t]*#*")
_BOLD_LINE = re.compile(r"(?:\d{1,3}[.)][ \t]+)?\*\*([^*\n]{2,150})\*\*")
_BOLD = re.compile(r"\*\*([^*\n]{1,150})\*\*")
_RUN_IN = re.compile(r"\*\*[^*\n]{2,60}(?:\.\*\*|\*\*\.)(?=[ \t]+\S)")
# Of what stands above a rule; a table's head has bars, and an item or a quotation its mark.
_LAST_LINE = re.compile(r"(?:\A|\n[ \t]*\n)[ ]{0,3}([^\s#>|*=-][^|\n]*?)[ \t]*\n\Z")
_UNDERLINE = re.compile(r" (?:={3,}|-{3,})$")
_BOLD_LEVEL = 7
_RUN_IN_LEVEL = 8
_FEWEST_RUN_IN = 2  # one alone may be a sentence that matters
_MOST_CHARACTERS = 320


def marked_headings(text: str) -> list[Heading]:
    """The headings of such a text, in order; those in code are comments, and none."""
    found = list(_marked_lines(text))
    if sum(heading.level == _RUN_IN_LEVEL for heading in found) < _FEWEST_RUN_IN:
        found = [heading for heading in found if heading.level != _RUN_IN_LEVEL]
    # A bold line right above another heading, or at the end, heads nothing: a list of names.
    return [
        heading
        for heading, following in zip(found, [*found[1:], None], strict=False)
        if heading.level != _BOLD_LEVEL or _has_text_below(text, heading, following)
    ]


def _marked_lines(text: str) -> Iterator[Heading]:
    in_code = False
    for match in _MARKED_LINE.finditer(text):
        if match["fence"]:
            in_code = not in_code
        if in_code or match["fence"]:
            continue
        start = match.start(match.lastgroup or 0)
        line = text[start : match.end()].rstrip()
        if match["hash"] and (heading := _heading(line)):
            yield Heading(start, start + len(line), len(heading.group(1)))
        elif match["rule"]:
            yield from _underlined(text, match)
        elif match["bold"]:
            if _bold_title(line):
                yield Heading(start, start + len(line), _BOLD_LEVEL)
            elif run_in := _RUN_IN.match(line):
                yield Heading(start, start + run_in.end(), _RUN_IN_LEVEL)


def _underlined(text: str, rule: re.Match[str]) -> Iterator[Heading]:
    """The line above a rule, if it stands alone between that and a blank line."""
    above = text[max(0, rule.start() - _MOST_CHARACTERS) : rule.start()]
    line = _LAST_LINE.search(above)
    if line is not None and reads_as_heading(line.group(1)):
        start = rule.start() - len(above) + line.start(1)
        yield Heading(start, rule.end(), 1 if rule["rule"][0] == "=" else 2)


def _has_text_below(text: str, heading: Heading, following: Heading | None) -> bool:
    """Whether something else stands between it and the next heading, or in that one's line."""
    if following is None:
        return bool(text[heading.end :].strip())
    return following.level == _RUN_IN_LEVEL or bool(text[heading.end : following.start].strip())


def heading_title(text: str) -> str:
    """A heading in one line, without the marks if it has any."""
    line = _UNDERLINE.sub("", " ".join(text.split()))
    heading = _heading(line)
    title = line if heading is None else heading.group(2)
    return _BOLD.sub(r"\1", title).removesuffix(".") or title


def _heading(line: str) -> re.Match[str] | None:
    return _HEADING.fullmatch(line) if len(line) <= _MOST_CHARACTERS else None


def _bold_title(line: str) -> bool:
    """Whether a line is bold as a whole, and reads as a heading or asks."""
    bold = _BOLD_LINE.fullmatch(line)
    return bold is not None and reads_as_heading(bold.group(1).strip())
