"""The process that converts a sentence-transformers model for OpenVINO, and judges the result.

Arguments: the model's folder and an empty one, which gets the converted model and OUTCOME_FILE:
{"precision", "cosine"} or {"refused": why not}. Eight-bit integers are tried first, then a mixture
of them and single precision, then single precision. A model of which something cannot be
converted, or whose vectors every one of them changes too much, is refused.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ingest.calibration import CALIBRATION_TEXTS, CHECK_TEXTS
from ingest.converted_models import OUTCOME_FILE
from ingest.embedding import embed
from ingest.embedding_model import EmbeddingModel, TextKind
from ingest.openvino_runtime import (  # first: it keeps OpenVINO's telemetry out
    IDS,
    MASK,
    MODEL_FILE,
    OpenVinoRuntime,
)
from ingest.outlier_neurons import narrowing_products, set_apart
from ingest.records import FloatMatrix
from ingest.torch_runtime import load_sentence_transformer

if TYPE_CHECKING:
    import openvino
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

# Vectors this close rank passages alike: see docs/decisions.md.
LEAST_COSINE = 0.99
# The fastest first. "int8 and float32" leaves the products that give fewer features than they take,
# whose inputs have the largest outliers, as they are.
PRECISIONS = ("int8", "int8 and float32", "float32")
_SMOOTHING = 0.5


class Refused(Exception):
    """The model cannot be converted; the message is a sentence that says why."""


def main() -> None:
    """Convert, and write the outcome."""
    model_path, folder = map(Path, sys.argv[-2:])
    warnings.simplefilter("ignore")  # of tracing: the check below is what counts
    try:
        precision, cosine = convert(EmbeddingModel(model_path), folder)
        outcome: dict[str, object] = {"precision": precision, "cosine": cosine}
    except Refused as error:
        outcome = {"refused": str(error)}
    (folder / OUTCOME_FILE).write_text(json.dumps(outcome), "utf-8")


def convert(model: EmbeddingModel, folder: Path) -> tuple[str, float]:
    """Write the converted model; its precision, and the least cosine of a vector with torch's.

    Raises Refused.
    """
    from openvino import save_model

    original = load_sentence_transformer(model.path, device="cpu")
    tokenizer = model.tokenizer()
    expected = _reference(original, model, tokenizer)
    traced = _traced(original)
    cosine = 0.0
    for precision in PRECISIONS:
        converted = traced
        if precision != "float32":
            converted = _quantized(traced, model, tokenizer, narrowing=precision == "int8")
        save_model(converted, folder / MODEL_FILE, compress_to_fp16=False)
        runtime = OpenVinoRuntime(folder, precision=precision, pad_id=model.pad_id)
        cosine = min(
            float((embed(texts, kind, model=model, tokenizer=tokenizer, runtime=runtime) * vectors)
                  .sum(axis=1).min())
            for kind, (texts, vectors) in expected.items()
        )  # fmt: skip
        if cosine >= LEAST_COSINE:
            return precision, cosine
    for path in folder.iterdir():
        path.unlink()
    raise Refused(f"its converted form gives other vectors (cosine {cosine:.3f}).")


def _reference(
    original: SentenceTransformer, model: EmbeddingModel, tokenizer: Tokenizer
) -> dict[TextKind, tuple[list[str], FloatMatrix]]:
    """What sentence-transformers itself makes of the texts that it reads whole, one at a time."""
    encoders = {
        TextKind.QUERY: original.encode_query,
        TextKind.PASSAGE: original.encode_document,
    }
    expected = {}
    for kind, encode in encoders.items():
        prompt = model.prompt(kind)
        texts = [
            text
            for text in CHECK_TEXTS
            if len(tokenizer.encode(prompt + text).ids) <= model.max_ids
        ]
        if not texts:
            raise Refused("it reads too few tokens to be checked.")
        # Given by name, a prompt called "passage" is lost: "document" is there, empty, before it.
        vectors = encode(
            texts, prompt=prompt, batch_size=1, normalize_embeddings=True, show_progress_bar=False
        )
        expected[kind] = (texts, np.asarray(vectors, dtype=np.float32))
    return expected


def _traced(original: SentenceTransformer) -> openvino.Model:
    """All modules of the model as one graph: (ids, mask) -> (n, dim). Raises Refused.

    A second output, (n, tokens, dim), has the vectors of the tokens where the model has any.
    """
    import openvino
    import torch

    features = original.preprocess(["a text", "another text that is longer"])
    names = {name for name, value in features.items() if isinstance(value, torch.Tensor)}
    if not {IDS, MASK} <= names <= {IDS, MASK, "token_type_ids"}:
        raise Refused(f"it reads more than tokens: {', '.join(sorted(names))}.")

    class Whole(torch.nn.Module):
        """From tokens to the vector of a text, which has one segment."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = original

        def forward(
            self, input_ids: torch.Tensor, attention_mask: torch.Tensor
        ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
            given = {IDS: input_ids, MASK: attention_mask}
            if "token_type_ids" in names:
                given["token_type_ids"] = torch.zeros_like(input_ids)
            for module in self.inner:
                given = module(given)
            whole = given["sentence_embedding"]
            tokens = given.get("token_embeddings")
            return whole if tokens is None else (whole, tokens)

    try:
        with torch.no_grad():
            graph = openvino.convert_model(
                Whole().eval(), example_input={IDS: features[IDS], MASK: features[MASK]}
            )
        graph.reshape({name: [-1, -1] for name in (IDS, MASK)})
    except Exception as error:  # whatever a model of strangers makes tracing raise
        raise Refused(f"it cannot be traced ({type(error).__name__}).") from error
    return graph


def _quantized(
    graph: openvino.Model,
    model: EmbeddingModel,
    tokenizer: Tokenizer,
    *,
    narrowing: bool,
) -> openvino.Model:
    """Weights and activations in eight bits, their ranges taken from the calibration texts.

    narrowing: also of the products that give fewer features than they take.
    """
    import nncf

    inputs = []
    for text in CALIBRATION_TEXTS:
        ids = np.array([tokenizer.encode(text).ids[: model.max_ids]], dtype=np.int64)
        inputs.append({IDS: ids, MASK: np.ones_like(ids)})
    graph = graph.clone()
    if narrowing:
        kept = set_apart(graph, inputs)
    else:
        kept = [node.get_friendly_name() for node in narrowing_products(graph)]
    # Least and mean cosine over the check texts, with MiniLM: .937 as NNCF has it for transformers,
    # .973 / .990 with half of the activations' range moved into the weights (SmoothQuant, Xiao et
    # al. 2022, arXiv:2211.10438) and not .95 of it, and .995 / .998 with the outliers apart, too.
    return nncf.quantize(
        graph,
        nncf.Dataset(inputs),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(names=kept),
        advanced_parameters=nncf.AdvancedQuantizationParameters(
            smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=_SMOOTHING)
        ),
    )


if __name__ == "__main__":
    main()
