"""A model's vocabulary: text to tokens, and tokens to bytes."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import llama_cpp

from inference.forged_markers import harmless_pieces, marker_pattern
from inference.verbatim import PieceTable


class Tokenizer:
    """A model's vocabulary. Thread-safe: it only reads.

    Tokenizing is done in the callers' threads, so that it never delays a batch.
    """

    def __init__(self, vocab: Any) -> None:
        self._vocab = vocab
        self.size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        self.adds_bos = bool(llama_cpp.llama_vocab_get_add_bos(vocab))
        self.bos = int(llama_cpp.llama_vocab_bos(vocab))
        self.eos = int(llama_cpp.llama_vocab_eos(vocab))
        self._pieces: dict[int, bytes] = {}

    def encode(self, text: str, *, parse_special: bool = False) -> list[int]:
        """Token ids of `text`.

        parse_special: read "<|im_end|>" and the like as control tokens. Only for text that the
        product or the model wrote; document text and user text are data.
        """
        if parse_special:
            return self._encode(text, parse_special=True)
        pieces = harmless_pieces(text, self._forgeable)
        return [token for piece in pieces for token in self._encode(piece, parse_special=False)]

    @cached_property
    def _forgeable(self) -> re.Pattern[str] | None:
        """The markers that llama.cpp reads in any text, since the model's file calls them words.

        Chat turns of DeepSeek's models and tool calls of Qwen's are among them.
        """
        words = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        return marker_pattern(
            self.text(token)
            for token in range(self.size)
            if llama_cpp.llama_vocab_get_attr(self._vocab, token) & words
        )

    def _encode(self, text: str, *, parse_special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")  # a lone surrogate becomes "?"
        capacity = len(data) + 2
        buffer = (llama_cpp.llama_token * capacity)()
        count = llama_cpp.llama_tokenize(
            self._vocab, data, len(data), buffer, capacity, False, parse_special
        )
        if count < 0:
            buffer = (llama_cpp.llama_token * -count)()
            count = llama_cpp.llama_tokenize(
                self._vocab, data, len(data), buffer, -count, False, parse_special
            )
        return list(buffer[:count])

    def count(self, text: str) -> int:
        """How many tokens `text` takes as data."""
        return len(self.encode(text))

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; b"" for control tokens. May be part of a character."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        size = 64
        buffer = ctypes.create_string_buffer(size)
        count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
        if count < 0:
            size = -count
            buffer = ctypes.create_string_buffer(size)
            count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
        piece = buffer.raw[:count]
        self._pieces[token] = piece
        return piece

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`; incomplete characters become U+FFFD."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def text(self, token: int) -> str:
        """The vocabulary's own spelling of a token, control tokens included."""
        raw = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return raw.decode("utf-8", "replace") if raw else ""

    @cached_property
    def by_piece(self) -> PieceTable:
        """The tokens by the bytes that they stand for; made when first asked for."""
        return PieceTable(self)

    def is_end_of_generation(self, token: int) -> bool:
        """True for the tokens with which a model ends its turn."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))
