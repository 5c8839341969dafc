"""Computes embeddings with OpenVINO on the CPU, from a model that was converted before.

It is faster than PyTorch and loads without it. OpenVINO's telemetry, which reports each import to
a web service unless it is opted out of, is kept from being imported: OpenVINO then takes the stub
that it has for machines without that package. So OpenVINO is imported here and nowhere else.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.embedding_batches import Piece, padded_length
from ingest.embedding_model import TextKind
from ingest.records import FloatMatrix

# Python's way of saying that a module cannot be imported; NNCF, which asks too, obeys as well.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
import openvino  # noqa: E402

# What converts arrays is set up when the first one is, and threads that come to it together wait
# for ever: one holds Python's lock and waits for the other, which waits for that. So now.
openvino.Tensor(np.zeros(1, dtype=np.int64)).data  # noqa: B018

MODEL_FILE = "model.xml"
WEIGHTS_FILE = "model.bin"
IDS, MASK = "input_ids", "attention_mask"
# 700 to 4,000 are as fast; one batch is over in a tenth of a second, and a question behind it waits
# no longer.
_BATCH_TOKENS = 1536


class OpenVinoRuntime:
    """A converted model on the CPU. Thread-safe.

    folder: holds MODEL_FILE and WEIGHTS_FILE. pad_id: as EmbeddingModel says. threads: None takes
    one a physical core.
    """

    batch_tokens = _BATCH_TOKENS

    def __init__(
        self, folder: Path, *, precision: str, pad_id: int, threads: int | None = None
    ) -> None:
        self.name = f"OpenVINO {precision} on the CPU"
        self._pad_id = pad_id
        self._model = cpu_model(folder / MODEL_FILE, threads=threads)
        self.batches_at_once = int(self._model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._idle: deque[openvino.InferRequest] = deque(maxlen=self.batches_at_once)

    def encode(
        self,
        batches: Iterable[Sequence[Piece]],
        kind: TextKind,  # noqa: ARG002
    ) -> Iterator[FloatMatrix]:
        """For each batch, in order, (n, dim) float32, one row a piece."""
        for results in self._infer(batches):
            yield np.array(results[0], dtype=np.float32)

    @property
    def has_token_vectors(self) -> bool:
        """Whether the model has vectors of tokens, and not of texts alone."""
        return len(self._model.outputs) > 1

    def encode_tokens(
        self,
        batches: Iterable[Sequence[Piece]],
        kind: TextKind,  # noqa: ARG002
    ) -> Iterator[tuple[FloatMatrix, Iterable[FloatMatrix]]]:
        """As `encode`, and for each piece (tokens, dim) float32, the first of them of its ids."""
        for results in self._infer(batches):
            yield np.array(results[0], dtype=np.float32), np.array(results[1], dtype=np.float32)

    def _infer(
        self, batches: Iterable[Sequence[Piece]]
    ) -> Iterator[Mapping[int, npt.NDArray[np.float32]]]:
        """The model's outputs for each batch, good until the next is asked for."""
        running: deque[openvino.InferRequest] = deque()
        try:
            for batch in batches:
                if len(running) == self.batches_at_once:
                    yield from self._first(running)
                running.append(self._started(batch))
            while running:
                yield from self._first(running)
        finally:
            for request in running:  # nobody asks for these any more
                request.wait()

    def _started(self, batch: Sequence[Piece]) -> openvino.InferRequest:
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._model.create_infer_request()
        width = padded_length(max(len(piece.ids) for piece in batch))
        ids = np.full((len(batch), width), self._pad_id, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, piece in enumerate(batch):
            ids[row, : len(piece.ids)] = piece.ids
            mask[row, : len(piece.ids)] = 1
        request.start_async({IDS: ids, MASK: mask})
        return request

    def _first(
        self, running: deque[openvino.InferRequest]
    ) -> Iterator[Mapping[int, npt.NDArray[np.float32]]]:
        """What the request that has run longest gives; it may then be used again."""
        running[0].wait()
        yield running[0].results
        self._idle.append(running.popleft())


def cpu_model(
    model: Path | openvino.Model, *, threads: int | None = None
) -> openvino.CompiledModel:
    """A model that computes on the CPU, in float32 whatever is not quantised.

    Batches side by side, each on its own cores, are up to a fifth faster than one on all of them,
    and a core that another process takes holds up one batch only.
    """
    # Left to itself, OpenVINO computes what is not int8 in bfloat16 on processors with AMX, and
    # then some shapes after some others give wrong vectors (cosines down to .65; 2026.4).
    settings: dict[str, object] = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    if threads:
        settings["INFERENCE_NUM_THREADS"] = threads
    return openvino.Core().compile_model(model, "CPU", settings)


def processor() -> str:
    """What the vectors are computed on: another processor may round otherwise."""
    core = openvino.Core()
    name = core.get_property("CPU", "FULL_DEVICE_NAME")
    return " ".join([str(name), *sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))])
