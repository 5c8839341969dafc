"""Passages computed ahead, with the bundled model."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inference.engine_config import EngineConfig
from inference.request import Request, SamplingParams
from inference.service import InferenceService
from rag.errors import PassageBlocksUnused
from rag.prompts import LabelledPassage, build_messages
from rag.warming import warm_passages

PASSAGES = [
    LabelledPassage(
        f"{name}.txt",
        None,
        f"The {name} house was built in {1900 + number} by a family of {name} growers. It has "
        f"{number + 3} rooms, a cellar that is dry all the year, and a garden that goes down to "
        "the river. The present owner keeps it as it was and shows it on Sundays in summer.",
    )
    for number, name in enumerate(["apple", "pear", "plum", "cherry", "quince"])
]

pytestmark = pytest.mark.model


class ReadsWholePassages:
    """The bundled model, said to be large enough to be shown whole passages."""

    def __init__(self, service: InferenceService) -> None:
        self._service = service
        self.model = replace(service.model, parameters=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)


def config(llm_path: Path, folder: Path, **changes: Any) -> EngineConfig:
    settings: dict[str, Any] = {
        "passage_blocks": True,
        "block_fresh_tokens": 8,  # these passages are short
        "block_folder": folder,
    } | changes
    return EngineConfig(llm_path, context_tokens=2048, max_sequences=2, threads=2, **settings)


def test_passages_are_ready_for_the_next_process(llm_path: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with InferenceService(config(llm_path, tmp_path)) as service:
        done = warm_passages(
            ReadsWholePassages(service), PASSAGES, progress=lambda *at: told.append(at)
        )
    assert done == len(PASSAGES)
    assert told[-1] == (5, 5)

    with InferenceService(config(llm_path, tmp_path)) as service:
        asked = [PASSAGES[3], PASSAGES[0]]  # another order, other neighbours
        prompt = service.encode_chat(build_messages("When was the plum house built?", asked))
        stream = service.submit(Request(prompt, SamplingParams(max_tokens=4)))
        list(stream)
        assert stream.usage is not None
        inside = sum(end - start for start, end in prompt.passages)
        assert stream.usage.cached_tokens >= inside - 2 * 8  # each block's first tokens are fresh


def test_a_passage_that_is_too_long_stops_no_other(llm_path: Path, tmp_path: Path) -> None:
    endless = LabelledPassage("endless.txt", None, "and so on " * 3000)
    passages = [PASSAGES[0], endless, PASSAGES[1]]
    with InferenceService(config(llm_path, tmp_path)) as service:
        assert warm_passages(ReadsWholePassages(service), passages) == 2


def test_a_cancelled_warming_ends(llm_path: Path, tmp_path: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    with InferenceService(config(llm_path, tmp_path)) as service:
        assert warm_passages(ReadsWholePassages(service), PASSAGES, cancel=cancel) == 0


@pytest.mark.parametrize(
    ("blocks", "reason"), [(True, "too small"), (False, "PAPERLIGHT_PASSAGE_BLOCKS")]
)
def test_warming_for_nothing_is_refused(
    llm_path: Path, tmp_path: Path, blocks: bool, reason: str
) -> None:
    with (
        InferenceService(config(llm_path, tmp_path, passage_blocks=blocks)) as service,
        pytest.raises(PassageBlocksUnused, match=reason),
    ):
        warm_passages(service, PASSAGES)
