"""Computes embeddings with sentence-transformers and PyTorch: every model, and every GPU.

The only user of both, beside the conversion to a faster runtime. Both are imported when a model
is loaded, which takes seconds.
"""

from __future__ import annotations

import importlib.metadata
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ingest.embedding_batches import Piece
from ingest.embedding_model import TextKind
from ingest.records import FloatMatrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

# On a CPU small enough that a question does not wait long behind it.
_CPU_BATCH_TOKENS = 4096
_GPU_BATCH_TOKENS = 1 << 16
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # NVIDIA, AMD, Windows' Linux


class TorchRuntime:
    """A loaded SentenceTransformer. device: None picks the best. threads: None is torch's choice.

    Thread-safe as far as the model is, which transformer models are.
    """

    batches_at_once = 1

    def __init__(self, path: Path, *, device: str | None = None, threads: int | None = None):
        self._model = load_sentence_transformer(path, device=device, threads=threads)
        self.name = f"PyTorch on {self._model.device.type}"
        on_cpu = self._model.device.type == "cpu"
        self.batch_tokens = _CPU_BATCH_TOKENS if on_cpu else _GPU_BATCH_TOKENS

    def encode(self, batches: Iterable[Sequence[Piece]], kind: TextKind) -> Iterator[FloatMatrix]:
        """For each batch, in order, (n, dim) float32, one row a piece."""
        encode = self._model.encode_query if kind is TextKind.QUERY else self._model.encode_document
        for batch in batches:
            vectors = encode(
                [piece.text for piece in batch],
                batch_size=len(batch),
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
            yield np.ascontiguousarray(vectors, dtype=np.float32)

    @cached_property
    def has_token_vectors(self) -> bool:
        """Whether the model has vectors of tokens, and not of texts alone."""
        (found,) = self._model.encode(["a"], output_value=None, show_progress_bar=False)
        return "token_embeddings" in found

    def encode_tokens(
        self, batches: Iterable[Sequence[Piece]], kind: TextKind
    ) -> Iterator[tuple[FloatMatrix, Iterable[FloatMatrix]]]:
        """As `encode`, and for each piece (tokens, dim) float32, the first of them of its ids."""
        encode = self._model.encode_query if kind is TextKind.QUERY else self._model.encode_document
        for batch in batches:
            found = encode(
                [piece.text for piece in batch],
                batch_size=len(batch),
                show_progress_bar=False,
                output_value=None,  # all that the model's modules give
            )
            whole = [each["sentence_embedding"].cpu().numpy() for each in found]
            tokens = [np.asarray(each["token_embeddings"].cpu(), np.float32) for each in found]
            yield np.asarray(whole, dtype=np.float32), tokens

    @property
    def dimensions(self) -> int:
        """Width of the vectors."""
        return int(self._model.get_embedding_dimension() or 0)

    def tokenizer(self) -> Tokenizer:
        """A copy of the model's tokenizer, which cuts and pads nothing."""
        from tokenizers import Tokenizer

        copy = Tokenizer.from_str(self._model.tokenizer.backend_tokenizer.to_str())
        copy.no_truncation()
        copy.no_padding()
        return copy


def load_sentence_transformer(
    path: Path, *, device: str | None = None, threads: int | None = None
) -> SentenceTransformer:
    """The model of a local folder; nothing is fetched."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    # Its bar for reading weights would draw over ours.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    if threads:
        torch.set_num_threads(threads)
    return SentenceTransformer(str(path), device=device, local_files_only=True)


def has_gpu() -> bool:
    """Whether torch has a GPU to compute on. Imports torch only where one may be."""
    if sys.platform == "darwin":
        return True  # every Mac that torch still runs on has one
    if importlib.metadata.version("torch").endswith("+cpu"):
        return False
    if sys.platform == "linux" and not any(Path(device).exists() for device in _GPU_DEVICES):
        return False
    import torch

    return bool(torch.cuda.is_available())
