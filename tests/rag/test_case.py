"""What follows from what was found for a question."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rag.case import Case
from rag.extracts import Extract
from rag.results import Hit
from rag.vectors import CachedEmbedder
from tests.fakes import HashedWordsEmbedder
from tests.rag.passages import make_hit

TIMES = "From | Train | Departs\nHarrow Bay | RE 44 | 20:12\nHarrow Bay | RE 48 | 21:12\n"
TRAINS = TIMES + "Dunsford | RE 67 | 6:03"


def case(
    question: str,
    passages: Sequence[Hit] = (make_hit(TRAINS),),
    embedder: CachedEmbedder | None = None,
) -> Case:
    return Case(
        question=question,
        asked=question,
        history=(),
        passages=passages,
        comparable=embedder is not None,
        embedder=embedder,
        started=0.0,
        retrieved=0.0,
    )


def row(of: Case, text: str) -> Extract:
    return next(extract for extract in of.extracts() if extract.quote.text.endswith(text))


@pytest.mark.parametrize(
    ("question", "text", "is_only"),
    [
        ("Which train leaves from Harrow Bay?", "21:12", False),
        ("Which train leaves from Dunsford?", "6:03", True),
    ],
)
def test_a_cell_is_told_where_no_other_row_has_the_name(
    question: str, text: str, *, is_only: bool
) -> None:
    """Asked for the last train from Harrow Bay, "Harrow Bay, Train: RE 48" was told as if one."""
    asked = case(question)
    found = row(asked, text)
    cell = asked.asked_cell(found)
    assert cell is not None
    assert asked.is_only_cell(found, cell) is is_only


@pytest.mark.parametrize(
    ("others", "usual"), [((0.2, 0.4), 0.3), ((0.1, None), 0.1), ((None,), 0.3), ((), 0.3)]
)
def test_a_sentence_stands_out_from_the_passages_that_it_is_not_of(
    others: Sequence[float | None], usual: float
) -> None:
    """Everyday questions have low cosines with what answers them, and lower ones with the rest."""
    answers = make_hit("The kiln was fired on Tuesday.", dense=0.5)
    rest = [
        make_hit("Books are kept for four weeks.", document=f"{n}.txt", chunk_id=n + 2, dense=dense)
        for n, dense in enumerate(others)
    ]
    embedder = CachedEmbedder(HashedWordsEmbedder())
    found = case("When was the kiln fired?", [*rest, answers], embedder).confidence()
    assert found is not None
    assert found.similarity is not None
    assert found.standout == pytest.approx(found.similarity - usual)
