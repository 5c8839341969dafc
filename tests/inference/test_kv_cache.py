"""The ledger against an oracle: a cache simulated cell by cell, as llama.cpp keeps it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.kv_cache import Key, KVCache, RunningCells, common_prefix_length

RUNNING = range(3)


class SimulatedCells:
    """Cells as llama.cpp has them: a position, a token, and the set of sequences that use it."""

    def __init__(self) -> None:
        self.cells: list[tuple[int, int, set[int]]] = []

    def compute(self, sequence: int, position: int, token: int) -> None:
        assert position == len(self.tokens_of(sequence)), "positions continue a sequence exactly"
        self.cells.append((position, token, {sequence}))

    def copy_cells(self, source: int, target: int, start: int, end: int) -> None:
        for position, _, users in self.cells:
            if source in users and start <= position < end:
                users.add(target)

    def remove_cells(self, sequence: int, start: int = 0, end: int = -1) -> None:
        for position, _, users in self.cells:
            if position >= start and (end < 0 or position < end):
                users.discard(sequence)
        self.cells = [cell for cell in self.cells if cell[2]]

    def tokens_of(self, sequence: int) -> list[int]:
        held = sorted((p, t) for p, t, users in self.cells if sequence in users)
        positions = [p for p, _ in held]
        if sequence in RUNNING:
            assert positions == list(range(len(positions))), "no gap and no double position"
        return [t for _, t in held]


def key(*tokens: int) -> Key:
    return np.array(tokens, dtype=np.int32)


class Driver:
    """A cache, its simulation, and what each running sequence should contain."""

    def __init__(self, total: int = 64, retained_ids: int = 6, retained_limit: int = 32) -> None:
        self.cells = SimulatedCells()
        self.cache = KVCache(
            self.cells,
            total=total,
            running_ids=RUNNING,
            retained_ids=range(len(RUNNING), len(RUNNING) + retained_ids),
            retained_limit=retained_limit,
        )
        self.content: dict[RunningCells, list[int]] = {}

    def start(self, tokens: list[int]) -> RunningCells:
        running = self.cache.start(key(*tokens))
        self.content[running] = tokens[: running.length]
        return running

    def compute(self, running: RunningCells, tokens: list[int]) -> None:
        for token in tokens:
            self.cells.compute(running.sequence, running.length, token)
            self.cache.grow(running, 1)
            self.content[running].append(token)

    def publish(self, running: RunningCells) -> None:
        self.cache.publish(running, key(*self.content[running]))

    def release(self, running: RunningCells) -> None:
        del self.content[running]
        self.cache.release(running)

    def check(self) -> None:
        self.cache.check()
        assert self.cache.used == len(self.cells.cells), "ledger equals cache"
        for running, tokens in self.content.items():
            assert self.cells.tokens_of(running.sequence) == tokens


def test_a_published_prefix_is_shared_and_computed_once() -> None:
    driver = Driver()
    first = driver.start([1, 2, 3, 4])
    driver.compute(first, [1, 2, 3, 4])
    driver.publish(first)
    second = driver.start([1, 2, 3, 9])
    assert second.length == 3
    assert len(driver.cells.cells) == 4
    driver.check()


def test_a_prefix_is_matched_inside_an_edge_and_from_a_running_sequence() -> None:
    driver = Driver()
    first = driver.start([1, 2, 3, 4, 5, 6])
    driver.compute(first, [1, 2, 3, 4])
    driver.publish(first)
    driver.compute(first, [5, 6])
    driver.publish(first)
    assert driver.cache.match(key(1, 2, 3, 4, 5, 7)) == 5
    second = driver.start([1, 2, 7])
    driver.compute(second, [7])
    driver.publish(second)
    driver.release(first)
    driver.release(second)
    assert driver.cache.match(key(1, 2, 3, 4, 5, 6)) == 6
    assert driver.cache.match(key(1, 2, 7)) == 3
    driver.check()


def test_the_same_text_computed_twice_is_kept_once() -> None:
    driver = Driver()
    first, second = driver.start([1, 2, 3]), driver.start([1, 2, 3])
    for running in (first, second):
        driver.compute(running, [1, 2, 3])
    assert len(driver.cells.cells) == 6
    driver.publish(first)
    driver.publish(second)
    assert len(driver.cells.cells) == 3
    driver.check()


def test_the_least_recently_used_prefix_is_evicted_first_and_running_ones_never() -> None:
    driver = Driver(total=12, retained_limit=12)
    for tokens in ([1, 1, 1], [2, 2, 2], [3, 3, 3]):
        running = driver.start(tokens)
        driver.compute(running, tokens)
        driver.publish(running)
        driver.release(running)
    user = driver.start([1, 1, 1])
    assert driver.cache.make_room(6)
    assert driver.cache.match(key(2, 2, 2)) == 0
    assert driver.cache.match(key(3, 3, 3)) == 3
    assert driver.cache.make_room(9)
    assert not driver.cache.make_room(10)
    assert user.length == 3
    driver.check()


def test_without_retained_ids_nothing_is_kept() -> None:
    driver = Driver(retained_ids=0)
    first = driver.start([1, 2])
    driver.compute(first, [1, 2])
    driver.publish(first)
    driver.release(first)
    assert driver.cache.used == 0


def test_shared_cells_cannot_be_truncated() -> None:
    driver = Driver()
    first = driver.start([1, 2])
    driver.compute(first, [1, 2])
    driver.publish(first)
    with pytest.raises(ValueError, match="cannot truncate"):
        driver.cache.truncate(first, 1)


# Few token values and short texts make shared prefixes, splits and duplicates frequent.
texts = st.lists(st.integers(0, 2), min_size=1, max_size=8)
actions = st.one_of(
    st.tuples(st.just("start"), texts),
    st.tuples(st.just("compute"), st.integers(0, 2), texts),
    st.tuples(st.just("publish"), st.integers(0, 2), st.integers(0, 8)),
    st.tuples(st.just("truncate"), st.integers(0, 2), st.integers(0, 8)),
    st.tuples(st.just("release"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("room"), st.integers(0, 40)),
)


@given(st.lists(actions, max_size=40), st.integers(0, 5))
def test_ledger_equals_cache_whatever_happens(steps: list[tuple], retained_ids: int) -> None:  # type: ignore[type-arg]
    driver = Driver(total=400, retained_ids=retained_ids, retained_limit=10)
    running: list[RunningCells] = []
    for step in steps:
        match step:
            case ("start", tokens) if driver.cache.can_start:
                running.append(driver.start(tokens))
            case ("compute", index, tokens) if index < len(running):
                driver.compute(running[index], tokens)
            case ("publish", index, count) if index < len(running):
                item = running[index]
                driver.cache.publish(item, key(*driver.content[item][:count]))
            case ("truncate", index, count) if index < len(running):
                item = running[index]
                length = max(item.shared, item.length - count)
                driver.cache.truncate(item, length)
                driver.content[item] = driver.content[item][:length]
            case ("release", index, publish) if index < len(running):
                item = running.pop(index)
                if publish:
                    driver.publish(item)
                driver.release(item)
            case ("room", count):
                driver.cache.make_room(count)
        driver.check()
    for item in running:
        driver.release(item)
    driver.cache.drop_retained()
    assert driver.cells.cells == []


@given(texts, texts)
def test_common_prefix_length_is_that_of_a_loop(left: list[int], right: list[int]) -> None:
    count = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        count += 1
    assert common_prefix_length(key(*left), key(*right)) == count
