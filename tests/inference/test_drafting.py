"""Drafts are what followed the same words before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from inference.drafting import (
    FIRST_DRAFT_TOKENS,
    LONGEST_DRAFT_TOKENS,
    PROBATION_TOKENS,
    SHORTEST_NGRAM,
    NGramDrafter,
)


def test_what_followed_the_longest_repeated_end_is_proposed() -> None:
    tokens = [1, 2, 3, 4, 5, 6, 7, 8, 0, 9, 2, 3]
    assert NGramDrafter().propose(tokens, limit=8) == [4, 5, 6, 7]
    assert NGramDrafter().propose(tokens, limit=2) == [4, 5]


def test_nothing_is_proposed_without_a_repetition() -> None:
    assert NGramDrafter().propose([1, 2, 3, 4], limit=8) == []


def test_drafts_grow_when_accepted_and_pause_when_not() -> None:
    drafter = NGramDrafter()
    tokens = [*range(100), 0, 1, 2]
    assert len(drafter.propose(tokens, limit=99)) == FIRST_DRAFT_TOKENS
    drafter.record(FIRST_DRAFT_TOKENS, FIRST_DRAFT_TOKENS, len(tokens))
    assert len(drafter.propose(tokens, limit=99)) == 2 * FIRST_DRAFT_TOKENS
    drafter.record(PROBATION_TOKENS * 4, 0, len(tokens))
    assert drafter.propose(tokens, limit=99) == []


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(0, 20))
def test_a_draft_follows_an_earlier_occurrence_of_the_end(tokens: list[int], limit: int) -> None:
    drafter = NGramDrafter()
    for length in range(len(tokens)):  # fed token by token, as the engine does
        seen = tokens[: length + 1]
        draft = drafter.propose(seen, limit=limit)
        assert len(draft) <= min(limit, LONGEST_DRAFT_TOKENS)
        if draft:
            end = tuple(seen[-SHORTEST_NGRAM:])
            places = [
                i + SHORTEST_NGRAM
                for i in range(len(seen) - SHORTEST_NGRAM)
                if tuple(seen[i : i + SHORTEST_NGRAM]) == end
            ]
            assert any(seen[place : place + len(draft)] == draft for place in places)
