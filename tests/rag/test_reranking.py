from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from inference.request import EngineStopped, Message, Priority, QueueFull, TokenLogprob
from rag.errors import RerankingFailed
from rag.generator import Caller
from rag.language_model_reranker import LanguageModelReranker
from rag.reranking import RerankingSearch, reranked
from rag.results import Hit
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedGenerator, TableReranker, yes_against_no
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


# --- the language model as a reranker -------------------------------------------------------------


def judged(messages: Sequence[Message]) -> TokenLogprob:
    """Surer of "yes" the more often the passage says "bridge"."""
    count = messages[-1].text.partition("Question:")[0].count("bridge")
    return yes_against_no(math.log((0.2 + 0.3 * count) / 0.2))


def test_every_candidate_is_one_request_for_whom_it_is_asked() -> None:
    generator = ScriptedGenerator("yes", first=judged)
    caller = Caller(Priority.BATCH, "client-7")
    found = LanguageModelReranker(lambda: generator).relevances(QUESTION, [SALES, BRIDGE], caller)
    assert found == pytest.approx([0.5, 0.5 / 0.7])
    assert [r.priority for r in generator.requests] == [Priority.BATCH] * 2
    assert [(r.client, r.sampling.max_tokens) for r in generator.requests] == [("client-7", 1)] * 2


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
