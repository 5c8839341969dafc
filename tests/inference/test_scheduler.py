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


def test_prompts_fill_the_batch_when_nobody_reads_a_stream() -> None:
    running = [Item("prompt", pending_tokens=900)]
    assert scheduler.prompt_budget(running, StepCost(), batch_tokens=512, decode_rows=0) == 512


def test_prompts_are_cut_to_the_inter_token_target_while_somebody_reads() -> None:
    cost = StepCost()
    for _ in range(100):
        cost.record(0.02, decode_rows=1, prompt_rows=0)
        cost.record(0.02 + 0.0002 * 256, decode_rows=1, prompt_rows=256)
    running = [Item("reader"), Item("prompt", pending_tokens=900)]
    budget = scheduler.prompt_budget(running, cost, batch_tokens=512, decode_rows=1)
    # (80 ms - 20 ms) / 0.2 ms
    assert 295 <= budget <= 305


def test_a_batch_prompt_beside_a_reader_gets_the_smallest_chunk_on_a_slow_machine() -> None:
    cost = StepCost()
    cost.record(0.1, decode_rows=1, prompt_rows=0)
    cost.record(1.1, decode_rows=1, prompt_rows=100)
    running = [Item("reader"), Item("job", Priority.BATCH, pending_tokens=900)]
    budget = scheduler.prompt_budget(running, cost, batch_tokens=512, decode_rows=1)
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


@given(st.lists(items, max_size=20), st.integers(-5, 2000))
def test_shares_stay_within_budget_and_within_each_prompt(running: list[Item], budget: int) -> None:
    shares = scheduler.share_prompt_budget(running, budget)
    assert sum(count for _, count in shares) <= max(0, budget)
    assert all(1 <= count <= item.pending_tokens for item, count in shares)
    assert all(item.pending_tokens > 1 for item, _ in shares)
    prompts = sum(item.pending_tokens for item in running if item.pending_tokens > 1)
    assert sum(count for _, count in shares) == max(0, min(budget, prompts))
