"""GPUs: those that layers can be offloaded to, and those that this build cannot use."""

from __future__ import annotations

import contextlib
import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
from llama_cpp._ggml import libggml

from inference.llama.backend import start_backend


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
    start_backend()
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
