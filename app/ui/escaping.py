"""Makes any text safe inside a Streamlit Markdown label: it shows as the characters it is.

Streamlit reads Markdown in most of its labels (buttons, captions, toasts, errors). A file name
such as `![](https://evil.example/x.png)` would load a picture from the network there. Wherever
text can be drawn without Markdown (`st.text`, our own components) the page does that instead;
this is for the places that have no such choice.
"""

from __future__ import annotations

import re
import unicodedata

_PUNCTUATION = re.compile(r"""([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])""")

# Streamlit's emoji, icon and autolink passes run after Markdown's own backslash escapes were
# resolved, so an escaped ":smile:" or "https://..." would still be replaced. An invisible,
# non-breaking WORD JOINER behind the trigger characters takes those patterns apart.
_WORD_JOINER = "\u2060"
_JOINERS = "\u200c\u200d"  # part of correct spelling in Persian and Indic scripts, and of emoji
_TRIGGERS = re.compile(r"([:@](?=\S)|www(?=\.))", re.IGNORECASE)


def plain(text: str, *, limit: int = 300) -> str:
    """One line of Markdown that renders as `text` itself.

    Control characters and line breaks become spaces, since a label has one line; bidirectional
    overrides are dropped, since they let a name look like another. Longer than `limit`
    characters is cut with an ellipsis.
    """
    line = one_line(text, limit=limit)
    return _PUNCTUATION.sub(r"\\\1", _TRIGGERS.sub(rf"\1{_WORD_JOINER}", line))


def one_line(text: str, *, limit: int = 300) -> str:
    """`text` as one displayable line, at most `limit` characters; not escaped."""
    kept = "".join(_displayable(character) for character in text[: limit * 4])
    line = " ".join(kept.split())
    return line if len(line) <= limit and len(text) <= limit * 4 else line[: limit - 1] + "…"


def _displayable(character: str) -> str:
    if character in _JOINERS:
        return character
    category = unicodedata.category(character)
    if category in {"Cf", "Cs", "Co", "Cn"}:  # formatting (bidi overrides), surrogates, unassigned
        return ""
    return " " if category in {"Cc", "Zl", "Zp"} else character
