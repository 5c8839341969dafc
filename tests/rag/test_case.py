"""What follows from what was found for a question."""

from __future__ import annotations

import pytest

from rag.case import Case
from rag.extracts import Extract
from tests.rag.passages import make_hit

TIMES = "From | Train | Departs\nHarrow Bay | RE 44 | 20:12\nHarrow Bay | RE 48 | 21:12\n"
TRAINS = TIMES + "Dunsford | RE 67 | 6:03"


def case(question: str) -> Case:
    return Case(
        question=question,
        asked=question,
        history=(),
        passages=[make_hit(TRAINS)],
        comparable=False,
        embedder=None,
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
