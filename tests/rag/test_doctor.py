from __future__ import annotations

from pathlib import Path

import pytest

from ingest.health import Check
from rag.doctor import DoctorReport, check_devices, check_folder, describe_hardware


def test_a_writable_folder_with_room_is_fine(tmp_path: Path) -> None:
    writable, space = check_folder(tmp_path)
    assert writable.ok
    assert "GB free" in space.detail
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, data: bytes) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    writable = check_folder(tmp_path)[0]
    assert not writable.ok
    assert "Permission denied" in writable.detail


def test_a_gpu_that_is_not_used_is_said_loudly() -> None:
    check = check_devices(used=(), unused=("NVIDIA GPU",), gpu_layers=-1)
    assert not check.ok
    assert check.detail.startswith("THIS MACHINE HAS A GPU THAT IS NOT USED: NVIDIA GPU")


@pytest.mark.parametrize(
    ("used", "gpu_layers", "detail"),
    [
        ((), -1, "No GPU; using the CPU."),
        (("H100",), -1, "Using H100."),
        (("H100",), 0, "H100 is there, but gpu_layers is 0: CPU only."),
    ],
)
def test_the_devices_in_use_are_named(used: tuple[str, ...], gpu_layers: int, detail: str) -> None:
    assert check_devices(used=used, unused=(), gpu_layers=gpu_layers) == Check("gpu", True, detail)


@pytest.mark.parametrize(
    ("devices", "gpu_layers", "line"),
    [
        ((), 0, "no GPU: 8 threads"),
        (("NVIDIA X",), 33, "GPU: NVIDIA X, all 33 layers"),
        (("NVIDIA X",), 20, "GPU: NVIDIA X, 20 of 33 layers, the rest on 8 threads"),
        (("NVIDIA X", "NVIDIA Y"), 33, "GPU: NVIDIA X, NVIDIA Y, all 33 layers"),
        (("NVIDIA X",), 0, "GPU: NVIDIA X, 0 of 33 layers, the rest on 8 threads"),
    ],
)
def test_what_computes_is_told_in_one_line(
    devices: tuple[str, ...], gpu_layers: int, line: str
) -> None:
    figures = {"gpu_layers": gpu_layers, "model_layers": 33, "threads": 8}
    assert describe_hardware(devices, figures) == line


def test_a_report_is_ok_when_every_check_is() -> None:
    assert DoctorReport((Check("a", True, ""),)).ok
    assert not DoctorReport((Check("a", True, ""), Check("b", False, ""))).ok
