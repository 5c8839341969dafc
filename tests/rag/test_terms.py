from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.terms import (
    content_terms,
    figure_terms,
    is_unspaced,
    name_terms,
    normal_number,
    number_terms,
    words,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,200", "1200"),
        ("1,200.50", "1200.5"),
        ("1\u00a0234\u00a0567", "1234567"),
        ("1.234.567,5", "1234567.5"),
        ("1.250,00", "1250"),
        ("1'200", "1200"),
        ("3.0", "3"),
        ("007", "7"),
        ("0.50", "0.5"),
    ],
)
def test_spellings_of_a_number_are_one_term(one: str, other: str) -> None:
    assert normal_number(one) == normal_number(other)


@pytest.mark.parametrize(
    ("one", "other"), [("3.2", "3"), ("1.740", "1740"), ("1.5", "15"), ("12", "1.2"), ("0", "10")]
)
def test_different_numbers_are_different_terms(one: str, other: str) -> None:
    assert normal_number(one) != normal_number(other)


def test_inflected_words_share_a_term() -> None:
    assert content_terms("The bridges were opened") == content_terms("bridge opens")


def test_accents_and_case_do_not_matter() -> None:
    assert content_terms("Café ZÜRICH") == content_terms("cafe zurich")


def test_number_words_match_digits() -> None:
    assert content_terms("three weekends") == content_terms("3 weekends")


def test_unspaced_scripts_become_character_pairs() -> None:
    assert content_terms("东京塔") == {"东京", "京塔"}


def test_question_words_are_not_content() -> None:
    assert content_terms("What is it, and who says so?") == frozenset()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("It was found by Marie Curie in Paris.", {"mari", "curi", "pari"}),
        ("Revenue rose.", set()),
        ("NATO agreed.", {"nato"}),
        ("Marie Curie agreed.", {"mari", "curi"}),
        ("It rose. Sales fell.", set()),
    ],
)
def test_names_are_capitals_inside_a_sentence(text: str, names: set[str]) -> None:
    assert name_terms(text) == names


def test_numbers_are_found_next_to_units() -> None:
    assert number_terms("It costs €1,250.00 or 59mm, 20%.") == {"1250", "59", "20"}


@given(st.text(max_size=200))
def test_offsets_of_words_are_theirs(text: str) -> None:
    position = 0
    for word in words(text):
        assert 0 <= word.start < word.end <= len(text)
        assert word.term
        assert word.start >= position - 1  # pairs of an unspaced script overlap by one
        position = word.end


def test_a_code_is_one_name() -> None:
    assert content_terms("the code E08 of the T-20") == {"code", "e08", "t20"}
    assert name_terms("see E08 there") == {"e08"}
    assert number_terms("E08 59mm") == {"59"}


@pytest.mark.parametrize(
    ("text", "unspaced"),
    [
        ("香港第六届立法会选举有多少个议席？", True),
        ("東京タワーはいつ？", True),
        ("When was the bridge opened?", False),
        ("متى افتتح الجسر؟", False),
        ("What does 橋 mean in English?", False),
        ("1922?", False),
    ],
)
def test_scripts_without_spaces_are_known(text: str, unspaced: bool) -> None:
    assert is_unspaced(text) is unspaced


def test_rare_han_characters_are_compared_in_pairs_too() -> None:
    """Those beyond U+FFFF were words of a script with spaces: "𠮷野家" was "𠮷" and "野家"."""
    assert content_terms("𠮷野家") == {"𠮷野", "野家"}
    assert is_unspaced("𠮷𠮷")


@pytest.mark.parametrize(
    "text", ["፩", "\U00010a40", "²" * 5000], ids=["Ethiopic", "Kharosthi", "long"]
)
def test_digits_of_any_script_are_figures(text: str) -> None:
    """Python calls them digits and makes no number of them: an Amharic document ended a question
    for an amount with a ValueError.
    """
    assert figure_terms(text)


@pytest.mark.parametrize(
    ("text", "is_month"),
    [
        ("How many were on the list in May?", True),
        ("Due on 3 May.", True),
        ("May 3 is a holiday.", True),
        ("May we keep a dog?", False),
        ("You may keep one.", False),
    ],
)
def test_may_is_a_month_where_it_is_written_as_one(text: str, *, is_month: bool) -> None:
    """A question of May was one of any month: "may" says nothing elsewhere."""
    assert ("may" in content_terms(text)) is is_month


@pytest.mark.parametrize("question", ["whats the code", "what's the code", "I don't know the code"])
def test_contractions_carry_no_meaning(question: str) -> None:
    """ "Don't" left a "don" that every answer lacked, and "whats" a "what"."""
    assert content_terms(question) - content_terms("know") == content_terms("code")
