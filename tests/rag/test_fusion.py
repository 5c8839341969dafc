from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.fusion import DENSE_WEIGHT, MOST_BONUS, Fused, dense_weight_for, follow, fuse, lift

ranked = st.dictionaries(st.integers(1, 30), st.floats(0, 50, allow_nan=False), max_size=20).map(
    lambda found: sorted(found.items(), key=lambda item: -item[1])
)


def test_a_worked_example() -> None:
    # dense scaled: 1 -> 1.0, 2 -> 0.5, 3 -> 0.0.  keyword scaled: 3 -> 1.0, 1 -> 0.25.
    fused = fuse([(1, 0.9), (2, 0.7), (3, 0.5)], [(3, 8.0), (1, 2.0)], dense_weight=0.6)
    assert [(f.chunk_id, round(f.similarity, 6)) for f in fused] == [(1, 0.7), (3, 0.4), (2, 0.3)]
    assert (fused[0].dense_similarity, fused[0].keyword_similarity) == (0.9, 2.0)
    assert fused[2].keyword_similarity is None


def test_the_only_list_decides_alone() -> None:
    assert [f.chunk_id for f in fuse([(1, 0.9), (2, 0.1)], [])] == [1, 2]
    assert [f.chunk_id for f in fuse([], [(2, 3.0), (1, 1.0)])] == [2, 1]
    assert fuse([], []) == []


def test_equal_similarities_go_by_id() -> None:
    assert [f.chunk_id for f in fuse([(7, 0.5), (3, 0.5)], [])] == [3, 7]


def test_weight_zero_is_the_keyword_order() -> None:
    fused = fuse([(1, 0.9), (2, 0.8)], [(2, 5.0), (1, 4.0)], dense_weight=0.0)
    assert [f.chunk_id for f in fused] == [2, 1]


@given(ranked, ranked, st.floats(0, 1))
def test_every_candidate_comes_back_once_in_order_and_in_range(
    dense: list[tuple[int, float]], keyword: list[tuple[int, float]], weight: float
) -> None:
    fused = fuse(dense, keyword, dense_weight=weight)
    assert sorted(f.chunk_id for f in fused) == sorted(dict(dense).keys() | dict(keyword).keys())
    similarities = [f.similarity for f in fused]
    assert similarities == sorted(similarities, reverse=True)
    assert all(0.0 <= s <= 1.0 + 1e-9 for s in similarities)


def test_a_weight_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match="dense_weight"):
        fuse([], [], dense_weight=1.5)


@pytest.mark.parametrize(
    ("letters", "tokens", "weight"),
    [(41, 10, DENSE_WEIGHT), (10, 10, 0.0), (0, 0, DENSE_WEIGHT)],
    ids=["known language", "one token a character", "nothing"],
)
def test_the_dense_side_counts_as_far_as_it_knows_the_language(
    letters: int, tokens: int, weight: float
) -> None:
    assert dense_weight_for(letters, tokens) == pytest.approx(weight)


def test_a_half_known_language_counts_in_between() -> None:
    assert 0.0 < dense_weight_for(25, 10) < DENSE_WEIGHT


def test_a_linked_candidate_comes_up_behind_its_source_and_no_further() -> None:
    fused = [Fused(1, 0.8, None, None), Fused(2, 0.6, None, None), Fused(3, 0.5, None, None)]
    assert [f.chunk_id for f in follow(fused, {3: 1}, share=0.4)] == [1, 3, 2]
    assert [f.chunk_id for f in follow(fused, {3: 2}, share=0.4)] == [1, 2, 3]
    assert follow(fused, {1: 2}, share=0.4) == fused


def test_a_bonus_reorders_and_similarities_stay_comparable() -> None:
    fused = [Fused(1, 0.8, None, None), Fused(2, 0.6, None, None)]
    lifted = lift(fused, {2: 0.4})
    assert [f.chunk_id for f in lifted] == [2, 1]
    assert lifted[0].similarity == pytest.approx((0.6 + 0.4) / (1.0 + MOST_BONUS))


def test_cosines_below_the_floor_are_worth_nothing() -> None:
    fused = fuse([(1, 0.9), (2, 0.5), (3, 0.1)], [(3, 2.0)], dense_floor=0.5)
    assert {f.chunk_id: f.similarity for f in fused} == {1: 0.5, 2: 0.0, 3: 0.5}


def test_what_is_pointed_at_gains_its_bonus_on_the_scale_of_lift_and_stays_behind() -> None:
    fused = [Fused(1, 0.8, None, None), Fused(2, 0.3, None, None), Fused(3, 0.2, None, None)]
    unit = 0.1 * (1.0 + MOST_BONUS)  # what lift() makes .1 of
    followed = follow(fused, {3: 1}, share=0.25, bonus={2: unit, 3: unit})
    assert [(f.chunk_id, round(f.similarity, 6)) for f in followed] == [
        (1, 0.8),
        (3, 0.5),
        (2, 0.3),
    ]
    followed = follow(fused, {3: 1}, share=0.25, bonus={3: 9 * unit})
    assert [f.chunk_id for f in followed] == [1, 3, 2]
