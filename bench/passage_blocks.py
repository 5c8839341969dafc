"""What placing passages instead of computing them does to answers, question by question.

Each question is asked over the same passages in the same order: with every token of the prompt
computed, and with the passages' saved states placed, once for each number of tokens at the start
of a passage that are computed anew (--fresh). All are greedy. The gold passages stand among
others of the same file, in an order drawn by the seed; four SQuAD questions share their passages.

    .venv/bin/python bench/passage_blocks.py MODEL.gguf --squad dev-v2.0.json \
        [--multihop hotpotqa.jsonl] [--clapnq answerable.jsonl] [--fresh 0 16] [--questions 360] \
        [--out FILE.jsonl] [--minutes 3]

A run goes on where an earlier one with the same --out ended. Without --minutes it runs to the end.
Measures: a gold string is in the answer (SQuAD's normalisation; not for ClapNQ, whose gold answers
are sentences), and token F1 of the answer. The difference is paired; its interval is a bootstrap
over the groups of questions that share passages (10,000 draws).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from inference.engine_config import EngineConfig
from inference.models import resolve_model
from inference.request import Priority, Request, SamplingParams
from inference.service import InferenceService
from rag.answer_evaluation import contains_any
from rag.prompts import LabelledPassage, build_messages
from rag.settings import Settings

ANSWER_TOKENS = 48
AT_ONCE = 8
QUESTIONS_A_PARAGRAPH = 4
DRAWS = 10_000


@dataclass(frozen=True)
class Case:
    """A question, any of its right answers, and what is shown for it.

    group: questions of one group are shown the same passages. sentences: the gold answers are
    sentences, which no answer holds word for word.
    """

    group: str
    question: str
    gold: tuple[str, ...]
    passages: tuple[LabelledPassage, ...]
    sentences: bool = False


def jsonl(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def squad_cases(path: Path, count: int, passages: int, chance: random.Random) -> list[Case]:
    """Answerable questions, the gold paragraph among others of its article."""
    paragraphs = []
    for article in json.loads(path.read_text("utf-8"))["data"]:
        texts = [paragraph["context"] for paragraph in article["paragraphs"]]
        for paragraph in article["paragraphs"]:
            asked = [row for row in paragraph["qas"] if row["answers"]]
            if len(asked) >= QUESTIONS_A_PARAGRAPH:
                paragraphs.append((article["title"], texts, paragraph["context"], asked))
    cases = []
    for title, texts, context, asked in chance.sample(paragraphs, count // QUESTIONS_A_PARAGRAPH):
        shown = [context, *chance.sample([t for t in texts if t != context], passages - 1)]
        chance.shuffle(shown)
        labelled = tuple(LabelledPassage(title, None, text) for text in shown)
        for row in chance.sample(asked, QUESTIONS_A_PARAGRAPH):
            gold = tuple({answer["text"] for answer in row["answers"]})
            cases.append(Case(context[:40], row["question"], gold, labelled))
    return cases


def multihop_cases(path: Path, count: int, passages: int, chance: random.Random) -> list[Case]:
    """HotpotQA rows: all gold passages among others of the same row."""
    rows = jsonl(path)
    cases = []
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
        labelled = tuple(LabelledPassage(title, None, " ".join(text)) for title, text in shown)
        cases.append(Case(row["question"], row["question"], (row["answer"],), labelled))
    return cases


def clapnq_cases(path: Path, count: int, passages: int, chance: random.Random) -> list[Case]:
    """Real questions with answers in sentences, the gold passage among those of other questions."""
    rows = jsonl(path)
    everything = [LabelledPassage(p["title"], None, p["text"]) for r in rows for p in r["passages"]]
    cases = []
    for row in chance.sample(rows, min(count, len(rows))):
        own = [LabelledPassage(p["title"], None, p["text"]) for p in row["passages"]]
        others = chance.sample([p for p in everything if p not in own], passages)
        shown = (own + others)[:passages]
        chance.shuffle(shown)
        gold = tuple(output["answer"] for output in row["output"] if output.get("answer"))
        cases.append(Case(row["input"], row["input"], gold, tuple(shown), sentences=True))
    return cases


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


def answers(service: InferenceService, cases: list[Case]) -> list[str]:
    """All answers, decoded side by side."""
    sampling = SamplingParams(max_tokens=ANSWER_TOKENS, stop=("\n",))
    streams = [
        service.submit(
            Request(
                service.encode_chat(build_messages(case.question, case.passages)),
                sampling,
                Priority.BATCH,  # who can wait has the blocks built first
            )
        )
        for case in cases
    ]
    return [stream.text() for stream in streams]


def measures(case: Case, text: str) -> dict[str, Any]:
    """What is kept of one answer."""
    found = None if case.sentences else float(contains_any(text, case.gold))
    return {"contains": found, "f1": token_f1(text, case.gold), "text": text}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """By arm and measure: means, the paired difference in points and its 95 % interval."""
    figures: dict[str, Any] = {"questions": len(rows)}
    arms = [arm for arm in rows[0] if arm not in ("group", "full")]
    for measure in ("contains", "f1"):
        counted = [row for row in rows if row["full"][measure] is not None]
        groups = sorted({row["group"] for row in counted})
        full = np.array([row["full"][measure] for row in counted])
        figures[f"{measure} full"] = round(float(full.mean()), 4)
        for arm in arms:
            generator = np.random.default_rng(0)
            blocks = np.array([row[arm][measure] for row in counted])
            difference = 100 * (blocks - full)
            inside = np.array([groups.index(row["group"]) for row in counted])
            sums = np.bincount(inside, difference)
            counts = np.bincount(inside)
            draws = generator.integers(0, len(groups), (DRAWS, len(groups)))
            means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
            low, high = np.percentile(means, [2.5, 97.5])
            figures[f"{measure} {arm}"] = {
                "blocks": round(float(blocks.mean()), 4),
                "points": round(float(difference.mean()), 2),
                "interval": [round(float(low), 2), round(float(high), 2)],
            }
    same = {arm: np.mean([row[arm]["text"] == row["full"]["text"] for row in rows]) for arm in arms}
    figures["same text"] = {arm: round(float(share), 3) for arm, share in same.items()}
    return figures


def main() -> None:
    """Measure what is left to measure, then print the summary as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="GGUF file or model name")
    parser.add_argument("--squad", type=Path, required=True, help="a SQuAD file")
    parser.add_argument("--multihop", type=Path, help="a HotpotQA JSONL file")
    parser.add_argument("--clapnq", type=Path, help="ClapNQ's answerable rows")
    parser.add_argument("--fresh", type=int, nargs="+", default=[8])
    parser.add_argument("--questions", type=int, default=360)
    parser.add_argument("--passages", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--out", type=Path, default=Path("passage_blocks.jsonl"))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    cases: list[Case] = []
    share = options.questions // 5
    if options.multihop:
        cases += multihop_cases(options.multihop, share, options.passages, chance)
    if options.clapnq:
        cases += clapnq_cases(options.clapnq, share, options.passages, chance)
    cases += squad_cases(options.squad, options.questions - len(cases), options.passages, chance)
    groups = sorted({case.group for case in cases})
    chance.shuffle(groups)
    cases.sort(key=lambda case: groups.index(case.group))
    path = resolve_model(options.model, Settings().models_path)
    done = len(jsonl(options.out)) if options.out.exists() else 0
    started = time.monotonic()
    # The same passages in the same order are shared in all arms: that changes no value.
    config = EngineConfig(path, context_tokens=8192, max_sequences=AT_ONCE, drafting=False)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        services = {"full": stack.enter_context(InferenceService(config))}
        for fresh in options.fresh:
            arm = replace(
                config,
                passage_blocks=True,
                block_fresh_tokens=fresh,
                block_memory_bytes=1 << 28,
                block_folder=folder,
            )
            services[f"fresh {fresh}"] = stack.enter_context(InferenceService(arm))
        out = stack.enter_context(options.out.open("a", encoding="utf-8"))
        while done < len(cases):
            if options.minutes and time.monotonic() - started > 60 * options.minutes:
                break
            group = cases[done : done + AT_ONCE]
            texts = {name: answers(service, group) for name, service in services.items()}
            for index, case in enumerate(group):
                row = {name: measures(case, said[index]) for name, said in texts.items()}
                out.write(json.dumps({"group": case.group} | row) + "\n")
            out.flush()
            done += len(group)
            print(f"{done} of {len(cases)}", file=sys.stderr, flush=True)
    rows = jsonl(options.out)
    report = {"benchmark": "passage_blocks", "model": path.name, "seed": options.seed}
    print(json.dumps(report | {"passages": options.passages} | summary(rows)))


if __name__ == "__main__":
    main()
