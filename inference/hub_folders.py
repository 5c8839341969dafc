"""A transformers model from the Hugging Face hub: its configuration, tokenizer and weights.

Only what is data is fetched: JSON, text and safetensors. Weights that are pickled are not, nor is
code, whatever the repository has. Each file comes as in `inference.hub_models`: it can be
interrupted, and its digest is checked.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

from inference.hub_models import PATH_COMPONENT, HubFile, fetch_file, hub_failure
from inference.model_files import (
    FetchProgress,
    ModelFetchError,
    ProgressCallback,
    ignore_progress,
    is_intact,
    locked,
    read_manifest,
)

_REPOSITORY = re.compile(rf"{PATH_COMPONENT}/{PATH_COMPONENT}")
_DATA = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
# Other runtimes' copies of the weights, and their settings.
_OTHER_RUNTIMES = ("onnx/*", "openvino/*")
_LAST = "config.json"


def is_hub_repository(name: str) -> bool:
    """Whether a name is of the form owner/repository."""
    return _REPOSITORY.fullmatch(name) is not None


def pull_folder(
    repository: str,
    models_path: Path,
    progress: ProgressCallback | None = None,
    *,
    endpoint: str | None = None,
) -> Path:
    """The folder of a repository in the models folder; fetched if it is not whole there.

    repository: owner/repository. endpoint: None takes HF_ENDPOINT, else the public hub.
    A folder that is whole is used as it is, without a request. Raises ModelFetchError.
    """
    report = progress or ignore_progress
    folder = models_path / repository.replace("/", "--")
    if (folder / _LAST).is_file():  # fetched last, so the others are there
        return folder
    with locked(models_path, report):
        if not (folder / _LAST).is_file():  # another process may have fetched it meanwhile
            _fetch(repository, folder, report, endpoint)
    return folder


def _fetch(repository: str, folder: Path, report: ProgressCallback, endpoint: str | None) -> None:
    report(FetchProgress(f"Asking for {repository}", 0, None))
    names = [name for name in _listed(repository, endpoint) if _is_data(name)]
    if _LAST not in names or not any(name.endswith(".safetensors") for name in names):
        raise ModelFetchError(
            f"{repository} has no {_LAST} or no weights in safetensors on the hub, and others are"
            " not loaded; choose another model"
        )
    folder.mkdir(exist_ok=True)
    for name in sorted(names, key=lambda name: (name == _LAST, name)):
        target = folder / name
        if not is_intact(target, read_manifest(target.parent).get(target.name)):
            target.parent.mkdir(parents=True, exist_ok=True)
            fetch_file(HubFile(repository, name), target, report, endpoint=endpoint)


def _listed(repository: str, endpoint: str | None) -> list[str]:
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        return HfApi(endpoint=endpoint).list_repo_files(repository)
    except (HfHubHTTPError, OfflineModeIsEnabled, httpx.HTTPError, OSError) as error:
        raise ModelFetchError(hub_failure(repository, error)) from error


def _is_data(name: str) -> bool:
    """Whether a file is wanted. The name is the hub's word: it may not lead out of the folder."""
    parts = name.split("/")
    return (
        all(re.fullmatch(PATH_COMPONENT, part) for part in parts)
        and any(fnmatch(name, pattern) for pattern in _DATA)
        and not any(fnmatch(name, pattern) for pattern in _OTHER_RUNTIMES)
    )
