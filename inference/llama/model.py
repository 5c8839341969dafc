"""A GGUF file: its weights and facts, or its vocabulary alone."""

from __future__ import annotations

import ctypes
import weakref
from pathlib import Path
from typing import Any

import llama_cpp

from inference.kv_state import Rope
from inference.llama.backend import last_error, start_backend
from inference.llama.interruption import goes_on
from inference.llama.tokenizer import Tokenizer
from inference.model_description import ModelDescription
from inference.request import ModelLoadError

# Bytes a KV element takes: q8_0 stores 32 values in 34 bytes, q4_0 in 18.
KV_BYTES = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}


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
        if not path.is_file():  # or llama.cpp's last words, which are of something else, say why
            raise ModelLoadError(
                f"there is no LoRA adapter {path}; PAPERLIGHT_ADAPTERS names the files"
            )
        adapter = llama_cpp.llama_adapter_lora_init(self._model, str(path).encode())
        if not adapter:
            raise ModelLoadError(f"{path} is not a LoRA adapter for this model: {last_error()}")
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


def _load_model(path: Path, params: Any) -> Any:
    """llama.cpp's pointer to a loaded model. Raises ModelLoadError."""
    start_backend()
    if not path.is_file():
        raise ModelLoadError(f"there is no model file at {path}")
    params.progress_callback = goes_on
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise ModelLoadError(f"{path} cannot be loaded: {last_error()}")
    return model


def _chat_template(model: Any) -> str | None:
    raw = llama_cpp.llama_model_chat_template(model, None)
    return raw.decode("utf-8", "replace") if raw else None
