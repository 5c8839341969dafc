"""Many hostile requests in a row: does every one end with a reason, and does memory stay?

Random prompts, limits, priorities, deadlines, cancels and slow readers against a cache that is far
too small for them, some requests larger than it can ever hold. At the end the books of the cache
must agree with llama.cpp, all cells must be free, and the memory of the process must not have grown
since the first tenth.

    .venv/bin/python bench/soak.py [MODEL.gguf] [--requests 2000] [--clients 24] [--seed 1]

Exit status 1 if anything is wrong. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference.engine_config import EngineConfig
from inference.models import resolve_model
from inference.request import InferenceError, Priority, Prompt, Request, SamplingParams
from inference.service import InferenceService
from rag.settings import Settings

CACHE_TOKENS = 1024
LARGEST_GROWTH = 0.05
SLOW_READER_SECONDS = 0.2


def resident_bytes() -> int:
    """Memory of this process that is in RAM (Linux)."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096


def run(service: InferenceService, number: int, seed: int) -> str:
    """One request; how it ended."""
    chance = random.Random(f"{seed}/{number}")
    length = chance.choice([8, 8, 20, 40, 40, 80, 120, 300, 700, 5000])
    shared = list(range(500, 500 + min(length, 100) * chance.randint(0, 1)))
    tokens = shared + [chance.randrange(1000, 40_000) for _ in range(length - len(shared))]
    request = Request(
        Prompt(tuple(tokens)),
        SamplingParams(
            max_tokens=chance.randint(1, 60),
            temperature=chance.choice([0.0, 0.0, 0.8]),
            seed=number,
        ),
        priority=chance.choice([Priority.INTERACTIVE, Priority.BATCH]),
        deadline_seconds=chance.choice([None, None, None, 0.5, 30.0]),
        client=f"client {number % 7}",
    )
    patience = chance.choice([None, None, 0, 1, 5])
    slow = chance.random() < 0.1
    try:
        with service.submit(request) as stream:
            for count, _ in enumerate(stream):
                if slow and count == 1:
                    time.sleep(SLOW_READER_SECONDS)
                if patience is not None and count >= patience:
                    stream.cancel()
        return stream.finish_reason.value if stream.finish_reason else "no reason"
    except InferenceError as error:
        return type(error).__name__


def main() -> int:
    """Run, check, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", nargs="?", default="", help="GGUF file; default: the bundled one")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    path = resolve_model(options.model, Settings().models_path)
    config = EngineConfig(path, context_tokens=CACHE_TOKENS, max_sequences=6)
    started = time.monotonic()
    memory: list[int] = []
    ends: Counter[str] = Counter()
    with InferenceService(config) as service, ThreadPoolExecutor(options.clients) as pool:
        tenth = max(1, options.requests // 10)
        for first in range(0, options.requests, tenth):
            numbers = range(first, min(first + tenth, options.requests))
            ends.update(pool.map(lambda number: run(service, number, options.seed), numbers))
            memory.append(resident_bytes())
            print(f"{numbers.stop} of {options.requests}", file=sys.stderr, flush=True)
        engine = service._engine  # idle now: its thread waits for a command
        engine.check()
        engine.cache.drop_retained()
        left_cells = engine.cache.used
        metrics = service.metrics()
    growth = memory[-1] / memory[0] - 1.0
    report = {
        "benchmark": "soak",
        "model": path.name,
        "seed": options.seed,
        "requests": options.requests,
        "ends": dict(ends),
        "preemptions": metrics["preemptions_total"],
        "cells_left": left_cells,
        "memory_growth": round(growth, 4),
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(report))
    lost = ends["no reason"] + (options.requests - sum(ends.values()))
    return int(bool(lost or left_cells or growth > LARGEST_GROWTH))


if __name__ == "__main__":
    sys.exit(main())
