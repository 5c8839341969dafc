"""The bundled embedding model converted for OpenVINO, against PyTorch as the oracle."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ingest.converted_models
from ingest.calibration import CALIBRATION_TEXTS, CHECK_TEXTS
from ingest.converted_models import ConvertedModel, NotConvertible, converted_model
from ingest.embedding import SentenceEmbedder
from ingest.embedding_model import EmbeddingModel
from ingest.torch_runtime import has_gpu

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(sys.platform == "darwin", reason="a Mac computes on its GPU"),
]

ROOT = Path(__file__).parents[2]
TEXTS = [
    "x",
    "Where is the nearest pharmacy?",
    "The board approved a dividend of $0.45 a share, payable on 12 June to holders of record.",
    "Die Wärmepumpe läuft im Winter etwa achtzehnhundert Stunden.",
    "图书馆每天早上八点开门。",
    "تقع المكتبة في وسط المدينة بجانب الجامعة.",
    "पुस्तकालय सुबह आठ बजे खुलता है।",
    "Revenue | 1,204 | 1,377 | 1,501 | Costs | 803 | 850 | 912 | " * 6,
    "The pump was switched off and the valve opened; then the pressure fell slowly. " * 13,
]


@pytest.fixture
def model(embedder_path: Path) -> EmbeddingModel:
    return EmbeddingModel(embedder_path)


def copy_of(source: Path, target: Path) -> Path:
    """A model folder whose small files may be changed."""
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if path.stat().st_size > 1 << 20:
                copy.symlink_to(path)
            else:
                shutil.copy(path, copy)
    return target


def test_the_check_uses_other_texts_than_the_calibration() -> None:
    assert not set(CHECK_TEXTS) & set(CALIBRATION_TEXTS)


def test_vectors_are_close_to_pytorchs(
    fast_embedder: SentenceEmbedder, real_embedder: SentenceEmbedder
) -> None:
    """Alone and together: on processors with AMX, one text alone was .92 near once, of nine."""
    assert fast_embedder.runtime == "OpenVINO int8 on the CPU"
    assert fast_embedder.identity == real_embedder.identity
    expected = real_embedder.embed_passages(TEXTS)
    together = fast_embedder.embed_passages(TEXTS)  # padded to the longest
    alone = np.concatenate([fast_embedder.embed_queries([text]) for text in TEXTS])
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for vectors in (together, alone):
        assert (vectors * expected).sum(axis=1).min() > 0.985
    # Each text is nearest to itself, whichever side computed it.
    assert (together @ expected.T).argmax(axis=1).tolist() == list(range(len(TEXTS)))


def test_a_query_imports_no_torch_and_nothing_reports_it(
    embedder_path: Path, converted_path: Path, fast_embedder: SentenceEmbedder, tmp_path: Path
) -> None:
    """OpenVINO reports each import to a web service, unless its telemetry package is absent."""
    fast_embedder.warm_up()
    script = """
import socket, subprocess, sys
from pathlib import Path

def refuse(*_, **__):
    raise AssertionError("the network was asked for")

socket.socket.connect = socket.getaddrinfo = refuse
subprocess.Popen = refuse  # and no other process does it in this one's place
from ingest.embedding import SentenceEmbedder
embedder = SentenceEmbedder(sys.argv[1], converted=Path(sys.argv[2]), device="cpu")
assert len(embedder.embed_query("Who signed the treaty?")) == 384
print(embedder.runtime)
print([m for m in ("torch", "sentence_transformers", "transformers", "nncf") if m in sys.modules])
print(sorted(m for m in sys.modules if m.startswith("openvino_telemetry") and sys.modules[m]))
import openvino.tools.ovc.telemetry_utils as used
print(used.tm.__name__)
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(embedder_path), str(converted_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "OpenVINO int8 on the CPU", "[]", "[]", "openvino.tools.ovc.telemetry_stub",
    ]  # fmt: skip
    assert list(tmp_path.iterdir()) == []  # its client id would lie in ~/intel


def test_adding_and_searching_import_no_torch(
    tmp_path: Path, fast_embedder: SentenceEmbedder
) -> None:
    if has_gpu():
        pytest.skip("PyTorch computes on the GPU here")
    fast_embedder.warm_up()
    text = tmp_path / "treaty.txt"
    text.write_text("The treaty was signed in the cathedral. Rain fell on the hills.")
    script = """
import sys
from pathlib import Path
from rag.library import Library
from rag.settings import set_environment
set_environment()
with Library.open(Path(sys.argv[1])) as library:
    library.add([sys.argv[2]])
    print(library.search("Where was it signed?")[0].document_name)
    print([m for m in ("torch", "sentence_transformers", "nncf") if m in sys.modules])
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "library"), str(text)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.stdout.splitlines() == ["treaty.txt", "[]"], run.stderr


def test_a_conversion_reports_nothing_and_leaves_nothing_else(
    embedder_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: EmbeddingModel
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    cache = tmp_path / "cache"
    (cache / ".converting-left").mkdir(parents=True)
    found = converted_model(model, cache, processor="some")
    assert found.precision == "int8"
    assert 0.99 <= found.cosine < 1
    assert not list(home.rglob("*telemetry*"))
    assert not (home / "intel").exists()
    assert {path.name for path in cache.iterdir()} == {".lock", found.folder.name}
    assert {path.name for path in found.folder.iterdir()} == {
        "manifest.json", "model.bin", "model.xml",
    }  # fmt: skip


@pytest.fixture
def conversions(
    monkeypatch: pytest.MonkeyPatch, fast_embedder: SentenceEmbedder, converted_path: Path
) -> list[Path]:
    """Models asked to be converted; each gets the files of the bundled one's real conversion."""
    fast_embedder.warm_up()
    made: list[Path] = []

    def run(model_path: Path, staging: Path) -> dict[str, object]:
        made.append(model_path)
        for path in converted_path.glob("*/model.*"):
            shutil.copy(path, staging)
        return {"precision": "int8", "cosine": 0.995}

    monkeypatch.setattr(ingest.converted_models, "_run", run)
    return made


@pytest.mark.parametrize("damage", ["weights", "graph", "manifest", "missing", "not a dict"])
def test_a_damaged_conversion_is_made_again(
    damage: str, tmp_path: Path, model: EmbeddingModel, conversions: list[Path]
) -> None:
    first = converted_model(model, tmp_path, processor="some")
    assert converted_model(model, tmp_path, processor="some") == first
    assert len(conversions) == 1
    match damage:
        case "weights":
            with (first.folder / "model.bin").open("r+b") as file:
                file.seek(1000)
                file.write(b"\0\1\2\3")
        case "graph":
            (first.folder / "model.xml").write_text("<net/>")
        case "manifest":
            (first.folder / "manifest.json").write_text('{"outcome": ')
        case "missing":
            (first.folder / "model.bin").unlink()
        case _:
            (first.folder / "manifest.json").write_text('{"outcome": 1, "sha256": {}}')
    again = converted_model(model, tmp_path, processor="some")
    assert again == first == ConvertedModel(first.folder, "int8", 0.995)
    assert len(conversions) == 2
    embedder = SentenceEmbedder(model.path, converted=tmp_path, device="cpu")
    assert embedder.runtime == "OpenVINO int8 on the CPU"
    assert embedder.embed_query("A question").__len__() == 384


def test_another_processor_model_or_converter_gets_its_own(
    tmp_path: Path, model: EmbeddingModel, conversions: list[Path], embedder_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    folders = [converted_model(model, tmp_path / "cache", processor="some").folder]
    folders.append(converted_model(model, tmp_path / "cache", processor="other").folder)
    copy = copy_of(embedder_path, tmp_path / "model")
    (copy / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    folders.append(
        converted_model(EmbeddingModel(copy), tmp_path / "cache", processor="some").folder
    )
    monkeypatch.setattr(ingest.converted_models, "CONVERTER_VERSION", -1)
    folders.append(converted_model(model, tmp_path / "cache", processor="some").folder)
    assert len(set(folders)) == len(conversions) == 4


def torch_reason(embedder: SentenceEmbedder, caplog: pytest.LogCaptureFixture) -> str:
    """Why an embedder computes with PyTorch."""
    with caplog.at_level(logging.WARNING, "ingest"):
        assert embedder.runtime.startswith("PyTorch")
    (line,) = [record.getMessage() for record in caplog.records]
    assert "\n" not in line
    return line


def test_a_refusal_is_remembered_and_says_why(
    tmp_path: Path, embedder_path: Path, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch, real_embedder: SentenceEmbedder,
) -> None:  # fmt: skip
    asked: list[Path] = []

    def run(model_path: Path, staging: Path) -> dict[str, object]:
        asked.append(model_path)
        return {"refused": "it reads more than tokens: pixels."}

    monkeypatch.setattr(ingest.converted_models, "_run", run)
    for _ in range(2):
        caplog.clear()
        embedder = SentenceEmbedder(embedder_path, converted=tmp_path, device="cpu")
        assert "it reads more than tokens: pixels." in torch_reason(embedder, caplog)
    assert len(asked) == 1
    assert np.allclose(
        embedder.embed_query("A text"), real_embedder.embed_query("A text"), atol=1e-5
    )


def test_a_converter_that_dies_is_asked_again_another_time(
    tmp_path: Path, embedder_path: Path, model: EmbeddingModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest.converted_models, "_MODULE", "ingest.no_such_module")
    with pytest.raises(NotConvertible, match="ended with status 1"):
        converted_model(model, tmp_path, processor="some")
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, model: EmbeddingModel) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotConvertible, match="cannot be kept"):
        converted_model(model, tmp_path / "file" / "cache", processor="some")


def test_without_a_tokenizer_file_pytorch_computes(
    tmp_path: Path, embedder_path: Path, real_embedder: SentenceEmbedder,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    copy = copy_of(embedder_path, tmp_path / "model")
    (copy / "tokenizer.json").unlink()
    embedder = SentenceEmbedder(copy, converted=tmp_path / "converted", device="cpu")
    assert "no tokenizer.json" in torch_reason(embedder, caplog)
    text = "Tokenization isn't hard."
    assert embedder.count_tokens(text) == real_embedder.count_tokens(text) == 7
    assert np.allclose(embedder.embed_query(text), real_embedder.embed_query(text), atol=1e-5)


def test_a_model_with_cls_pooling_and_prompts_is_converted_too(
    tmp_path: Path, embedder_path: Path
) -> None:
    """Everything that sentence-transformers does is converted, not one kind of pooling."""
    copy = copy_of(embedder_path, tmp_path / "model")
    pooling = json.loads((copy / "1_Pooling/config.json").read_text())
    pooling |= {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    (copy / "1_Pooling/config.json").write_text(json.dumps(pooling))
    prompts = {"prompts": {"query": "question: ", "passage": "text: "}}
    (copy / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    with_torch = SentenceEmbedder(copy, device="cpu")
    fast = SentenceEmbedder(copy, converted=tmp_path / "converted", device="cpu")
    assert fast.runtime.startswith("OpenVINO")
    text = "The bridge was opened in 1894."
    for method in ("embed_queries", "embed_passages"):
        expected, got = getattr(with_torch, method)([text]), getattr(fast, method)([text])
        assert (expected * got).sum() > 0.98
    assert (fast.embed_queries([text]) * fast.embed_passages([text])).sum() < 0.98


_FIRST_TEXTS_AT_ONCE = """
import sys, threading
from pathlib import Path
from ingest.embedding import SentenceEmbedder
embedder = SentenceEmbedder(Path(sys.argv[1]), converted=Path(sys.argv[2]), device="cpu")
assert "OpenVINO" in embedder.runtime  # it is loaded, and has embedded nothing
sys.setswitchinterval(1e-6)  # threads take turns as often as they can
gate = threading.Barrier(8)
def embed(number):
    gate.wait()
    embedder.embed_queries([f"What is {number}?"])
threads = [threading.Thread(target=embed, args=(n,)) for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.usefixtures("fast_embedder")
def test_threads_that_embed_first_at_once_do_not_wait_for_ever(
    embedder_path: Path, converted_path: Path
) -> None:
    """`extract`, whose fields are looked up side by side, hung in one run of a few, for ever.

    What converts arrays for OpenVINO was set up by whichever thread came first, and another that
    came meanwhile had Python's lock, which the first one needed. It is set up at import now.
    """
    command = [sys.executable, "-c", _FIRST_TEXTS_AT_ONCE, str(embedder_path), str(converted_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=60)
