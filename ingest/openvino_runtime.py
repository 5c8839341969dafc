"""Computes embeddings with OpenVINO on the CPU, from a model that was converted before.

It is faster than PyTorch and loads without it. OpenVINO's telemetry, which reports each import to
a web service unless it is opted out of, is kept from being imported: OpenVINO then takes the stub
that it has for machines without that package. So OpenVINO is imported here and nowhere else.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.embedding_batches import Piece, padded_length
from ingest.embedding_model import TextKind
from ingest.records import FloatMatrix

# Python's way of saying that a module cannot be imported; NNCF, which asks too, obeys as well.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

MODEL_FILE = "model.xml"
WEIGHTS_FILE = "model.bin"
IDS, MASK = "input_ids", "attention_mask"
# 2,048 to 8,192 are as fast; one batch is over in a tenth of a second, and a question behind it
# waits no longer.
_BATCH_TOKENS = 4096


class OpenVinoRuntime:
    """A converted model on the CPU. Thread-safe: calls side by side take turns, batch by batch.

    folder: holds MODEL_FILE and WEIGHTS_FILE. pad_id: as EmbeddingModel says. threads: None takes
    one a physical core.
    """

    batch_tokens = _BATCH_TOKENS

    def __init__(
        self, folder: Path, *, precision: str, pad_id: int, threads: int | None = None
    ) -> None:
        self.name = f"OpenVINO {precision} on the CPU"
        self._pad_id = pad_id
        # Left to itself, OpenVINO computes what is not int8 in bfloat16 on processors with AMX, and
        # then some shapes after some others give wrong vectors (cosines down to .65; 2026.4).
        settings: dict[str, object] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        self._model = openvino.Core().compile_model(folder / MODEL_FILE, "CPU", settings)
        self._local = threading.local()

    def encode(self, pieces: Sequence[Piece], kind: TextKind) -> FloatMatrix:  # noqa: ARG002
        """(n, dim) float32, one row a piece."""
        return np.array(self._infer(pieces)[0], dtype=np.float32)

    @property
    def has_token_vectors(self) -> bool:
        """Whether the model has vectors of tokens, and not of texts alone."""
        return len(self._model.outputs) > 1

    def encode_tokens(
        self,
        pieces: Sequence[Piece],
        kind: TextKind,  # noqa: ARG002
    ) -> tuple[FloatMatrix, list[FloatMatrix]]:
        """As `encode`, and for each piece (tokens, dim) float32, a row for each of its ids."""
        outputs = self._infer(pieces)
        tokens = [
            np.array(rows[: len(piece.ids)], dtype=np.float32)
            for piece, rows in zip(pieces, outputs[1], strict=True)
        ]
        return np.array(outputs[0], dtype=np.float32), tokens

    def _infer(self, pieces: Sequence[Piece]) -> Mapping[int, npt.NDArray[np.float32]]:
        """The model's outputs, which the next call of this thread overwrites."""
        width = padded_length(max(len(piece.ids) for piece in pieces))
        ids = np.full((len(pieces), width), self._pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, piece in enumerate(pieces):
            ids[row, : len(piece.ids)] = piece.ids
            mask[row, : len(piece.ids)] = 1
        results: Mapping[int, npt.NDArray[np.float32]] = self._request().infer(
            {IDS: ids, MASK: mask}
        )
        return results

    def _request(self) -> openvino.InferRequest:
        """This thread's own: a request computes one batch at a time."""
        if not hasattr(self._local, "request"):
            self._local.request = self._model.create_infer_request()
        return self._local.request


def processor() -> str:
    """What the vectors are computed on: another processor may round otherwise."""
    core = openvino.Core()
    name = core.get_property("CPU", "FULL_DEVICE_NAME")
    return " ".join([str(name), *sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))])
