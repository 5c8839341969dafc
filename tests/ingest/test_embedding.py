from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ingest.embedding import EmbedderNotFound, SentenceEmbedder
from ingest.embedding_model import TextKind

ROOT = Path(__file__).parents[2]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderNotFound, match=r"no\s+config\.json"):
        SentenceEmbedder(tmp_path)


def test_importing_loads_no_heavy_library() -> None:
    script = (
        "import sys, ingest.embedding; "
        "print([m for m in ('torch', 'sentence_transformers', 'faiss') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.model
def test_what_it_is_is_known_without_loading_the_model(embedder_path: Path) -> None:
    embedder = SentenceEmbedder(embedder_path)
    assert (embedder.dimensions, embedder.max_tokens) == (384, 254)
    assert embedder.count_tokens("Tokenization isn't hard.") == 7  # token ##ization isn ' t hard .
    assert embedder.identity.startswith("MiniLM-L6-H384-uncased-384d-")
    assert embedder._loaded is None


@pytest.mark.model
def test_the_identity_follows_the_content_not_the_folder(
    embedder_path: Path, tmp_path: Path
) -> None:
    first = SentenceEmbedder(embedder_path).identity
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for path in embedder_path.rglob("*"):
        target = copy / path.relative_to(embedder_path)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif path.name != "sentence_bert_config.json":
            target.symlink_to(path)
    (copy / "sentence_bert_config.json").write_bytes(
        (embedder_path / "sentence_bert_config.json").read_bytes()
    )
    assert SentenceEmbedder(copy).identity == first
    (copy / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 128}))
    changed = SentenceEmbedder(copy)
    assert changed.identity != first
    assert changed.max_tokens == 126


@pytest.mark.model
def test_vectors_are_those_of_the_model_computed_by_hand(
    real_embedder: SentenceEmbedder, embedder_path: Path
) -> None:
    """Mean of the last layer over all tokens, made a unit vector, one text at a time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    texts = ["A short one.", "A rather longer sentence, so that it is padded.", "x"]
    tokenizer = AutoTokenizer.from_pretrained(embedder_path)
    model = AutoModel.from_pretrained(embedder_path).eval()
    expected = []
    with torch.inference_mode():
        for text in texts:
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]  # (t, 384)
            mean = states.mean(dim=0).numpy()
            expected.append(mean / np.linalg.norm(mean))
    vectors = real_embedder.embed_passages(texts)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors, np.array(expected), atol=1e-5)
    assert np.allclose(real_embedder.embed_queries(texts), vectors, atol=1e-5)
    assert np.allclose(real_embedder.embed_query(texts[0]), vectors[0], atol=1e-5)
    assert real_embedder.embed_passages([]).shape == (0, 384)


@pytest.mark.model
@pytest.mark.parametrize(("runtime", "cosine"), [("real", 0.9999), ("fast", 0.98)])
def test_tokens_are_those_of_the_models_last_layer(
    runtime: str, cosine: float, embedder_path: Path, request: pytest.FixtureRequest
) -> None:
    """One unit vector a token, computed by hand one text at a time; [CLS] and [SEP] left out."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    embedder: SentenceEmbedder = request.getfixturevalue(f"{runtime}_embedder")
    texts = ["A short one.", "A rather longer sentence, so that the other is padded.", ""]
    tokenizer = AutoTokenizer.from_pretrained(embedder_path)
    model = AutoModel.from_pretrained(embedder_path).eval()
    for kind in TextKind:
        whole, found = embedder.embed_tokens(texts, kind)
        assert np.allclose(whole, embedder.embed_passages(texts), atol=1e-2)
        for text, vectors in zip(texts, found, strict=True):
            with torch.inference_mode():
                states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
            expected = states[1:-1].numpy()
            assert vectors.dtype == np.float32
            assert vectors.shape == (embedder.count_tokens(text), 384)
            assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
            cosines = (vectors * expected).sum(axis=1) / np.linalg.norm(expected, axis=1)
            assert (cosines > cosine).all()
    assert embedder.embed_tokens([], TextKind.QUERY)[1] == []


@pytest.mark.model
def test_tokens_of_a_long_text_are_those_of_all_its_windows(
    fast_embedder: SentenceEmbedder,
) -> None:
    text = "Rain fell on the hills and the wind blew from the west all day. " * 40
    whole, (vectors,) = fast_embedder.embed_tokens([text], TextKind.PASSAGE)
    assert np.allclose(whole, fast_embedder.embed_passages([text]), atol=1e-5)
    assert len(vectors) == fast_embedder.count_tokens(text) > fast_embedder.max_tokens


@pytest.mark.model
@pytest.mark.parametrize(("runtime", "tolerance"), [("real", 1e-5), ("fast", 1e-2)])
def test_threads_get_their_own_answers(
    runtime: str, tolerance: float, request: pytest.FixtureRequest
) -> None:
    embedder: SentenceEmbedder = request.getfixturevalue(f"{runtime}_embedder")
    texts = [f"Question number {i} about {'many ' * (i % 7)}things" for i in range(24)]
    alone = embedder.embed_queries(texts)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: embedder.embed_queries([text])[0], texts))
        counts = list(pool.map(embedder.count_tokens, texts))
    # Eight bits round otherwise in a batch of another shape; other questions differ by far more.
    assert np.allclose(np.array(together), alone, atol=tolerance)
    assert counts == [embedder.count_tokens(text) for text in texts]


@pytest.mark.model
@pytest.mark.parametrize(("runtime", "cosine"), [("real", 0.999), ("fast", 0.98)])
def test_a_long_text_is_read_to_its_end(
    runtime: str, cosine: float, request: pytest.FixtureRequest
) -> None:
    """A text beyond the model's 256 tokens was once cut there, and its end found by no question."""
    embedder: SentenceEmbedder = request.getfixturevalue(f"{runtime}_embedder")
    weather = "Rain fell on the hills and the wind blew from the west all day. " * 40
    text = weather + "The treaty of the two kingdoms was signed in the old cathedral. " * 40
    vector, beginning = embedder.embed_passages([text, weather])
    (treaty,) = embedder.embed_queries(["Where was the treaty signed?"])
    assert vector @ treaty > beginning @ treaty + 0.2
    # The windows, made here of the words themselves, with the same weights.
    words, windows = text.split(), []
    while words:
        count = len(words)
        while embedder.count_tokens(" ".join(words[:count])) > embedder.max_tokens:
            count -= 1
        windows.append(" ".join(words[:count]))
        words = words[count:]
    weights = [embedder.count_tokens(window) + 2 for window in windows]
    mean = np.average(embedder.embed_passages(windows), axis=0, weights=weights)
    assert mean @ vector / np.linalg.norm(mean) > cosine
    assert np.allclose(embedder.embed_queries([text])[0], vector, atol=1e-2)


@pytest.mark.model
def test_batches_are_told_and_may_end_the_work(fast_embedder: SentenceEmbedder) -> None:
    texts = [f"Number {i}. " + "Some words more. " * (i % 40) for i in range(100)]
    told: list[int] = []
    vectors = fast_embedder.embed_passages(texts, on_batch=told.extend)
    assert sorted(told) == list(range(100))
    assert vectors.shape == (100, 384)

    def stop(rows: Sequence[int]) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fast_embedder.embed_passages(texts, on_batch=stop)
    # Batches that ran when it ended are not taken for those of the next.
    assert np.allclose(fast_embedder.embed_passages(texts[::-1])[::-1], vectors, atol=1e-2)
