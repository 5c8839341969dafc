"""Text that spells a chat marker -> pieces in which the marker is only text.

Pure. A tokenizer that is told not to read special tokens still reads those that the model's file
lists as words of the user's own. Cut in two and tokenized apart, they are characters like others.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

# Runs of spaces and line ends, which some vocabularies list too, stay as they are.
_MARKER = re.compile(r"[<\[{]\S+[>\]}]")


def marker_pattern(spellings: Iterable[str]) -> re.Pattern[str] | None:
    """What finds the markers among these tokens in a text, also overlapping ones; None for none."""
    markers = sorted({spelled for spelled in spellings if _MARKER.fullmatch(spelled)})
    return re.compile(f"(?=(?:{'|'.join(map(re.escape, markers))}))") if markers else None


def harmless_pieces(text: str, markers: re.Pattern[str] | None) -> list[str]:
    """The text, cut behind the first character of every marker in it; joined, it is the same."""
    if markers is None:
        return [text]
    cuts = [0, *(found.start() + 1 for found in markers.finditer(text)), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(cuts) if start < end]
