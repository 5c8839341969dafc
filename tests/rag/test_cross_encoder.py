"""Cross-encoders with random weights, made here, against transformers computing the same."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
)

from rag.cross_encoder import CrossEncoderReranker
from rag.errors import RerankerNotFound
from rag.generator import NOBODY, Caller
from rag.library import Library
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedGenerator

QUESTION = "when was the bridge opened"
PASSAGES = [
    "the bridge was opened in spring",
    "visitors may park behind the library",
    "the orchard yielded apples",
    "the library was opened when the orchard was",
]


def save_cross_encoder(folder: Path, *, outputs: int = 1, safetensors: bool = True) -> None:
    """A two-layer BERT over the words of this file, its weights drawn with a fixed seed."""
    words = sorted({word for text in [QUESTION, *PASSAGES] for word in text.split()})
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    ).save_pretrained(folder)
    torch.manual_seed(20261)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=outputs,
        initializer_range=0.5,  # so that passages differ
    )
    model = BertForSequenceClassification(config)
    if safetensors:
        model.save_pretrained(folder)
    else:
        config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")


def relevances_of_transformers(folder: Path, passages: list[str]) -> list[float]:
    """One pair at a time, without padding."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = []
    for passage in passages:
        with torch.inference_mode():
            logits = model(**tokenizer(QUESTION, passage, return_tensors="pt")).logits
        found.append(float(torch.sigmoid(logits[0, 0])))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny-reranker"
    save_cross_encoder(path)
    return path


def test_relevances_are_those_that_transformers_computes(folder: Path) -> None:
    found = CrossEncoderReranker(folder, device="cpu").relevances(QUESTION, PASSAGES, NOBODY)
    expected = relevances_of_transformers(folder, PASSAGES)
    assert found == pytest.approx(expected, abs=1e-5)
    assert max(expected) - min(expected) > 0.01


def test_more_passages_than_one_batch_takes_are_judged_in_order(folder: Path) -> None:
    reranker = CrossEncoderReranker(folder, device="cpu")
    found = reranker.relevances(QUESTION, PASSAGES * 9, NOBODY)
    assert found == pytest.approx(relevances_of_transformers(folder, PASSAGES) * 9, abs=1e-5)


def test_nothing_is_judged_for_who_has_left(folder: Path) -> None:
    left = threading.Event()
    left.set()
    reranker = CrossEncoderReranker(folder, device="cpu")
    assert reranker.relevances(QUESTION, PASSAGES, Caller(cancel=left)) is None


def test_a_model_that_was_saved_with_another_activation_gives_probabilities_too(
    folder: Path, tmp_path: Path
) -> None:
    """MS MARCO's cross-encoders say that their outputs are used as they are."""
    other = tmp_path / "identity"
    save_cross_encoder(other)
    config = json.loads((other / "config.json").read_text("utf-8"))
    config["sentence_transformers"] = {"activation_fn": "torch.nn.modules.linear.Identity"}
    (other / "config.json").write_text(json.dumps(config), "utf-8")
    found = CrossEncoderReranker(other, device="cpu").relevances(QUESTION, PASSAGES, NOBODY)
    assert found == pytest.approx(relevances_of_transformers(folder, PASSAGES), abs=1e-5)


@pytest.mark.parametrize("name", ["the path", "its name in the models folder"])
def test_a_library_searches_in_the_cross_encoders_order(
    folder: Path, tmp_path: Path, name: str
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for number, passage in enumerate(PASSAGES):
        (files / f"{number}.txt").write_text(passage, "utf-8")
    if name != "the path":
        save_cross_encoder(tmp_path / "models" / folder.name)
    settings = Settings(home=tmp_path, reranker=str(folder) if name == "the path" else folder.name)
    with ModellessLibrary(tmp_path / "library", settings, lambda: ScriptedGenerator("")) as library:
        library.add(files)
        found = library.search(QUESTION, k=4)
    read = [f"{number}.txt\n{passage}" for number, passage in enumerate(PASSAGES)]
    expected = relevances_of_transformers(folder, read)
    order = sorted(range(len(PASSAGES)), key=lambda number: -expected[number])
    assert [hit.document_name for hit in found] == [f"{number}.txt" for number in order]
    assert [hit.similarity for hit in found] == pytest.approx(sorted(expected, reverse=True), 1e-4)
    assert found[0].reason.endswith(f"reranker {max(expected):.2f}")


def test_pickled_weights_are_not_loaded(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path, safetensors=False)
    with pytest.raises(RerankerNotFound, match="safetensors"):
        CrossEncoderReranker(tmp_path)


def test_a_model_of_several_outputs_is_no_reranker(tmp_path: Path) -> None:
    save_cross_encoder(tmp_path, outputs=3)
    with pytest.raises(RerankerNotFound, match="3 outputs"):
        CrossEncoderReranker(tmp_path, device="cpu").warm_up()


def test_a_folder_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", "utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(RerankerNotFound, match="cannot be loaded"):
        CrossEncoderReranker(tmp_path, device="cpu").warm_up()


def test_a_reranker_that_is_not_there_is_said_at_the_first_search(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    for number, passage in enumerate(PASSAGES):
        (tmp_path / "files" / f"{number}.txt").write_text(passage, "utf-8")
    settings = Settings(home=tmp_path, reranker=str(tmp_path / "nowhere"))

    def no_model() -> ScriptedGenerator:
        raise AssertionError("the language model was loaded")

    library: Library
    with ModellessLibrary(tmp_path / "library", settings, no_model) as library:
        library.add(tmp_path / "files")
        with pytest.raises(RerankerNotFound, match="nowhere"):
            library.search(QUESTION)
