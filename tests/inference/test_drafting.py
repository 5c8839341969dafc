"""Drafts are what followed the same words before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference.drafting import (
    LONGEST_DRAFT_TOKENS,
    LONGEST_NGRAM,
    PRIOR,
    SHORTEST_NGRAM,
    NGramDrafter,
)

CHEAP = 0.01  # nearly any chance is worth a row


def test_what_followed_the_longest_repeated_end_is_proposed() -> None:
    tokens = [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 2, 3]
    assert NGramDrafter().propose(tokens, limit=4, worth=CHEAP) == [4, 5, 6, 7]
    assert NGramDrafter().propose(tokens, limit=2, worth=CHEAP) == [4, 5]


def test_nothing_is_proposed_without_a_repetition() -> None:
    assert NGramDrafter().propose([1, 2, 3, 4], limit=8, worth=CHEAP) == []


def test_a_draft_is_as_long_as_its_last_token_is_worth_its_row() -> None:
    """0.75 a token: 0.75, 0.5625, 0.42, ... of which two are above a half."""
    tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4]
    assert NGramDrafter().chance(4) == PRIOR[4] == 0.75
    assert NGramDrafter().propose(tokens, limit=99, worth=0.5) == [5, 6]
    assert NGramDrafter().propose(tokens, limit=99, worth=0.8) == []


def test_drafts_grow_when_right_stop_when_wrong_and_are_tried_again_later() -> None:
    drafter = NGramDrafter()
    tokens = [*range(100), *range(LONGEST_NGRAM)]
    first = len(drafter.propose(tokens, limit=99, worth=0.5))
    for _ in range(3):
        drafter.record(8, 8)
    assert len(drafter.propose(tokens, limit=99, worth=0.5)) > first
    for _ in range(30):
        drafter.record(8, 0)
    assert drafter.propose(tokens, limit=99, worth=0.5) == []
    for _ in range(300):  # tokens later
        drafter.propose(tokens, limit=0, worth=0.5)
    assert drafter.propose(tokens, limit=99, worth=0.5)


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 20))
def test_a_draft_follows_an_earlier_occurrence_of_the_end(tokens: list[int], limit: int) -> None:
    drafter = NGramDrafter()
    for length in range(len(tokens)):  # fed token by token, as the engine does
        seen = tokens[: length + 1]
        draft = drafter.propose(seen, limit=limit, worth=CHEAP)
        assert len(draft) <= min(limit, LONGEST_DRAFT_TOKENS)
        if draft:
            end = tuple(seen[-SHORTEST_NGRAM:])
            places = [
                i + SHORTEST_NGRAM
                for i in range(len(seen) - SHORTEST_NGRAM)
                if tuple(seen[i : i + SHORTEST_NGRAM]) == end
            ]
            assert any(seen[place : place + len(draft)] == draft for place in places)
