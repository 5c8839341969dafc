"""Facts of a model: plain data, for those who never touch the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Facts of a GGUF file, as llama.cpp reads them."""

    name: str
    path: Path
    architecture: str
    parameters: int
    quantization: str
    size_bytes: int
    trained_context_tokens: int
    layers: int
    kv_bytes_per_token: float  # at f16
