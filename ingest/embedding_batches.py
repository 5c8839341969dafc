"""Texts -> batches of what a model reads at once, and vectors of those -> vectors of the texts.

Pure. A text that is longer than the model reads is cut into windows, between words where that is
possible; its vector is the mean of theirs, weighted by their lengths. So nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.records import FloatMatrix

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# Lengths are rounded up to this, so that a runtime meets few shapes: 180 -> 206 passages/s.
LENGTH_STEP = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """What is read at once: a text or a window of one.

    row: the text's position among those given. text: without the prompt. ids: tokens of prompt
    and text, special ones included.
    """

    row: int
    text: str
    ids: list[int]


def cut(
    texts: Sequence[str], *, tokenizer: Tokenizer, prompt: str, max_ids: int
) -> Iterator[Piece]:
    """The pieces of each text, in order; one for a text of at most `max_ids` tokens.

    tokenizer: one that cuts and pads nothing.
    """
    encodings = tokenizer.encode_batch_fast([prompt + text for text in texts])
    for row, (text, encoding) in enumerate(zip(texts, encodings, strict=True)):
        if len(encoding.ids) <= max_ids:
            yield Piece(row, text, encoding.ids)
        else:
            yield from _windows(row, text, tokenizer, prompt, max_ids)


def _windows(
    row: int, text: str, tokenizer: Tokenizer, prompt: str, max_ids: int
) -> Iterator[Piece]:
    whole = tokenizer.encode(text, add_special_tokens=False)
    room = max(1, max_ids - len(tokenizer.encode(prompt).ids))
    start = 0
    while start < len(whole.ids):
        stop = _between_words(whole, start, min(start + room, len(whole.ids)))
        while True:
            window = text[whole.offsets[start][0] : whole.offsets[stop - 1][1]]
            ids = tokenizer.encode(prompt + window).ids
            if len(ids) <= max_ids or stop == start + 1:
                break
            # Cut inside a word, it may have more tokens than before.
            stop = max(start + 1, stop - (len(ids) - max_ids))
        yield Piece(row, window, ids[:max_ids])
        start = stop


def _between_words(encoding: Encoding, start: int, stop: int) -> int:
    """The last place in the second half of the tokens [start, stop) that is not inside a word."""
    words = encoding.word_ids
    if stop == len(words):
        return stop
    for place in range(stop, start + (stop - start) // 2, -1):
        if words[place] != words[place - 1]:
            return place
    return stop


def batches(pieces: Sequence[Piece], batch_tokens: int, *, at_once: int = 1) -> list[list[Piece]]:
    """All pieces in batches of like length, the longest first.

    batch_tokens: most tokens of a batch, padding counted, unless one piece alone has more. Padding
    costs as much as text, and with the longest first running out of memory shows at once.
    at_once: how many batches are computed side by side; they are made about as large as each other,
    so that none is waited for.
    """
    ordered = sorted(pieces, key=lambda piece: -len(piece.ids))
    tokens = sum(padded_length(len(piece.ids)) for piece in ordered)
    rounds = -(-tokens // (batch_tokens * at_once))
    found = []
    start = 0
    while start < len(ordered):
        width = padded_length(len(ordered[start].ids))
        fair = -(-tokens // (rounds * at_once * width))
        count = max(1, min(fair, batch_tokens // width))
        found.append(ordered[start : start + count])
        start += count
    return found


def padded_length(tokens: int) -> int:
    """Tokens of a row that is padded to the next step."""
    return -(-tokens // LENGTH_STEP) * LENGTH_STEP


class Collector:
    """Adds up the vectors of pieces until each text has its own.

    texts: how many there are. dimensions: of the vectors.
    """

    def __init__(self, pieces: Sequence[Piece], *, texts: int, dimensions: int) -> None:
        self._sums: FloatMatrix = np.zeros((texts, dimensions), dtype=np.float32)
        self._missing = np.zeros(texts, dtype=np.int64)
        for piece in pieces:
            self._missing[piece.row] += 1

    def take(self, batch: Sequence[Piece], vectors: FloatMatrix) -> list[int]:
        """Add vectors, (len(batch), dim); returns the texts that are complete by it."""
        complete = []
        for piece, vector in zip(batch, unit_rows(vectors), strict=True):
            self._sums[piece.row] += len(piece.ids) * vector
            self._missing[piece.row] -= 1
            if not self._missing[piece.row]:
                complete.append(piece.row)
        return complete

    def vectors(self) -> FloatMatrix:
        """(texts, dim) float32 unit vectors."""
        return unit_rows(self._sums)


def unit_rows(vectors: FloatMatrix) -> FloatMatrix:
    """Each row divided by its length; a row of zeros stays one."""
    lengths: FloatMatrix = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
