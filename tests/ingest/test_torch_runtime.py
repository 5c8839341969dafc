from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

import ingest.torch_runtime
from ingest.torch_runtime import has_gpu


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Linux with a torch that could use a GPU; returns where the driver's device would be."""
    device = tmp_path / "nvidiactl"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.13.0")
    monkeypatch.setattr(ingest.torch_runtime, "_GPU_DEVICES", (str(device),))
    # Importing it now would raise ImportError.
    monkeypatch.setitem(sys.modules, "torch", None)
    return device


def test_without_a_driver_torch_is_not_asked_for_a_gpu(linux: Path) -> None:
    assert not has_gpu()


def test_with_a_driver_torch_is_asked(linux: Path) -> None:
    linux.touch()
    with pytest.raises(ImportError):
        has_gpu()


def test_a_torch_built_for_the_cpu_has_none(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    linux.touch()
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "2.13.0+cpu")
    assert not has_gpu()


def test_a_mac_has_one(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert has_gpu()
