"""Decoding that can only copy: the completion is a run of whole words of a given text.

An automaton over the text's bytes says which tokens may follow: those whose bytes continue the
text at a place where what was said so far ends. Tokens need not be those that the text was
tokenized to, so nothing depends on how a tokenizer treats the beginning of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Protocol

from inference.request import Verbatim

# Scripts that put no space between words: there, a word may begin and end at any character.
_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003134f"
)
_WORD_START = re.compile(rf"(?<!\w)(?<!\d[.,])(?:[$€£¥#@+\-−.](?=[\w$€£¥.])|\w)|[{_UNSPACED}]")
_CUT = re.compile(
    rf"[^\W{_UNSPACED}]\0[^\W{_UNSPACED}]|\d\0[.,]\d|[$€£¥#@+\-−.]\0\w|\0\ufffd|\ufffd\0"
)
_LONGEST_PIECE = 32  # bytes; longer pieces are runs of white space and the like

# (text, offset) in bytes: what was said so far ends here.
_Place = tuple[int, int]


class Pieces(Protocol):
    """A vocabulary, as far as it is needed here; inference.llama.tokenizer.Tokenizer is one."""

    @property
    def size(self) -> int: ...

    def piece(self, token: int) -> bytes: ...

    def is_end_of_generation(self, token: int) -> bool: ...


class PieceTable:
    """The tokens of a vocabulary by their bytes. Made once a model: it takes some tenths of a s."""

    def __init__(self, vocabulary: Pieces) -> None:
        self._tokens: dict[bytes, int] = {}
        ends = []
        for token in range(vocabulary.size):
            if vocabulary.is_end_of_generation(token):
                ends.append(token)
            elif 0 < len(piece := vocabulary.piece(token)) <= _LONGEST_PIECE:
                self._tokens.setdefault(piece, token)
        self.ends = tuple(ends)

    def continuations(self, data: bytes) -> Iterator[tuple[int, int]]:
        """(token, its bytes) of every token that `data` begins with."""
        for length in range(1, min(len(data), _LONGEST_PIECE) + 1):
            token = self._tokens.get(data[:length])
            if token is not None:
                yield token, length


class VerbatimState:
    """Where one completion stands in its texts.

    The first word may come with a space before it or without. White space counts as one space.
    """

    def __init__(self, table: PieceTable, rule: Verbatim) -> None:
        self._table = table
        self._phrases = len(rule.phrases)
        texts = [" ".join(text.split()) for text in (*rule.phrases, *rule.texts)]
        self._data = [text.encode() for text in texts]
        starts: list[_Place] = [(number, 0) for number in range(self._phrases)]
        for number in range(self._phrases, len(texts)):
            text = texts[number]
            starts += [
                (number, len(text[: m.start()].encode())) for m in _WORD_START.finditer(text)
            ]
        self._next = self._first(starts)
        self._may_end = not self._next

    def allowed(self) -> list[int]:
        """The tokens that may come next; never none."""
        ends = self._table.ends if self._may_end else ()
        return [*self._next, *ends]

    def accept(self, token: int) -> None:
        """Advance by one of the allowed tokens; by an end, nothing changes."""
        if token not in self._next:
            return
        places = self._next[token]
        self._may_end = any(self._is_whole(place) for place in places)
        self._next = {}
        for number, at in places:
            for following, length in self._table.continuations(self._data[number][at:]):
                self._next.setdefault(following, []).append((number, at + length))
        if not self._next:
            self._may_end = True

    def _first(self, starts: list[_Place]) -> dict[int, list[_Place]]:
        found: dict[int, list[_Place]] = {}
        for number, at in starts:
            rest = self._data[number][at : at + _LONGEST_PIECE]
            for token, length in self._table.continuations(rest):
                found.setdefault(token, []).append((number, at + length))
            for token, length in self._table.continuations(b" " + rest):
                if length > 1:
                    found.setdefault(token, []).append((number, at + length - 1))
        return found

    def _is_whole(self, place: _Place) -> bool:
        """Whether no word is cut here; a phrase must be said to its end."""
        number, at = place
        data = self._data[number]
        if number < self._phrases:
            return at == len(data)
        before = data[max(0, at - 4) : at].decode("utf-8", "replace")[-1:]
        after = data[at : at + 8].decode("utf-8", "replace")[:2]
        return not _CUT.search(f"{before}\0{after}")
