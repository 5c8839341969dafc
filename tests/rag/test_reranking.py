from __future__ import annotations

import logging
import math
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.engine_config import EngineConfig
from inference.request import (
    EngineStopped,
    Message,
    Passage,
    Priority,
    QueueFull,
    Request,
    SamplingParams,
    TokenLogprob,
)
from inference.service import InferenceService
from rag.errors import RerankingFailed
from rag.generator import NOBODY, Caller
from rag.passage_judge import LanguageModelReranker, judge_messages, yes_probability
from rag.reranking import RerankingSearch, reranked
from rag.results import Hit
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedGenerator, TableReranker
from tests.rag.passages import FakeSearch, make_hit

BRIDGE = "The Tamber bridge was opened on 4 May 1922."
RULES = "Visitors may park behind the library on Sundays."
SALES = "In 2020 the orchard yielded 13 tonnes of apples."
QUESTION = "When was the Tamber bridge opened?"


def hits() -> list[Hit]:
    return [
        make_hit(text, document=f"{number}.txt", chunk_id=number)
        for number, text in enumerate((RULES, BRIDGE, SALES), 1)
    ]


def searching(reranker: TableReranker, *, candidates: int = 20) -> RerankingSearch:
    return RerankingSearch(FakeSearch(hits()), lambda: reranker, candidates=candidates)


WORTH = {RULES: 0.2, BRIDGE: 0.87, SALES: 0.5}


def test_the_rerankers_order_is_the_order_and_says_so() -> None:
    found = searching(TableReranker(WORTH)).search(QUESTION, 3)
    assert [hit.text for hit in found] == [BRIDGE, SALES, RULES]
    assert [hit.reason for hit in found] == ["reranker 0.87", "reranker 0.50", "reranker 0.20"]
    assert [hit.similarity for hit in found] == pytest.approx([0.87, 0.5, 0.2])


def test_more_candidates_are_judged_than_are_wanted() -> None:
    reranker = TableReranker(WORTH)
    assert [hit.text for hit in searching(reranker).search(QUESTION, 1)] == [BRIDGE]
    ((question, passages, _),) = reranker.asked
    assert question == QUESTION
    assert passages == [f"{n}.txt\n{t}" for n, t in enumerate((RULES, BRIDGE, SALES), 1)]


def test_what_is_not_judged_stays_behind_in_its_order() -> None:
    found = searching(TableReranker(WORTH), candidates=2).search(QUESTION, 3)
    assert [hit.text for hit in found] == [BRIDGE, RULES, SALES]
    assert "reranker" not in found[2].reason
    similarities = [hit.similarity for hit in found]
    assert similarities == sorted(similarities, reverse=True)


def test_a_part_of_the_order_may_stay_the_searchs() -> None:
    first, second = (
        make_hit("a", chunk_id=1),
        make_hit("b", chunk_id=2),
    )
    # .5 * .1 + .5 * 1 against .5 * .9 + .5 * 1, both of the best similarity
    assert [h.similarity for h in reranked([first, second], [0.1, 0.9], share=0.5)] == (
        pytest.approx([0.95, 0.55])
    )


def test_ties_keep_the_searchs_order() -> None:
    found = searching(TableReranker(dict.fromkeys(WORTH, 0.5))).search(QUESTION, 3)
    assert [hit.chunk_id for hit in found] == [1, 2, 3]


def test_the_same_question_and_passage_are_judged_once() -> None:
    reranker = TableReranker(WORTH)
    search = searching(reranker)
    assert search.search(QUESTION, 3) == search.search(QUESTION, 3)
    assert len(reranker.asked) == 1
    search.search("Where may one park?", 3)
    assert len(reranker.asked) == 2


@pytest.mark.parametrize(
    "failure",
    [EngineStopped("the engine died"), QueueFull("full", 1.0), RerankingFailed("out of memory")],
    ids=lambda error: type(error).__name__,
)
def test_a_reranker_that_fails_costs_the_order_only(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = searching(TableReranker({}, failure=failure)).search(QUESTION, 2)
    assert [hit.text for hit in found] == [RULES, BRIDGE]
    assert str(failure) in caplog.text


def test_a_cancelled_reranking_leaves_the_searchs_order(caplog: pytest.LogCaptureFixture) -> None:
    found = searching(TableReranker({}, cancelled=True)).search(QUESTION, 2)
    assert [hit.text for hit in found] == [RULES, BRIDGE]
    assert not caplog.records


def test_nothing_is_loaded_for_nothing() -> None:
    def never() -> TableReranker:
        raise AssertionError("the reranker was loaded")

    for found in ([], hits()[:1]):
        assert RerankingSearch(FakeSearch(found), never, candidates=20).search("q", 5) == found
    assert RerankingSearch(FakeSearch(hits()), None, candidates=20).search("q", 2) == hits()[:2]


# --- the language model as a judge ----------------------------------------------------------------


def test_the_probability_of_yes_is_against_no_alone() -> None:
    # p(yes) = .3 + .1 in two spellings, p(no) = .2; the rest of the distribution does not matter.
    top = (("Yes", math.log(0.3)), ("no", math.log(0.2)), (" yes", math.log(0.1)), ("It", -9.0))
    assert yes_probability(TokenLogprob("Yes", top[0][1], top)) == pytest.approx(0.4 / 0.6)


def test_a_word_that_is_no_alternative_is_as_improbable_as_the_last() -> None:
    top = (("yes", math.log(0.9)), ("Maybe", math.log(0.05)))
    assert yes_probability(TokenLogprob("yes", top[0][1], top)) == pytest.approx(0.9 / 0.95)
    assert yes_probability(None) == 0.5


def test_prompts_of_one_question_differ_in_the_passage_alone() -> None:
    one, other = judge_messages(QUESTION, BRIDGE), judge_messages(QUESTION, SALES)
    assert one[:-1] == other[:-1]
    assert one[-1].text.endswith(BRIDGE)
    assert one[-1].text.removesuffix(BRIDGE) == other[-1].text.removesuffix(SALES)
    assert QUESTION in one[-1].text
    assert Passage(BRIDGE) in one[-1].content  # data, which cannot forge a chat marker


def judged(messages: Sequence[Message]) -> TokenLogprob:
    """Surer of "yes" the more often the passage says "bridge"."""
    count = messages[-1].text.partition("Passage:")[2].count("bridge")
    top = (("yes", math.log(0.2 + 0.3 * count)), ("no", math.log(0.2)))
    return TokenLogprob("yes", top[0][1], top)


def test_every_candidate_is_one_request_for_whom_it_is_asked() -> None:
    generator = ScriptedGenerator("yes", first=judged)
    caller = Caller(Priority.BATCH, "client-7")
    found = LanguageModelReranker(lambda: generator).relevances(QUESTION, [SALES, BRIDGE], caller)
    assert found == pytest.approx([0.5, 0.5 / 0.7])
    assert [r.priority for r in generator.requests] == [Priority.BATCH] * 2
    assert [(r.client, r.sampling.max_tokens) for r in generator.requests] == [("client-7", 1)] * 2


def test_cancelling_ends_all_requests() -> None:
    generator = ScriptedGenerator("", hold=True)
    cancel = threading.Event()
    cancel.set()
    caller = Caller(cancel=cancel)
    reranker = LanguageModelReranker(lambda: generator)
    assert reranker.relevances(QUESTION, [SALES, BRIDGE], caller) is None
    assert all(stream.cancelled.is_set() for stream in generator.streams)


def test_a_full_queue_is_refused_to_a_person_and_waited_for_by_a_batch() -> None:
    full = QueueFull("full", 0.0)
    reranker = LanguageModelReranker(lambda: ScriptedGenerator("yes", refuse=full))
    with pytest.raises(QueueFull):
        reranker.relevances(QUESTION, [SALES], NOBODY)
    cancel = threading.Event()
    cancel.set()  # the wait ends at once, and the refusal is what there is to say
    with pytest.raises(QueueFull):
        reranker.relevances(QUESTION, [SALES], Caller(Priority.BATCH, cancel=cancel))


def test_a_library_reranks_what_it_finds_and_answers_without_it_too(tmp_path: Path) -> None:
    """The same library with an engine that refuses, and with one that judges."""
    files = tmp_path / "files"
    files.mkdir()
    for number, text in enumerate((RULES, SALES, f"{BRIDGE} Another bridge is older."), 1):
        (files / f"{number}.txt").write_text(text, "utf-8")
    settings = Settings(home=tmp_path, reranker="llm")
    refusing = ScriptedGenerator("", refuse=EngineStopped("gone"))
    with ModellessLibrary(tmp_path / "library", settings, lambda: refusing) as library:
        library.add(files)
        before = library.search("the apples of the orchard", k=3)
    assert before[0].document_name == "2.txt"
    generator = ScriptedGenerator("yes", first=judged)
    with ModellessLibrary(tmp_path / "library", settings, lambda: generator) as library:
        after = {hit.document_name: hit for hit in library.search("the apples of the orchard", k=3)}
    share = LanguageModelReranker.share
    for hit in before:
        judgement = 0.8 if hit.document_name == "3.txt" else 0.5
        expected = share * judgement + (1 - share) * hit.similarity / before[0].similarity
        assert after[hit.document_name].similarity == pytest.approx(expected)
        assert after[hit.document_name].reason.endswith(f"reranker {judgement:.2f}")


@pytest.mark.model
def test_a_batch_judges_as_one_at_a_time(llm_path: Path) -> None:
    """Against the same prompts alone, without shared prefixes."""
    passages = [BRIDGE, RULES, SALES]
    with InferenceService(EngineConfig(model_path=llm_path, context_tokens=4096)) as service:
        found = LanguageModelReranker(lambda: service).relevances(QUESTION, passages, NOBODY)
    alone = []
    config = EngineConfig(
        model_path=llm_path, context_tokens=4096, max_sequences=1, prefix_cache=False
    )
    with InferenceService(config) as service:
        for passage in passages:
            prompt = service.encode_chat(judge_messages(QUESTION, passage))
            stream = service.submit(Request(prompt, SamplingParams(max_tokens=1, logprobs=20)))
            (event,) = [event for event in stream if event.logprobs]
            odds = dict.fromkeys(("yes", "no"), 0.0)
            for text, logprob in event.logprobs[0].top:
                if text.strip().casefold() in odds:
                    odds[text.strip().casefold()] += math.exp(logprob)
            assert min(odds.values()) > 0
            alone.append(odds["yes"] / (odds["yes"] + odds["no"]))
    assert found == pytest.approx(alone, abs=0.03)  # llama.cpp's sums differ with the batch
