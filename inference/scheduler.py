"""Who is admitted, which tokens go into the next batch, and who gives way. Pure decisions.

Works on anything that has the few fields of `Schedulable`; knows no model and no cache.

A batch holds one row for every decoding sequence, then drafts, then pieces of prompts. A long
prompt is cut so that a step stays short while somebody is reading a stream; when nobody is, it
fills the batch. Sources: Orca (iteration-level scheduling), Sarathi-Serve (arXiv 2403.02310,
chunked prefill beside decodes).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from inference.request import Priority

# A batch request that has waited this long competes as an interactive one: nobody starves.
AGEING_SECONDS = 30.0
# The longest pause between two tokens of a stream that a reader should see because of others.
INTER_TOKEN_SECONDS = 0.08
# Smallest useful pieces of a prompt beside decoding sequences: matrix kernels run well from about
# 32 rows, and an interactive prompt should not wait long for its first token either.
SMALLEST_CHUNK = {Priority.INTERACTIVE: 64, Priority.BATCH: 16}


class Schedulable(Protocol):
    """What a decision looks at."""

    @property
    def priority(self) -> Priority:
        """The request's class."""
        ...

    @property
    def client(self) -> str:
        """Who asked."""
        ...

    @property
    def submitted(self) -> float:
        """Monotonic seconds."""
        ...

    @property
    def pending_tokens(self) -> int:
        """Tokens not computed yet: 1 while decoding, more while its prompt is computed."""
        ...


T = TypeVar("T", bound=Schedulable)


@dataclass(slots=True)
class StepCost:
    """What a step takes on this machine, learned from the steps that were run.

    decode_seconds: a step that only decodes. token_seconds: each further prompt token.
    """

    decode_seconds: float = 0.0
    token_seconds: float = 0.0
    _weight: float = 0.2

    def record(self, seconds: float, *, decode_rows: int, prompt_rows: int) -> None:
        """Learn from one step."""
        if prompt_rows == 0:
            self.decode_seconds = self._mix(self.decode_seconds, seconds)
        elif prompt_rows >= 16:
            base = self.decode_seconds if decode_rows else 0.0
            self.token_seconds = self._mix(
                self.token_seconds, max(0.0, seconds - base) / prompt_rows
            )

    def _mix(self, old: float, new: float) -> float:
        return new if old == 0.0 else (1 - self._weight) * old + self._weight * new

    def tokens_within(self, seconds: float) -> int | None:
        """Prompt tokens that fit beside decoding in a step of `seconds`; None if unknown."""
        if self.token_seconds == 0.0:
            return None
        return int(max(0.0, seconds - self.decode_seconds) / self.token_seconds)


def effective_priority(item: Schedulable, now: float) -> Priority:
    """The class an item competes in: a batch request ages into an interactive one."""
    if now - item.submitted >= AGEING_SECONDS:
        return Priority.INTERACTIVE
    return item.priority


def admission_order(waiting: Iterable[T], running: Sequence[Schedulable], now: float) -> list[T]:
    """Waiting items, next first: by class, then clients with fewer running, then arrival."""
    active = Counter(item.client for item in running)
    return sorted(
        waiting,
        key=lambda item: (effective_priority(item, now), active[item.client], item.submitted),
    )


def prompt_budget(
    running: Sequence[Schedulable], cost: StepCost, *, batch_tokens: int, decode_rows: int
) -> int:
    """How many prompt tokens the next batch may hold."""
    room = batch_tokens - decode_rows
    streaming = any(
        item.pending_tokens == 1 and item.priority is Priority.INTERACTIVE for item in running
    )
    if not streaming:
        return room
    prompts = [item.priority for item in running if item.pending_tokens > 1]
    smallest = SMALLEST_CHUNK[min(prompts, default=Priority.BATCH)]
    within = cost.tokens_within(INTER_TOKEN_SECONDS)
    return min(room, max(smallest, within if within is not None else smallest))


def share_prompt_budget(running: Iterable[T], budget: int) -> list[tuple[T, int]]:
    """Give the budget to the prompts: by class, then the shortest remaining first.

    Shortest first brings the most sequences to their first token soonest and lets them decode
    while the long ones are computed. Ageing in admission keeps the long ones from starving.
    """
    order = sorted(
        (item for item in running if item.pending_tokens > 1),
        key=lambda item: (item.priority, item.pending_tokens, item.submitted),
    )
    shares = []
    for item in order:
        if budget <= 0:
            break
        count = min(item.pending_tokens, budget)
        shares.append((item, count))
        budget -= count
    return shares


def preemption_victim(
    running: Iterable[T], *, size: Callable[[T], int], below: Priority | None = None
) -> T | None:
    """Who gives its cells back: lowest class first, then the least work to repeat.

    size: tokens to compute again. below: only items of a strictly lower class than this.
    """
    candidates = [item for item in running if below is None or item.priority > below]
    if not candidates:
        return None
    return min(candidates, key=lambda item: (-item.priority, size(item), -item.submitted))
