"""Which cell of a row a question asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.table_cells import asked_cell, names_row

VISITS = "Table 2. Visits\n | 2021 | 2022 | 2023"
RENTS = "Year | Rent a year | Rent a month"
RATES = "Year | Rent a year | Monthly instalment"
TARIFFS = "Tariff | Price per kWh | Months"
INVOICE = "Invoice | Item | Quantity | Unit price"
YEARLY = "Year | Revenue (EUR million) | Bicycles sold"
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
        # The row was told without the names of its columns: its unit, its item was not named first.
        ("What was the revenue in 2022?", YEARLY, "2022 | 25.1 | 28,300", "25.1"),
        (
            "How much is a swivel chair per unit price?",
            INVOICE,
            "Q-41 | Swivel chair | 6 | 9.50",
            "9.50",
        ),
        ("What is the quantity of chairs?", INVOICE, "Q-41 | Swivel chair | 6 | 9.50", "6"),
        # No column, two of them, another row, a row of other columns, no header, no table.
        ("How many visits had a strip?", VISITS, "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many had a strip in 2021 and 2022?", VISITS, "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many visits had a hedge in 2022?", VISITS, "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many visits had a strip in 2022?", VISITS, "Strip | 4.6 | 5.9", ""),
        ("How many visits had a strip in 2022?", "", "Strip | 4.6 | 5.9 | 5.0", ""),
        ("How many visits had a strip in 2022?", VISITS, "The strip had 5.9.", ""),
        # "Rent a year" was told.
        ("Monthly rent in the third year?", RENTS, "Third | £29,400 | £2,450", ""),
        ("Monthly rent in the third year?", RATES, "Third | £29,400 | £2,450", ""),
        ("Monthly rent of the third?", RENTS, "Third | £29,400 | £2,450", "£2,450"),
        # The price was told: "For how long is the price per kWh fixed on the Steady tariff?"
        ("How long is the price per kWh fixed on Steady?", TARIFFS, "Steady | 31.4 cents | 12", ""),
    ],
)
def test_it_stands_in_the_named_row_and_column(
    question: str, header: str, row: str, cell: str
) -> None:
    found = asked_cell(question, header, row)
    assert (found.text if found else "") == cell


@pytest.mark.parametrize(
    ("row", "is_named"),
    [
        ("Weather | 30.4 | 33.2", True),
        ("| Weather segment | 30.4 |", True),
        ("Weather stations | 30.4", False),
        (" | 2021 | 2022", False),
        ("Weather", False),
    ],
)
def test_a_row_is_named_by_all_of_its_first_cell(row: str, is_named: bool) -> None:
    assert names_row("What did the weather segment make in 2022?", row) is is_named


@given(*[st.text("ab1 |\n-", max_size=60)] * 3)
def test_of_any_text_it_is_a_part_of_the_row(question: str, header: str, row: str) -> None:
    found = asked_cell(question, header, row)
    if found is not None:
        assert found.text in row
        assert found.row in row
        assert found.column in header


def test_a_hostile_header_is_read_in_one_go() -> None:
    """Each space could be the one before a bracket: half a megabyte of them took hours."""
    header = f"Tariff | Price {' ' * 500_000} a month"
    found = asked_cell("What is the price a month of Steady?", header, "Steady | 5 euros")
    assert found is not None
    assert found.text == "5 euros"
