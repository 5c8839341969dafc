from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.engine_config import EngineConfig
from inference.request import (
    Message,
    Passage,
    Priority,
    QueueFull,
    Request,
    SamplingParams,
    TokenLogprob,
)
from inference.service import InferenceService
from rag.generator import NOBODY, Caller, together
from rag.judge import ANSWER_START, MOST_LOG_ODDS, judge, judge_messages, yes_log_odds
from rag.short_answer import short_answer_sampling
from tests.fakes import ScriptedGenerator, yes_against_no

BRIDGE = "The Tamber bridge was opened on 4 May 1922."
RULES = "Visitors may park behind the library on Sundays."
SALES = "In 2020 the orchard yielded 13 tonnes of apples."
QUESTION = "When was the Tamber bridge opened?"


def test_the_odds_of_yes_are_against_no_alone() -> None:
    # p(yes) = .3 + .1 in two spellings, p(no) = .2; the rest of the distribution does not matter.
    top = (("Yes", math.log(0.3)), ("no", math.log(0.2)), (" yes", math.log(0.1)), ("It", -9.0))
    assert yes_log_odds(TokenLogprob("Yes", top[0][1], top)) == pytest.approx(math.log(2))


def test_a_word_that_is_no_alternative_is_as_improbable_as_the_last() -> None:
    top = (("yes", math.log(0.9)), ("Maybe", math.log(0.05)))
    assert yes_log_odds(TokenLogprob("yes", top[0][1], top)) == pytest.approx(math.log(18))
    assert yes_log_odds(None) == 0.0
    sure = (("no", -0.001), ("yes", -30.0))
    assert yes_log_odds(TokenLogprob("no", -0.001, sure)) == -MOST_LOG_ODDS


def test_prompts_begin_alike_up_to_the_text_and_end_with_the_question() -> None:
    one, other = judge_messages(QUESTION, [BRIDGE]), judge_messages("Who may park?", [SALES])
    assert one[:-1] == other[:-1]
    assert one[-1].text == f"Text: {BRIDGE}\n\nQuestion: {QUESTION}"
    assert Passage(BRIDGE) in one[-1].content  # data, which cannot forge a chat marker


def judged(messages: Sequence[Message]) -> TokenLogprob:
    """As likely "yes" as "no" for each time that the text says "bridge"."""
    count = messages[-1].text.partition("Question:")[0].count("bridge")
    return yes_against_no(math.log(count + 1))


def test_every_text_is_one_request_for_whom_it_is_asked() -> None:
    generator = ScriptedGenerator("yes", first=judged)
    found = judge(generator, QUESTION, [SALES, BRIDGE], Caller(Priority.BATCH, "client-7"))
    assert found is not None
    assert found.log_odds == pytest.approx([0.0, math.log(2)])
    assert [r.priority for r in generator.requests] == [Priority.BATCH] * 2
    assert [(r.client, r.sampling.max_tokens) for r in generator.requests] == [("client-7", 1)] * 2
    assert [each.prompt for each in found.spent] == [r.prompt for r in generator.requests]
    used = together(found.spent)
    assert used.prompt_tokens == sum(len(r.prompt.tokens) for r in generator.requests)
    assert used.cached_tokens == 0  # so nothing was shared
    assert used.completion_tokens == 2


def test_a_text_longer_than_the_context_is_not_asked_about() -> None:
    generator = ScriptedGenerator("yes", first=judged, context_tokens=400)
    found = judge(generator, QUESTION, ["bridge " * 400, BRIDGE], NOBODY)
    assert found is not None
    assert found.log_odds == pytest.approx([0.0, math.log(2)])
    assert len(generator.requests) == 1


def test_cancelling_ends_all_requests() -> None:
    generator = ScriptedGenerator("", hold=True)
    cancel = threading.Event()
    cancel.set()
    assert judge(generator, QUESTION, [SALES, BRIDGE], Caller(cancel=cancel)) is None
    assert all(stream.cancelled.is_set() for stream in generator.streams)


def test_a_full_queue_is_refused_to_a_person_and_waited_for_by_a_batch() -> None:
    generator = ScriptedGenerator("yes", refuse=QueueFull("full", 0.0))
    with pytest.raises(QueueFull):
        judge(generator, QUESTION, [SALES], NOBODY)
    cancel = threading.Event()
    cancel.set()  # the wait ends at once
    assert judge(generator, QUESTION, [SALES], Caller(Priority.BATCH, cancel=cancel)) is None


@pytest.mark.model
def test_what_all_prompts_begin_with_is_counted_once(llm_path: Path) -> None:
    texts = [BRIDGE, RULES, SALES]
    with InferenceService(EngineConfig(model_path=llm_path, context_tokens=4096)) as service:
        prompts = [service.encode_chat(judge_messages(QUESTION, [text])).tokens for text in texts]
        found = judge(service, QUESTION, texts, NOBODY)
    alike = next(i for i, tokens in enumerate(zip(*prompts, strict=False)) if len(set(tokens)) > 1)
    assert alike > 250  # the examples
    assert found is not None
    used = together(found.spent)
    assert used.prompt_tokens == sum(map(len, prompts)) - 2 * alike
    assert 0 <= used.cached_tokens <= alike


@pytest.mark.model
def test_a_batch_judges_as_one_at_a_time(llm_path: Path) -> None:
    """Against the same prompts alone, without shared prefixes."""
    texts = [BRIDGE, RULES, SALES]
    with InferenceService(EngineConfig(model_path=llm_path, context_tokens=4096)) as service:
        found = judge(service, QUESTION, texts, NOBODY)
    assert found is not None
    alone = []
    config = EngineConfig(
        model_path=llm_path, context_tokens=4096, max_sequences=1, prefix_cache=False
    )
    with InferenceService(config) as service:
        for text in texts:
            prompt = service.encode_chat(judge_messages(QUESTION, [text]))
            stream = service.submit(Request(prompt, SamplingParams(max_tokens=1, logprobs=20)))
            (event,) = [event for event in stream if event.logprobs]
            odds = dict.fromkeys(("yes", "no"), 0.0)
            for spelled, logprob in event.logprobs[0].top:
                if spelled.strip().casefold() in odds:
                    odds[spelled.strip().casefold()] += math.exp(logprob)
            assert min(odds.values()) > 0
            alone.append(odds["yes"] / (odds["yes"] + odds["no"]))
    chances = [1 / (1 + math.exp(-log_odds)) for log_odds in found.log_odds]
    assert chances == pytest.approx(alone, abs=0.04)  # llama.cpp's sums differ with the batch


@pytest.mark.model
def test_who_reads_the_words_goes_on_from_the_judgement(llm_path: Path) -> None:
    """What was computed to judge a text is not computed again to read its words."""
    with InferenceService(EngineConfig(model_path=llm_path, context_tokens=4096)) as service:
        judge(service, QUESTION, [BRIDGE, SALES], NOBODY)
        judged = service.encode_chat(judge_messages(QUESTION, [BRIDGE]))
        prompt = service.encode_chat(judge_messages(QUESTION, [BRIDGE]), answer_start=ANSWER_START)
        assert prompt.tokens[: len(judged.tokens)] == judged.tokens
        stream = service.submit(Request(prompt, short_answer_sampling([BRIDGE])))
        said = stream.text()
    assert said.strip() in BRIDGE
    assert stream.usage is not None
    assert stream.usage.cached_tokens >= len(judged.tokens) - 1
