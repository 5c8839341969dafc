from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest.records import FloatMatrix
from ingest.vector_rows import VectorRows

DIM = 8


def some(count: int, *, seed: int = 0) -> FloatMatrix:
    """Numbers that half precision holds exactly."""
    whole = np.random.default_rng(seed).integers(-100, 100, size=(count, DIM))
    return whole.astype(np.float32)


def everything(rows: VectorRows) -> FloatMatrix:
    return rows.take(np.arange(len(rows)))


@pytest.mark.parametrize("steps", [[3], [10], [7, 4], [25], [0, 10, 10], [1] * 21])
def test_rows_are_in_the_order_they_came_in(tmp_path: Path, steps: list[int]) -> None:
    vectors = some(sum(steps))
    rows = VectorRows(tmp_path, DIM, block_rows=10)
    first = 0
    for count in steps:
        rows.append(vectors[first : first + count])
        first += count
    assert len(rows) == len(vectors)
    assert np.array_equal(everything(rows), vectors)
    picked = np.arange(0, len(vectors), 3)
    assert np.array_equal(rows.take(picked), vectors[picked])
    again = VectorRows.load(tmp_path, DIM, rows.save())
    assert np.array_equal(everything(again), vectors)


def test_cleared_rows_are_cleared_in_the_files(tmp_path: Path) -> None:
    vectors = some(25) + 500  # no zeros
    rows = VectorRows(tmp_path, DIM, block_rows=10)
    rows.append(vectors)
    rows.save()
    cleared = np.array([0, 9, 10, 24])
    rows.clear(cleared)
    again = VectorRows.load(tmp_path, DIM, rows.save())
    vectors[cleared] = 0
    assert np.array_equal(everything(rows), vectors)
    assert np.array_equal(everything(again), vectors)


def test_only_what_is_new_is_written(tmp_path: Path) -> None:
    rows = VectorRows(tmp_path, DIM, block_rows=10)
    rows.append(some(25))
    first = rows.save()["files"]
    assert rows.save()["files"] == first
    rows.append(some(2, seed=1))
    assert rows.save()["files"][:2] == first[:2]
    assert rows.save()["files"][2] != first[2]


def test_a_file_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    vectors = some(25)
    rows = VectorRows(tmp_path, DIM, block_rows=10)
    rows.append(vectors)
    rows.save()
    for path in tmp_path.iterdir():
        path.unlink()
    again = VectorRows.load(tmp_path, DIM, rows.save())
    assert np.array_equal(everything(again), vectors)


def test_a_block_of_another_size_is_refused(tmp_path: Path) -> None:
    rows = VectorRows(tmp_path, DIM, block_rows=10)
    rows.append(some(25))
    description = rows.save()
    path = tmp_path / description["files"][0]["name"]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="another size"):
        VectorRows.load(tmp_path, DIM, description)


def test_rows_stay_in_memory_where_nothing_can_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    folder.write_text("A file where the folder should be.")
    vectors = some(25)
    rows = VectorRows(folder, DIM, block_rows=10)
    rows.append(vectors)
    rows.clear(np.array([3]))
    vectors[3] = 0
    assert np.array_equal(everything(rows), vectors)
    with pytest.raises(OSError, match="taken"):
        rows.save()
    folder.unlink()
    again = VectorRows.load(folder, DIM, rows.save())
    assert np.array_equal(everything(again), vectors)
