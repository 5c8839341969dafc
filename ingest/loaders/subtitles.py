"""SRT and VTT -> text: what is said, in paragraphs, under the times at which it is.

A cue is a line or two of a sentence, so cues are joined. A new speaker begins a paragraph, and the
first sentence of each minute a section, whose heading says when.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

from ingest.documents import Document
from ingest.loaders.characters import clean_text
from ingest.loaders.encodings import decode
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import check_text_size, text_document

_CUE = re.compile(
    r"^(?:(\d+):)?(\d\d):(\d\d)[.,]\d{3}[ \t]+-->[^\n]*\n((?:[^\n]*\S[^\n]*(?:\n|\Z))*)",
    re.MULTILINE,
)
_SPEAKER = re.compile(r"<v(?:\.[^ >]*)? ([^>]{1,80})>")
_LABEL = re.compile(r"[^\W\d_][^:.!?\n]{0,40}: ")
_TAG = re.compile(r"<[^>\n]{0,80}>|\{\\[^}\n]{0,40}\}")
_SENTENCE_ENDS = (".", "!", "?", "…", "。", '."', "♪")


def load_subtitles(path: Path, reading: Reading) -> Document:
    """Read subtitles. Raises EmptyFile, FileTooLarge."""
    check_text_size(path, reading.limits)
    text = "\n\n".join(_sections(clean_text(decode(path.read_bytes()))))
    reading.budget().spend(text)
    return text_document(text, title="", kind=FileKind.SUBTITLES)


def _sections(text: str) -> Iterator[str]:
    """Headings and paragraphs in turn."""
    minute = -1
    said: list[str] = []
    for match in _CUE.finditer(text):
        hours, minutes = int(match.group(1) or 0), int(match.group(2))
        cue = _words(match.group(4))
        if not cue or (said and said[-1] == cue):  # shown on
            continue
        is_new_sentence = not said or said[-1].endswith(_SENTENCE_ENDS)
        begins = is_new_sentence and hours * 60 + minutes != minute
        if said and (begins or _LABEL.match(cue)):
            yield " ".join(said)
            said = []
        if begins:
            minute = hours * 60 + minutes
            yield f"## {hours:02}:{minutes:02}:{match.group(3)}"
        said.append(cue)
    if said:
        yield " ".join(said)


def _words(lines: str) -> str:
    """What a cue says in one line, with its speaker before it: "Ilse Brandt: In 1987."."""
    named = _SPEAKER.sub(r"\1: ", lines)
    return " ".join(html.unescape(_TAG.sub("", named)).split())
