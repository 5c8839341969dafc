"""Does batching pay? The same decode-heavy requests one after the other and several at once.

Hypothesis: a decode step waits for memory more than for arithmetic, so several sequences in one
batch cost little more than one. Prompts are short and end in 128 greedy tokens each; the two
policies alternate in one process, after a warm-up; the figure is the median over the repeats.

    .venv/bin/python bench/batching.py [MODEL.gguf] [--clients 2 8] [--requests 16] [--repeats 5]

The last line is JSON with the machine, the model and every run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference.engine_config import EngineConfig
from inference.models import resolve_model
from inference.request import Message, Request, SamplingParams
from inference.service import InferenceService
from rag.settings import Settings

ANIMALS = [
    "fox",
    "bear",
    "owl",
    "hare",
    "deer",
    "crow",
    "wolf",
    "swan",
    "mole",
    "trout",
    "eagle",
    "otter",
    "lynx",
    "stork",
    "toad",
    "bee",
]
TOKENS = 128


def seconds_for(service: InferenceService, requests: list[Request], clients: int) -> float:
    """Wall time until every request is answered, `clients` of them at once."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(service.complete, requests))
    return time.perf_counter() - started


def main() -> None:
    """Measure, print a line a policy, then the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="", help="GGUF file; default: the bundled one")
    parser.add_argument("--clients", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--requests", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    path = resolve_model(options.model, Settings().models_path)
    # Neither reuse nor drafts: only the batch may make a difference.
    config = EngineConfig(
        path, max_sequences=max(options.clients), prefix_cache=False, drafting=False
    )
    policies = [1, *options.clients]
    runs: dict[int, list[float]] = {clients: [] for clients in policies}
    with InferenceService(config) as service:
        end_of_turn = {service.tokenizer.eos: float("-inf")}
        sampling = SamplingParams(max_tokens=TOKENS, logit_bias=end_of_turn)
        requests = [
            Request(
                service.encode_chat(
                    [Message("user", f"Tell a long story about a {ANIMALS[i % len(ANIMALS)]}.")]
                ),
                sampling,
            )
            for i in range(options.requests)
        ]
        seconds_for(service, requests[: max(policies)], max(policies))  # warm-up
        for _ in range(options.repeats):
            for clients in policies:
                runs[clients].append(seconds_for(service, requests, clients))
    alone = statistics.median(runs[1])
    for clients in policies:
        median = statistics.median(runs[clients])
        rate = options.requests * TOKENS / median
        print(f"{clients:2} at once: {median:6.2f} s, {rate:6.1f} tokens/s, {alone / median:.2f}x")
    report = {
        "benchmark": "batching",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "model": path.name,
        "requests": options.requests,
        "tokens_each": TOKENS,
        "seconds": {str(clients): values for clients, values in runs.items()},
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
