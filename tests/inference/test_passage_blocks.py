"""Blocks come back as they were put, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.kv_state import Rope, turn
from inference.passage_blocks import BlockStore

STATE = bytes(range(256)) * 4


def store(folder: Path | None = None, *, model: str = "model", memory: int = 10_000) -> BlockStore:
    return BlockStore(model, memory_bytes=memory, folder=folder, disk_bytes=10_000 if folder else 0)


def test_identity_covers_model_stem_and_passage() -> None:
    base = store().identity([1, 2], [3])
    assert base == store().identity([1, 2], [3])
    others = [
        store(model="other").identity([1, 2], [3]),
        store().identity([1], [2, 3]),
        store().identity([1, 2], [4]),
    ]
    assert len({base, *others}) == 4


def test_the_least_recently_used_block_leaves_memory_first() -> None:
    blocks = store(memory=3 * len(STATE))
    for name in ("a", "b", "c"):
        blocks.put(name, STATE)
    assert blocks.get("a")
    blocks.put("d", STATE)
    assert ["a" in blocks, "b" in blocks, "c" in blocks, "d" in blocks] == [True, False, True, True]


def test_blocks_are_there_for_a_later_run(tmp_path: Path) -> None:
    store(tmp_path).put("abcd", STATE)
    assert store(tmp_path).get("abcd") == STATE
    assert store().get("abcd") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data + b"x",
        lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
        lambda data: b"",
        lambda data: b"something else",
    ],
    ids=["cut", "longer", "one-bit", "empty", "foreign"],
)
def test_damaged_files_are_removed(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]
    store(tmp_path).put("abcd", STATE)
    [file] = tmp_path.glob("*/*.kv")
    file.write_bytes(damage(file.read_bytes()))
    later = store(tmp_path)
    assert later.get("abcd") is None
    assert "abcd" not in later


def test_a_file_under_another_name_is_ignored(tmp_path: Path) -> None:
    store(tmp_path).put("abcd", STATE)
    [file] = tmp_path.glob("*/*.kv")
    file.rename(file.with_name("abce.kv"))
    assert store(tmp_path).get("abce") is None


def test_the_disk_budget_holds(tmp_path: Path) -> None:
    blocks = BlockStore("m", memory_bytes=0, folder=tmp_path, disk_bytes=3 * len(STATE))
    for index in range(6):
        blocks.put(f"{index:04}", STATE)
    assert sum(f.stat().st_size for f in tmp_path.glob("*/*.kv")) <= 3 * len(STATE) + 200
    assert blocks.get("0005") == STATE


def test_a_block_above_the_budget_costs_no_other(tmp_path: Path) -> None:
    """One larger than all the memory, or the disk, once drove out every block and then itself."""
    blocks = BlockStore("m", memory_bytes=3 * len(STATE), folder=tmp_path, disk_bytes=10_000)
    blocks.put("abcd", STATE)
    blocks.put("large", 20 * STATE)
    assert "large" not in blocks
    assert len(list(tmp_path.glob("*/*.kv"))) == 1
    [file] = tmp_path.glob("*/*.kv")
    file.unlink()
    assert blocks.get("abcd") == STATE  # out of memory


def test_what_a_killed_process_left_half_written_makes_room(tmp_path: Path) -> None:
    """Only whole blocks were counted and removed: the disk filled up with halves of others."""
    store(tmp_path).put("abcd", STATE)
    [folder] = tmp_path.iterdir()
    half = folder / "tmp1234"
    half.write_bytes(bytes(9_000))
    os.utime(half, (0, 0))
    store(tmp_path).put("abce", STATE)
    assert not half.exists()
    assert len(list(tmp_path.glob("*/*.kv"))) == 2


@given(
    st.integers(0, 3000),
    st.integers(0, 3000),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_turned_keys_are_those_of_the_formula(
    position: int, offset: int, neighbours: bool, seed: int
) -> None:
    """Oracle: the pair as a complex number times e^(i p f), in float64."""
    rope = Rope.plain(base=10_000.0, dimensions=8, neighbours=neighbours, head_size=10)
    pairs = np.random.default_rng(seed).normal(size=(4, 2))
    plain = pairs[:, 0] + 1j * pairs[:, 1]

    def keys_at(place: int) -> np.ndarray:  # type: ignore[type-arg]
        turned = plain * np.exp(1j * place * rope.frequencies)
        flat = np.full(10, 7.0)  # the last two values are not turned
        if neighbours:
            flat[0:8:2], flat[1:8:2] = turned.real, turned.imag
        else:
            flat[0:4], flat[4:8] = turned.real, turned.imag
        return flat

    keys = keys_at(position).astype(np.float16).reshape(1, 1, 10)
    turn(keys, offset, rope)
    np.testing.assert_allclose(keys[0, 0], keys_at(position + offset), atol=0.02)
