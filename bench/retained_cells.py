"""What cells that are kept for prompts to come cost those that are computed now.

All sequences share one KV cache, so attention passes over retained cells too, masked out. For some
numbers of retained cells: the time of a prefill of 64 and of 512 tokens, and of a decode step of 8
sequences, in alternation; the median of the repeats and its ratio to an empty cache.

    .venv/bin/python bench/retained_cells.py [MODEL.gguf] [--repeats 5] [--gpu]

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from inference.cores import usable_cores
from inference.llama.context import Context
from inference.llama.model import Model
from inference.models import resolve_model
from rag.settings import Settings

CELLS = 32_768
RETAINED = [0, 4096, 16_384]
WORK = {"prefill of 64": (1, 64), "prefill of 512": (1, 512), "decode of 8": (8, 1)}
DECODERS = range(8)
KEPT = 100  # a sequence id above those that decode
STEP = 512
DECODED_FROM = 200  # tokens that each decoding sequence has already


def milliseconds(context: Context, rows: int, tokens: int) -> float:
    """The time of one step: `rows` sequences with `tokens` tokens each; its cells are freed."""
    sequences = np.repeat(np.arange(rows), tokens)
    start = DECODED_FROM if tokens == 1 else 0
    if tokens > 1:
        context.remove_cells(0)
    outputs = np.zeros(rows * tokens, np.int8)
    outputs[tokens - 1 :: tokens] = 1
    positions = np.tile(np.arange(start, start + tokens), rows)
    begun = time.perf_counter()
    context.decode(np.full(rows * tokens, 300), positions, sequences, outputs)
    spent = 1000 * (time.perf_counter() - begun)
    for row in range(rows):
        context.remove_cells(row, start)
    return spent


def fill(context: Context, sequence: int, tokens: int) -> None:
    """Compute `tokens` of a sequence; kept under an id that never decodes."""
    for start in range(0, tokens, STEP):
        count = min(STEP, tokens - start)
        context.decode(
            np.arange(100, 100 + count),
            np.arange(start, start + count),
            np.full(count, sequence),
            np.zeros(count, np.int8),
        )


def measured(path: Path, repeats: int, gpu_layers: int) -> dict[str, dict[int, float]]:
    """Work -> retained cells -> median milliseconds."""
    model = Model(path, gpu_layers=gpu_layers)
    context = Context(
        model,
        cells=CELLS,
        batch_tokens=STEP,
        max_sequences=len(DECODERS),
        max_outputs=len(DECODERS),
        threads=usable_cores(),
    )
    times: dict[str, dict[int, list[float]]] = {w: {r: [] for r in RETAINED} for w in WORK}
    try:
        # What is kept is as many short sequences: whoever computes them stands alone.
        kept = 0
        for retained in RETAINED:
            while kept < retained:
                fill(context, 0, STEP)
                context.copy_cells(0, KEPT + kept // STEP, 0, STEP)
                context.remove_cells(0)
                kept += STEP
            for name, (rows, tokens) in WORK.items():
                if tokens == 1:
                    for row in DECODERS:
                        context.remove_cells(row)
                        fill(context, row, DECODED_FROM)
                milliseconds(context, rows, tokens)
                for _ in range(repeats):
                    times[name][retained].append(milliseconds(context, rows, tokens))
                for row in DECODERS:
                    context.remove_cells(row)
    finally:
        context.close()
        model.close()
    return {
        work: {retained: statistics.median(each) for retained, each in by_retained.items()}
        for work, by_retained in times.items()
    }


def main() -> None:
    """Measure, print a table, then the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="", help="GGUF file; default: the bundled one")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--gpu", action="store_true", help="offload all layers")
    options = parser.parse_args()
    settings = Settings()
    path = resolve_model(options.model or settings.model, settings.models_path)
    found = measured(path, options.repeats, -1 if options.gpu else 0)
    print(f"{'retained cells':>16}", *(f"{retained:>14}" for retained in RETAINED))
    for work, by_retained in found.items():
        empty = by_retained[0]
        cells = (f"{ms:8.1f} {ms / empty:4.2f}x" for ms in by_retained.values())
        print(f"{work:>16}", *cells)
    machine = f"{platform.machine()}, {usable_cores()} CPUs"
    report = {"benchmark": "retained_cells", "machine": machine, "model": path.name}
    print(json.dumps(report | {"gpu": options.gpu, "milliseconds": found}))


if __name__ == "__main__":
    main()
