"""What does it cost to run the engine in a process of its own, and how soon is it back?

Hypothesis: all events of a step travel in one message, so the cost per step is some tens of
microseconds, far below the milliseconds that a step takes. Both services are loaded side by side
and take turns; prompts are short, completions are 64 greedy tokens, neither reuse nor drafts; after
a warm-up the figures are medians over the rounds. Then the process is killed again and again.

    .venv/bin/python bench/engine_process.py [MODEL.gguf] [--rounds 9] [--clients 1 8] [--kills 5]

The last line is JSON with the machine, the model and every run.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import signal
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference.engine_config import EngineConfig
from inference.models import resolve_model
from inference.request import EngineStopped, Message, Request, SamplingParams
from inference.service import GenerationService, InferenceService
from inference.supervised import SupervisedService
from rag.settings import Settings

ANIMALS = ["fox", "bear", "owl", "hare", "deer", "crow", "wolf", "swan"]
TOKENS = 64


def requests_for(service: GenerationService, count: int) -> list[Request]:
    """Stories, one an animal, none of which ends before TOKENS tokens."""
    ends = [t for t in range(service.tokenizer.size) if service.tokenizer.is_end_of_generation(t)]
    sampling = SamplingParams(max_tokens=TOKENS, logit_bias=dict.fromkeys(ends, float("-inf")))
    messages = [Message("user", f"Tell a long story about a {animal}.") for animal in ANIMALS]
    return [Request(service.encode_chat([message]), sampling) for message in messages[:count]]


def first_token_seconds(service: GenerationService, request: Request) -> float:
    """Read a completion to its end; the time from submission to its first event."""
    started = time.perf_counter()
    with service.submit(request) as stream:
        next(stream)
        first = time.perf_counter() - started
        stream.text()
    return first


def run(service: GenerationService, clients: int) -> dict[str, float]:
    """`clients` requests at once: tokens a second of all, and the mean time to a first token."""
    requests = requests_for(service, clients)
    with ThreadPoolExecutor(clients) as pool:
        started = time.perf_counter()
        firsts = list(pool.map(lambda request: first_token_seconds(service, request), requests))
        seconds = time.perf_counter() - started
    return {
        "tokens_per_second": clients * TOKENS / seconds,
        "first_token_seconds": statistics.fmean(firsts),
    }


def restart_seconds(service: SupervisedService) -> float:
    """Kill the engine's process; the time until a one-token request is answered again."""
    [request] = requests_for(service, 1)
    request = replace(request, sampling=SamplingParams(max_tokens=1))
    pid = service.engine_pid
    assert pid is not None
    with service.submit(requests_for(service, 1)[0]) as under_way:
        next(under_way)
        started = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        try:
            under_way.text()
        except EngineStopped as error:
            print(f"told after {time.perf_counter() - started:.3f} s: {error}")
    service.complete(request)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print the comparison, then the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default="", help="GGUF file; default: the bundled one")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    path = resolve_model(options.model, Settings().models_path)
    config = EngineConfig(path, max_sequences=8, prefix_cache=False, drafting=False)
    started = time.perf_counter()
    own = InferenceService(config)
    loads = {"in_process": time.perf_counter() - started}
    started = time.perf_counter()
    child = SupervisedService(config)
    loads["child_process"] = time.perf_counter() - started
    services: dict[str, GenerationService] = {"in_process": own, "child_process": child}
    runs: dict[str, list[dict[str, float]]] = {}
    with own, child:
        for service in services.values():  # warm-up
            run(service, max(options.clients))
        for number in range(options.rounds):
            turns = list(services.items())[:: -1 if number % 2 else 1]  # neither is always first
            for clients in options.clients:
                for name, service in turns:
                    runs.setdefault(f"{name}_{clients}", []).append(run(service, clients))
        for clients in options.clients:
            for figure in ("tokens_per_second", "first_token_seconds"):
                here, there = (
                    statistics.median(entry[figure] for entry in runs[f"{name}_{clients}"])
                    for name in services
                )
                print(
                    f"{clients} clients, {figure}: in process {here:.4g}, child process "
                    f"{there:.4g}, ratio {there / here:.3f}"
                )
        restarts = [restart_seconds(child) for _ in range(options.kills)]
    print(f"load: {loads}; answered again after kill -9: {statistics.median(restarts):.2f} s")
    report = {
        "benchmark": "engine_process",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs",
        "model": path.name,
        "tokens_each": TOKENS,
        "load_seconds": loads,
        "restart_seconds": restarts,
        "runs": runs,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
