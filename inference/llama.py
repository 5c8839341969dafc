"""The only file that touches llama.cpp: a model, one context, and the calls the engine needs.

Knows nothing of requests, schedules or caches. Everything here belongs to one thread, except
`Tokenizer`, which only reads the vocabulary and may be used from any thread.

llama.cpp aborts the whole process on some misuse (a batch longer than n_batch, more outputs than
were reserved, a sequence id out of range). Those asserts cannot be caught, so every call that can
meet one is guarded here and raises `ValueError` instead.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import re
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt
from llama_cpp._ggml import libggml
from llama_cpp.llama_grammar import json_schema_to_gbnf

from inference.forged_markers import harmless_pieces, marker_pattern
from inference.kv_state import Rope
from inference.request import InvalidRequest, ModelLoadError, SamplingParams
from inference.verbatim import PieceTable

logger = logging.getLogger(__name__)

TokenArray = npt.NDArray[np.int32]
LogitsArray = npt.NDArray[np.float32]

# llama.cpp's compile-time LLAMA_MAX_SEQ: sequence ids are bits of a 256-bit set in every cell.
# With a unified KV cache all of them may hold cells; only those below n_seq_max may be decoded.
MAX_SEQUENCE_IDS = 256

KV_TYPES = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
# Bytes a KV element takes: q8_0 stores 32 values in 34 bytes, q4_0 in 18.
KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}

QUANTIZATIONS = {
    "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "q5_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}

# llama.cpp's own limit of a repetition in a grammar (MAX_REPETITION_THRESHOLD).
LARGEST_REPETITION = 2000
LARGEST_GRAMMAR_CHARS = 1 << 18  # 0.5 s to parse; a schema of 200 properties makes 22 000
_REPETITIONS = ("minLength", "maxLength", "minItems", "maxItems")
_QUANTIFIER = re.compile(r"\{([\d,]+)\}")

PENALTY_WINDOW_TOKENS = 64  # llama.cpp's own default for repeat penalties

_last_error_line = ""


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _log_to_python(level: int, text: bytes, _user_data: ctypes.c_void_p) -> None:
    """llama.cpp's log: warnings to our logger, the last error kept for `ModelLoadError`."""
    global _last_error_line
    if level < 2:  # GGML_LOG_LEVEL_INFO and below: loading alone prints hundreds of lines
        return
    line = text.decode("utf-8", "replace").strip()
    if level == 3:
        _last_error_line = line
    if line and level in (2, 3):
        logger.log(logging.DEBUG if level == 2 else logging.INFO, "%s", line)


@lru_cache(maxsize=1)
def _start_backend() -> None:
    """Initialise llama.cpp once a process, when a model is first needed and not at import."""
    llama_cpp.llama_log_set(_log_to_python, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()


class DecodeStatus(Enum):
    """What `Context.decode` reports; see llama.h on the return values of llama_decode."""

    OK = 0
    NO_ROOM = 1  # no free cells: nothing was changed, try again with less
    FAILED = -2  # the batch failed; earlier micro-batches may have stayed in the cache


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


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """A GPU that layers can be offloaded to, and its memory at the moment."""

    name: str
    free_bytes: int
    total_bytes: int


def gpu_devices() -> tuple[str, ...]:
    """Names of the devices that this build of llama.cpp can offload layers to."""
    return tuple(gpu.name for gpu in gpu_memory())


def gpu_memory() -> tuple[GpuMemory, ...]:
    """The devices that this build of llama.cpp can offload layers to."""
    _start_backend()
    ggml = libggml
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    ggml.ggml_backend_dev_type.restype = ctypes.c_int
    ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_description.restype = ctypes.c_char_p
    ggml.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_memory.restype = None
    ggml.ggml_backend_dev_memory.argtypes = [
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(ctypes.c_size_t),
    ]
    devices = []
    for index in range(ggml.ggml_backend_dev_count()):
        device = ggml.ggml_backend_dev_get(index)
        if ggml.ggml_backend_dev_type(device) in (1, 2):  # GPU, integrated GPU
            name = ggml.ggml_backend_dev_description(device).decode("utf-8", "replace")
            free, total = ctypes.c_size_t(), ctypes.c_size_t()
            ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
            devices.append(GpuMemory(name, free.value, total.value))
    return tuple(devices)


def unused_gpus(root: Path = Path("/")) -> tuple[str, ...]:
    """GPUs that the machine shows and this build cannot use, each with what would use it.

    root: where the traces are looked for that drivers leave in /dev and /proc.
    """
    if llama_cpp.llama_supports_gpu_offload():
        return ()
    found = []
    # WSL shows an NVIDIA card by its driver's library only.
    if any((root / "dev").glob("nvidia[0-9]*")) or (root / "usr/lib/wsl/lib/libcuda.so.1").exists():
        found.append(f"{_nvidia_name(root)} (PAPERLIGHT_GPU=cuda make env)")
    if (root / "dev/kfd").exists():
        found.append("AMD GPU (PAPERLIGHT_GPU=vulkan make env)")
    return tuple(found)


def _nvidia_name(root: Path) -> str:
    for information in sorted((root / "proc/driver/nvidia/gpus").glob("*/information")):
        with contextlib.suppress(OSError):
            model = re.search(r"^Model:\s*(.+)$", information.read_text("utf-8", "replace"), re.M)
            if model:
                return model[1].strip()
    return "NVIDIA GPU"


def quantize(source: Path, target: Path, quantization: str, *, threads: int = 0) -> None:
    """Write `source` requantized to `target`.

    quantization: a key of QUANTIZATIONS. threads: 0 takes every core.
    Raises ModelLoadError if llama.cpp cannot convert it; `target` is then not there.
    """
    if quantization not in QUANTIZATIONS:
        known = ", ".join(QUANTIZATIONS)
        raise InvalidRequest(f"unknown quantization {quantization!r}; choose one of {known}")
    _start_backend()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = QUANTIZATIONS[quantization]
    params.nthread = threads or usable_cores()
    params.allow_requantize = True
    status = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(params)
    )
    if status != 0:
        target.unlink(missing_ok=True)
        raise ModelLoadError(f"{source} could not be converted to {quantization}: {_last_error()}")


def json_schema_grammar(schema: str) -> str:
    """GBNF text that accepts exactly the JSON documents of `schema` (a JSON string).

    Raises InvalidRequest if the schema cannot be expressed, or would make a huge grammar.
    """
    try:
        # The converter spells repetitions out: a maxLength of 10**9 costs it minutes and gigabytes.
        if _largest_repetition(json.loads(schema)) > LARGEST_REPETITION:
            raise InvalidRequest(f"it repeats something more than {LARGEST_REPETITION} times")
        grammar = str(json_schema_to_gbnf(schema))
        if len(grammar) > LARGEST_GRAMMAR_CHARS:
            raise InvalidRequest("it is too large or too deep")
    except Exception as error:  # the converter raises whatever its recursion meets
        reason = f"{error}" or type(error).__name__
        raise InvalidRequest(f"the JSON schema cannot be used as a grammar: {reason}") from error
    return grammar


def _largest_repetition(schema: Any) -> int:
    """The largest count in a schema's length limits and in the quantifiers of its patterns."""
    if isinstance(schema, list):
        return max(map(_largest_repetition, schema), default=0)
    if not isinstance(schema, dict):
        return 0
    counts = [schema.get(name) for name in _REPETITIONS]
    pattern = schema.get("pattern")
    quantifiers = _QUANTIFIER.findall(pattern) if isinstance(pattern, str) else []
    counts += [int(count) for count in ",".join(quantifiers).split(",") if count.isdigit()]
    numbers = [int(count) for count in counts if isinstance(count, int | float)]
    return max(*numbers, 0, 0, *map(_largest_repetition, schema.values()))


def usable_cores() -> int:
    """Physical cores this process may run on: hyper-threads slow matrix products down."""
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # macOS and Windows have no affinity call
        return max(1, os.cpu_count() or 1)
    cores = set()
    for cpu in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        with contextlib.suppress(OSError):
            cores.add(siblings.read_text().strip())
    return max(1, len(cores) or len(allowed))


def _last_error() -> str:
    return _last_error_line or "llama.cpp gave no reason"


class Tokenizer:
    """A model's vocabulary. Thread-safe: it only reads.

    Tokenizing is done in the callers' threads, so that it never delays a batch.
    """

    def __init__(self, vocab: Any) -> None:
        self._vocab = vocab
        self.size = int(llama_cpp.llama_vocab_n_tokens(vocab))
        self.adds_bos = bool(llama_cpp.llama_vocab_get_add_bos(vocab))
        self.bos = int(llama_cpp.llama_vocab_bos(vocab))
        self.eos = int(llama_cpp.llama_vocab_eos(vocab))
        self._pieces: dict[int, bytes] = {}

    def encode(self, text: str, *, parse_special: bool = False) -> list[int]:
        """Token ids of `text`.

        parse_special: read "<|im_end|>" and the like as control tokens. Only for text that the
        product or the model wrote; document text and user text are data.
        """
        if parse_special:
            return self._encode(text, parse_special=True)
        pieces = harmless_pieces(text, self._forgeable)
        return [token for piece in pieces for token in self._encode(piece, parse_special=False)]

    @cached_property
    def _forgeable(self) -> re.Pattern[str] | None:
        """The markers that llama.cpp reads in any text, since the model's file calls them words.

        Chat turns of DeepSeek's models and tool calls of Qwen's are among them.
        """
        words = llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        return marker_pattern(
            self.text(token)
            for token in range(self.size)
            if llama_cpp.llama_vocab_get_attr(self._vocab, token) & words
        )

    def _encode(self, text: str, *, parse_special: bool) -> list[int]:
        data = text.encode("utf-8", "replace")  # a lone surrogate becomes "?"
        capacity = len(data) + 2
        buffer = (llama_cpp.llama_token * capacity)()
        count = llama_cpp.llama_tokenize(
            self._vocab, data, len(data), buffer, capacity, False, parse_special
        )
        if count < 0:
            buffer = (llama_cpp.llama_token * -count)()
            count = llama_cpp.llama_tokenize(
                self._vocab, data, len(data), buffer, -count, False, parse_special
            )
        return list(buffer[:count])

    def count(self, text: str) -> int:
        """How many tokens `text` takes as data."""
        return len(self.encode(text))

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for; b"" for control tokens. May be part of a character."""
        known = self._pieces.get(token)
        if known is not None:
            return known
        size = 64
        buffer = ctypes.create_string_buffer(size)
        count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
        if count < 0:
            size = -count
            buffer = ctypes.create_string_buffer(size)
            count = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
        piece = buffer.raw[:count]
        self._pieces[token] = piece
        return piece

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of `tokens`; incomplete characters become U+FFFD."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def text(self, token: int) -> str:
        """The vocabulary's own spelling of a token, control tokens included."""
        raw = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return raw.decode("utf-8", "replace") if raw else ""

    @cached_property
    def by_piece(self) -> PieceTable:
        """The tokens by the bytes that they stand for; made when first asked for."""
        return PieceTable(self)

    def is_end_of_generation(self, token: int) -> bool:
        """True for the tokens with which a model ends its turn."""
        return bool(llama_cpp.llama_vocab_is_eog(self._vocab, token))


def _load_model(path: Path, params: Any) -> Any:
    """llama.cpp's pointer to a loaded model. Raises ModelLoadError."""
    _start_backend()
    if not path.is_file():
        raise ModelLoadError(f"there is no model file at {path}")
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise ModelLoadError(f"{path} cannot be loaded: {_last_error()}")
    return model


def _chat_template(model: Any) -> str | None:
    raw = llama_cpp.llama_model_chat_template(model, None)
    return raw.decode("utf-8", "replace") if raw else None


class Vocabulary:
    """A GGUF file's tokenizer and chat template, without its weights.

    For a process in which the model itself does not run; touches no GPU. Raises ModelLoadError.
    Freed when nobody refers to the tokenizer any more, since any thread may still be counting.
    """

    def __init__(self, path: Path) -> None:
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        # An empty list of devices: otherwise each GPU is asked for its memory, and that takes some.
        no_devices = (ctypes.c_void_p * 1)()
        params.devices = ctypes.cast(no_devices, ctypes.c_void_p)
        model = _load_model(path, params)
        self.chat_template = _chat_template(model)
        self.tokenizer = Tokenizer(llama_cpp.llama_model_get_vocab(model))
        # Not at the interpreter's exit: daemon threads may then be in the middle of a text.
        weakref.finalize(self.tokenizer, llama_cpp.llama_model_free, model).atexit = False


class Model:
    """A GGUF file loaded into memory. Free it with `close`, after its contexts.

    gpu_layers: layers to offload; negative: all of them.
    tensor_split: share of each GPU; () lets llama.cpp decide.
    weights: False reads the file's facts and leaves its weights where they are.
    Raises ModelLoadError with llama.cpp's reason.
    """

    def __init__(
        self,
        path: Path,
        *,
        gpu_layers: int = -1,
        tensor_split: tuple[float, ...] = (),
        lock_memory: bool = False,
        map_file: bool = True,
        weights: bool = True,
    ) -> None:
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = gpu_layers
        if not weights:
            params.no_alloc = True
            params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
        elif lock_memory:
            params.load_mode = (
                llama_cpp.LLAMA_LOAD_MODE_MMAP_MLOCK
                if map_file
                else llama_cpp.LLAMA_LOAD_MODE_MLOCK
            )
        elif not map_file:
            params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
        if tensor_split:
            limit = int(llama_cpp.llama_max_devices())
            if len(tensor_split) > limit:
                raise ModelLoadError(f"tensor_split names {len(tensor_split)} of {limit} devices")
            shares = (ctypes.c_float * limit)(*tensor_split)
            params.tensor_split = shares
        self.path = path
        self._model = _load_model(path, params)
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.tokenizer = Tokenizer(self._vocab)
        self.description = self._describe()
        self.is_recurrent = bool(
            llama_cpp.llama_model_is_recurrent(self._model)
            or llama_cpp.llama_model_is_hybrid(self._model)
        )
        self._adapters: list[Any] = []

    @property
    def handle(self) -> Any:
        """llama.cpp's own pointer; for `Context` only."""
        return self._model

    @property
    def vocab_handle(self) -> Any:
        """llama.cpp's own pointer; for `SamplerChain` only."""
        return self._vocab

    def metadata(self, key: str) -> str | None:
        """A string of the GGUF's metadata, or None."""
        size = 1 << 16
        buffer = ctypes.create_string_buffer(size)
        count = llama_cpp.llama_model_meta_val_str(self._model, key.encode(), buffer, size)
        return buffer.raw[:count].decode("utf-8", "replace") if count >= 0 else None

    @property
    def chat_template(self) -> str | None:
        """The Jinja chat template that the GGUF carries, or None."""
        return _chat_template(self._model)

    def rope(self) -> Rope | None:
        """How keys are turned; None where it is not the plain form (scaled or sectioned RoPE)."""
        kind = int(llama_cpp.llama_model_rope_type(self._model))
        architecture = self.description.architecture
        scaling = self.metadata(f"{architecture}.rope.scaling.type")
        if kind not in (llama_cpp.LLAMA_ROPE_TYPE_NORM, llama_cpp.LLAMA_ROPE_TYPE_NEOX):
            return None
        if scaling not in (None, "none"):
            return None
        head_size = self._head_size(architecture)
        return Rope.plain(
            base=float(self.metadata(f"{architecture}.rope.freq_base") or 10_000.0),
            dimensions=int(self.metadata(f"{architecture}.rope.dimension_count") or head_size),
            neighbours=kind == llama_cpp.LLAMA_ROPE_TYPE_NORM,
            head_size=head_size,
        )

    def _head_size(self, architecture: str) -> int:
        heads = max(1, int(llama_cpp.llama_model_n_head(self._model)))
        stated = self.metadata(f"{architecture}.attention.key_length")
        return int(stated) if stated else int(llama_cpp.llama_model_n_embd(self._model)) // heads

    def _describe(self) -> ModelDescription:
        buffer = ctypes.create_string_buffer(256)
        llama_cpp.llama_model_desc(self._model, buffer, 256)
        words = buffer.value.decode("utf-8", "replace").split()
        architecture = self.metadata("general.architecture") or "unknown"
        layers = int(llama_cpp.llama_model_n_layer(self._model))
        kv_heads = int(llama_cpp.llama_model_n_head_kv(self._model))
        head_size = self._head_size(architecture)
        return ModelDescription(
            name=self.path.stem,
            path=self.path,
            architecture=architecture,
            parameters=int(llama_cpp.llama_model_n_params(self._model)),
            quantization=" ".join(words[2:]) or "unknown",
            size_bytes=int(llama_cpp.llama_model_size(self._model)),
            trained_context_tokens=int(llama_cpp.llama_model_n_ctx_train(self._model)),
            layers=layers,
            kv_bytes_per_token=layers * kv_heads * head_size * 2 * KV_BYTES["f16"],
        )

    @property
    def output_bytes(self) -> int:
        """Size of the output layer, estimated at the mean bytes of a weight."""
        weights = self.tokenizer.size * int(llama_cpp.llama_model_n_embd(self._model))
        return weights * self.description.size_bytes // max(1, self.description.parameters)

    def load_adapter(self, path: Path) -> Any:
        """Load a LoRA adapter for this model; freed with it."""
        adapter = llama_cpp.llama_adapter_lora_init(self._model, str(path).encode())
        if not adapter:
            raise ModelLoadError(f"{path} is not a LoRA adapter for this model: {_last_error()}")
        self._adapters.append(adapter)
        return adapter

    def close(self) -> None:
        """Free adapters, then the model. Contexts must be closed before. Idempotent."""
        for adapter in self._adapters:
            llama_cpp.llama_adapter_lora_free(adapter)
        self._adapters.clear()
        if self._model:
            llama_cpp.llama_model_free(self._model)
            self._model = None


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
                f"no context of {cells} tokens could be made ({_last_error()}); "
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

    @property
    def can_shift(self) -> bool:
        """True if cells may be moved to other positions (passage blocks need it)."""
        return bool(llama_cpp.llama_memory_can_shift(self._memory))

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
        logger.warning("llama_decode returned %d: %s", status, _last_error())
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

    def shift_cells(self, sequence: int, start: int, end: int, offset: int) -> None:
        """Move positions [start, end) by `offset`, for every sequence that shares the cells."""
        self._check_ids(sequence)
        llama_cpp.llama_memory_seq_add(self._memory, sequence, start, end, offset)

    def position_range(self, sequence: int) -> tuple[int, int]:
        """First and last position that `sequence` holds, (-1, -1) if none."""
        self._check_ids(sequence)
        return (
            int(llama_cpp.llama_memory_seq_pos_min(self._memory, sequence)),
            int(llama_cpp.llama_memory_seq_pos_max(self._memory, sequence)),
        )

    def clear_cells(self) -> None:
        """Empty the whole cache."""
        llama_cpp.llama_memory_clear(self._memory, True)

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


class SamplerChain:
    """llama.cpp's sampler chain for one request; free it with `close`.

    Order as in llama.cpp's own programs: bias, penalties, top-k, top-p, min-p, temperature, draw.
    """

    def __init__(self, model: Model, params: SamplingParams, *, seed: int) -> None:
        self._chain = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        vocabulary = model.tokenizer.size
        if params.logit_bias:
            biases = (llama_cpp.llama_logit_bias * len(params.logit_bias))()
            for slot, (token, bias) in zip(biases, params.logit_bias.items(), strict=True):
                slot.token, slot.bias = token, bias
            self._add(llama_cpp.llama_sampler_init_logit_bias(vocabulary, len(biases), biases))
        if (params.repeat_penalty, params.frequency_penalty, params.presence_penalty) != (1, 0, 0):
            self._add(
                llama_cpp.llama_sampler_init_penalties(
                    vocabulary,
                    PENALTY_WINDOW_TOKENS,
                    params.repeat_penalty,
                    params.frequency_penalty,
                    params.presence_penalty,
                )
            )
        if params.temperature == 0.0:
            self._add(llama_cpp.llama_sampler_init_greedy())
            return
        # top_k first: top_p over a whole vocabulary costs 0.5 ms a token more.
        if params.top_k:
            self._add(llama_cpp.llama_sampler_init_top_k(params.top_k))
        if params.top_p < 1.0:
            self._add(llama_cpp.llama_sampler_init_top_p(params.top_p, 1))
        if params.min_p > 0.0:
            self._add(llama_cpp.llama_sampler_init_min_p(params.min_p, 1))
        self._add(llama_cpp.llama_sampler_init_temp(params.temperature))
        self._add(llama_cpp.llama_sampler_init_dist(seed))

    def _add(self, sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: Context, row: int) -> int:
        """Draw from the logits of `row` of the last batch, and remember the token."""
        return int(llama_cpp.llama_sampler_sample(self._chain, context.handle, row))

    def close(self) -> None:
        """Free the chain. Idempotent."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None


class Grammar:
    """A GBNF grammar's state for one request; free it with `close`.

    Raises InvalidRequest if the text is not a grammar with a rule named root.
    """

    def __init__(self, model: Model, text: str) -> None:
        self._sampler = llama_cpp.llama_sampler_init_grammar(
            model.vocab_handle, text.encode(), b"root"
        )
        if not self._sampler:
            raise InvalidRequest(f"the grammar cannot be parsed: {_last_error()}")
        self._vocabulary = model.tokenizer.size

    def allows(self, token: int) -> bool:
        """True if the grammar can go on with `token`."""
        candidates = np.zeros(1, dtype=_CANDIDATE)
        candidates["id"] = token
        return bool(np.isfinite(self._apply(candidates)["logit"][0]))

    def mask(self, logits: LogitsArray) -> LogitsArray:
        """A copy of `logits` with -inf at every token that the grammar does not allow."""
        candidates = np.zeros(self._vocabulary, dtype=_CANDIDATE)
        candidates["id"] = np.arange(self._vocabulary, dtype=np.int32)
        candidates["logit"] = logits
        return np.ascontiguousarray(self._apply(candidates)["logit"])

    def _apply(self, candidates: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array = llama_cpp.llama_token_data_array(
            data=candidates.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data)),
            size=len(candidates),
            selected=-1,
            sorted=False,
        )
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(array))
        return candidates

    def accept(self, token: int) -> None:
        """Advance by a token that `allows` approved; any other one aborts the process."""
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free the grammar. Idempotent."""
        if self._sampler:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None


_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
