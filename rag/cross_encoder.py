"""A sentence-transformers cross-encoder as a reranker: question and passage are read together.

The model is a folder on this machine; nothing is fetched, only safetensors are read and no code of
the folder is run. PyTorch and sentence-transformers are imported when it is first asked.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import RerankerNotFound, RerankingFailed
from rag.generator import Caller

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_BATCH_PAIRS = 32


class CrossEncoderReranker:
    """A cross-encoder with one output. Thread-safe, lazy.

    path: a folder as CrossEncoder.save_pretrained or transformers makes it.
    device: PyTorch's name of where to compute; None takes a GPU where there is one.
    Raises RerankerNotFound if the folder has no such model.
    """

    share = 1.0  # it was trained to order passages, which similarities were not

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        if not (path / "config.json").is_file() or not any(path.glob("*.safetensors")):
            raise RerankerNotFound(
                f"Expected a cross-encoder in {path}, with config.json and weights in"
                " *.safetensors, and found none; set PAPERLIGHT_RERANKER to the folder of one."
            )
        self.path = path
        self._device = device
        self._lock = threading.Lock()  # a tokenizer that pads is not thread-safe

    def warm_up(self) -> None:
        """Load the weights now. Raises RerankerNotFound."""
        with self._lock:
            _ = self._model

    def relevances(
        self, question: str, passages: Sequence[str], caller: Caller
    ) -> list[float] | None:
        """The sigmoid of the model's output for each pair, in the order given.

        None where the caller left meanwhile. What is longer than the model reads is cut. Raises
        RerankerNotFound, RerankingFailed.
        """
        found: list[float] = []
        with self._lock:
            model = self._model
            from torch.nn import Sigmoid

            for start in range(0, len(passages), _BATCH_PAIRS):
                if caller.has_left:
                    return None
                try:
                    batch = model.predict(
                        [(question, each) for each in passages[start : start + _BATCH_PAIRS]],
                        batch_size=_BATCH_PAIRS,
                        show_progress_bar=False,
                        activation_fn=Sigmoid(),
                    )
                except RuntimeError as error:  # such as a GPU that is full
                    raise RerankingFailed(f"The cross-encoder in {self.path}: {error}") from error
                found += map(float, batch)
        return found

    @cached_property
    def _model(self) -> CrossEncoder:
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging as transformers_logging

        # Its bar for reading weights would draw over ours.
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        try:
            model = CrossEncoder(
                str(self.path),
                device=self._device,
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise RerankerNotFound(f"The model in {self.path} cannot be loaded: {error}") from error
        if model.num_labels != 1:
            raise RerankerNotFound(
                f"The model in {self.path} has {model.num_labels} outputs, and a reranker has one;"
                " choose another model."
            )
        return model
