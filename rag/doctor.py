"""Findings about a library, its models and its machine, as one report.

Pure but for looking at the disk: what the engine and the store found is given to it.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.health import Check

# A conversion of a model and a large upload need this much beside what is there.
_LOW_SPACE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Every check, the most important first."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(check.ok for check in self.checks)


def check_folder(folder: Path) -> list[Check]:
    """Whether the library's folder can be written to and has room."""
    return [_check_writable(folder), _check_space(folder)]


def check_devices(*, used: Sequence[str], unused: Sequence[str], gpu_layers: int) -> Check:
    """Whether the GPU that is there does the work.

    used: devices this build offloads to. unused: those of the machine that it cannot use.
    gpu_layers: as configured; 0 means that the user wants the CPU.
    """
    if unused:
        names = ", ".join(unused)
        detail = f"THIS MACHINE HAS A GPU THAT IS NOT USED: {names}; answers will be much slower."
        return Check("gpu", False, detail)
    if used and gpu_layers == 0:
        return Check("gpu", True, f"{', '.join(used)} is there, but gpu_layers is 0: CPU only.")
    return Check("gpu", True, f"Using {', '.join(used)}." if used else "No GPU; using the CPU.")


def describe_hardware(devices: Sequence[str], figures: Mapping[str, float]) -> str:
    """What computes, in one line. devices: GPUs that this build offloads to.

    figures: the engine's metrics, of which gpu_layers, model_layers and threads are told.
    """
    on_gpu, layers = int(figures.get("gpu_layers", 0)), int(figures.get("model_layers", 0))
    cores = int(figures.get("threads", 0))
    threads = f"{cores} thread{'' if cores == 1 else 's'}"
    if not devices:
        return f"no GPU: {threads}"
    names = ", ".join(devices)
    if on_gpu >= layers:
        return f"GPU: {names}, all {layers} layers"
    return f"GPU: {names}, {on_gpu} of {layers} layers, the rest on {threads}"


def _check_writable(folder: Path) -> Check:
    probe = folder / f".writable-{uuid.uuid4().hex}"
    try:
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        return Check("folder", False, f"{folder} cannot be written to: {reason}; fix its rights.")
    return Check("folder", os.access(folder, os.R_OK | os.X_OK), f"{folder} can be written to.")


def _check_space(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free in {folder}."
    if free < _LOW_SPACE_BYTES:
        return Check("space", False, detail + " Free some: models and originals need room.")
    return Check("space", True, detail)
