"""A misspelt word of a question is read as the passages spell it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.spelling import as_spelled, edit_distance, with_their_umlauts

TEXTS = ["Library membership is free.", "The agreement was signed for the client.", "A horse."]
WORDS = frozenset(
    ["who", "signed", "the", "for", "library", "house", "is", "free", "horse", "client"]
)
LETTERS = st.text("abc", max_size=7)


def distance(one: str, other: str) -> int:
    """Optimal string alignment, the whole table."""
    table: dict[tuple[int, int], int] = {}
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                table[i, j] = i + j
                continue
            changed = table[i - 1, j - 1] + (one[i - 1] != other[j - 1])
            table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(one), len(other)]


@given(LETTERS, LETTERS, st.integers(0, 8))
def test_the_distance_is_that_of_the_whole_table(one: str, other: str, most: int) -> None:
    assert edit_distance(one, other, most=most) == min(distance(one, other), most + 1)


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("Is libary memebrship free?", "Is library membership free?"),
        ("who signed the agrement for the cleint", "who signed the agreement for the client"),
        ("Is the house free?", "Is the house free?"),  # a word, though no text has it
        ("Is the Zugspitze free?", "Is the Zugspitze free?"),  # near to nothing
        ("Is the clien here?", "Is the clien here?"),  # too short to be told
        ("Is the lbrry free?", "Is the lbrry free?"),  # two letters
        ("", ""),
    ],
)
def test_what_nobody_knows_is_read_as_the_nearest_word(question: str, read: str) -> None:
    """A letter too few in two words, and nothing was found to answer the question."""
    assert as_spelled(question, TEXTS, is_word=WORDS.__contains__) == read


def test_a_word_with_two_as_near_stays() -> None:
    texts = ["bricks", "blocks"]
    assert as_spelled("Are brocks here?", texts, is_word=lambda _: False) == "Are brocks here?"


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=3))
def test_what_the_texts_have_stays(question: str, texts: list[str]) -> None:
    assert as_spelled(question, [*texts, question], is_word=lambda _: False) == question


@pytest.mark.parametrize(
    ("question", "text", "read"),
    [
        ("Werden Kühlschränke geholt?", "Kuehlschraenke nicht", "Werden kuehlschraenke geholt?"),
        ("Wo ist die Muehlenstrasse?", "in der Mühlenstraße 5", "Wo ist die mühlenstrasse?"),
        ("Ist die Straße gesperrt?", "Die Strasse ist gesperrt.", "Ist die Straße gesperrt?"),
        ("Wie neu ist die Mauer?", "Die neue Mauer ist hoch.", "Wie neu ist die Mauer?"),
        ("Wo ist die Mühle?", "Die Mühle und die Muehle.", "Wo ist die Mühle?"),
    ],
)
def test_umlauts_are_read_as_the_texts_write_them(question: str, text: str, read: str) -> None:
    """Of a note that a keyboard without umlauts wrote, nothing was found to answer."""
    assert with_their_umlauts(question, [text]) == read
