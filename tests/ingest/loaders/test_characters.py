from __future__ import annotations

import json
import sqlite3
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ingest.loaders.characters import clean_text, one_line

# Hypothesis leaves lone surrogates out of text() unless they are asked for.
ANY_TEXT = st.text(st.characters(codec=None))


@given(ANY_TEXT)
def test_clean_text_survives_sqlite_and_json(text: str) -> None:
    cleaned = clean_text(text)
    with sqlite3.connect(":memory:") as connection:
        (back,) = connection.execute("SELECT substr(?1, 1, length(?1))", (cleaned,)).fetchone()
    connection.close()
    assert back == cleaned
    assert json.loads(json.dumps(cleaned).encode("utf-8")) == cleaned


@given(ANY_TEXT)
def test_cleaning_is_idempotent_and_leaves_no_controls(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert all(c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs") for c in cleaned)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs", "M", "S"])))
def test_ordinary_text_is_untouched(text: str) -> None:
    assert clean_text(text) == text


def test_line_ends_of_every_system_become_newlines() -> None:
    assert clean_text("a\r\nb\rc\u2028d\x0ce") == "a\nb\nc\nd\ne"


def test_soft_hyphens_join_words_also_over_a_line_end() -> None:
    assert clean_text("Donau\u00addampf\u00ad \nschiff") == "Donaudampfschiff"


def test_one_line_drops_marks_that_turn_text_around() -> None:
    assert one_line(" a\n\tb\u202egpj.exe\x00 ") == "a b gpj.exe"


def test_one_line_is_bounded() -> None:
    assert one_line("word " * 1000, max_characters=11) == "word word w"
