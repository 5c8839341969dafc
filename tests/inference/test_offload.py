"""How many layers go to the GPUs, by numbers that can be checked by hand."""

from __future__ import annotations

import pytest

from inference.offload import RESERVED_BYTES, LayerSizes, layer_sizes, layers_that_fit

MB = 1 << 20
# 32 blocks of 200 MB and an output of 400 MB: 6,800 MB in all.
SIZES = LayerSizes(layers=32, layer_bytes=200 * MB, output_bytes=400 * MB)


def free(*rooms_mb: int) -> list[int]:
    """Devices with this much room beside what is reserved."""
    return [RESERVED_BYTES + room * MB for room in rooms_mb]


@pytest.mark.parametrize(
    ("rooms", "layers"),
    [
        ((80_000,), 33),
        ((6_800,), 33),
        ((6_799,), 32),
        ((4_400,), 21),  # (4400 - 400) / 200 = 20 blocks, and the output
        ((600,), 2),
        ((599,), 0),  # the output alone is not worth it
        ((0,), 0),
        ((), 0),
        ((3_500, 3_500), 33),  # 7000 - 200 for rounding = 6800
        ((3_400, 3_400), 32),
        ((7_000, 0), 33),
    ],
    ids=str,
)
def test_as_many_layers_as_fit(rooms: tuple[int, ...], layers: int) -> None:
    assert layers_that_fit(SIZES, free(*rooms)) == layers


def test_a_device_with_less_than_the_reserve_has_no_room() -> None:
    assert layers_that_fit(SIZES, [RESERVED_BYTES // 2]) == 0


@pytest.mark.parametrize(
    ("shares", "layers"),
    [
        ((1.0, 1.0), 14),  # the smaller one holds half: 3200 - 200 - 400 = 2600 = 13 blocks
        ((3.0, 1.0), 30),  # 6400 - 200 - 400 = 5800 = 29 blocks, and the output
        ((1.0, 0.0), 22),  # 4800 - 600 = 4200 = 21 blocks, and the output
    ],
    ids=str,
)
def test_the_users_shares_are_kept(shares: tuple[float, ...], layers: int) -> None:
    assert layers_that_fit(SIZES, free(4_800, 1_600), shares=shares) == layers


def test_sizes_are_divided_over_the_blocks_and_rounded_up() -> None:
    sizes = layer_sizes(layers=4, model_bytes=1001, output_bytes=200, kv_bytes=400)
    assert sizes == LayerSizes(4, 301, 200)  # (801 + 400) / 4 = 300.25


def test_more_memory_never_means_fewer_layers() -> None:
    counts = [layers_that_fit(SIZES, free(room)) for room in range(0, 8_000, 50)]
    assert counts == sorted(counts)
