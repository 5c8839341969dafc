"""Saved KV cells of one passage, and how to move them to other positions.

llama.cpp can shift cells inside its cache, but then rotates the whole cache: on 2 cores and a
cache of 16,384 cells that costs more than a second for a 1.5B model. Only the passage's own keys
have to be turned, so it is done here, on the saved bytes, before they are restored.

The layout of the bytes is llama.cpp's own (`llama_kv_cache::state_write`, one stream, V not
transposed, which flash attention implies). Whoever uses this must first see `moved` agree with what
the model computes at the other position: see `Engine` on its self-test.

Keys are turned by RoPE (arXiv 2104.09864): the pair (x, y) of frequency f at position p + d is the
pair at p rotated by d * f. Values carry no position.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_HEADER = struct.Struct("<IiII")  # magic, sequence id, streams, cells
_CELL = np.dtype([("position", "<i4"), ("sequences", "<u4"), ("sequence", "<i4")])
_LAYERS = struct.Struct("<II")  # V transposed, layers
_ROWS = struct.Struct("<iQ")  # element type, bytes of a row
_F16 = 1  # GGML_TYPE_F16


class StateNotUnderstood(ValueError):
    """The bytes are not laid out as this module expects; nothing may be moved."""


@dataclass(frozen=True, slots=True)
class Rope:
    """How a model turns its keys.

    frequencies: (pairs,) float64, radians a position. neighbours: pairs are (0, 1), (2, 3), ...
    ("norm" in llama.cpp) instead of (0, pairs), (1, pairs + 1), ... ("neox").
    head_size: values of one head; those beyond 2 * pairs are not turned.
    """

    frequencies: npt.NDArray[np.float64]
    neighbours: bool
    head_size: int

    @classmethod
    def plain(cls, *, base: float, dimensions: int, neighbours: bool, head_size: int) -> Rope:
        """The original frequencies: base ** (-2 i / dimensions)."""
        exponents = -np.arange(0, dimensions, 2) / dimensions
        return cls(base**exponents, neighbours, head_size)


class KVState:
    """Saved cells, parsed. data: what `Context.save_sequence` gave; not changed here."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        try:
            _, _, streams, self.cells = _HEADER.unpack_from(data)
            offset = _HEADER.size
            self._cell_offset = offset
            offset += self.cells * _CELL.itemsize
            transposed, layers = _LAYERS.unpack_from(data, offset)
            offset += _LAYERS.size
            if (streams, transposed) != (1, 0) or not 0 < layers < 4096:
                raise StateNotUnderstood("an unknown arrangement of the KV cache")
            self._keys = []
            for _ in range(layers):
                element, row_bytes = _ROWS.unpack_from(data, offset)
                if element != _F16:
                    raise StateNotUnderstood("only f16 keys can be moved")
                offset += _ROWS.size
                self._keys.append((offset, row_bytes // 2))
                offset += self.cells * row_bytes
            for _ in range(layers):
                _, row_bytes = _ROWS.unpack_from(data, offset)
                offset += _ROWS.size + self.cells * row_bytes
        except struct.error as error:
            raise StateNotUnderstood("the saved cells are cut off") from error
        if offset != len(data):
            raise StateNotUnderstood(f"{len(data)} bytes of cells, {offset} expected")
        records: npt.NDArray[Any] = np.frombuffer(data, _CELL, self.cells, self._cell_offset)
        if not np.all(records["sequences"] == 1):
            raise StateNotUnderstood("cells with more to them than a position")

    @property
    def positions(self) -> npt.NDArray[np.int32]:
        """(cells,) in the order of the rows."""
        records: npt.NDArray[Any] = np.frombuffer(self.data, _CELL, self.cells, self._cell_offset)
        return np.asarray(records["position"], dtype=np.int32)

    def keys(self, layer: int) -> npt.NDArray[np.float16]:
        """(cells, width) keys of a layer, all heads side by side; a view."""
        offset, width = self._keys[layer]
        rows = np.frombuffer(self.data, np.float16, self.cells * width, offset)
        return rows.reshape(self.cells, width)

    def moved(self, offset: int, rope: Rope) -> bytes:
        """The bytes of the same cells `offset` positions further on."""
        data = bytearray(self.data)
        records: npt.NDArray[Any] = np.frombuffer(data, _CELL, self.cells, self._cell_offset)
        records["position"] += offset
        for start, width in self._keys:
            rows = np.frombuffer(data, np.float16, self.cells * width, start)
            turn(rows.reshape(self.cells, -1, rope.head_size), offset, rope)
        return bytes(data)


def turn(keys: npt.NDArray[np.float16], offset: int, rope: Rope) -> None:
    """Rotate keys in place by `offset` positions. keys: (cells, heads, head_size)."""
    angles = offset * rope.frequencies
    cosine = np.cos(angles).astype(np.float32)
    sine = np.sin(angles).astype(np.float32)
    pairs = len(rope.frequencies)
    if rope.neighbours:
        first, second = slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)
    else:
        first, second = slice(0, pairs), slice(pairs, 2 * pairs)
    x = keys[..., first].astype(np.float32)
    y = keys[..., second].astype(np.float32)
    keys[..., first] = x * cosine - y * sine
    keys[..., second] = x * sine + y * cosine
