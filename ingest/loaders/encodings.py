"""Bytes of a text file -> str, whatever the encoding; and whether bytes are text at all.

Order of belief: byte order mark, UTF-16/32 by their NUL pattern, strict UTF-8, then statistics
(charset-normalizer). A file that is none of them is decoded as Windows-1252, whose every byte
means something, so text is never lost for want of a declared encoding.
"""

from __future__ import annotations

import codecs
import re

HEAD_BYTES = 1 << 16
# charset-normalizer tries dozens of encodings on what it is given: a sample bounds the time.
_SAMPLE_BYTES = 1 << 17
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that charset-normalizer names for western text as readily as the right one.
_LIKE_WINDOWS_1252 = frozenset(
    {"cp1250", "cp1257", "cp1258", "mac_latin2", "mac_roman", "mac_iceland", "latin_1"}
    | {f"iso8859_{part}" for part in (2, 3, 4, 10, 13, 14, 15, 16)}
)
_NOT_WESTERN = re.compile(r"[šžŠŽ\ufffd]|[^\W\d_][\u00a1-\u00bf\u2030-\u203a\u2020-\u2026][a-z]")
_TEXT_CONTROLS = frozenset(b"\t\n\r\x0b\x0c\x1b\x08\x1a")
_CONTROL_BYTES = bytes(b for b in range(32) if b not in _TEXT_CONTROLS) + b"\x7f"
_MOST_CONTROL_BYTES = 0.01  # of the sample; real text has none, a few may be garbage in it


def decode(data: bytes) -> str:
    """Text of a whole file. Never fails: what cannot be decoded becomes U+FFFD."""
    return data.decode(detect_encoding(data), errors="replace")


def decode_head(head: bytes) -> str:
    """Text of a file's first bytes, where the last character may be cut."""
    return head.decode(detect_encoding(head), errors="replace")


def looks_binary(head: bytes) -> bool:
    """Whether a file that starts so is no text in any encoding."""
    if _declared(head) or _wide_encoding(head):
        return False
    if b"\x00" in head:
        return True
    controls = len(head) - len(head.translate(None, _CONTROL_BYTES))
    return controls > _MOST_CONTROL_BYTES * len(head)


def detect_encoding(data: bytes) -> str:
    """The name of the codec to decode `data` with."""
    return (
        _declared(data)
        or _wide_encoding(data[:HEAD_BYTES])
        or ("utf-8" if _is_utf8(data) else None)
        or _guessed(data[:_SAMPLE_BYTES])
    )


def _declared(data: bytes) -> str | None:
    return next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), None)


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: NULs fall on fixed positions of mostly Latin text."""
    head = head[: len(head) // 4 * 4]
    if not head or b"\x00" not in head:
        return None
    nul = [head[i::4].count(0) / (len(head) // 4) for i in range(4)]
    if min(nul[1], nul[2], nul[3]) > 0.9 and nul[0] < 0.1:
        return "utf-32-le"
    if min(nul[0], nul[1], nul[2]) > 0.9 and nul[3] < 0.1:
        return "utf-32-be"
    if min(nul[1], nul[3]) > 0.4 and max(nul[0], nul[2]) < 0.05:
        return "utf-16-le"
    if min(nul[0], nul[2]) > 0.4 and max(nul[1], nul[3]) < 0.05:
        return "utf-16-be"
    return None


def _is_utf8(data: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(data, final=False)  # a cut last character is no proof against it
    except UnicodeDecodeError:
        return False
    return True


def _guessed(sample: bytes) -> str:
    from charset_normalizer import from_bytes  # 40 ms of import that most files never need

    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        return "cp1252"
    if best.encoding in _LIKE_WINDOWS_1252 and _is_western(sample):
        return "cp1252"
    return str(best.encoding)


def _is_western(sample: bytes) -> bool:
    """Whether Windows-1252 makes sense of bytes that also make sense as Central European.

    Both give letters for most bytes. Read as Windows-1252, Polish has signs inside words
    ("szko\u00b3a"), and Czech and Croatian have \u0161 or \u017e, which no western language uses.
    """
    text = sample.decode("cp1252", errors="replace")
    return not _NOT_WESTERN.search(text)
