"""What the machine has and what of it is used; the facts of a model without its weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.engine_config import EngineConfig
from inference.llama.gpus import unused_gpus
from inference.llama.model import Model
from inference.offload import RESERVED_BYTES
from inference.request import ModelLoadError
from inference.service import InferenceService
from inference.sizing import automatic_gpu_layers

NVIDIA = "proc/driver/nvidia/gpus/0000:01:00.0/information"


def machine(root: Path, *files: str, text: str = "") -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ((), ()),
        (("proc/driver/nvidia/version",), ()),  # a container that was given no card
        (("dev/nvidiactl",), ()),
        (("dev/nvidia3",), ("NVIDIA GPU (PAPERLIGHT_GPU=cuda make env)",)),
        (("dev/nvidia0", NVIDIA), ("NVIDIA X 9 (PAPERLIGHT_GPU=cuda make env)",)),
        (("usr/lib/wsl/lib/libcuda.so.1",), ("NVIDIA GPU (PAPERLIGHT_GPU=cuda make env)",)),
        (("dev/kfd",), ("AMD GPU (PAPERLIGHT_GPU=vulkan make env)",)),
    ],
    ids=["nothing", "driver", "control", "card", "named-card", "wsl", "amd"],
)
def test_gpus_that_are_not_used_are_found_by_their_drivers_traces(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: tuple[str, ...],
    names: tuple[str, ...],
) -> None:
    monkeypatch.setattr("llama_cpp.llama_supports_gpu_offload", lambda: False)
    root = machine(tmp_path, *files, text="Model: \t\t NVIDIA X 9\nIRQ: 1\n")
    assert unused_gpus(root) == names


def test_a_build_that_can_use_a_gpu_leaves_none_unused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llama_cpp.llama_supports_gpu_offload", lambda: True)
    assert unused_gpus(machine(tmp_path, "dev/nvidia0")) == ()


@pytest.mark.model
def test_a_models_facts_are_the_same_without_its_weights(llm_path: Path) -> None:
    facts, whole = Model(llm_path, weights=False), Model(llm_path)
    assert facts.description == whole.description
    assert facts.output_bytes == whole.output_bytes
    assert 0 < facts.output_bytes < facts.description.size_bytes / 2
    facts.close()
    whole.close()


@pytest.mark.model
def test_layers_are_counted_from_the_model_and_the_free_memory(llm_path: Path) -> None:
    config = EngineConfig(llm_path, context_tokens=4096)
    model = Model(llm_path, weights=False)
    layers = model.description.layers
    all_bytes = model.description.size_bytes + int(4096 * model.description.kv_bytes_per_token)
    model.close()
    assert automatic_gpu_layers(config, [RESERVED_BYTES + all_bytes + (1 << 20)]) == layers + 1
    half = automatic_gpu_layers(config, [RESERVED_BYTES + all_bytes // 2])
    assert layers / 4 < half < layers * 3 / 4
    assert automatic_gpu_layers(config, [RESERVED_BYTES]) == 0


@pytest.mark.model
def test_the_service_tells_what_computes(llm_path: Path) -> None:
    with InferenceService(EngineConfig(llm_path, context_tokens=512, threads=2)) as service:
        figures = service.metrics()
    assert figures["threads"] == 2
    assert figures["model_layers"] == service.model.layers + 1
    assert 0 <= figures["gpu_layers"] <= figures["model_layers"]
    if not service.devices:
        assert figures["gpu_layers"] == 0


@pytest.mark.model
def test_an_adapter_that_is_none_is_named(llm_path: Path, tmp_path: Path) -> None:
    none = tmp_path / "none.gguf"
    none.write_bytes(b"words")
    config = EngineConfig(llm_path, context_tokens=512, adapters=((none, 0.5),))
    with pytest.raises(ModelLoadError, match=r"none\.gguf is not a LoRA adapter"):
        InferenceService(config)
