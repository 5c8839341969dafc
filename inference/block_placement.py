"""Passage blocks in a running context: which passages, saved how, placed where.

Placing a block costs a copy of its state and the turn of its keys; computing the same tokens costs
a pass through the model. What is lost is what the passage would have seen of the text before it.
Sources: CacheBlend (arXiv 2405.16444), EPIC (arXiv 2410.15332), Block-Attention (arXiv
2409.15355); how much quality it costs is measured a model, see docs/decisions.md.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Protocol

import numpy as np

from inference.completion import PlacedBlock
from inference.kv_state import KVState, Rope, StateNotUnderstood, turn
from inference.llama.context import Context, DecodeStatus
from inference.passage_blocks import BlockStore
from inference.request import Prompt

logger = logging.getLogger(__name__)

# Shorter passages are computed: placing has a fixed cost of about this many tokens.
SHORTEST_BLOCK_TOKENS = 24
# `general.name` of models whose answers were measured to lose at most one point by placed passages
# with EngineConfig's number of fresh tokens: bench/passage_blocks.py, figures in docs/decisions.md.
MEASURED_MODELS = frozenset({"Qwen2.5 Coder 1.5B Instruct GGUF"})
_PROBE_TOKENS = 16
_PROBE_OFFSET = 37
# f16 keys of one token differ by rounding between two batches; a wrong rotation differs by 1.
_PROBE_TOLERANCE = 0.05


class BlockConfig(Protocol):
    """The settings that are read here; see EngineConfig."""

    @property
    def model_path(self) -> Path: ...
    @property
    def kv_type(self) -> str: ...
    @property
    def adapters(self) -> tuple[tuple[Path, float], ...]: ...
    @property
    def block_fresh_tokens(self) -> int: ...
    @property
    def block_memory_bytes(self) -> int: ...
    @property
    def block_folder(self) -> Path | None: ...
    @property
    def block_disk_bytes(self) -> int: ...


class BlockPlacement:
    """Plans, saves and places blocks. Owned by the engine's thread.

    scratch: a sequence id of `context` that nobody else uses. enabled: False plans nothing.
    bridges: whether one batch may hold tokens from both sides of a placed block; llama.cpp as it
    comes refuses it (.ci/llama_cpp/positions.patch).
    Switches itself off, with a warning, where keys cannot be moved exactly.
    """

    def __init__(
        self, context: Context, scratch: int, config: BlockConfig, *, enabled: bool
    ) -> None:
        self._context = context
        self._scratch = scratch
        self._fresh_tokens = config.block_fresh_tokens
        self._rope: Rope | None = None
        if enabled:
            self._rope = context.model.rope() if config.kv_type == "f16" else None
            if self._rope is None or not self._moves_exactly(self._rope):
                logger.warning("passage blocks are off: this model's keys cannot be moved")
                self._rope = None
        self.bridges = self.enabled and self._takes_gaps()
        self.store = BlockStore(
            _model_identity(config) if self.enabled else "",
            memory_bytes=config.block_memory_bytes,
            folder=config.block_folder,
            disk_bytes=config.block_disk_bytes,
        )

    @property
    def enabled(self) -> bool:
        """Whether passages are placed at all."""
        return self._rope is not None

    def plan(self, prompt: Prompt) -> tuple[PlacedBlock, ...]:
        """The passages of a prompt that are worth placing."""
        before = prompt.block_context
        if not self.enabled or not before:
            return ()
        blocks = []
        for start, end in prompt.passages:
            exact = prompt.tokens[:start] == before
            skip = 0 if exact else self._fresh_tokens
            if end - start - skip >= SHORTEST_BLOCK_TOKENS:
                identity = self.store.identity(before, prompt.tokens[start:end])
                blocks.append(PlacedBlock(start + skip, end, identity, skip, exact))
        return tuple(blocks)

    def save(self, identity: str, sequence: int, start: int, end: int) -> None:
        """Keep the state of a sequence's cells at [start, end) as a block."""
        # A saved state names its cells' sequence ids, and only ids that may be decoded count.
        self._context.copy_cells(sequence, self._scratch, start, end)
        state = self._context.save_sequence(self._scratch)
        self._context.remove_cells(self._scratch)
        self.store.put(identity, state)

    def place(self, identity: str, sequence: int, position: int, length: int, *, skip: int) -> bool:
        """Put a block of `length` tokens at `position`, without its first `skip` tokens.

        `sequence` must end just before them. False if the block is not to be had.
        """
        state = self._state(identity)
        if state is None or state.cells != length or self._rope is None:
            return False
        moved = state.moved(position - int(state.positions.min()), self._rope)
        if not self._context.restore_sequence(self._scratch, moved):
            self._context.remove_cells(self._scratch)
            return False
        self._context.copy_cells(self._scratch, sequence, position + skip, position + length)
        self._context.remove_cells(self._scratch)
        return True

    def _state(self, identity: str) -> KVState | None:
        data = self.store.get(identity)
        if data is None:
            return None
        try:
            return KVState(data)
        except StateNotUnderstood as error:
            logger.warning("ignoring a passage block: %s", error)
            return None

    def _moves_exactly(self, rope: Rope) -> bool:
        """Compute the same tokens at two positions and compare the first layer's keys.

        A key of the first layer depends on its token and its position alone, so turning the one
        must give the other; a scaled or otherwise unusual RoPE shows here.
        """
        tokens = np.arange(_PROBE_TOKENS) + self._context.model.tokenizer.size // 3
        try:
            near = self._first_keys(tokens, 0, rope)
            far = self._first_keys(tokens, _PROBE_OFFSET, rope)
        except StateNotUnderstood as error:
            logger.warning("%s", error)
            return False
        turn(near, _PROBE_OFFSET, rope)
        scale = float(np.abs(far).max()) or 1.0
        return float(np.abs(near.astype(np.float32) - far).max()) < _PROBE_TOLERANCE * scale

    def _takes_gaps(self) -> bool:
        """Whether a batch may fill a gap and go on behind it."""
        probe = np.resize(self._context.model.tokenizer.size // 3, 3)
        filled = np.array([0, 1, 2]), np.array([1, 3])
        statuses = []
        for positions in filled:
            statuses.append(
                self._context.decode(
                    probe[: len(positions)],
                    positions,
                    np.full(len(positions), self._scratch),
                    np.zeros(len(positions)),
                )
            )
            self._context.remove_cells(self._scratch, 1, 2)
        self._context.remove_cells(self._scratch)
        return all(status is DecodeStatus.OK for status in statuses)

    def _first_keys(
        self, tokens: np.ndarray[tuple[int], np.dtype[np.int64]], offset: int, rope: Rope
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float16]]:
        """(tokens, heads, head_size) keys of the first layer, `tokens` standing at `offset`."""
        count = offset + len(tokens)
        row = np.resize(tokens, count)
        row[offset:] = tokens
        status = self._context.decode(
            row, np.arange(count), np.full(count, self._scratch), np.zeros(count)
        )
        if status is not DecodeStatus.OK:
            raise StateNotUnderstood("the probe of passage blocks could not be computed")
        state = KVState(self._context.save_sequence(self._scratch))
        self._context.remove_cells(self._scratch)
        order = np.argsort(state.positions)
        keys = state.keys(0)[order][offset:].copy()
        return keys.reshape(len(tokens), -1, rope.head_size)


def _model_identity(config: BlockConfig) -> str:
    """A digest of the model's file, with what else its states depend on."""
    parts = [_file_digest(config.model_path), config.kv_type]
    parts += [f"{_file_digest(path)}*{scale}" for path, scale in config.adapters]
    return " ".join(parts)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
