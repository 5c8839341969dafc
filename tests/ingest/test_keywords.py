from __future__ import annotations

import re
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.keywords import fold, query_terms, terms

SAFE = re.compile(r"[a-z0-9.\u0080-\U0010ffff]+")


@given(st.text())
def test_terms_can_never_be_read_as_query_syntax(text: str) -> None:
    for term in terms(text):
        assert SAFE.fullmatch(term), term
        assert len(term) <= 64


@given(st.text(min_size=1))
def test_every_term_of_a_text_finds_it_in_fts5(text: str) -> None:
    found = terms(text)
    if not found:
        return
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute(
            """CREATE VIRTUAL TABLE k USING fts5 (x, tokenize = "ascii tokenchars '.'")"""
        )
        connection.execute("INSERT INTO k VALUES (?)", (" ".join(found),))
        for term in set(found):
            query = f'"{term}"'
            assert connection.execute("SELECT 1 FROM k WHERE k MATCH ?", (query,)).fetchone()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running dogs", ["run", "dog"]),
        ("Ωμέγα CAFÉ naïve", ["ωμεγα", "cafe", "naiv"]),
        ("1,234,567.89 and 3.5%", ["1234567.89", "and", "3.5"]),
        ("1'000", ["1000"]),
        ("FY2018", ["fy2018", "2018"]),
        ("10-K", ["10", "k", "10k"]),
        ("3M's dogs' t", ["3m", "dog", "t"]),
        ("人工智能", ["人工", "工智", "智能"]),
        ("水", ["水"]),
        ("한국어 문장", ["한국", "국어", "문장"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("हिन्दी भाषा।", ["हिन्द", "भाष"]),
        ("ﬁnance ＡＢＣ", ["financ", "abc"]),
        ("العَرَبِيَّة", ["عرب"]),
        ("книги книга", ["книг", "книг"]),
        ("!?…", []),
    ],
)
def test_each_script_gives_its_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


def test_a_question_loses_its_function_words() -> None:
    question = "What is the revenue of the company in 2023?"
    assert query_terms(question) == ["revenu", "compani", "2023"]


def test_a_question_of_function_words_alone_keeps_them() -> None:
    assert query_terms("who is who?") == ["who", "is"]


def test_a_question_has_a_bounded_number_of_distinct_terms() -> None:
    assert len(query_terms(" ".join(f"word{i} word{i}" for i in range(1000)))) == 64


def test_folding_keeps_the_vowel_signs_of_indian_scripts() -> None:
    assert fold("हिन्दी") == "हिन्दी"


def test_a_million_letters_are_one_short_term() -> None:
    assert terms("x" * 1_000_000) == ["x" * 64]
