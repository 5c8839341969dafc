"""Which model file a name stands for, and where it comes from.

A name is, in this order: a path to a GGUF file; a file in the models folder, with or without
".gguf"; the bundled model; a catalogue entry or "hf:owner/repository/file.gguf" on the hub.
Knows files only: loading them is the business of inference/llama/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference.bundled_models import LLM, LLM_FILE, bundled_embedder, bundled_llm
from inference.hub_models import (
    CATALOGUE,
    PART_OF,
    CatalogueEntry,
    parse_hub_name,
    pull_file,
    recommend,
)
from inference.model_files import FetchProgress, ModelFetchError, ProgressCallback, read_manifest
from inference.request import ModelLoadError

__all__ = [
    "CATALOGUE",
    "CatalogueEntry",
    "FetchProgress",
    "LocalModel",
    "ModelFetchError",
    "ProgressCallback",
    "available_models",
    "bundled_embedder",
    "bundled_llm",
    "is_bundled",
    "pull",
    "recommend",
    "resolve_model",
]


_GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A GGUF file in the models folder.

    name: what `resolve_model` takes. size_bytes: of all its parts.
    origin: where it was fetched from, "" for a file that the user put there.
    """

    name: str
    path: Path
    size_bytes: int
    origin: str


def available_models(models_path: Path) -> list[LocalModel]:
    """The models in the folder, by name. A model split over files is listed once."""
    records = read_manifest(models_path)
    models = []
    for path in sorted(models_path.glob("*.gguf")):
        part = PART_OF.search(path.name)
        if path.name.startswith(".") or (part and int(part[1]) != 1):
            continue
        pattern = PART_OF.sub(f"-?????-of-{part[2]}", path.name) if part else path.name
        size_bytes = sum(file.stat().st_size for file in models_path.glob(pattern))
        record = records.get(path.name)
        models.append(LocalModel(path.stem, path, size_bytes, record.origin if record else ""))
    return models


def is_bundled(path: Path) -> bool:
    """True if `path` is the small model that is used when nothing is configured."""
    return path.name == LLM_FILE


def resolve_model(
    name_or_path: str, models_path: Path, progress: ProgressCallback | None = None
) -> Path:
    """The GGUF file to load; fetched if the name stands for one that is not here yet.

    name_or_path: see the module; "" is the bundled model.
    Raises ModelLoadError with what there is if the name means nothing, ModelFetchError if the
    file cannot be fetched.
    """
    if not name_or_path or name_or_path.casefold() == LLM.name.casefold():
        return bundled_llm(models_path, progress)
    path = Path(name_or_path).expanduser()
    if path.is_file() and (path.suffix == ".gguf" or _is_gguf(path)):
        return path.resolve()
    if path.name == name_or_path:  # a bare name cannot leave the models folder
        for file_name in (name_or_path, f"{name_or_path}.gguf"):
            if file_name == LLM_FILE:
                return bundled_llm(models_path, progress)
            candidate = models_path / file_name
            if candidate.suffix == ".gguf" and candidate.is_file():
                return candidate
    if path.is_file() and parse_hub_name(name_or_path) is None:
        raise ModelLoadError(
            f"{path} is no GGUF file; give the path of one, or a name that"
            " `paperlight models list` shows"
        )
    return pull(name_or_path, models_path, progress)


def _is_gguf(path: Path) -> bool:
    """By how it begins: a hub's cache keeps models under names without an ending."""
    try:
        with path.open("rb") as file:
            return file.read(len(_GGUF_MAGIC)) == _GGUF_MAGIC
    except OSError:
        return False


def pull(
    name: str,
    models_path: Path,
    progress: ProgressCallback | None = None,
    *,
    endpoint: str | None = None,
) -> Path:
    """Fetch a model from the hub by catalogue name or "hf:owner/repository/file.gguf".

    endpoint: the hub's address; None takes HF_ENDPOINT, else the public hub.
    Raises ModelLoadError if the name means nothing, ModelFetchError if it cannot be fetched.
    """
    file = parse_hub_name(name)
    if file is None:
        here = ", ".join(model.name for model in available_models(models_path)) or "none yet"
        known = ", ".join(entry.name for entry in CATALOGUE)
        raise ModelLoadError(
            f"there is no model {name!r}. Give the path of a GGUF file, one of the models in "
            f"{models_path} ({here}), one to fetch ({known}), or hf:owner/repository/file.gguf"
        )
    return pull_file(file, models_path, progress, endpoint=endpoint)
