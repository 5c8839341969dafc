"""Names that come from outside, made safe to show and to store. They are never used as paths."""

from __future__ import annotations

import re

_MAX_NAME_CHARACTERS = 200
# Controls, lone surrogates (undecodable bytes of a path), and marks that turn text around.
_UNSHOWABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


def display_name(name: str, *, max_characters: int = _MAX_NAME_CHARACTERS) -> str:
    """A file name or path to show: what cannot be shown becomes "_", a long one is cut inside.

    Its end stays, because the suffix says what it is.
    """
    shown = _UNSHOWABLE.sub("_", name)
    if len(shown) <= max_characters:
        return shown
    tail = max_characters // 4
    return f"{shown[: max_characters - tail - 1]}…{shown[-tail:]}"


def upload_name(name: str) -> str:
    """The last component of the name that a browser sent, in either system's spelling of paths."""
    last = display_name(re.split(r"[/\\]", name)[-1]).strip()
    return last if last.strip(". ") else "upload"
