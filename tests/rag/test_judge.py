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


LEASE = "3.1 The Tenants may not keep dogs or cats."
ASKED = "May the tenants keep a cat?"


def answering(messages: Sequence[Message]) -> TokenLogprob:
    """A small model's judgement: where cats are forbidden it says "no", as if it were asked that.

    So it does of what is about something else.
    """
    text, _, question = messages[-1].text.partition("Question:")
    is_about_it = "cats" in text and "cat" in question
    return yes_against_no(2.5 if is_about_it and "not" not in text else -0.7)


def test_a_sentence_that_denies_answers_who_asks_for_yes_or_no() -> None:
    """The lease forbids cats. The judge said "no", as the answer is, and nothing was answered."""
    generator = ScriptedGenerator("yes", first=answering)
    water = "Water is not included in the rent."
    found = judge(generator, ASKED, [SALES, LEASE, water], Caller(Priority.BATCH, "client-7"))
    assert found is not None
    assert found.log_odds == pytest.approx([-0.7, 2.5, -0.7])
    assert len(generator.requests) == len(found.spent) == 3  # it costs no more
    assert {(each.client, each.priority) for each in generator.requests} == {
        ("client-7", Priority.BATCH)
    }


def test_who_is_not_answered_by_a_negated_matter_is_not_told_of_it() -> None:
    """ "May he drive?" was answered by "he does not have diabetes", which looks like a no."""
    diabetes = "Mr Whitfield himself does not have diabetes."
    generator = ScriptedGenerator(
        "yes", first=lambda said: yes_against_no(-0.2 if "not" in said[-1].text else -0.7)
    )
    found = judge(generator, "May Mr Whitfield drive his own car?", [diabetes], NOBODY)
    assert found is not None
    assert found.log_odds == pytest.approx([-0.7])


def test_what_forbids_affirms_that_something_is_forbidden() -> None:
    """The better of both wordings counts, for "is it forbidden?" is answered by one or other."""
    generator = ScriptedGenerator(
        "yes", first=lambda said: yes_against_no(1.3 if "may not" in said[-1].text else -2.0)
    )
    found = judge(generator, "Is keeping cats forbidden?", [LEASE], NOBODY)
    assert found is not None
    assert found.log_odds == pytest.approx([1.3])
    assert len(generator.requests) == len(found.spent) == 2  # both are paid for


@pytest.mark.parametrize("question", ["What may the tenants keep?", "Why are cats not allowed?"])
def test_other_questions_are_judged_by_the_text_alone(question: str) -> None:
    generator = ScriptedGenerator("yes", first=answering)
    judge(generator, question, [LEASE, SALES], NOBODY)
    assert generator.conversations == [judge_messages(question, [each]) for each in (LEASE, SALES)]


def test_a_sentence_too_long_for_the_context_is_neither_here_nor_there() -> None:
    generator = ScriptedGenerator("yes", first=judged, context_tokens=400)
    found = judge(generator, ASKED, ["The cat may not " + "bridge " * 400], NOBODY)
    assert found is not None
    assert found.log_odds == (0.0,)
    assert generator.requests == []


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
