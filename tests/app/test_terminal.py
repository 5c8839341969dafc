"""What reaches a terminal from documents and file names can only be text."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.terminal import Terminal, one_line, safe, size_text

CONTROLS = [chr(n) for n in (*range(0x20), 0x7F, *range(0x80, 0xA0)) if chr(n) not in "\n\t"]


@given(st.text(st.characters() | st.sampled_from([*CONTROLS, "\u202e", "\u2066", "\ud800"])))
def test_safe_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    kept = safe(text)
    assert not set(kept) & set(CONTROLS)
    assert not any(unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE") for c in kept)
    assert len(kept) == len(text)
    kept.encode("utf-8")


@pytest.mark.parametrize("text", ["naïve “quotes”", "日本語", "می‌خواهم", "👩‍🚀", "a\tb\nc"])
def test_ordinary_text_of_any_script_is_left_alone(text: str) -> None:
    assert safe(text) == text


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1


@given(st.text(st.characters() | st.sampled_from([*CONTROLS, "\n", "\u2028"])))
def test_json_says_the_same_without_obeyable_characters(text: str) -> None:
    printed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("builtins.print", lambda text, **_: printed.append(text))
        Terminal(as_json=True).result({"text": text})
    assert json.loads(printed[0]) == {"text": text}
    assert not set(printed[0]) & set(CONTROLS)


def test_sizes_are_told_as_people_read_them() -> None:
    assert [size_text(n) for n in (0, 999, 1500, 144_811_072)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "144.8 MB",
    ]
