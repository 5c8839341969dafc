"""Streaming text against the plain definition: decode everything, cut at the first stop string."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.detokenizer import TextStream

pieces = st.lists(st.binary(max_size=4), max_size=20)
stops = st.lists(st.text("ab\né", min_size=1, max_size=4), max_size=3)
texts = st.text("ab\néx", max_size=30)


def read(stream: TextStream, parts: list[bytes]) -> str:
    return "".join(stream.push(part) for part in parts) + stream.finish()


def cut_as_read(parts: list[bytes], stop: list[str]) -> str:
    """Oracle: after each piece, look for a stop string in everything so far."""
    data = b""
    for part in parts:
        data += part
        text = data.decode("utf-8", "ignore")
        found = [index for s in stop if (index := text.find(s)) >= 0]
        if found:
            return text[: min(found)]
    return data.decode("utf-8", "replace")


@given(pieces)
def test_any_bytes_in_any_pieces_decode_as_a_whole(parts: list[bytes]) -> None:
    assert read(TextStream(), parts) == b"".join(parts).decode("utf-8", "replace")


@given(texts, stops, st.lists(st.integers(0, 60), max_size=10))
def test_text_ends_before_the_first_stop_string_however_it_is_cut(
    text: str, stop: list[str], cuts: list[int]
) -> None:
    data = text.encode()
    bounds = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    parts = [data[a:b] for a, b in itertools.pairwise(bounds)]
    assert read(TextStream(stop), parts) == cut_as_read(parts, stop)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_stop_string_is_never_shown_in_part(size: int) -> None:
    data = b"answer</s>rest"
    stream = TextStream(["</s>"])
    shown = ""
    for start in range(0, len(data), size):
        shown += stream.push(data[start : start + size])
        assert "<" not in shown
    assert shown == "answer"
    assert stream.stopped


def test_a_held_back_tail_is_shown_at_the_end() -> None:
    stream = TextStream(["STOP"])
    assert stream.push(b"all ST") == "all "
    assert stream.finish() == "ST"
