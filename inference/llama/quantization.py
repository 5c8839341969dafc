"""Model files with smaller weights."""

from __future__ import annotations

import ctypes
from pathlib import Path

import llama_cpp

from inference.cores import usable_cores
from inference.llama.backend import last_error, start_backend
from inference.request import InvalidRequest, ModelLoadError

QUANTIZATIONS = {
    "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "q5_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_M,
    "q6_k": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K,
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}


def quantize(source: Path, target: Path, quantization: str, *, threads: int = 0) -> None:
    """Write `source` requantized to `target`.

    quantization: a key of QUANTIZATIONS. threads: 0 takes every core.
    Raises ModelLoadError if llama.cpp cannot convert it; `target` is then not there.
    """
    if quantization not in QUANTIZATIONS:
        known = ", ".join(QUANTIZATIONS)
        raise InvalidRequest(f"unknown quantization {quantization!r}; choose one of {known}")
    start_backend()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = QUANTIZATIONS[quantization]
    params.nthread = threads or usable_cores()
    params.allow_requantize = True
    status = llama_cpp.llama_model_quantize(
        str(source).encode(), str(target).encode(), ctypes.byref(params)
    )
    if status != 0:
        target.unlink(missing_ok=True)
        raise ModelLoadError(f"{source} could not be converted to {quantization}: {last_error()}")
