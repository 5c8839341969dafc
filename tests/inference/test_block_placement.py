"""Passage blocks in the real engine: what they save, and what they leave as it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inference.engine_config import EngineConfig
from inference.request import Message, Passage, Priority, Prompt, Request, SamplingParams
from inference.service import InferenceService

pytestmark = pytest.mark.model

PASSAGES = (
    "The lighthouse at Port Ellery was built in 1874. It is 41 metres tall and painted in red "
    "and white bands, and its lamp can be seen from 19 nautical miles away on a clear night.",
    "The ferry to Grey Island leaves every day at half past seven in the morning and takes fifty "
    "minutes. In winter it leaves an hour later, and on public holidays it does not run at all.",
)


@pytest.fixture(scope="module")
def config(llm_path: Path) -> EngineConfig:
    return EngineConfig(
        llm_path,
        context_tokens=2048,
        max_sequences=2,
        threads=2,
        passage_blocks=True,
        block_fresh_tokens=8,  # the passages here are short
    )


@pytest.fixture(scope="module")
def service(config: EngineConfig) -> Iterator[InferenceService]:
    with InferenceService(config) as service:
        yield service


def question(service: InferenceService, text: str, *passages: str) -> Prompt:
    parts: list[str | Passage] = []
    for number, passage in enumerate(passages, 1):
        parts += [f"[{number}] ", Passage(passage), "\n"]
    system = Message("system", "Answer from the passages in one short sentence.")
    return service.encode_chat([system, Message("user", [*parts, text])])


def build(service: InferenceService, *passages: str) -> None:
    """Have the blocks of passages built: a batch request waits for them."""
    prompt = question(service, "?", *passages)
    service.complete(Request(prompt, SamplingParams(max_tokens=1), Priority.BATCH))


def test_a_passage_is_computed_once_for_any_question_and_place(service: InferenceService) -> None:
    first, second = PASSAGES
    build(service, first, second)
    # other order, other question: nothing but the passages is the same
    prompt = question(service, "When does the ferry leave?", second, first)
    with service.submit(Request(prompt, SamplingParams(max_tokens=4))) as stream:
        stream.text()
    assert stream.usage is not None
    placed = sum(end - start for start, end in prompt.passages)
    placed -= service._engine.config.block_fresh_tokens  # of the second one
    assert stream.usage.cached_tokens >= placed
    service._engine.check()


def test_one_batch_computes_all_that_lies_between_placed_passages(config: EngineConfig) -> None:
    """A prompt with three passages took three steps to its first token, one after each block.

    The library that this project compiles takes rows from both sides of a block in one batch; one
    that does not is asked block by block, and answers alike.
    """
    said, steps = [], []
    for bridges in (True, False):
        with InferenceService(config) as service:
            assert service._engine.blocks.bridges, "llama.cpp was compiled without positions.patch"
            service._engine.blocks.bridges = bridges
            build(service, *PASSAGES)
            before = service.metrics()["steps_total"]
            asked = question(service, "When does the ferry leave?", *PASSAGES[::-1])
            service.complete(Request(asked, SamplingParams(max_tokens=1)))
            steps.append(service.metrics()["steps_total"] - before)
            said.append(service.complete(Request(asked, SamplingParams(max_tokens=16))))
            service._engine.check()
    assert said[0] == said[1]
    assert steps == [1, 2]  # the first passage is right behind what all prompts begin with


def test_nobody_waits_for_a_block_and_the_next_one_who_asks_has_it(config: EngineConfig) -> None:
    sampling = SamplingParams(max_tokens=12)
    with InferenceService(replace(config, passage_blocks=False)) as plain:
        expected = plain.complete(Request(question(plain, "How tall is it?", *PASSAGES), sampling))
    with InferenceService(config) as service:
        asked = Request(question(service, "How tall is it?", *PASSAGES), sampling)
        with service.submit(asked) as stream:
            assert stream.text() == expected  # computed in place: exactly what it is without blocks
        assert stream.usage is not None
        assert stream.usage.cached_tokens == 0
        build(service, *PASSAGES)  # comes after those that are built because somebody asked
        steps = service.metrics()["steps_total"]
        build(service, *PASSAGES[::-1])
        assert service.metrics()["steps_total"] - steps < 8  # nothing was left to build


def test_a_block_right_behind_its_stem_gives_what_computing_it_gives(config: EngineConfig) -> None:
    """There a block has seen all that it would have seen, so the answer must be the same."""
    with InferenceService(replace(config, passage_blocks=False)) as plain:
        encode = plain.tokenizer.encode
        stem, passage = encode("The harbour. "), encode(PASSAGES[0])
        tail = encode(" In short, the lighthouse is")
        prompt = Prompt(
            (*stem, *passage, *tail), ((len(stem), len(stem) + len(passage)),), tuple(stem)
        )
        request = Request(prompt, SamplingParams(max_tokens=16))
        expected = plain.complete(request)
    with InferenceService(replace(config, prefix_cache=True)) as service:
        service.complete(replace(request, priority=Priority.BATCH))
        service._engine.cache.drop_retained()  # or the whole prompt would be shared as it is
        with service.submit(request) as stream:
            assert stream.text() == expected
        assert stream.usage is not None
        assert stream.usage.cached_tokens >= len(passage)


def test_many_questions_with_shared_passages_all_end_and_the_books_balance(
    service: InferenceService,
) -> None:
    streams = [
        service.submit(
            Request(
                question(service, f"Question {n}?", *order),
                SamplingParams(max_tokens=4),
                Priority.BATCH,
            )
        )
        for n, order in enumerate([PASSAGES, PASSAGES[::-1], PASSAGES[:1], PASSAGES[1:]] * 3)
    ]
    for index, stream in enumerate(streams):
        if index % 4 == 3:
            stream.cancel()
        stream.text()
    assert all(stream.finish_reason is not None for stream in streams)
    service.complete(Request(question(service, "Done?"), SamplingParams(max_tokens=1)))
    assert not service._engine.has_work
    service._engine.check()


def test_a_cache_too_small_for_blocks_still_answers(config: EngineConfig) -> None:
    with InferenceService(replace(config, context_tokens=256)) as service:
        streams = [
            service.submit(
                Request(
                    question(service, f"Why {n}?", *PASSAGES),
                    SamplingParams(max_tokens=8),
                    Priority.BATCH,
                )
            )
            for n in range(4)
        ]
        assert all(stream.text() for stream in streams)


def test_blocks_of_an_earlier_run_are_used_and_damaged_ones_are_not(
    config: EngineConfig, tmp_path: Path
) -> None:
    kept = replace(config, block_folder=tmp_path)

    def computed() -> float:
        with InferenceService(kept) as service:
            prompt = question(service, "How tall is the lighthouse?", *PASSAGES)
            request = Request(prompt, SamplingParams(max_tokens=4), Priority.BATCH)
            assert service.complete(request)
            return service.metrics()["prompt_tokens_computed_total"]

    first, second = computed(), computed()
    assert second < first - 50
    for file in tmp_path.glob("*/*.kv"):
        file.write_bytes(file.read_bytes()[:-5])
    assert computed() > second  # computed in place, as if there were no blocks
    assert computed() == first  # and built again


def test_keys_that_cannot_be_moved_switch_blocks_off(config: EngineConfig) -> None:
    with InferenceService(replace(config, kv_type="q8_0")) as service:
        assert not service._engine.blocks.enabled
        prompt = question(service, "How tall?", PASSAGES[0])
        assert service.complete(Request(prompt, SamplingParams(max_tokens=4)))
