"""How a model is loaded and served: plain data, for every process that has to do with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """How a model is loaded and served. See rag/settings.py for the user's side of it.

    gpu_layers: -1 offloads as many as fit, the output counted as one. context_tokens: KV cells for
    all requests together, 0 is chosen from the model and the memory. threads: 0 is one a physical
    core. adapters: LoRA file -> scale. passage_blocks: None is on for models that were measured
    to lose nothing by them. block_fresh_tokens: a passage's first tokens that are computed in place
    where its block is placed behind other passages.
    """

    model_path: Path
    gpu_layers: int = -1
    tensor_split: tuple[float, ...] = ()
    lock_memory: bool = False
    map_file: bool = True
    context_tokens: int = 0
    max_sequences: int = 8
    batch_tokens: int = 512
    threads: int = 0
    kv_type: str = "f16"
    queue_limit: int = 256
    prefix_cache: bool = True
    drafting: bool = True
    adapters: tuple[tuple[Path, float], ...] = ()
    passage_blocks: bool | None = None
    block_fresh_tokens: int = 32
    block_memory_bytes: int = 1 << 30
    block_folder: Path | None = None
    block_disk_bytes: int = 4 << 30
