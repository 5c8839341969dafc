"""Names that come from outside, made safe to show and to store.

A name that was cleaned says no longer which file it was: two names may have become one. So a path
is kept with what cannot be shown escaped: `%{E9}` is a byte that is no text, `%{U+000A}` a
character. Other paths stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from posixpath import splitext

_MAX_NAME_CHARACTERS = 200
# Controls, lone surrogates (undecodable bytes of a path), and marks that turn text around.
_UNSHOWABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
_ESCAPE = r"%\{(?:([89A-F][0-9A-F])|U\+([0-9A-F]{4}))\}"
_ESCAPED = re.compile(_ESCAPE)
# A name that has by itself what looks like an escape has its "%" escaped, or two would be one.
_TO_ESCAPE = re.compile(f"{_UNSHOWABLE.pattern}|%(?={_ESCAPE[1:]})")
_FIRST_BYTE = 0xDC00  # undecodable bytes of a path are U+DC80 to U+DCFF; see PEP 383


def display_name(name: str, *, max_characters: int = _MAX_NAME_CHARACTERS) -> str:
    """A file name or path to show: what cannot be shown becomes "_", a long one is cut inside.

    Its end stays, because the suffix says what it is.
    """
    shown = _UNSHOWABLE.sub("_", name)
    if len(shown) <= max_characters:
        return shown
    tail = max_characters // 4
    return f"{shown[: max_characters - tail - 1]}…{shown[-tail:]}"


def escaped(name: str) -> str:
    """A file name or path to keep: it can be shown, and no other name becomes the same."""
    return _TO_ESCAPE.sub(_escape, name)


def unescaped(kept: str) -> str:
    """The name or path that `escaped` was given."""
    return _ESCAPED.sub(_unescape, kept)


def as_kept(given: str) -> str:
    """A name or path that a user gives, as it is kept; one copied from what is shown stays."""
    return _UNSHOWABLE.sub(_escape, given)


def path_of(kept: str) -> Path:
    """Where a document's file lies, from the path that is kept; relative for an upload."""
    return Path(unescaped(kept))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if _FIRST_BYTE + 0x80 <= code <= _FIRST_BYTE + 0xFF:
        return f"%{{{code - _FIRST_BYTE:02X}}}"
    return f"%{{U+{code:04X}}}"


def _unescape(found: re.Match[str]) -> str:
    byte, character = found.groups()
    return chr(_FIRST_BYTE + int(byte, 16)) if byte else chr(int(character, 16))


def upload_name(name: str) -> str:
    """The last component of the name that a browser sent, in either system's spelling of paths."""
    last = display_name(escaped(re.split(r"[/\\]", name)[-1])).strip()
    return last if last.strip(". ") else "upload"


def member_names(written: Iterable[str]) -> list[str]:
    """Names for the files of an archive, in order, from what they are called in it.

    Their folders stay, with "/" between. No two are the same, and none has a part that would lead
    out of the archive if the name were a path.
    """
    names: dict[str, None] = {}
    copies: Counter[str] = Counter()
    for number, name in enumerate(written, start=1):
        parts = (part.strip() for part in display_name(name).replace("\\", "/").split("/"))
        base = "/".join(part for part in parts if part not in ("", ".", "..")) or f"file {number}"
        start, suffix = splitext(base)
        distinct = base
        while distinct in names:
            copies[base] += 1
            distinct = f"{start} ({copies[base] + 1}){suffix}"
        names[distinct] = None
    return list(names)


def name_in_archive(archive: str, member: str) -> str:
    """Name, or path, of a document that came out of an archive, from the archive's own.

    No other file's name has a slash in it, which is how `archive_of` knows.
    """
    return f"{archive}/{member}"


def archive_of(name: str, path: str) -> tuple[str, str] | None:
    """Name and path of the archive that a document came out of; None if it came out of none."""
    archive, slash, member = name.partition("/")
    if not slash or not path.endswith(f"/{member}"):
        return None
    return archive, path.removesuffix(f"/{member}")


def own_name(name: str, path: str) -> str:
    """A document's name, without its archive and the folders in it."""
    return name if archive_of(name, path) is None else name.rpartition("/")[2]
