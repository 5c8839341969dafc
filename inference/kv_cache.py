"""The ledger of KV cells: who holds which, what may be shared, what is kept for later.

llama.cpp tags every cell with the set of sequence ids that use it. With a unified cache a prefix is
shared by adding an id to its cells, at token granularity and free of cost. Two kinds of ids exist
here: *running* ones, which a request decodes with, and *retained* ones, each of which keeps the
cells of one edge of a radix tree over token ids. A prompt is looked up in the tree, shares the
cells of the longest path it has in common with it, and computes only the rest.

Invariant, checked by `check`: cells in use = tokens in the tree + private tokens of the running
sequences. Nothing here knows llama.cpp: the cache it keeps books for is a `CellOps`.

Sources: the radix tree is that of SGLang's RadixAttention (arXiv 2312.07104); one sequence id an
edge is our way of giving its nodes to llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Key = npt.NDArray[np.int32]


class CellOps(Protocol):
    """The two operations on cells that the ledger asks for. Positions are half-open ranges."""

    def copy_cells(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` share the cells of `source` at [start, end)."""
        ...

    def remove_cells(self, sequence: int, start: int = 0, end: int = -1) -> None:
        """Take `sequence` off its cells at [start, end); -1 is the last."""
        ...


@dataclass(slots=True, eq=False)
class _Node:
    """One edge of the tree: tokens at positions [start, start + len(key)), held by `sequence`.

    locks: running sequences whose shared prefix reaches into this node or below it.
    """

    key: Key
    start: int
    sequence: int
    parent: _Node | None
    last_used: int = 0
    locks: int = 0
    children: dict[int, _Node] = field(default_factory=dict)

    @property
    def end(self) -> int:
        return self.start + len(self.key)


@dataclass(slots=True, eq=False)
class RunningCells:
    """The cells of one running sequence.

    length: cells held, at positions [0, length). shared: the first `shared` of them belong to the
    tree; the others are private.
    """

    sequence: int
    length: int
    shared: int
    _node: _Node  # deepest locked node

    @property
    def private(self) -> int:
        return self.length - self.shared


class KVCache:
    """Books for `total` cells.

    running_ids: sequence ids for requests, retained_ids: for edges of the tree (none switches the
    tree off). retained_limit: most cells kept for nobody in particular.
    """

    def __init__(
        self,
        ops: CellOps,
        *,
        total: int,
        running_ids: range,
        retained_ids: range,
        retained_limit: int,
    ) -> None:
        self._ops = ops
        self.total = total
        self.retained_limit = retained_limit
        self._free_running = list(reversed(running_ids))
        self._free_retained = list(reversed(retained_ids))
        self._root = _Node(np.empty(0, np.int32), 0, -1, None)
        self._tree_cells = 0
        self._running: set[RunningCells] = set()
        self._clock = 0
        self.evicted_cells = 0

    # --- figures ------------------------------------------------------------------------------

    @property
    def used(self) -> int:
        """Cells that hold something."""
        return self._tree_cells + sum(cells.private for cells in self._running)

    @property
    def free(self) -> int:
        """Cells that hold nothing."""
        return self.total - self.used

    @property
    def retained(self) -> int:
        """Cells that no running sequence uses: what `make_room` can free."""
        return sum(len(node.key) for node in self._nodes() if node.locks == 0)

    @property
    def can_start(self) -> bool:
        """True if a sequence id is free."""
        return bool(self._free_running)

    # --- life of a sequence -------------------------------------------------------------------

    def match(self, key: Key) -> int:
        """Length of the longest prefix of `key` that is in the tree. Changes nothing."""
        return sum(count for _, count in self._walk(key))

    def start(self, key: Key) -> RunningCells:
        """Begin a sequence; it shares the longest prefix of `key` that is in the tree.

        Pass the prompt without its last token: that one is always computed, for its logits.
        """
        if not self._free_running:
            raise RuntimeError("no free sequence id; ask can_start first")
        self._clock += 1
        sequence = self._free_running.pop()
        node, length = self._root, 0
        for node, count in self._walk(key):
            node.last_used = self._clock
            self._ops.copy_cells(node.sequence, sequence, node.start, node.start + count)
            length += count
        _lock(node)
        cells = RunningCells(sequence, length, length, node)
        self._running.add(cells)
        return cells

    def grow(self, cells: RunningCells, count: int) -> None:
        """`count` more tokens of the sequence were computed."""
        cells.length += count

    def truncate(self, cells: RunningCells, length: int) -> None:
        """Take back private cells from `length` on (rejected drafts, a failed batch)."""
        if not cells.shared <= length <= cells.length:
            raise ValueError(f"cannot truncate {cells.length} cells to {length}")
        if length < cells.length:
            self._ops.remove_cells(cells.sequence, length, -1)
            cells.length = length

    def publish(self, cells: RunningCells, key: Key) -> None:
        """Put the sequence's first len(key) tokens into the tree, so that others can share them.

        What is there already is shared from now on, and the sequence's own copy given back. If no
        retained id can be had, less is published.
        """
        key = key[: cells.length]
        if len(key) <= cells.shared:
            return
        self._clock += 1
        node, reached = self._root, 0
        for step, count in self._walk(key):
            step.last_used = self._clock
            # [.. shared ..][.. private, but in the tree ..][.. new ..]
            low, high = max(step.start, cells.shared), step.start + count
            if low < high:
                self._ops.remove_cells(cells.sequence, low, high)
                self._ops.copy_cells(step.sequence, cells.sequence, low, high)
            node, reached = step, step.start + count
        cells.shared = max(cells.shared, reached)
        self._relock(cells, node)
        if reached < len(key):
            self._add_tail(cells, node, reached, key)

    def _add_tail(self, cells: RunningCells, node: _Node, reached: int, key: Key) -> None:
        """Add key[reached:] under `node`, which matches key up to `reached`."""
        if reached < node.end:
            if not self._split(node, reached - node.start):
                return
            # `node` keeps the lower half; the upper half is its new parent.
            assert node.parent is not None
            node = node.parent
            self._relock(cells, node)
        tail = key[reached:]
        extends = node is not self._root and not node.children and node.locks == 1
        if extends:  # only this sequence uses the leaf: lengthen it instead of adding a node
            self._ops.copy_cells(cells.sequence, node.sequence, reached, len(key))
            node.key = np.concatenate([node.key, tail])
        else:
            sequence = self._take_retained_id()
            if sequence is None:
                return
            self._ops.copy_cells(cells.sequence, sequence, reached, len(key))
            leaf = _Node(tail.copy(), reached, sequence, node, self._clock)
            node.children[int(tail[0])] = leaf
            self._relock(cells, leaf)
        self._tree_cells += len(tail)
        cells.shared = len(key)

    def release(self, cells: RunningCells) -> None:
        """End a sequence; its private cells are free, the shared ones stay in the tree."""
        self._running.remove(cells)
        self._ops.remove_cells(cells.sequence)
        self._free_running.append(cells.sequence)
        _unlock(cells._node)
        self._evict_until(lambda: self.retained <= self.retained_limit)

    # --- room ---------------------------------------------------------------------------------

    def make_room(self, count: int) -> bool:
        """Evict what nobody uses, least recently used first, until `count` cells are free."""
        self._evict_until(lambda: self.free >= count)
        return self.free >= count

    def drop_retained(self) -> None:
        """Evict everything that no running sequence uses."""
        self._evict_until(lambda: False)

    def _evict_until(self, enough: Callable[[], bool]) -> None:
        while not enough():
            if not self._evict_one():
                return

    def _evict_one(self) -> bool:
        leaves = [n for n in self._nodes() if not n.children and n.locks == 0]
        if not leaves:
            return False
        leaf = min(leaves, key=lambda node: node.last_used)
        self._ops.remove_cells(leaf.sequence)
        self._free_retained.append(leaf.sequence)
        assert leaf.parent is not None
        del leaf.parent.children[int(leaf.key[0])]
        self._tree_cells -= len(leaf.key)
        self.evicted_cells += len(leaf.key)
        return True

    def _take_retained_id(self) -> int | None:
        if not self._free_retained and not self._evict_one():
            return None
        return self._free_retained.pop()

    # --- the tree -----------------------------------------------------------------------------

    def _walk(self, key: Key) -> Iterator[tuple[_Node, int]]:
        """Nodes along `key` with how many of their tokens match; only the last may be partial."""
        node, position = self._root, 0
        while position < len(key):
            child = node.children.get(int(key[position]))
            if child is None:
                return
            count = common_prefix_length(child.key, key[position:])
            yield child, count
            if count < len(child.key):
                return
            node, position = child, position + count

    def _split(self, node: _Node, offset: int) -> bool:
        """Cut `node` after `offset` tokens: a new parent takes the upper part."""
        sequence = self._take_retained_id()
        if sequence is None:
            return False
        parent = node.parent
        assert parent is not None
        middle = node.start + offset
        self._ops.copy_cells(node.sequence, sequence, node.start, middle)
        self._ops.remove_cells(node.sequence, node.start, middle)
        upper = _Node(node.key[:offset], node.start, sequence, parent, node.last_used, node.locks)
        parent.children[int(upper.key[0])] = upper
        node.key, node.start, node.parent = node.key[offset:], middle, upper
        upper.children[int(node.key[0])] = node
        return True

    def _relock(self, cells: RunningCells, node: _Node) -> None:
        _lock(node)
        _unlock(cells._node)
        cells._node = node

    def _nodes(self) -> Iterator[_Node]:
        stack = list(self._root.children.values())
        while stack:
            node = stack.pop()
            yield node
            stack.extend(node.children.values())

    def check(self) -> None:
        """Raise AssertionError unless the books balance. For tests and idle time."""
        nodes = list(self._nodes())
        assert self._tree_cells == sum(len(node.key) for node in nodes)
        assert 0 <= self.used <= self.total, (self.used, self.total)
        for node in nodes:
            assert node.parent is not None
            assert node.start == node.parent.end
            assert node.parent.children[int(node.key[0])] is node
            below = sum(child.locks for child in node.children.values())
            own = sum(cells._node is node for cells in self._running)
            assert node.locks == below + own, (node.locks, below, own)
        for cells in self._running:
            assert 0 <= cells.shared <= cells.length
            assert cells.shared <= cells._node.end
        held = [node.sequence for node in nodes] + self._free_retained
        assert len(set(held)) == len(held)


def _lock(node: _Node | None) -> None:
    while node is not None:
        node.locks += 1
        node = node.parent


def _unlock(node: _Node | None) -> None:
    while node is not None:
        node.locks -= 1
        node = node.parent


def common_prefix_length(left: Key, right: Key) -> int:
    """How many leading elements two arrays share."""
    count = min(len(left), len(right))
    differs = np.flatnonzero(left[:count] != right[:count])
    return int(differs[0]) if len(differs) else count
