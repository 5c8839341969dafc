"""Text inside Streamlit's Markdown labels. What a browser makes of it: tests/browser."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.escaping import one_line, plain

WORD_JOINER = "\u2060"
ESCAPED = re.compile(rf"\\([{re.escape(string.punctuation)}])")


def shown(label: str) -> str:
    """What a Markdown reader shows of a label in which only backslash escapes occur."""
    return ESCAPED.sub(r"\1", label).replace(WORD_JOINER, "")


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](https://evil.example/x.png)",
        "<img src=x onerror=alert(1)>",
        "$e^x$ `code` **bold** ~~gone~~",
        ":smile: :red[danger] :material/home:",
        "&lt;b&gt;",
        "# heading | table",
    ],
)
def test_every_mark_is_escaped_and_the_reader_sees_the_text_itself(hostile: str) -> None:
    assert shown(plain(hostile)) == hostile
    assert not re.search(r"(?<!\\)[!\[\]()<>$`*~:&#|]", plain(hostile))


@pytest.mark.parametrize("trigger", ["https://", "www.evil", "a@b.example", ":smile:"])
def test_patterns_that_outlive_escaping_are_taken_apart(trigger: str) -> None:
    unescaped = ESCAPED.sub(r"\1", plain(trigger))
    assert trigger not in unescaped


def test_line_breaks_and_control_characters_become_spaces() -> None:
    assert one_line("a\r\nb\x00c\u2028d") == "a b c d"


def test_bidirectional_overrides_are_dropped_and_joiners_kept() -> None:
    assert one_line("gpj.\u202eexe") == "gpj.exe"
    assert one_line("می\u200cخواهم") == "می\u200cخواهم"


def test_a_long_line_is_cut_with_an_ellipsis() -> None:
    assert one_line("x" * 20, limit=10) == "x" * 9 + "…"
    assert one_line("x" * 10, limit=10) == "x" * 10


@given(st.text())
def test_a_label_is_one_line_without_a_bare_mark(text: str) -> None:
    label = plain(text)
    assert len(label.splitlines()) <= 1
    bare = re.sub(r"\\.", "", label)
    assert not set(bare) & set(string.punctuation)


@given(st.text())
def test_escaping_changes_nothing_that_is_seen(text: str) -> None:
    assert shown(plain(text)) == one_line(text).replace(WORD_JOINER, "")


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_line_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(one_line(text, limit=limit)) <= limit
