"""One clean form of text, made once when a file is read; from then on it is THE text.

What comes out holds no NUL or other control characters but tab and newline, no lone surrogates
and no noncharacters, so it can go into SQLite, JSON and HTML as it is, and `\\n` is the only line
end. Nothing else is changed: words, spaces and their order stay, so quotes stay verbatim.
"""

from __future__ import annotations

import re

# C0 and C1 controls except tab and newline, lone surrogates, noncharacters, BOM and soft hyphens.
_REMOVED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\ufeff\u00ad]"
)
# Line ends of Windows and old Macs, vertical tab, form feed, NEL, Unicode's own separators.
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SOFT_HYPHEN_AT_LINE_END = re.compile("\u00ad[ \t]*\n")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def clean_text(text: str) -> str:
    """Bring extracted text into the form described above."""
    if "\r" in text or not text.isprintable():
        text = _LINE_ENDS.sub("\n", text)
    if "\u00ad" in text:
        text = _SOFT_HYPHEN_AT_LINE_END.sub("", text)
    return _REMOVED.sub("", text)


def one_line(text: str, *, max_characters: int = 300) -> str:
    """A title or name for display: cleaned, spaces collapsed, no control or direction marks."""
    return " ".join(_CONTROLS.sub(" ", text).split())[:max_characters].strip()
