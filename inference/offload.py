"""How many layers of a model fit into the memory of its GPUs. Pure arithmetic; knows no llama.cpp.

llama.cpp counts a model's output as one layer more: "all 33 layers" of a model with 32 blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Left free on each device for the driver's context, the compute buffers and others who use the
# card: the margin of llama.cpp's own llama_params_fit.
RESERVED_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class LayerSizes:
    """What a model takes in memory.

    layers: repeated blocks. layer_bytes: weights and KV cells of one. output_bytes: weights of the
    output, which goes to the GPU before any block.
    """

    layers: int
    layer_bytes: int
    output_bytes: int


def layer_sizes(*, layers: int, model_bytes: int, output_bytes: int, kv_bytes: int) -> LayerSizes:
    """Sizes estimated from totals, on the large side: token embeddings count as blocks.

    model_bytes: all weights. output_bytes: those of the output. kv_bytes: all KV cells.
    """
    blocks = max(0, model_bytes - output_bytes) + kv_bytes
    return LayerSizes(layers, -(-blocks // max(1, layers)), output_bytes)


def layers_that_fit(
    sizes: LayerSizes, free_bytes: Sequence[int], *, shares: Sequence[float] = ()
) -> int:
    """Layers to offload, the output included: all, as many as fit, or 0.

    free_bytes: of each GPU. shares: of each GPU in the layers (tensor_split), any scale; () divides
    them by free memory, as llama.cpp does.
    """
    rooms = [max(0, free - RESERVED_BYTES) for free in free_bytes]
    if shares:
        filled = [room / share for room, share in zip(rooms, shares, strict=False) if share > 0]
        total = int(min(filled, default=0.0) * sum(shares[: len(rooms)]))
    else:
        total = sum(rooms)
    # Layers are not divided, so each device but one may be left with a part of one unused.
    total -= (len(rooms) - 1) * sizes.layer_bytes
    fitting = (total - sizes.output_bytes) // max(1, sizes.layer_bytes)
    return min(sizes.layers, fitting) + 1 if fitting > 0 else 0
