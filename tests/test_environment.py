"""`make env`: what it does again, and what it says meanwhile. Nothing is installed here."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / ".ci" / "environment.py"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with an empty .venv of its own and nothing set by the user."""
    spec = importlib.util.spec_from_file_location("paperlight_environment", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look their module up there
    spec.loader.exec_module(module)
    for name, path in {"VENV": ".venv", "STAMPS": ".venv/stamps.json"}.items():
        monkeypatch.setattr(module, name, tmp_path / path)
    (tmp_path / ".venv").mkdir()
    for variable in ("PAPERLIGHT_GPU", "CMAKE_ARGS"):
        monkeypatch.delenv(variable, raising=False)
    return module


@pytest.fixture
def done(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the steps that ran, which here do nothing else."""
    ran: list[str] = []
    real_steps = environment.steps

    def recording_steps(extras: str) -> list[object]:
        return [
            environment.Step(s.name, s.says, s.inputs, lambda name=s.name: ran.append(name))
            for s in real_steps(extras)
        ]

    monkeypatch.setattr(environment, "steps", recording_steps)
    monkeypatch.setattr(environment, "venv_is_usable", lambda: "venv" in ran)
    return ran


def test_a_second_run_does_nothing(environment: ModuleType, done: list[str]) -> None:
    environment.make_environment("")
    assert done == ["venv", "torch", "llama", "project"]

    environment.make_environment("")
    assert len(done) == 4


def test_the_test_tools_are_added_to_what_is_there(
    environment: ModuleType, done: list[str]
) -> None:
    environment.make_environment("")
    environment.make_environment("[dev]")

    assert done == ["venv", "torch", "llama", "project", "project[dev]"]


def test_with_the_test_tools_the_project_is_there(environment: ModuleType, done: list[str]) -> None:
    environment.make_environment("[dev]")
    environment.make_environment("")

    assert done == ["venv", "torch", "llama", "project[dev]"]


def test_a_failed_step_is_taken_up_again(
    environment: ModuleType, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = environment.steps

    def fail() -> None:
        raise environment.StepFailed("no network")

    def failing(extras: str) -> list[object]:
        venv, _torch, *rest = steps(extras)
        return [venv, environment.Step("torch", "installing torch", _torch.inputs, fail), *rest]

    monkeypatch.setattr(environment, "steps", failing)
    with pytest.raises(environment.StepFailed, match="installing torch: no network"):
        environment.make_environment("")
    monkeypatch.setattr(environment, "steps", steps)
    environment.make_environment("")

    assert done == ["venv", "torch", "llama", "project"]


def test_a_damaged_stamp_file_means_do_it_again(environment: ModuleType, done: list[str]) -> None:
    environment.make_environment("")
    environment.STAMPS.write_text('{"venv": ', "utf-8")

    environment.make_environment("")

    assert done == ["venv", "torch", "llama", "project"] * 2


def test_switching_the_gpu_compiles_again_and_nothing_else(
    environment: ModuleType, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment.make_environment("")
    monkeypatch.setenv("PAPERLIGHT_GPU", "vulkan")
    environment.make_environment("")

    assert done[4:] == ["llama"]


def test_the_chosen_gpu_is_remembered(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.chosen_build() == environment.Build("cpu", "")
    environment.write_stamp("llama-build", "cuda -DGGML_CUDA_F16=on")

    assert environment.chosen_build().cmake_args == "-DGGML_CUDA=on -DGGML_CUDA_F16=on"
    monkeypatch.setenv("PAPERLIGHT_GPU", "cpu")
    assert environment.chosen_build().cmake_args == ""


def test_an_unknown_gpu_is_refused(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERLIGHT_GPU", "banana")

    with pytest.raises(environment.StepFailed, match="use one of cpu, cuda, vulkan, metal"):
        environment.chosen_build()


def test_a_missing_compiler_says_what_to_install(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    with pytest.raises(environment.StepFailed, match="apt install build-essential"):
        environment.make_llama("llama-cpp-python==0", environment.Build("cpu", ""))


def test_a_compilation_says_how_far_it_is(environment: ModuleType) -> None:
    class Clock:
        elapsed_seconds = 0.0

    clock = Clock()
    text_of = environment.CompileText(clock)

    assert text_of("Collecting llama-cpp-python==0.3.36\n") == (
        "collecting llama-cpp-python==0.3.36"
    )
    clock.elapsed_seconds = 30.0
    assert text_of("  [1/201] Building CXX object a.o\n") == "compiling: 0% of 201 files"
    assert text_of("  a.cpp: In function 'f':\n") is None
    clock.elapsed_seconds = 130.0  # 50 files in 100 seconds, 150 to go
    assert text_of("  [51/201] Building CXX object b.o\n") == (
        "compiling: 25% of 201 files, about 5 min 00 s left"
    )


def test_a_download_says_how_far_it_is(environment: ModuleType) -> None:
    text_of = environment.PipText()

    text_of("  Downloading https://host/a/torch-2.13.0.whl (190 MB)\n")
    assert text_of("Progress 50000000 of 190000000\n") == (
        "downloading torch-2.13.0.whl: 50 of 190 MB"
    )


def test_a_failure_shows_its_reason_and_not_pips_epilogue(environment: ModuleType) -> None:
    words = environment.LastWords()
    output = (
        """
      -- Detecting CXX compile features - done
      CMake Error in ggml-cuda/CMakeLists.txt:
        CUDA_ARCHITECTURES is set to "native", but no GPU was detected.

      -- Generating done
      note: This originates from a subprocess
    """
        + "about pip\n" * 40
    )
    for line in output.splitlines():
        words.hear(line)

    assert [line.strip() for line in words.lines()] == [
        "CMake Error in ggml-cuda/CMakeLists.txt:",
        'CUDA_ARCHITECTURES is set to "native", but no GPU was detected.',
        "-- Generating done",
    ]


def test_a_wheel_is_kept_for_the_same_machine_only(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """pip's cache once handed a wheel without the patches, or for another processor, to a clone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    builds: list[dict[str, str]] = []

    def build(*arguments: str, environment: dict[str, str], **_: object) -> None:
        builds.append(environment)
        (folder,) = [a.partition("=")[2] for a in arguments if a.startswith("--wheel-dir=")]
        Path(folder).mkdir()
        (Path(folder) / "llama_cpp_python-0-py3-none-any.whl").touch()

    monkeypatch.setattr(environment, "run_pip", build)
    cpu, cuda = environment.Build("cpu", ""), environment.Build("cuda", "")

    first = environment.built_wheel("llama-cpp-python==0", cpu)
    assert environment.built_wheel("llama-cpp-python==0", cpu) == first
    assert len(builds) == 1
    assert "apply_patches.cmake" in builds[0]["SKBUILD_CMAKE_ARGS"]

    assert environment.built_wheel("llama-cpp-python==0", cuda) != first
    monkeypatch.setattr(environment, "processor", lambda: "another")
    assert environment.built_wheel("llama-cpp-python==0", cpu) != first
    assert len(builds) == 3


def test_a_failed_build_leaves_no_wheel_folder(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def fail(*_: str, **__: object) -> None:
        raise environment.StepFailed("no compiler")

    monkeypatch.setattr(environment, "run_pip", fail)
    with pytest.raises(environment.StepFailed):
        environment.built_wheel("llama-cpp-python==0", environment.Build("cpu", ""))

    assert list((tmp_path / "cache" / "paperlight" / "wheels").iterdir()) == []
