"""The cache of embedding models that were converted for a faster runtime.

Each lies in a folder named for what it was made from and by: the model's digest, the versions of
the converter, the processor. A manifest of digests tells whether it is whole; what is damaged is
converted again, and that a model cannot be converted is kept like a result. Nothing here imports
a runtime: the conversion is a process of its own, whose memory goes with it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from filelock import FileLock

from ingest.child_process import module_command
from ingest.embedding_model import EmbeddingModel

logger = logging.getLogger(__name__)

CONVERTER_VERSION = 3  # of our own steps; another makes every model be converted again
OUTCOME_FILE = "outcome.json"
_MANIFEST = "manifest.json"
_MODULE = "ingest.model_conversion"
_STAGING_PREFIX = ".converting-"
_TIMEOUT_SECONDS = 1800.0
_CONVERTERS = ("openvino", "nncf")


class NotConvertible(Exception):
    """A model has no converted form; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """A converted model on disk.

    precision: of its arithmetic, for people. cosine: the least between its vectors and those of
    the original, over the texts it was checked with.
    """

    folder: Path
    precision: str
    cosine: float


def converted_model(model: EmbeddingModel, cache: Path, *, processor: str) -> ConvertedModel:
    """The model as converted for this processor; converted now (20 s) where there is none.

    Raises NotConvertible where it cannot be, now or at an earlier try, and where the cache cannot
    be written. Processes that want the same one wait for the first.
    """
    try:
        folder = cache / _key(model, processor)
        if (found := _read(folder)) is None:
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(cache / ".lock"):
                if (found := _read(folder)) is None:
                    found = _convert(model, cache, folder)
    except importlib.metadata.PackageNotFoundError as error:
        raise NotConvertible(f"the package {error.name} is not installed.") from error
    except OSError as error:
        reason = f"the converted model cannot be kept in {cache}: {error.strerror or error}."
        raise NotConvertible(reason) from error
    if "refused" in found:
        raise NotConvertible(str(found["refused"]))
    return ConvertedModel(folder, str(found["precision"]), float(found["cosine"]))


def _key(model: EmbeddingModel, processor: str) -> str:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _CONVERTERS]
    made_from = [str(CONVERTER_VERSION), model.identity, processor, *versions]
    return hashlib.sha256("\n".join(made_from).encode()).hexdigest()[:32]


def _read(folder: Path) -> dict[str, Any] | None:
    """What was found out at the conversion; None where there was none or a file is damaged."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text("utf-8"))
        outcome = cast("dict[str, Any]", manifest["outcome"])
        whole = all(_digest(folder / name) == sha for name, sha in manifest["sha256"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return outcome if whole and isinstance(outcome, dict) else None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(model: EmbeddingModel, cache: Path, folder: Path) -> dict[str, Any]:
    """Have it converted in a folder beside, which takes its name when it is complete."""
    for left in cache.glob(f"{_STAGING_PREFIX}*"):  # by a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    logger.info("The embedding model is converted for this processor, once.")
    started = time.monotonic()
    staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=cache))
    try:
        outcome = _run(model.path, staging)
        made = {path.name: _digest(path) for path in sorted(staging.iterdir())}
        manifest = {"outcome": outcome, "sha256": made}
        (staging / _MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    logger.info("Converted in %.0f s: %s", time.monotonic() - started, outcome)
    return outcome


def _run(model_path: Path, staging: Path) -> dict[str, Any]:
    """The outcome of the converting process. Raises NotConvertible if there may yet be another."""
    try:
        process = subprocess.run(  # noqa: S603 - our own interpreter and module
            module_command(_MODULE, str(model_path.absolute()), str(staging.absolute())),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotConvertible(f"the conversion took more than {error.timeout:.0f} s.") from error
    try:
        outcome = json.loads((staging / OUTCOME_FILE).read_text("utf-8"))
        (staging / OUTCOME_FILE).unlink()
    except (OSError, ValueError) as error:
        logger.debug("The conversion said: %s", process.stdout.decode("utf-8", "replace"))
        raise NotConvertible(f"the conversion ended with status {process.returncode}.") from error
    return cast("dict[str, Any]", outcome)
