"""Which file a model name stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference import models
from inference.hub_models import HubFile
from inference.model_files import ModelFetchError, ProgressCallback
from inference.models import LocalModel, available_models, is_bundled, resolve_model
from inference.request import ModelLoadError


@pytest.fixture
def models_path(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("alpha-q4.gguf", "big-00001-of-00002.gguf", "big-00002-of-00002.gguf"):
        (folder / name).write_bytes(b"GGUF" + name.encode())
    (folder / ".alpha.0123.part").write_bytes(b"half")
    (folder / "notes.txt").write_text("no model", "utf-8")
    return folder


@pytest.fixture
def bundled(models_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = models_path / "SmolLM2-135M-Instruct-Q8_0.gguf"
    monkeypatch.setattr(models, "bundled_llm", lambda *_: path)
    return path


def test_a_path_to_a_file_is_that_file(tmp_path: Path, models_path: Path) -> None:
    file = tmp_path / "elsewhere.gguf"
    file.write_bytes(b"GGUF")

    assert resolve_model(str(file), models_path) == file


def test_a_path_may_start_at_home(
    tmp_path: Path, models_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.gguf").write_bytes(b"GGUF")

    assert resolve_model("~/mine.gguf", models_path) == tmp_path / "mine.gguf"


@pytest.mark.parametrize("name", ["alpha-q4", "alpha-q4.gguf"])
def test_a_name_is_a_file_of_the_models_folder(name: str, models_path: Path) -> None:
    assert resolve_model(name, models_path) == models_path / "alpha-q4.gguf"


@pytest.mark.parametrize(
    "name", ["", "SmolLM2-135M-Instruct", "smollm2-135m-instruct", "SmolLM2-135M-Instruct-Q8_0"]
)
def test_nothing_configured_is_the_bundled_model(
    name: str, models_path: Path, bundled: Path
) -> None:
    assert resolve_model(name, models_path) == bundled
    assert is_bundled(bundled)
    assert not is_bundled(models_path / "alpha-q4.gguf")


def test_catalogue_names_and_references_are_fetched(
    models_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[HubFile] = []

    def record(
        file: HubFile, folder: Path, _progress: ProgressCallback | None, *, endpoint: str | None
    ) -> Path:
        asked.append(file)
        return folder / file.file_name

    monkeypatch.setattr(models, "pull_file", record)

    path = resolve_model("Qwen2.5-1.5B-Instruct", models_path)
    resolve_model("hf:owner/repo/m.gguf", models_path)

    assert path == models_path / "qwen2.5-1.5b-instruct-q4_k_m.gguf"
    assert [file.repository for file in asked] == ["Qwen/Qwen2.5-1.5B-Instruct-GGUF", "owner/repo"]


@pytest.mark.parametrize("name", ["gpt-9", "../alpha-q4", "notes.txt", "sub/alpha-q4", ".."])
def test_an_unknown_name_is_refused_with_what_there_is(name: str, models_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"alpha-q4, big-00001.*qwen2\.5-7b") as caught:
        resolve_model(name, models_path)

    assert not isinstance(caught.value, ModelFetchError)


def test_the_folder_is_listed_with_split_models_once(models_path: Path) -> None:
    listed = available_models(models_path)

    assert listed == [
        LocalModel("alpha-q4", models_path / "alpha-q4.gguf", 17, ""),
        LocalModel("big-00001-of-00002", models_path / "big-00001-of-00002.gguf", 54, ""),
    ]


def test_a_folder_that_is_not_there_has_no_models(tmp_path: Path) -> None:
    assert available_models(tmp_path / "none") == []


def test_a_file_that_is_no_model_is_called_so(models_path: Path) -> None:
    """Of a path to a text it was said that there is no model of that name."""
    notes = models_path / "notes.txt"
    with pytest.raises(ModelLoadError, match=r"notes\.txt is no GGUF file"):
        resolve_model(str(notes), models_path)
    blob = models_path / "0123abcd"  # as the hub's cache names them
    blob.write_bytes(b"GGUF and so on")
    assert resolve_model(str(blob), models_path) == blob.resolve()
