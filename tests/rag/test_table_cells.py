"""Which cell of a row a question asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.table_cells import asked_cell

VISITS = "Table 2. Visits\n | 2021 | 2022 | 2023"
WARRANTY = "| Part | Private use | Commercial use |\n| --- | --- | --- |"


@pytest.mark.parametrize(
    ("question", "header", "row", "cell"),
    [
        ("How many visits had a strip in 2022?", VISITS, "Strip | 4.6 | 5.9 | 5.0", "5.9"),
        (
            "How long is the pump covered in private use?",
            WARRANTY,
            "| Rotary pump | 36 months | 18 months |",
            "36 months",
        ),
        # No column, two of them, another row, a row of other columns, no header, no table.
        ("How many visits had a strip?", VISITS, "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many had a strip in 2021 and 2022?", VISITS, "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many visits had a hedge in 2022?", VISITS, "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many visits had a strip in 2022?", VISITS, "Strip | 4.6 | 5.9", ""),
        ("How many visits had a strip in 2022?", "", "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many visits had a strip in 2022?", VISITS, "The strip had 5.9.", ""),
    ],
)
def test_it_stands_in_the_named_row_and_column(
    question: str, header: str, row: str, cell: str
) -> None:
    assert asked_cell(question, header, row) == cell


@given(*[st.text("ab1 |\n-", max_size=60)] * 3)
def test_of_any_text_it_is_a_part_of_the_row(question: str, header: str, row: str) -> None:
    assert asked_cell(question, header, row) in row
