"""One request's state inside the engine, and the engine's running totals. Plain data."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, field

import numpy as np

from inference.detokenizer import TextStream
from inference.drafting import NGramDrafter
from inference.kv_cache import Key, RunningCells
from inference.request import FinishReason, InferenceError, Priority, Request, TokenEvent, Usage
from inference.sampling import Sampler

Sink = Callable[["TokenEvent | InferenceError"], None]


@dataclass(frozen=True, slots=True)
class PlacedBlock:
    """Tokens [start, end) of a prompt whose state is placed from a saved block.

    identity: the block's, in the BlockStore. skip: the block's leading tokens that are computed
    anew instead; `start` is after them. exact: it stands where it was computed, so that its state
    is what computing it in place gives.
    """

    start: int
    end: int
    identity: str
    skip: int = 0
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Tokens [start, end) that are computed. before: a block that is placed first, up to start."""

    start: int
    end: int
    before: PlacedBlock | None = None


@dataclass(slots=True, eq=False)
class Completion:
    """One request on its way through the engine, or a passage block being built.

    submitted: monotonic seconds. blocks: passages that are placed instead of computed, in order.
    build: the identity of the block that these tokens make, "" for a request.
    building: the engine's: identities of the blocks that requests wait for.
    bridges: whether one batch may hold tokens from both sides of a placed block.
    was_refused: llama.cpp had no room for its last batch, though it was alone.
    """

    request: Request
    sink: Sink
    submitted: float
    build: str = ""
    blocks: tuple[PlacedBlock, ...] = ()
    building: Set[str] = frozenset()
    bridges: bool = False
    was_refused: bool = False
    tokens: list[int] = field(init=False)
    cells: RunningCells | None = None
    sampler: Sampler | None = None
    text: TextStream = field(init=False)
    drafter: NGramDrafter | None = None
    cancelled: bool = False  # set by any thread, read by the engine
    usage: Usage | None = None
    cached_tokens: int | None = None
    scheduled: float | None = None
    first_token: float | None = None
    latest_token: float | None = None
    drafted: int = 0
    accepted: int = 0

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt.tokens)
        self.text = TextStream(self.request.sampling.stop)

    @property
    def priority(self) -> Priority:
        return self.request.priority

    @property
    def client(self) -> str:
        return self.request.client

    @property
    def computed(self) -> int:
        return self.cells.length if self.cells else 0

    @property
    def next_block(self) -> PlacedBlock | None:
        """The first block of which something is still missing."""
        return next((block for block in self.blocks if block.end > self.computed), None)

    @property
    def pending_tokens(self) -> int:
        """Tokens that the next batch may compute."""
        return sum(stretch.end - stretch.start for stretch in self.stretches())

    @property
    def pending_cells(self) -> int:
        """Cells that those tokens take, with the blocks between them."""
        return max((stretch.end for stretch in self.stretches()), default=self.computed) - (
            self.computed
        )

    def stretches(self) -> Iterator[Stretch]:
        """What the next batch may compute, in order, with the block that is placed before each.

        It ends before a block that is still being built.
        """
        position, before = self.computed, None
        for block in self.blocks:
            if block.end <= position:
                continue
            if block.start > position:
                yield Stretch(position, block.start, before)
            if block.identity in self.building or (block.start > position and not self.bridges):
                return
            position, before = block.end, block
        if position < len(self.tokens):
            yield Stretch(position, len(self.tokens), before)

    def drop_block(self, block: PlacedBlock) -> None:
        """It is not to be had any more: its tokens are computed as any others."""
        self.blocks = tuple(other for other in self.blocks if other is not block)

    @property
    def tokens_to_answer(self) -> int:
        """Tokens to compute before the next one is sampled; those of blocks need not be."""
        placed = sum(max(0, b.end - max(b.start, self.computed)) for b in self.blocks)
        return len(self.tokens) - self.computed - placed

    @property
    def at_end(self) -> bool:
        """True when one token is left to compute: the next step samples."""
        return self.computed == len(self.tokens) - 1

    @property
    def completion_tokens(self) -> int:
        return len(self.tokens) - len(self.request.prompt.tokens)

    @property
    def tokens_left(self) -> int:
        return self.request.sampling.max_tokens - self.completion_tokens

    @property
    def key(self) -> Key:
        """What can be shared: all but the last token, which is always computed for its logits."""
        return self.key_of(len(self.tokens) - 1)

    def key_of(self, count: int) -> Key:
        """The first `count` tokens as the cache tells them apart.

        Tokens of a placed block are negative: their state is not that of the same tokens computed
        in place, and must not be taken for it.
        """
        key = np.array(self.tokens[:count], dtype=np.int32)
        for block in self.blocks:
            if not block.exact:
                part = key[block.start : block.end]
                part[:] = -1 - part
        return key

    def expired(self, now: float) -> bool:
        limit = self.request.deadline_seconds
        return limit is not None and now - self.submitted > limit


@dataclass(slots=True)
class Counters:
    """Running totals and recent latencies; read by other threads, written by the engine's."""

    requests: dict[FinishReason, int] = field(
        default_factory=lambda: dict.fromkeys(FinishReason, 0)
    )
    steps: int = 0
    step_seconds: float = 0.0
    decode_seconds: float = 0.0  # inside llama_decode
    rows: int = 0
    prompt_tokens_computed: int = 0
    prompt_tokens_reused: int = 0
    completion_tokens: int = 0
    preemptions: int = 0
    drafted_tokens: int = 0
    accepted_draft_tokens: int = 0
    failed_batches: int = 0
    first_token_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=1024))
    inter_token_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=4096))
    request_seconds: deque[float] = field(default_factory=lambda: deque(maxlen=64))
