"""What of a prompt the next batch may compute, between the passages that are placed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from inference.completion import Completion, PlacedBlock
from inference.request import Prompt, Request, SamplingParams


def completion(
    length: int, *blocks: tuple[int, int], building: frozenset[str] = frozenset(), bridges: bool
) -> Completion:
    """Of a prompt of `length` tokens with blocks named b0, b1 and so on at [start, end)."""
    placed = tuple(
        PlacedBlock(start, end, f"b{number}", 0) for number, (start, end) in enumerate(blocks)
    )
    return Completion(
        Request(Prompt(tuple(range(length))), SamplingParams()),
        lambda _: None,
        0.0,
        blocks=placed,
        building=building,
        bridges=bridges,
    )


def spans(asked: Completion) -> list[tuple[int, int]]:
    return [(stretch.start, stretch.end) for stretch in asked.stretches()]


def test_one_batch_computes_what_lies_between_the_blocks() -> None:
    asked = completion(100, (10, 40), (50, 90), bridges=True)
    assert spans(asked) == [(0, 10), (40, 50), (90, 100)]
    before = [stretch.before.identity if stretch.before else "" for stretch in asked.stretches()]
    assert before == ["", "b0", "b1"]
    assert asked.pending_tokens == 30
    assert asked.pending_cells == 100


def test_without_bridges_it_ends_at_the_first_block() -> None:
    asked = completion(100, (10, 40), (50, 90), bridges=False)
    assert spans(asked) == [(0, 10)]
    assert (asked.pending_tokens, asked.pending_cells) == (10, 10)


def test_it_ends_before_a_block_that_is_being_built() -> None:
    asked = completion(100, (10, 40), (50, 90), building=frozenset({"b1"}), bridges=True)
    assert spans(asked) == [(0, 10), (40, 50)]
    waiting = completion(100, (0, 40), building=frozenset({"b0"}), bridges=True)
    assert spans(waiting) == []
    assert (waiting.pending_tokens, waiting.pending_cells) == (0, 0)


def test_a_block_that_is_gone_is_computed() -> None:
    asked = completion(100, (10, 40), (50, 90), bridges=True)
    asked.drop_block(replace(asked.blocks[0]))  # an equal one is another one
    assert len(asked.blocks) == 2
    asked.drop_block(asked.blocks[0])
    assert spans(asked) == [(0, 50), (90, 100)]


@given(cuts=st.lists(st.integers(0, 60), max_size=8).map(sorted), bridges=st.booleans())
def test_stretches_and_blocks_cover_the_prompt_once(cuts: list[int], bridges: bool) -> None:
    blocks = [(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False) if a < b]
    asked = completion(61, *blocks, bridges=bridges)
    computed = [p for start, end in spans(asked) for p in range(start, end)]
    placed = {p for start, end in blocks for p in range(start, end)}
    assert sorted(set(computed)) == computed
    assert not placed & set(computed)
    assert asked.pending_tokens == len(computed)
    if bridges:
        assert set(computed) | placed == set(range(61))
