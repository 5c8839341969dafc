"""What one more sequence in a decode step costs: the time of a step by its number of rows.

A row is one sequence's next token, or one draft that is checked. Below about 16 rows a CPU should
wait for the weights to arrive and do the arithmetic meanwhile, so a row more should cost little.

    .venv/bin/python bench/batch_rows.py [MODEL.gguf] [--against FOLDER] [--repeats 5] [--busy 2]

--against: a folder with another build of llama.cpp's libraries (libllama.so, libggml*.so), measured
in alternation with the installed one, each in a process of its own. --busy: so many other processes
compute meanwhile, without end; as many as there are cores leave half of each. Each repeat is the
median of 15 steps after a warm-up; the figure is the median of the repeats. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from inference.cores import usable_cores
from inference.llama.context import Context
from inference.llama.model import Model
from inference.models import resolve_model
from rag.settings import Settings

ROWS = [1, 2, 3, 4, 6, 8, 12, 16]
PROMPT_TOKENS = 60
STEPS = 15


def step_milliseconds(path: Path) -> dict[int, float]:
    """Median time of a step, by rows, in this process."""
    model = Model(path, gpu_layers=0)
    context = Context(
        model,
        cells=8192,
        batch_tokens=512,
        max_sequences=max(ROWS),
        max_outputs=max(ROWS),
        threads=usable_cores(),
    )
    lengths = np.full(max(ROWS), PROMPT_TOKENS)
    for sequence in range(max(ROWS)):
        tokens = np.arange(100, 100 + PROMPT_TOKENS)
        nothing = np.zeros(PROMPT_TOKENS, np.int8)
        context.decode(tokens, np.arange(PROMPT_TOKENS), np.full(PROMPT_TOKENS, sequence), nothing)
    medians = {}
    for rows in ROWS:
        times = []
        for step in range(STEPS + 3):
            started = time.perf_counter()
            context.decode(
                np.full(rows, 200 + step), lengths[:rows], np.arange(rows), np.ones(rows, np.int8)
            )
            times.append(1000 * (time.perf_counter() - started))
            lengths[:rows] += 1
        medians[rows] = statistics.median(times[3:])
    context.close()
    model.close()
    return medians


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Others that want the cores, too."""
    endless = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(endless) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured_apart(path: Path, libraries: Path | None) -> dict[int, float]:
    """`step_milliseconds` in a process of its own, with other libraries if given."""
    environment = dict(os.environ)
    if libraries is not None:
        environment |= {"LLAMA_CPP_LIB_PATH": str(libraries), "LD_LIBRARY_PATH": str(libraries)}
    answer = subprocess.run(
        [sys.executable, __file__, str(path), "--one"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return {int(rows): value for rows, value in json.loads(answer.stdout).items()}


def main() -> None:
    """Measure, print a line for each number of rows, then the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="", help="GGUF file; default: the bundled one")
    parser.add_argument("--against", type=Path, help="folder of another build's libraries")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--busy", type=int, default=0, help="other processes that compute")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = resolve_model(options.model, Settings().models_path)
    if options.one:
        print(json.dumps(step_milliseconds(path)))
        return
    builds = {"installed": None} | ({"against": options.against} if options.against else {})
    runs: dict[str, list[dict[int, float]]] = {name: [] for name in builds}
    with busy(options.busy):
        for _ in range(options.repeats):
            for name, libraries in builds.items():
                runs[name].append(measured_apart(path, libraries))
    medians = {
        name: {rows: statistics.median(run[rows] for run in repeats) for rows in ROWS}
        for name, repeats in runs.items()
    }
    ours = medians["installed"]
    for rows in ROWS:
        line = f"{rows:2} rows: {ours[rows]:6.1f} ms, {rows * ours[1] / ours[rows]:.2f}x of 1 row"
        if options.against:
            other = medians["against"][rows]
            line += f"; against: {other:6.1f} ms, ratio {other / ours[rows]:.2f}"
        print(line)
    report = {
        "benchmark": "batch_rows",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "model": path.name,
        "busy": options.busy,
        "milliseconds": runs,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
