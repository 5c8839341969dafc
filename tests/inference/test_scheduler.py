"""Decisions of the scheduler on plain data."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from inference import scheduler
from inference.request import Priority
from inference.scheduler import StepCost

NOW = 1000.0


@dataclass(frozen=True)
class Item:
    name: str
    priority: Priority = Priority.INTERACTIVE
    client: str = ""
    submitted: float = NOW
    pending_tokens: int = 1
    tokens_after: int = 0  # behind a passage that is placed

    @property
    def tokens_to_answer(self) -> int:
        return self.pending_tokens + self.tokens_after


def tokens_in_step(running: list[Item], cost: StepCost, *, decode_rows: int) -> int:
    shares = scheduler.share_prompts(
        running, cost, batch_tokens=512, decode_rows=decode_rows, now=NOW
    )
    return sum(count for _, count in shares)


def test_interactive_requests_go_before_batch_ones_and_old_batch_ones_age() -> None:
    batch = Item("batch", Priority.BATCH, submitted=NOW - 1)
    old = Item("old batch", Priority.BATCH, submitted=NOW - scheduler.AGEING_SECONDS)
    person = Item("person", submitted=NOW)
    order = scheduler.admission_order([batch, person, old], [], NOW)
    assert [item.name for item in order] == ["old batch", "person", "batch"]


def test_a_client_with_many_running_requests_waits_for_one_with_none() -> None:
    greedy, modest = Item("a", client="greedy", submitted=NOW - 5), Item("b", client="modest")
    order = scheduler.admission_order([greedy, modest], [Item("c", client="greedy")], NOW)
    assert [item.name for item in order] == ["b", "a"]


def test_the_prompt_that_is_nearest_to_its_answer_goes_first() -> None:
    """Stretches between placed passages were compared instead: all prompts advanced by turns."""
    far = Item("far", pending_tokens=10, tokens_after=60)
    near = Item("near", pending_tokens=30)
    shares = scheduler.share_prompts(
        [far, near], StepCost(), batch_tokens=36, decode_rows=0, now=NOW
    )
    assert [(item.name, count) for item, count in shares] == [("near", 30), ("far", 6)]


def test_a_long_prompt_is_computed_in_the_end_however_many_short_ones_arrive() -> None:
    """The shortest went first: beside seven callers with short prompts one waited for minutes."""
    long, step_seconds, step_tokens = 2000, 0.5, 100
    for step in range(200):
        now = NOW + step * step_seconds
        running = [
            Item("long", submitted=NOW, pending_tokens=long),
            *(Item(f"short {i}", submitted=now - i * 0.1, pending_tokens=60) for i in range(7)),
        ]
        for item, count in scheduler.share_prompts(
            running, StepCost(), batch_tokens=step_tokens, decode_rows=0, now=now
        ):
            long -= count if item.name == "long" else 0
        if long <= 1:
            return
    raise AssertionError(f"{long} tokens are left after {step} steps")


def test_an_aged_batch_prompt_goes_on_beside_prompts_that_somebody_waits_for() -> None:
    """It was admitted as theirs and then got nothing while there was any of them."""
    people = [Item(f"person {i}", pending_tokens=600) for i in range(3)]
    job = Item("job", Priority.BATCH, submitted=NOW - scheduler.AGEING_SECONDS, pending_tokens=900)
    shares = scheduler.share_prompts(
        [*people, job], slow_machine(), batch_tokens=512, decode_rows=0, now=NOW
    )
    assert [(item.name, count) for item, count in shares] == [("person 0", 504), ("job", 8)]


def test_prompts_fill_the_batch_when_nobody_reads_a_stream() -> None:
    running = [Item("prompt", pending_tokens=900)]
    assert tokens_in_step(running, StepCost(), decode_rows=0) == 512


def test_prompts_are_cut_to_the_inter_token_target_while_somebody_reads() -> None:
    cost = StepCost()
    for _ in range(100):
        cost.record(0.02, decode_rows=1, prompt_rows=0)
        cost.record(0.02 + 0.0002 * 256, decode_rows=1, prompt_rows=256)
    running = [Item("reader"), Item("prompt", pending_tokens=900)]
    budget = tokens_in_step(running, cost, decode_rows=1)
    # (80 ms - 20 ms) / 0.2 ms
    assert 295 <= budget <= 305


def test_a_batch_prompt_beside_a_reader_gets_the_smallest_chunk_on_a_slow_machine() -> None:
    cost = StepCost()
    cost.record(0.1, decode_rows=1, prompt_rows=0)
    cost.record(1.1, decode_rows=1, prompt_rows=100)
    running = [Item("reader"), Item("job", Priority.BATCH, pending_tokens=900)]
    budget = tokens_in_step(running, cost, decode_rows=1)
    assert budget == scheduler.SMALLEST_CHUNK[Priority.BATCH]


def test_the_victim_is_of_the_lowest_class_and_has_the_least_work_to_repeat() -> None:
    items = [
        Item("person", pending_tokens=5),
        Item("long job", Priority.BATCH, pending_tokens=90),
        Item("short job", Priority.BATCH, pending_tokens=10),
    ]
    victim = scheduler.preemption_victim(items, size=lambda item: item.pending_tokens)
    assert victim is not None
    assert victim.name == "short job"
    equals = [Item("person")]
    nobody = scheduler.preemption_victim(equals, size=lambda _: 1, below=Priority.INTERACTIVE)
    assert nobody is None


items = st.builds(
    Item,
    name=st.just(""),
    priority=st.sampled_from(Priority),
    pending_tokens=st.integers(1, 3000),
    submitted=st.floats(0, NOW),
)


def test_a_draft_is_worth_its_row_by_what_rows_and_steps_cost() -> None:
    """20 ms a step and 5 ms a row: of one sequence 5 of 25 ms, of eight 40 of 60."""
    cost = StepCost()
    assert cost.draft_worth(1) == scheduler.UNKNOWN_DRAFT_WORTH
    for step in range(200):
        rows = 1 + step % 8
        cost.record(0.02 + 0.005 * rows, decode_rows=rows, prompt_rows=0)
    assert abs(cost.draft_worth(1) - 5 / 25) < 0.01
    assert abs(cost.draft_worth(8) - 40 / 60) < 0.01
    cost.record(60.0, decode_rows=1, prompt_rows=0)  # somebody else had the machine
    assert abs(cost.draft_worth(8) - 40 / 60) < 0.1
    assert cost.decode_seconds < 0.1


def slow_machine() -> StepCost:
    """30 ms to decode, 7 ms a prompt token: a model of 1.5B parameters on two cores."""
    cost = StepCost()
    cost.record(0.03, decode_rows=1, prompt_rows=0)
    cost.record(0.03 + 0.007 * 100, decode_rows=1, prompt_rows=100)
    return cost


def test_batch_prompts_alone_run_in_steps_short_enough_to_wait_for() -> None:
    """They filled the batch: on a slow machine who asked then waited 3.7 s for the step to end."""
    running = [Item("job", Priority.BATCH, pending_tokens=2000)]
    assert 16 <= tokens_in_step(running, slow_machine(), decode_rows=0) <= 17  # 120 ms of 7 each
    fast = StepCost()
    fast.record(0.01, decode_rows=0, prompt_rows=512)
    assert tokens_in_step(running, fast, decode_rows=0) == 512


def test_batch_prompts_run_in_longer_steps_when_nobody_has_asked_for_a_while() -> None:
    """Sixteen rows at a time they took twice as long: attention over few rows costs more a row."""
    running = [Item("job", Priority.BATCH, pending_tokens=2000)]
    ((_, count),) = scheduler.share_prompts(
        running, slow_machine(), batch_tokens=512, decode_rows=0, now=NOW, is_calm=True
    )
    assert 80 <= count <= 82  # 570 ms of 7 each


def test_nothing_long_is_computed_beside_a_prompt_that_somebody_waits_for() -> None:
    """Batch prompts filled up its step, which made its first token as late as the step was long."""
    running = [Item("person", pending_tokens=60), Item("job", Priority.BATCH, pending_tokens=2000)]
    shares = scheduler.share_prompts(
        running, slow_machine(), batch_tokens=512, decode_rows=0, now=NOW
    )
    assert [(item.name, count) for item, count in shares] == [("person", 60)]


def test_batch_prompts_go_on_while_an_interactive_one_waits_for_them() -> None:
    """A question may wait for the block of a passage that a batch request is computing."""
    waiting = Item("person", pending_tokens=0)
    job = Item("job", Priority.BATCH, pending_tokens=2000)
    assert tokens_in_step([waiting, job], StepCost(), decode_rows=0) > 0


@given(
    st.lists(items, max_size=20),
    st.integers(1, 2000),
    st.integers(0, 40),
    st.sampled_from([StepCost(), slow_machine()]),
)
def test_a_step_stays_within_the_batch_and_goes_on(
    running: list[Item], batch_tokens: int, decode_rows: int, cost: StepCost
) -> None:
    shares = scheduler.share_prompts(
        running, cost, batch_tokens=batch_tokens, decode_rows=decode_rows, now=NOW
    )
    assert sum(count for _, count in shares) <= max(0, batch_tokens - decode_rows)
    assert all(1 <= count <= item.pending_tokens for item, count in shares)
    assert all(item.pending_tokens > 1 for item, _ in shares)
    if decode_rows < batch_tokens and any(item.pending_tokens > 1 for item in running):
        assert shares
