"""KV cache and compute buffers of a model: batches, cells, and the state of sequences."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from inference.llama.backend import last_error
from inference.llama.model import Model
from inference.request import ModelLoadError

logger = logging.getLogger(__name__)

LogitsArray = npt.NDArray[np.float32]

# llama.cpp's compile-time LLAMA_MAX_SEQ: sequence ids are bits of a 256-bit set in every cell.
# With a unified KV cache all of them may hold cells; only those below n_seq_max may be decoded.
MAX_SEQUENCE_IDS = 256

KV_TYPES = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}


class DecodeStatus(Enum):
    """What `Context.decode` reports; see llama.h on the return values of llama_decode."""

    OK = 0
    NO_ROOM = 1  # no free cells: nothing was changed, try again with less
    FAILED = -2  # the batch failed; earlier micro-batches may have stayed in the cache


class Context:
    """KV cache and compute buffers for one model; owned by one thread.

    cells: KV cells, shared by all sequences. batch_tokens: most rows of one `decode`.
    max_sequences: sequence ids below it may be decoded, ids up to MAX_SEQUENCE_IDS may hold cells.
    max_outputs: most rows of one batch that may ask for logits.
    """

    def __init__(
        self,
        model: Model,
        *,
        cells: int,
        batch_tokens: int,
        max_sequences: int,
        max_outputs: int,
        threads: int,
        kv_type: str = "f16",
        micro_batch_tokens: int = 512,
        adapters: Mapping[Path, float] | None = None,
    ) -> None:
        self.model = model
        self.batch_tokens = batch_tokens
        self.max_sequences = max_sequences
        self.max_outputs = max_outputs
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = batch_tokens
        params.n_ubatch = min(batch_tokens, micro_batch_tokens)
        params.n_seq_max = max_sequences
        params.n_outputs_max = max_outputs
        params.n_threads = threads
        params.n_threads_batch = threads
        params.type_k = KV_TYPES[kv_type]
        params.type_v = KV_TYPES[kv_type]
        # Without flash attention a unified cache is much slower on the CPU, and a quantised V
        # cache is not possible at all, so it is asked for and not left to "auto".
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        params.kv_unified = True
        params.swa_full = True  # a sliding window would drop cells that other prompts may share
        params.no_perf = True
        self._context = llama_cpp.llama_init_from_model(model.handle, params)
        if not self._context:
            raise ModelLoadError(
                f"no context of {cells} tokens could be made ({last_error()}); "
                "lower context_tokens or take a smaller kv_type"
            )
        self.cells = int(llama_cpp.llama_n_ctx(self._context))
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._vocabulary = model.tokenizer.size
        self._batch = llama_cpp.llama_batch_init(batch_tokens, 0, 1)
        shape = (batch_tokens,)
        self._tokens = np.ctypeslib.as_array(self._batch.token, shape)
        self._positions = np.ctypeslib.as_array(self._batch.pos, shape)
        self._outputs = np.ctypeslib.as_array(self._batch.logits, shape)
        np.ctypeslib.as_array(self._batch.n_seq_id, shape)[:] = 1
        # seq_id is an array of pointers to separately allocated ints: point them all into one
        # numpy array, so that a batch is filled by slices. The originals are restored to be freed.
        self._sequences = np.zeros(batch_tokens, dtype=np.int32)
        self._own_sequence_pointers = [
            ctypes.cast(self._batch.seq_id[i], ctypes.c_void_p).value for i in range(batch_tokens)
        ]
        self._pointer_type = type(self._batch.seq_id[0])
        base = self._sequences.ctypes.data
        for i in range(batch_tokens):
            self._batch.seq_id[i] = ctypes.cast(base + 4 * i, self._pointer_type)
        if adapters:
            try:
                self._set_adapters(adapters)
            except BaseException:
                self.close()
                raise

    def _set_adapters(self, adapters: Mapping[Path, float]) -> None:
        handles = [self.model.load_adapter(path) for path in adapters]
        array = (llama_cpp.llama_adapter_lora_p_ctypes * len(handles))(*handles)
        scales = (ctypes.c_float * len(handles))(*adapters.values())
        if llama_cpp.llama_set_adapters_lora(self._context, array, len(handles), scales) != 0:
            raise ModelLoadError("the LoRA adapters could not be applied to this model")

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer; for `SamplerChain` only."""
        return self._context

    # --- decoding -----------------------------------------------------------------------------

    def decode(
        self,
        tokens: npt.ArrayLike,
        positions: npt.ArrayLike,
        sequences: npt.ArrayLike,
        outputs: npt.ArrayLike,
    ) -> DecodeStatus:
        """Run one batch. Blocks without holding the GIL; logits are readable when it returns.

        All four: (n,) integers, 1 <= n <= batch_tokens. outputs: 1 where logits are wanted.
        Positions of a sequence must continue it without a gap, in order.
        Raises ValueError for what would abort the process.
        """
        token_row = np.asarray(tokens, dtype=np.int32)
        output_row = np.asarray(outputs, dtype=np.int8)
        sequence_row = np.asarray(sequences, dtype=np.int32)
        count = len(token_row)
        if not 1 <= count <= self.batch_tokens:
            raise ValueError(f"a batch has 1 to {self.batch_tokens} tokens, got {count}")
        if int(output_row.sum()) > self.max_outputs:
            raise ValueError(f"a batch has at most {self.max_outputs} outputs")
        if sequence_row.min() < 0 or sequence_row.max() >= self.max_sequences:
            raise ValueError(f"sequence ids must be in [0, {self.max_sequences})")
        if token_row.min() < 0 or token_row.max() >= self._vocabulary:
            raise ValueError(f"token ids must be in [0, {self._vocabulary})")
        self._tokens[:count] = token_row
        self._positions[:count] = positions
        self._sequences[:count] = sequence_row
        self._outputs[:count] = output_row
        self._batch.n_tokens = count
        status = llama_cpp.llama_decode(self._context, self._batch)
        if status == 0:
            # On a GPU decode returns early; the logits are needed at once, so wait here.
            llama_cpp.llama_synchronize(self._context)
            return DecodeStatus.OK
        if status == 1:
            return DecodeStatus.NO_ROOM
        logger.warning("llama_decode returned %d: %s", status, last_error())
        return DecodeStatus.FAILED

    def logits(self, row: int) -> LogitsArray:
        """(vocabulary,) float32 of a batch row that asked for them.

        A view into llama.cpp's buffer: it dies with the next `decode`.
        """
        pointer = llama_cpp.llama_get_logits_ith(self._context, row)
        if not pointer:
            raise ValueError(f"row {row} of the last batch asked for no logits")
        return np.ctypeslib.as_array(pointer, (self._vocabulary,))

    # --- cells --------------------------------------------------------------------------------

    def copy_cells(self, source: int, target: int, start: int, end: int) -> None:
        """Let `target` share the cells of `source` at positions [start, end). Free of cost."""
        self._check_ids(source, target)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, start, end)

    def remove_cells(self, sequence: int, start: int = 0, end: int = -1) -> None:
        """Take `sequence` off its cells at positions [start, end); end -1 is the last."""
        self._check_ids(sequence)
        llama_cpp.llama_memory_seq_rm(self._memory, sequence, start, end)

    def position_range(self, sequence: int) -> tuple[int, int]:
        """First and last position that `sequence` holds, (-1, -1) if none."""
        self._check_ids(sequence)
        return (
            int(llama_cpp.llama_memory_seq_pos_min(self._memory, sequence)),
            int(llama_cpp.llama_memory_seq_pos_max(self._memory, sequence)),
        )

    def save_sequence(self, sequence: int) -> bytes:
        """The state of a sequence's cells, for `restore_sequence` on the same model and types."""
        self._check_ids(sequence)
        size = int(llama_cpp.llama_state_seq_get_size(self._context, sequence))
        buffer = (ctypes.c_uint8 * size)()
        written = llama_cpp.llama_state_seq_get_data(self._context, buffer, size, sequence)
        return bytes(memoryview(buffer)[:written])

    def restore_sequence(self, sequence: int, state: bytes) -> bool:
        """Put a saved state into fresh cells of `sequence`; False if it does not fit or match."""
        self._check_ids(sequence)
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        read = llama_cpp.llama_state_seq_set_data(self._context, buffer, len(state), sequence)
        return int(read) == len(state)

    def _check_ids(self, *sequences: int) -> None:
        for sequence in sequences:
            if not 0 <= sequence < MAX_SEQUENCE_IDS:
                raise ValueError(f"sequence ids must be in [0, {MAX_SEQUENCE_IDS})")

    def close(self) -> None:
        """Free the batch and the context. Idempotent."""
        if not self._context:
            return
        for i, pointer in enumerate(self._own_sequence_pointers):
            self._batch.seq_id[i] = ctypes.cast(pointer or 0, self._pointer_type)
        llama_cpp.llama_batch_free(self._batch)
        llama_cpp.llama_free(self._context)
        self._context = None
