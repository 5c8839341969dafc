"""Products with Q4_K and Q6_K weights, which .ci/llama_cpp/k_quants.patch computes in its own way.

The oracle is llama.cpp without repacked weights: other code, one row and one column at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import llama_cpp
import numpy as np
import pytest

from inference.llama.context import Context, LogitsArray
from inference.llama.model import Model
from inference.llama.quantization import quantize

pytestmark = pytest.mark.model
TOKENS = 210


@pytest.fixture(scope="module")
def k_quants(llm_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model as a Q4_K_M file: its down projections are Q4_K and Q6_K."""
    target = tmp_path_factory.mktemp("models") / "q4_k_m.gguf"
    quantize(llm_path, target, "q4_k_m")
    return target


@contextmanager
def without_repacking() -> Iterator[None]:
    """Models that are loaded now keep their weights as the file has them."""
    defaults = llama_cpp.llama_model_default_params

    def plain() -> llama_cpp.llama_model_params:
        params = defaults()
        params.use_extra_bufts = False
        return params

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llama_cpp, "llama_model_default_params", plain)
        yield


def logits_of(path: Path, rows: int) -> LogitsArray:
    """(TOKENS, vocabulary): of tokens in batches of so many, each all of its sequence."""
    model = Model(path, gpu_layers=0)
    context = Context(
        model, cells=256, batch_tokens=128, max_sequences=rows, max_outputs=rows, threads=2
    )
    found = []
    try:
        for start in range(0, TOKENS, rows):
            for row in range(rows):
                context.remove_cells(row)
            context.decode(
                np.arange(1000 + start, 1000 + start + rows),
                np.zeros(rows, np.int64),
                np.arange(rows),
                np.ones(rows, np.int8),
            )
            found += [np.array(context.logits(row)) for row in range(rows)]
    finally:
        context.close()
        model.close()
    return np.stack(found)


@pytest.mark.parametrize("rows", [1, 3, 6, 70], ids=lambda rows: f"{rows} at once")
def test_repacked_weights_give_what_plain_ones_give(k_quants: Path, rows: int) -> None:
    """Rows are computed in fours and panels of 64, and those that are left alone.

    Activations are rounded to 8 bits before each product, where the last bit of a sum may decide: a
    token then differs by a hundredth of what logits do, rarely by a tenth; without, by nothing.
    """
    with without_repacking():
        expected = logits_of(k_quants, rows)
    error = np.sqrt(np.mean((logits_of(k_quants, rows) - expected) ** 2, axis=1))  # (TOKENS,)
    assert error.min() < 1e-4 * expected.std()
    assert np.median(error) < 0.02 * expected.std()
    assert error.max() < 0.3 * expected.std()
