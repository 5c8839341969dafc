"""What placing passages instead of computing them does to answers, question by question.

Each question is asked twice over the same passages in the same order: with every token of the
prompt computed, and with the passages' saved states placed. Both are greedy. The passages are the
gold ones among others of the same file, in an order drawn by the seed.

    .venv/bin/python bench/passage_blocks.py MODEL.gguf --squad dev-v2.0.json \
        [--multihop hotpotqa.jsonl] [--questions 300] [--out FILE.jsonl] [--minutes 3]

A run goes on where an earlier one with the same --out ended. Without --minutes it runs to the end.
Measures: the gold string is in the answer (SQuAD's normalisation), and token F1 of the answer. The
difference is paired; its interval is a bootstrap over questions (10,000 draws).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from inference.engine import EngineConfig
from inference.models import resolve_model
from inference.request import Request, SamplingParams
from inference.service import InferenceService
from rag.evaluation import contains_any
from rag.prompts import LabelledPassage, build_messages
from rag.settings import Settings

ANSWER_TOKENS = 48
AT_ONCE = 8
DRAWS = 10_000


@dataclass(frozen=True)
class Case:
    """A question, any of its right answers, and what is shown for it."""

    question: str
    gold: tuple[str, ...]
    passages: tuple[LabelledPassage, ...]


def squad_cases(path: Path, count: int, passages: int, chance: random.Random) -> Iterator[Case]:
    """Answerable questions, the gold paragraph among others of its article."""
    rows = []
    for article in json.loads(path.read_text("utf-8"))["data"]:
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                if asked["answers"]:
                    rows.append((article["title"], texts, paragraph["context"], asked))
    for title, texts, context, asked in chance.sample(rows, min(count, len(rows))):
        shown = [context, *chance.sample([t for t in texts if t != context], passages - 1)]
        chance.shuffle(shown)
        gold = tuple({answer["text"] for answer in asked["answers"]})
        yield Case(asked["question"], gold, tuple(LabelledPassage(title, None, t) for t in shown))


def multihop_cases(path: Path, count: int, passages: int, chance: random.Random) -> Iterator[Case]:
    """HotpotQA rows: all gold passages among others of the same row."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in chance.sample(rows, min(count, len(rows))):
        context = row["context"]
        pairs = (
            list(zip(context["title"], context["sentences"], strict=True))
            if isinstance(context, dict)
            else [(title, sentences) for title, sentences in context]
        )
        facts = row["supporting_facts"]
        titles = set(facts["title"] if isinstance(facts, dict) else [fact[0] for fact in facts])
        gold = [pair for pair in pairs if pair[0] in titles]
        others = [pair for pair in pairs if pair[0] not in titles]
        shown = gold + chance.sample(others, min(len(others), max(0, passages - len(gold))))
        chance.shuffle(shown)
        yield Case(
            row["question"],
            (row["answer"],),
            tuple(LabelledPassage(title, None, " ".join(text)) for title, text in shown),
        )


def token_f1(answer: str, gold: tuple[str, ...]) -> float:
    """Best token F1 over the gold answers, in [0, 1]. Source: SQuAD's evaluate-v1.1.py."""
    said = answer.casefold().split()
    best = 0.0
    for text in gold:
        wanted = text.casefold().split()
        common = sum((Counter(said) & Counter(wanted)).values())
        if common:
            precision, recall = common / len(said), common / len(wanted)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def answers(service: InferenceService, cases: list[Case]) -> tuple[list[str], float]:
    """All answers, decoded side by side, and the seconds that they took."""
    started = time.perf_counter()
    sampling = SamplingParams(max_tokens=ANSWER_TOKENS, stop=("\n",))
    streams = [
        service.submit(
            Request(service.encode_chat(build_messages(case.question, case.passages)), sampling)
        )
        for case in cases
    ]
    texts = [stream.text() for stream in streams]
    return texts, time.perf_counter() - started


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means, the paired difference in points and its 95 % interval, by measure."""
    figures: dict[str, Any] = {"questions": len(rows)}
    generator = np.random.default_rng(0)
    for measure in ("contains", "f1"):
        full = np.array([row["full"][measure] for row in rows], float)
        blocks = np.array([row["blocks"][measure] for row in rows], float)
        difference = 100 * (blocks - full)
        draws = generator.integers(0, len(rows), (DRAWS, len(rows)))
        low, high = np.percentile(difference[draws].mean(axis=1), [2.5, 97.5])
        figures[measure] = {
            "full": round(float(full.mean()), 4),
            "blocks": round(float(blocks.mean()), 4),
            "points": round(float(difference.mean()), 2),
            "interval": [round(float(low), 2), round(float(high), 2)],
        }
    figures["seconds"] = {
        arm: round(sum(row[arm]["seconds"] for row in rows), 1) for arm in ("full", "blocks")
    }
    return figures


def main() -> None:
    """Measure what is left to measure, then print the summary as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="GGUF file or model name")
    parser.add_argument("--squad", type=Path, help="a SQuAD file")
    parser.add_argument("--multihop", type=Path, help="a HotpotQA JSONL file")
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--out", type=Path, default=Path("passage_blocks.jsonl"))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    cases: list[Case] = []
    if options.multihop:
        cases += multihop_cases(options.multihop, options.questions, options.passages, chance)
    if options.squad:
        left = options.questions - len(cases)
        cases += squad_cases(options.squad, left, options.passages, chance)
    chance.shuffle(cases)
    path = resolve_model(options.model, Settings().models_path)
    done = len(options.out.read_text("utf-8").splitlines()) if options.out.exists() else 0
    started = time.monotonic()
    # Only the blocks may make a difference: no prefixes, no drafts.
    config = EngineConfig(path, context_tokens=16384, max_sequences=AT_ONCE, drafting=False)
    with (
        InferenceService(replace(config, passage_blocks=True)) as blocks,
        InferenceService(config) as full,
        options.out.open("a", encoding="utf-8") as out,
    ):
        while done < len(cases):
            if options.minutes and time.monotonic() - started > 60 * options.minutes:
                break
            group = cases[done : done + AT_ONCE]
            arms = {}
            for name, service in (("full", full), ("blocks", blocks)):
                texts, seconds = answers(service, group)
                arms[name] = [
                    {
                        "contains": contains_any(text, case.gold),
                        "f1": token_f1(text, case.gold),
                        "seconds": seconds / len(group),
                        "text": text,
                    }
                    for text, case in zip(texts, group, strict=True)
                ]
            for pair in zip(arms["full"], arms["blocks"], strict=True):
                out.write(json.dumps({"full": pair[0], "blocks": pair[1]}) + "\n")
            out.flush()
            done += len(group)
            print(f"{done} of {len(cases)}", file=sys.stderr, flush=True)
    rows = [json.loads(line) for line in options.out.read_text("utf-8").splitlines()]
    report = {"benchmark": "passage_blocks", "model": path.name, "seed": options.seed}
    print(json.dumps(report | {"passages": options.passages} | summary(rows)))


if __name__ == "__main__":
    main()
