from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rag.hops import HopSearch, with_hops
from rag.results import Hit
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedGenerator
from tests.rag.passages import FakeSearch, make_hit

QUESTION = "Where was the designer of the Tamber bridge born?"


def hit(number: int, similarity: float, text: str = "") -> Hit:
    found = make_hit(text or f"passage {number}", document=f"{number}.txt", chunk_id=number)
    return replace(found, similarity=similarity, reason="has words")


def test_what_two_passages_lead_to_comes_behind_them() -> None:
    """Worked by hand: a gain is .8 of the source's similarity, as a part of the list's best."""
    found = [hit(1, 1.0), hit(2, 0.8), hit(3, 0.5), hit(4, 0.1)]
    led = [
        (found[0], [hit(1, 0.9), hit(5, 0.45)]),  # 5 gains .8 * 1.0 * .5 = .4
        (found[1], [hit(4, 0.5), hit(5, 0.25), hit(2, 0.2)]),  # 4 gains .8 * .8 * 1 = .64, 5 .32
    ]
    order = with_hops(found, led)
    assert [(h.chunk_id, pytest.approx(h.similarity)) for h in order] == [
        (1, 1.0),
        (2, 0.8),
        (4, 0.74),
        (3, 0.5),
        (5, 0.4),
    ]
    assert [h.reason for h in order[2:]] == [
        "has words; led to by a passage of 2.txt",
        "has words",
        "led to by a passage of 1.txt",
    ]


def test_similarities_to_another_query_are_not_those_to_the_question() -> None:
    found = [hit(1, 1.0)]
    led = [(found[0], [hit(2, 0.9)])]
    _, other = with_hops(found, led)
    assert (other.dense_similarity, other.keyword_similarity) == (None, None)


def test_nothing_passes_the_passages_that_lead_there() -> None:
    found = [hit(1, 0.6), hit(2, 0.5), hit(3, 0.45)]
    order = with_hops(found, [(found[0], [hit(3, 1.0)]), (found[1], [hit(3, 1.0)])])
    assert [(h.chunk_id, h.similarity) for h in order] == [(1, 0.6), (2, 0.5), (3, 0.5)]


def test_nothing_leads_nowhere() -> None:
    assert with_hops([], []) == []
    assert HopSearch(FakeSearch([])).search(QUESTION, 5) == []


def test_the_search_is_asked_with_each_of_the_two_best() -> None:
    search = FakeSearch([hit(n, 1.0 / n, text) for n, text in enumerate(("a", "b", "c"), 1)])
    HopSearch(search).search(QUESTION, 2)
    assert search.queries == [QUESTION, f"{QUESTION} a", f"{QUESTION} b"]


@pytest.mark.parametrize("hops", [1, 2])
def test_a_library_hops_where_it_is_asked_to(tmp_path: Path, hops: int) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.txt").write_text("The Tamber bridge was designed by Mira Holt.", "utf-8")
    (files / "b.txt").write_text("Mira Holt grew up on a farm near Ferrow.", "utf-8")
    (files / "c.txt").write_text("The ferry takes the cars of guests.", "utf-8")
    settings = Settings(home=tmp_path, hops=hops)
    with ModellessLibrary(tmp_path / "library", settings, lambda: ScriptedGenerator("")) as library:
        library.add(files)
        hits = {hit.document_name: hit for hit in library.search(QUESTION, k=3)}
    assert hits["b.txt"].reason.endswith("led to by a passage of a.txt") is (hops == 2)
