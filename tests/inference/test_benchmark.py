"""`paperlight bench serve`: who is asked when, what is read of an answer, and the figures of it."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from inference.benchmark.run import ArmRuns, WorkloadRuns, measure
from inference.benchmark.systems import (
    EngineSystem,
    Job,
    LlamaServerSystem,
    Outcome,
    Peers,
    Systems,
)
from inference.benchmark.workloads import (
    Interactive,
    Material,
    Plain,
    Quotes,
    figures_of,
    run_jobs,
    workloads_by_name,
)
from inference.engine_config import EngineConfig
from inference.request import Priority, Prompt

SENTENCES = ["The fox came home late.", "Nobody had seen the bear.", "Seven owls sat on a wall."]
CONFIG = EngineConfig(Path("no-such-model.gguf"), context_tokens=2048, max_sequences=4, threads=1)


class ScriptedSystem:
    """Answers every request at once with two pieces, one and two seconds after it came."""

    def __init__(self, name: str = "paperlight") -> None:
        self.name = name
        self.jobs: list[Job] = []

    def serve(self, job: Job) -> Outcome:
        self.jobs.append(job)
        return Outcome(10.0, [11.0, 12.0], "two pieces", completion_tokens=2, cached_tokens=1)

    def settle(self) -> None:
        pass

    def close(self) -> None:
        pass


def encode(messages: object) -> Prompt:
    """As many tokens as there are words."""
    return Prompt(tuple(range(max(1, len(str(messages).split())))))


@pytest.fixture
def material() -> Material:
    return Material(SENTENCES, encode, seed=7, clients=2)


def test_figures_are_those_of_a_worked_example() -> None:
    jobs = [Job(Prompt((1, 2, 3, 4)), 8), Job(Prompt((1, 2, 3, 4, 5, 6)), 8)]
    outcomes = [
        Outcome(0.0, [1.0, 1.5, 3.0], completion_tokens=3, cached_tokens=4),
        Outcome(2.0, [5.0], completion_tokens=1, cached_tokens=1),
    ]
    figures = figures_of(jobs, outcomes, seconds=4.0)
    assert figures["requests_per_second"] == 0.5
    assert figures["tokens_per_second"] == 1.0
    assert figures["first_token_p50"] == 2.0  # of 1 and 3 seconds
    assert figures["gap_p50"] == 1.0  # of 0.5 and 1.5
    assert figures["reused"] == 0.5  # 5 of 10


def test_reuse_is_not_said_of_a_system_that_does_not_say_it() -> None:
    outcome = Outcome(0.0, [1.0], completion_tokens=1)
    assert "reused" not in figures_of([Job(Prompt((1,)), 1)], [outcome], 1.0)


def test_a_static_batch_begins_when_all_of_the_one_before_have_ended() -> None:
    running, most = 0, 0
    together = threading.Barrier(2)
    ended: list[int] = []
    lock = threading.Lock()

    class Watched(ScriptedSystem):
        def serve(self, job: Job) -> Outcome:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                if job.max_tokens >= 2:
                    assert {0, 1} <= set(ended)
            together.wait(60)  # both of a group are there at once
            with lock:
                running -= 1
                ended.append(job.max_tokens)
            return super().serve(job)

    jobs = [Job(Prompt((1,)), number) for number in range(4)]
    run_jobs(Watched(), jobs, clients=2, static=True)
    assert most == 2
    assert sorted(ended) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "workload", [each for each in workloads_by_name().values() if hasattr(each, "jobs")]
)
def test_every_repeat_asks_something_new_and_every_system_the_same(workload: Quotes) -> None:
    asked = Material(SENTENCES, lambda messages: Prompt((hash(str(messages)),)), 7, 2)
    assert workload.jobs(asked, 1) == workload.jobs(asked, 1)
    assert workload.jobs(asked, 1) != workload.jobs(asked, 2)


def test_systems_take_turns_and_what_is_not_here_is_left_out(
    material: Material, tmp_path: Path
) -> None:
    order: list[str] = []

    class Noted(ScriptedSystem):
        def serve(self, job: Job) -> Outcome:
            if job.max_tokens == 128 and (not order or order[-1] != self.name):
                order.append(self.name)
            return super().serve(job)

    systems = Systems(CONFIG, Peers.in_folder(tmp_path))
    systems._started = {name: Noted(name) for name in ("without drafts", "paperlight")}
    told: list[str] = []
    runs = measure(Quotes(), systems, material, repeats=3, progress=told.append)
    warming, measured = order[:2], order[2:]
    assert warming == ["without drafts", "paperlight"]
    # Begun by another one each time: a, b | b, a | a, b.
    assert measured == ["without drafts", "paperlight", "without drafts", "paperlight"]
    assert list(runs.left_out) == ["llama-server"]
    assert "bench/build_llama_server.sh" in runs.left_out["llama-server"]
    assert [len(arm.runs) for arm in runs.arms] == [3, 3]


def test_a_ratio_is_of_the_same_repeat() -> None:
    ours = ArmRuns("a", [{"x": 2.0}, {"x": 12.0}, {"x": 3.0}])
    theirs = ArmRuns("b", [{"x": 1.0}, {"x": 4.0}, {"x": 3.0}])
    runs = WorkloadRuns("w", "", [ours, theirs], {})
    assert runs.ratio("a", "x", to="b") == 2.0
    assert runs.ratio("a", "x", to="c") is None
    assert runs.ratio("a", "y", to="b") is None


def test_questions_are_asked_beside_long_prompts(material: Material) -> None:
    system = ScriptedSystem()
    workload = Interactive()
    workload._PAUSE_SECONDS = 0.0
    figures = workload.run(Interactive.arms[0], system, material, repeat=0)
    questions = [job for job in system.jobs if job.priority is Priority.INTERACTIVE]
    assert len(questions) == 2 * figures["questions"] == 10
    assert figures["first_token_p95"] == 1.0
    assert any(job.priority is Priority.BATCH for job in system.jobs)


def test_nobody_asks_any_more_when_the_minute_is_over(material: Material) -> None:
    """One run of llama-server under this load had not ended after ten minutes: it answers a
    question of 32 tokens with ten seconds between one and the next."""
    system = ScriptedSystem()
    workload = Interactive()
    workload._PAUSE_SECONDS, workload._MINUTE = 0.0, 1e-9
    figures = workload.run(Interactive.arms[0], system, material, repeat=0)
    assert figures["questions"] == 1
    asked = [job for job in system.jobs if job.priority is Priority.INTERACTIVE]
    assert asked[-1].patience == 1e-9


FAKE_SERVER = """#!{python}
import http.server, json, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200); self.end_headers()
        for piece in range(asked["n_predict"]):
            self.wfile.write(b'data: {{"content": "x", "stop": false}}\\n\\n')
        end = {{"content": "", "stop": True, "tokens_predicted": asked["n_predict"],
               "timings": {{"prompt_n": 1}}}}
        self.wfile.write(b"data: " + json.dumps(end).encode() + b"\\n\\n")
    def log_message(self, *_):
        pass
port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def test_an_answer_of_llama_server_is_read_as_it_comes(tmp_path: Path) -> None:
    binary = tmp_path / "llama-server"
    binary.write_text(FAKE_SERVER.format(python=sys.executable), "utf-8")
    binary.chmod(0o700)
    server = LlamaServerSystem(CONFIG, binary)
    try:
        outcome = server.serve(Job(Prompt((1, 2, 3)), 4))
        left = server.serve(Job(Prompt((1, 2, 3)), 4, patience=0.0))
    finally:
        server.close()
    assert (outcome.text, len(outcome.stamps)) == ("xxxx", 4)
    assert (outcome.completion_tokens, outcome.cached_tokens) == (4, 2)
    assert left.text == "x"


@pytest.mark.model
def test_the_engine_is_measured(llm_path: Path, material: Material) -> None:
    config = EngineConfig(llm_path, context_tokens=2048, max_sequences=2, threads=2)
    with Systems(config, Peers()) as systems:
        system = systems["paperlight"]
        assert isinstance(system, EngineSystem)
        encoded = replace(material, encode=system.service.encode_chat)
        job = replace(Plain().jobs(encoded, 0)[0], max_tokens=12)
        first, again = system.serve(job), system.serve(job)
        left = system.serve(replace(job, patience=0.0))
    assert first.text == again.text
    assert first.completion_tokens == 12
    assert again.cached_tokens == len(job.prompt.tokens) - 1
    assert 0.0 < again.first_token_seconds < again.stamps[-1] - again.started
    assert first.text.startswith(left.text)
    assert len(left.stamps) == 1
