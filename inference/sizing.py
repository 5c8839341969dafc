"""Layers on the GPU and KV cells where the user names no number: from the model and the memory."""

from __future__ import annotations

import os
from collections.abc import Sequence

from inference.engine_config import EngineConfig
from inference.llama.model import KV_BYTES, Model
from inference.model_description import ModelDescription
from inference.offload import layer_sizes, layers_that_fit

# Automatic size of the cache: cells for this many tokens a sequence, in at most this share of RAM.
CELLS_PER_SEQUENCE = 2048
LARGEST_SHARE_OF_MEMORY = 1 / 8
SMALLEST_CONTEXT_TOKENS = 2048


def automatic_gpu_layers(config: EngineConfig, free_bytes: Sequence[int]) -> int:
    """Layers to offload when the user names no number: all, or as many as fit.

    free_bytes: of each GPU. Reads the model's facts without its weights. Raises ModelLoadError.
    """
    model = Model(config.model_path, gpu_layers=0, weights=False)
    try:
        description = model.description
        cells = config.context_tokens or automatic_context_tokens(model, config)
        cell_bytes = kv_cell_bytes(description, config)
        sizes = layer_sizes(
            layers=description.layers,
            model_bytes=description.size_bytes,
            output_bytes=model.output_bytes,
            kv_bytes=int(cells * cell_bytes),
        )
    finally:
        model.close()
    return layers_that_fit(sizes, free_bytes, shares=config.tensor_split)


def kv_cell_bytes(description: ModelDescription, config: EngineConfig) -> float:
    """Bytes of one KV cell, over all layers, in the cache's type."""
    return description.kv_bytes_per_token * KV_BYTES[config.kv_type] / KV_BYTES["f16"]


def automatic_context_tokens(model: Model, config: EngineConfig) -> int:
    """KV cells when the user names no number: enough for every sequence, within the memory."""
    description = model.description
    wanted = config.max_sequences * CELLS_PER_SEQUENCE
    if description.trained_context_tokens:
        wanted = max(wanted, min(description.trained_context_tokens, 8192))
    cell_bytes = kv_cell_bytes(description, config)
    affordable = int(total_memory_bytes() * LARGEST_SHARE_OF_MEMORY / max(1.0, cell_bytes))
    return max(SMALLEST_CONTEXT_TOKENS, min(wanted, affordable)) // 256 * 256


def total_memory_bytes() -> int:
    """RAM of this machine; 8 GiB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 << 30
