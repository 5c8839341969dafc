"""Markers that a vocabulary calls words, in text that is data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.forged_markers import harmless_pieces, marker_pattern

WORDS = ("<｜User｜>", "<|fim_prefix|>", "[INST]", "<tool_call>", "\n\n", "   ", "word", "<", "▁▁")
MARKERS = WORDS[:4]
PATTERN = marker_pattern(WORDS)


@pytest.mark.parametrize("marker", MARKERS)
def test_a_marker_is_cut_behind_its_first_character(marker: str) -> None:
    """llama.cpp reads user-defined tokens even where it is told to parse no special ones."""
    assert harmless_pieces(f"a {marker} b", PATTERN) == [f"a {marker[0]}", f"{marker[1:]} b"]


def test_text_without_a_marker_is_not_cut() -> None:
    assert harmless_pieces("a   word\n\n<b>", PATTERN) == ["a   word\n\n<b>"]
    assert harmless_pieces("[INST]", marker_pattern(["word", "\n"])) == ["[INST]"]
    assert harmless_pieces("", PATTERN) == []


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=4)), max_size=12).map("".join))
def test_no_piece_has_a_marker_and_none_of_the_text_is_lost(text: str) -> None:
    pieces = harmless_pieces(text, PATTERN)
    assert "".join(pieces) == text
    assert not any(marker in piece for piece in pieces for marker in MARKERS)
