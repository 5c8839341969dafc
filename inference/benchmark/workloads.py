"""What is asked of a system, and what is measured of it.

A workload makes new requests for every repeat, so that no cache knows them from the last one, and
the same ones for every system. Text comes from a pool of sentences; answers do not matter, speed
does not depend on them.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from inference.benchmark.systems import EngineSystem, Job, Outcome, System
from inference.request import Message, Passage, Priority, Prompt

Figures = dict[str, float]

INSTRUCTIONS = (
    "You answer questions from the numbered passages. Use only what the passages say. Answer in "
    "one or two short sentences, with the words of the passages, and put the number of the passage "
    "in brackets after each sentence, like [1]."
)
SUBJECTS = tuple(
    "fox bear owl hare deer crow wolf swan mole trout eagle otter lynx stork toad bee badger crane "  # noqa: SIM905
    "heron adder robin raven sparrow beaver marten weasel falcon plover newt carp perch salmon"
    "".split()
)


# At least; with whole sentences about 120, as Paperlight's chunks of filings and of ClapNQ have.
PASSAGE_WORDS = 110


@dataclass(frozen=True, slots=True)
class Material:
    """What requests are made of.

    sentences: the pool. encode: messages -> prompt, with the model's own template and tokenizer.
    seed: with the repeat's number it determines all that is drawn.
    """

    sentences: Sequence[str]
    encode: Callable[[Sequence[Message]], Prompt]
    seed: int
    clients: int

    def chance(self, workload: str, repeat: int) -> random.Random:
        """The source of all that is drawn for one repeat."""
        return random.Random(f"{self.seed} {workload} {repeat}")  # noqa: S311 - no secret

    def text(self, chance: random.Random, words: int) -> str:
        """Sentences in an order that nobody has seen, of at least `words` words."""
        chosen: list[str] = []
        while sum(len(sentence.split()) for sentence in chosen) < words:
            chosen.append(chance.choice(self.sentences))
        return " ".join(chosen)

    def question(self, passages: Sequence[str], asked: str) -> Prompt:
        """A question over passages, as an application that answers from documents asks it."""
        parts: list[str | Passage] = []
        lead = "Passages:\n"
        for number, passage in enumerate(passages, start=1):
            parts += [f"{lead}[{number}]", Passage(f" notes.txt:\n{passage}")]
            lead = "\n\n"
        parts.append(f"\n\nQuestion: {asked}")
        return self.encode([Message("system", INSTRUCTIONS), Message("user", parts)])


@dataclass(frozen=True, slots=True)
class Arm:
    """One line of a workload's table. clients: requests at once, 0 is the material's number.

    static: a group of requests is only begun when all of the one before have ended.
    """

    label: str
    system: str
    clients: int = 0
    static: bool = False


class Workload(Protocol):
    """Requests, and the systems that serve them."""

    name: ClassVar[str]
    summary: ClassVar[str]
    arms: ClassVar[tuple[Arm, ...]]

    def prepare(self, system: System, material: Material) -> None:
        """Warm a system up, or bring it into the state that is measured."""
        ...

    def run(self, arm: Arm, /, system: System, material: Material, repeat: int) -> Figures:
        """Measure one system once."""
        ...


_PAPERLIGHT = Arm("paperlight", "paperlight")
_WITHOUT_DRAFTS = Arm("paperlight without drafts", "without drafts")
_WITHOUT_BLOCKS = Arm("paperlight without passage blocks", "without blocks")
_LLAMA_SERVER = Arm("llama-server", "llama-server")
_EXAMPLE_SERVER = Arm("example server", "example server")


class _Jobs:
    """A workload that is a list of jobs: begun as clients are free, measured together."""

    name: ClassVar[str]

    def jobs(self, material: Material, repeat: int) -> list[Job]:
        raise NotImplementedError

    def prepare(self, system: System, material: Material) -> None:
        first = self.jobs(material, -1)[:2]
        run_jobs(system, first, clients=2)

    def run(self, arm: Arm, system: System, material: Material, repeat: int) -> Figures:
        jobs = self.jobs(material, repeat)
        clients = arm.clients or material.clients
        seconds, outcomes = run_jobs(system, jobs, clients=clients, static=arm.static)
        return figures_of(jobs, outcomes, seconds)


class Decode(_Jobs):
    """Short prompts, long answers: batching alone."""

    name: ClassVar[str] = "decode"
    summary: ClassVar[str] = "16 short prompts, 128 tokens each"
    arms: ClassVar[tuple[Arm, ...]] = (
        Arm("paperlight one at a time", "without reuse", clients=1),
        Arm("paperlight static batches", "without reuse", static=True),
        _WITHOUT_DRAFTS,
        _PAPERLIGHT,
        Arm("llama_cpp.Llama", "llama_cpp.Llama"),
        _LLAMA_SERVER,
        _EXAMPLE_SERVER,
    )

    def jobs(self, material: Material, repeat: int) -> list[Job]:
        chance = material.chance(self.name, repeat)
        subjects = chance.sample(SUBJECTS, 16)
        return [
            Job(
                material.encode(
                    [Message("user", f"Tell a long story about a {subject} in {repeat + 2} lands.")]
                ),
                128,
            )
            for subject in subjects
        ]


class NewPassages(_Jobs):
    """Questions of one shape about passages that nobody has asked about."""

    name: ClassVar[str] = "rag-new"
    summary: ClassVar[str] = "16 questions, shared instructions, 3 new passages each"
    arms: ClassVar[tuple[Arm, ...]] = (
        Arm("paperlight without reuse", "without reuse"),
        _PAPERLIGHT,
        _LLAMA_SERVER,
        _EXAMPLE_SERVER,
    )

    def jobs(self, material: Material, repeat: int) -> list[Job]:
        chance = material.chance(self.name, repeat)
        return [
            Job(
                material.question(
                    [material.text(chance, PASSAGE_WORDS) for _ in range(3)],
                    f"What do the passages say about the {chance.choice(SUBJECTS)}?",
                ),
                32,
            )
            for _ in range(16)
        ]


class ZipfPassages(_Jobs):
    """Questions over passages of which some are asked for far more often than others."""

    name: ClassVar[str] = "rag-zipf"
    summary: ClassVar[str] = "64 questions over 40 passages drawn by Zipf's law, 3 passages each"
    arms: ClassVar[tuple[Arm, ...]] = (_WITHOUT_BLOCKS, _PAPERLIGHT, _LLAMA_SERVER)

    def passages(self, material: Material) -> list[str]:
        chance = material.chance(self.name, -1)
        return [material.text(chance, PASSAGE_WORDS) for _ in range(40)]

    def prepare(self, system: System, material: Material) -> None:
        """Every system is asked about every passage once, as `paperlight warm` does."""
        passages = self.passages(material)
        jobs = [
            Job(material.question(passages[i : i + 4], "What is said?"), 1, Priority.BATCH)
            for i in range(0, 40, 4)
        ]
        run_jobs(system, jobs, clients=material.clients)

    def jobs(self, material: Material, repeat: int) -> list[Job]:
        chance = material.chance(self.name, repeat)
        passages = self.passages(material)
        weights = [1 / rank for rank in range(1, 41)]
        jobs = []
        for _ in range(64):
            chosen: list[int] = []
            while len(chosen) < 3:
                [drawn] = chance.choices(range(40), weights)
                if drawn not in chosen:
                    chosen.append(drawn)
            asked = f"What do the passages say about the {chance.choice(SUBJECTS)}?"
            jobs.append(Job(material.question([passages[i] for i in chosen], asked), 32))
        return jobs


class FollowUp:
    """The next question of a long conversation, whose beginning every system has computed."""

    name: ClassVar[str] = "follow-up"
    summary: ClassVar[str] = "one more turn in a conversation of 3,000 tokens"
    arms: ClassVar[tuple[Arm, ...]] = (_PAPERLIGHT, _LLAMA_SERVER, _EXAMPLE_SERVER)

    def __init__(self) -> None:
        self._talks: dict[str, list[Message]] = {}

    def prepare(self, system: System, material: Material) -> None:
        chance = material.chance(self.name, -1)
        talk = [Message("system", INSTRUCTIONS)]
        while len(material.encode(talk).tokens) < 3000:
            talk += [
                Message("user", material.text(chance, 120)),
                Message("assistant", material.text(chance, 40)),
            ]
        self._talks[system.name] = talk
        self._ask(system, material, "Is that all?")

    def run(self, _arm: Arm, system: System, material: Material, repeat: int) -> Figures:
        chance = material.chance(self.name, repeat)
        asked = f"What was said about the {chance.choice(SUBJECTS)} and number {repeat}?"
        job, outcome = self._ask(system, material, asked)
        return figures_of([job], [outcome], outcome.stamps[-1] - outcome.started)

    def _ask(self, system: System, material: Material, asked: str) -> tuple[Job, Outcome]:
        talk = self._talks[system.name]
        talk.append(Message("user", asked))
        job = Job(material.encode(talk), 16)
        outcome = system.serve(job)
        talk.append(Message("assistant", outcome.text))
        return job, outcome


class Quotes(_Jobs):
    """Answers that copy their prompt, one client: what drafts are for."""

    name: ClassVar[str] = "quotes"
    summary: ClassVar[str] = "4 texts to be repeated word for word, 128 tokens each, one at a time"
    arms: ClassVar[tuple[Arm, ...]] = (
        Arm("paperlight without drafts", "without drafts", clients=1),
        Arm("paperlight", "paperlight", clients=1),
        Arm("llama-server", "llama-server", clients=1),
    )

    def jobs(self, material: Material, repeat: int) -> list[Job]:
        chance = material.chance(self.name, repeat)
        asked = "Repeat this text word for word, from its beginning to its end:\n\n"
        return [
            Job(material.encode([Message("user", asked + material.text(chance, 110))]), 128)
            for _ in range(4)
        ]


class Plain(_Jobs):
    """Answers with nothing to copy, one client: what drafts may cost."""

    name: ClassVar[str] = "plain"
    summary: ClassVar[str] = "4 short prompts, 128 tokens each, one at a time"
    arms: ClassVar[tuple[Arm, ...]] = Quotes.arms

    def jobs(self, material: Material, repeat: int) -> list[Job]:
        return Decode().jobs(material, repeat + 1000)[:4]


class Interactive:
    """Somebody asks while long prompts keep arriving.

    For a minute at most: a peer that lets the question wait for every step of the long prompts
    would take an hour for the answers that another gives in ten seconds. What it has not answered
    by then is left, so that its figures are too good rather than too bad.
    """

    name: ClassVar[str] = "interactive"
    summary: ClassVar[str] = "questions while 4 others keep sending prompts of 2,000 tokens"
    arms: ClassVar[tuple[Arm, ...]] = (_PAPERLIGHT, _LLAMA_SERVER)
    _QUESTIONS = 5
    _LOADERS = 4
    _PAUSE_SECONDS = 0.5
    _MINUTE = 60.0

    def prepare(self, system: System, material: Material) -> None:
        system.serve(self._question(material, material.chance(self.name, -1)))

    def run(self, _arm: Arm, system: System, material: Material, repeat: int) -> Figures:
        chance = material.chance(self.name, repeat)
        idle = [system.serve(self._question(material, chance)) for _ in range(self._QUESTIONS)]
        ended = threading.Event()
        begun = threading.Semaphore(0)
        texts = [random.Random(chance.random()) for _ in range(self._LOADERS)]  # noqa: S311

        def load(source: random.Random) -> int:
            served = 0
            while not ended.is_set():
                job = self._long(material, source)
                begun.release()
                system.serve(job)
                served += 1
            return served

        started = time.perf_counter()
        with ThreadPoolExecutor(self._LOADERS) as pool:
            loaders = [pool.submit(load, source) for source in texts]
            asked: list[Outcome] = []
            try:
                for _ in loaders:
                    begun.acquire()
                left = self._MINUTE
                while not asked or (left > 0 and len(asked) < self._QUESTIONS):
                    time.sleep(self._PAUSE_SECONDS)
                    question = self._question(material, chance)
                    asked.append(system.serve(replace(question, patience=left)))
                    left = started + self._MINUTE - time.perf_counter()
            finally:  # also when interrupted: the pool waits for the loaders
                ended.set()
            served = sum(loader.result() for loader in loaders)
        seconds = time.perf_counter() - started
        calm = [outcome.first_token_seconds for outcome in idle]
        waits = [outcome.first_token_seconds for outcome in asked]
        gaps = [gap for outcome in asked for gap in outcome.gaps]
        return {
            "idle_first_token_p50": percentile(calm, 50),
            "idle_first_token_p95": percentile(calm, 95),
            "first_token_p50": percentile(waits, 50),
            "first_token_p95": percentile(waits, 95),
            "gap_p50": percentile(gaps, 50),
            "gap_p99": percentile(gaps, 99),
            "questions": len(asked),
            "batch_requests_per_second": served / seconds,
        }

    def _question(self, material: Material, chance: random.Random) -> Job:
        asked = f"Write about a {chance.choice(SUBJECTS)} and {chance.randrange(10**6)} friends: "
        return Job(material.encode([Message("user", asked + material.text(chance, 25))]), 32)

    def _long(self, material: Material, chance: random.Random) -> Job:
        asked = f"Say in a word what this is about:\n\n{material.text(chance, 1500)}"
        tokens = material.encode([Message("user", asked)]).tokens
        return Job(Prompt(tokens[:1990] + tokens[-10:]), 8, Priority.BATCH)


class Overhead(_Jobs):
    """What this program's own work takes of a step, beside the model's."""

    name: ClassVar[str] = "overhead"
    summary: ClassVar[str] = "16 sequences at once: the share of time outside llama_decode"
    arms: ClassVar[tuple[Arm, ...]] = (Arm("paperlight", "sixteen", clients=16),)

    def jobs(self, material: Material, repeat: int) -> list[Job]:
        return Decode().jobs(material, repeat + 2000)

    def run(self, arm: Arm, system: System, material: Material, repeat: int) -> Figures:
        assert isinstance(system, EngineSystem)
        before = system.service.metrics()
        figures = super().run(arm, system, material, repeat)
        after = system.service.metrics()
        step = after["step_seconds_total"] - before["step_seconds_total"]
        decode = after["decode_seconds_total"] - before["decode_seconds_total"]
        figures["share_of_step"] = 1 - decode / step
        figures["share_of_wall"] = 1 - decode / figures["seconds"]
        return figures


def workloads_by_name() -> dict[str, Workload]:
    """Every workload, in the order in which they are run."""
    all_of_them: list[Workload] = [
        Decode(),
        NewPassages(),
        ZipfPassages(),
        FollowUp(),
        Quotes(),
        Plain(),
        Interactive(),
        Overhead(),
    ]
    return {workload.name: workload for workload in all_of_them}


def run_jobs(
    system: System, jobs: Sequence[Job], *, clients: int, static: bool = False
) -> tuple[float, list[Outcome]]:
    """Serve all jobs, `clients` at once: wall seconds, and an outcome a job in their order."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        if static:
            outcomes = []
            for start in range(0, len(jobs), clients):
                outcomes += list(pool.map(system.serve, jobs[start : start + clients]))
        else:
            outcomes = list(pool.map(system.serve, jobs))
    return time.perf_counter() - started, outcomes


def figures_of(jobs: Sequence[Job], outcomes: Sequence[Outcome], seconds: float) -> Figures:
    """Rates over the whole run and percentiles over its requests."""
    waits = [outcome.first_token_seconds for outcome in outcomes]
    gaps = [gap for outcome in outcomes for gap in outcome.gaps]
    figures = {
        "seconds": seconds,
        "requests_per_second": len(outcomes) / seconds,
        "tokens_per_second": sum(outcome.completion_tokens for outcome in outcomes) / seconds,
        "first_token_p50": percentile(waits, 50),
        "first_token_p95": percentile(waits, 95),
        "gap_p50": percentile(gaps, 50),
        "gap_p99": percentile(gaps, 99),
    }
    prompt_tokens = sum(len(job.prompt.tokens) for job in jobs)
    cached = [outcome.cached_tokens for outcome in outcomes if outcome.cached_tokens is not None]
    if len(cached) == len(outcomes):
        figures["reused"] = sum(cached) / prompt_tokens
    return figures


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile, 0 of nothing."""
    return float(np.percentile(values, percent)) if values else 0.0
