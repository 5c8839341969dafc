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
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from inference.request import Priority

# A batch request that has waited this long competes as an interactive one: nobody starves.
AGEING_SECONDS = 30.0
# The longest pause between two tokens of a stream that a reader should see because of others.
INTER_TOKEN_SECONDS = 0.08
# The longest step while only batch requests run: somebody may come and ask meanwhile. Where nobody
# has for a while, longer ones are worth it: attention over few rows costs twice as much a row.
BATCH_STEP_SECONDS = 0.15
CALM_BATCH_STEP_SECONDS = 0.6
CALM_AFTER_SECONDS = 30.0
# Smallest useful pieces of a prompt: matrix kernels run well from about 32 rows, and an interactive
# prompt should not wait long for its first token either.
SMALLEST_CHUNK = {Priority.INTERACTIVE: 64, Priority.BATCH: 8}
SMALLEST_BATCH_STEP = 16
# A step that took so many times the usual was disturbed by something else.
DISTURBED = 3.0
# The cost of a row is told from this many steps, of which the latest 300 or so count.
LEAST_DECODE_STEPS = 20
LEAST_ROW_VARIANCE = 0.2
DECODE_MEMORY = 0.997
# Before it can be told: rows are nearly free for one sequence on a CPU, and for many on a GPU.
UNKNOWN_DRAFT_WORTH = 0.5


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
        """Tokens that the next batch may compute: 1 while decoding, more while in its prompt."""
        ...

    @property
    def tokens_to_answer(self) -> int:
        """Tokens to compute before its next one is sampled; at least the pending ones."""
        ...


T = TypeVar("T", bound=Schedulable)


@dataclass(slots=True)
class DecodeRows:
    """Seconds of a decode step as a straight line over its rows, by fading least squares."""

    _count: float = 0.0
    _rows: float = 0.0
    _seconds: float = 0.0
    _rows_squared: float = 0.0
    _product: float = 0.0

    def record(self, rows: int, seconds: float) -> None:
        """Learn from one step."""
        for name, value in (
            ("_count", 1.0),
            ("_rows", rows),
            ("_seconds", seconds),
            ("_rows_squared", rows * rows),
            ("_product", rows * seconds),
        ):
            setattr(self, name, DECODE_MEMORY * getattr(self, name) + value)

    def line(self) -> tuple[float, float] | None:
        """Seconds of a step without rows, and of each row; None before they can be told."""
        if self._count < LEAST_DECODE_STEPS:
            return None
        rows, seconds = self._rows / self._count, self._seconds / self._count
        variance = self._rows_squared / self._count - rows * rows
        if variance < LEAST_ROW_VARIANCE:
            return None
        row = (self._product / self._count - rows * seconds) / variance
        row = min(max(row, 0.0), seconds / rows)
        return seconds - row * rows, row


@dataclass(slots=True)
class StepCost:
    """What a step takes on this machine, learned from the steps that were run.

    decode_seconds: a step that only decodes. token_seconds: each further prompt token.
    """

    decode_seconds: float = 0.0
    token_seconds: float = 0.0
    _weight: float = 0.2
    _rows: DecodeRows = field(default_factory=lambda: DecodeRows())

    def record(self, seconds: float, *, decode_rows: int, prompt_rows: int) -> None:
        """Learn from one step. One that took many times the usual was disturbed, and is cut."""
        if prompt_rows == 0:
            if self.decode_seconds:
                seconds = min(seconds, DISTURBED * self.decode_seconds)
            self.decode_seconds = self._mix(self.decode_seconds, seconds)
            self._rows.record(decode_rows, seconds)
        elif prompt_rows >= SMALLEST_CHUNK[Priority.BATCH]:
            base = self.decode_seconds if decode_rows else 0.0
            self.token_seconds = self._mix(
                self.token_seconds, max(0.0, seconds - base) / prompt_rows
            )

    def _mix(self, old: float, new: float) -> float:
        return new if old == 0.0 else (1 - self._weight) * old + self._weight * new

    def draft_worth(self, decoding: int) -> float:
        """The chance of being right above which a drafted token pays, in [0.1, 0.9].

        decoding: sequences in the step. A draft pays if the time of its row, for the tokens that
        it brings, is below the time that a token takes without it.
        """
        known = self._rows.line()
        if known is None or decoding < 1:
            return UNKNOWN_DRAFT_WORTH
        base, row = known
        step = base + row * decoding
        return min(0.9, max(0.1, row * decoding / step)) if step > 0 else UNKNOWN_DRAFT_WORTH

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


def share_prompts(
    running: Iterable[T],
    cost: StepCost,
    *,
    batch_tokens: int,
    decode_rows: int,
    now: float,
    is_calm: bool = False,
) -> list[tuple[T, int]]:
    """How many tokens of which prompts the next batch holds, beside `decode_rows` other rows.

    Interactive prompts go first, and within a class those that have waited longest for what is left
    of them (Hansen's highest response ratio next): the short ones soon, which brings the most
    sequences to their first token, and the long ones in the end, however many short ones arrive.
    Batch prompts fill up what nobody would notice: the time between two tokens of a stream, or a
    step that is short enough to wait for; one that has aged gets the smallest chunk in any case.
    is_calm: nobody has asked for a while, so that a longer step is in nobody's way.
    """
    items = list(running)
    room = batch_tokens - decode_rows
    unnoticed = cost.tokens_within(INTER_TOKEN_SECONDS) or 0
    interactive = [item for item in items if item.priority is Priority.INTERACTIVE]
    streaming = any(item.pending_tokens == 1 for item in interactive)
    limits = {each: max(least, unnoticed) for each, least in SMALLEST_CHUNK.items()}
    if not streaming:
        limits[Priority.INTERACTIVE] = room
    if not interactive:
        step = CALM_BATCH_STEP_SECONDS if is_calm else BATCH_STEP_SECONDS
        short = cost.tokens_within(step) or 0
        limits[Priority.BATCH] = max(SMALLEST_BATCH_STEP, short)
    prompts = sorted(
        (item for item in items if item.pending_tokens > 1),
        key=lambda item: (
            (item.submitted - now) / item.tokens_to_answer,
            item.tokens_to_answer,
        ),
    )
    of_class = {each: [item for item in prompts if item.priority is each] for each in Priority}
    has_aged = any(effective_priority(item, now) < item.priority for item in prompts)
    kept_for_batch = SMALLEST_CHUNK[Priority.BATCH] if has_aged else 0
    shares = _filled(
        of_class[Priority.INTERACTIVE], min(room - kept_for_batch, limits[Priority.INTERACTIVE])
    )
    given = sum(count for _, count in shares)
    rest = max(min(room, limits[Priority.BATCH]) - given, min(room - given, kept_for_batch))
    return shares + _filled(of_class[Priority.BATCH], rest)


def _filled(prompts: Iterable[T], tokens: int) -> list[tuple[T, int]]:
    """As much of each prompt in turn as there are tokens left for."""
    shares = []
    for item in prompts:
        if tokens <= 0:
            break
        count = min(item.pending_tokens, tokens)
        shares.append((item, count))
        tokens -= count
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
