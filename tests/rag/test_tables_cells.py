"""Which cell of a row a question asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables.cells import asked_cell, names_row

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


CARS = "Car | Driver | Model | Fuel"
ZOE = "3 | Nadine Rahm | Renault Zoe | electric"
PLOTS = "Plot | Member | Size (sqm) | Rent"
PLOT = "18 | Ruth Adeyemi | 150 | 60"


@pytest.mark.parametrize(
    ("question", "header", "row", "cell"),
    [
        ("What car does Nadine Rahm drive?", CARS, ZOE, "Renault Zoe"),
        ("What car does Nadine Rahm drive?", CARS.replace("Car", "Car no."), ZOE, "Renault Zoe"),
        ("What car does Nadine Rahm drive?", CARS.replace("Model", "Colour"), ZOE, ""),
        ("What is the number of Nadine Rahm's car?", CARS, ZOE, "3"),
        (
            "What is the total of the invoices to Baxter?",
            "Invoice | Customer | Amount",
            "1046 | Baxter | 640.00",
            "",
        ),
        # Of plots and flats the number is the name, but it is not how large they are.
        ("Which plot does Ruth Adeyemi have?", PLOTS, PLOT, "18"),
        ("How big is the plot of Ruth Adeyemi?", PLOTS, PLOT, "150"),
    ],
)
def test_a_number_of_a_thing_is_no_answer_to_what_it_is(
    question: str, header: str, row: str, cell: str
) -> None:
    """ "Nadine Rahm, Car: 3" was told of what she drives, an invoice's number of their total."""
    found = asked_cell(question, header, row)
    assert (found.text if found else "") == cell


PROGRAMMES = "Programme | Temperature | Duration | Suitable for"
INTENSIVE = "Intensive | 70 °C | 2 h 35 min | Pots and pans"
TOOLS = "Tool | Quantity | Shed | Deposit (GBP) | Note"
WHEELBARROW = "Wheelbarrow | 6 | A | 0"  # as a sheet has it: without the empty cell
FAULTS = "| Code | Meaning | What to do |\n| --- | --- | --- |"
E7 = "| E7 | Heating element faulty | Call service |"


@pytest.mark.parametrize(
    ("question", "header", "row", "cell"),
    [
        ("How long does the Intensive programme take?", PROGRAMMES, INTENSIVE, "2 h 35 min"),
        ("How long is Intensive?", PROGRAMMES, INTENSIVE, "2 h 35 min"),
        ("How many wheelbarrows are there?", TOOLS, WHEELBARROW, "6"),
        ("What does E7 mean?", FAULTS, E7, "Heating element faulty"),
        ("What does error code E7 mean?", FAULTS, E7, "Heating element faulty"),
        ("What should I do when E7 is displayed?", FAULTS, E7, "Call service"),
        ("Who owns plot 18?", PLOTS, PLOT, "Ruth Adeyemi"),
        ("How much does Steady cost?", "Tariff | Price | Months", "Steady | 5 € | 12", "5 €"),
        # A word that nothing accounts for, another row, another kind, two columns of one kind.
        ("How long is the Intensive programme guaranteed?", PROGRAMMES, INTENSIVE, ""),
        ("How many wheelbarrows are broken?", TOOLS, WHEELBARROW, ""),
        ("How many wheelbarrows does Ruth have?", TOOLS, WHEELBARROW, ""),
        ("How long does the Quick programme take?", PROGRAMMES, INTENSIVE, ""),
        ("How much does the wheelbarrow cost?", TOOLS, WHEELBARROW, ""),
        ("How long does Eco take?", "Name | Time | Duration", "Eco | 3 h | 4 h", ""),
        ("How long does Eco take?", "Name | Duration", "Eco | varies", ""),
    ],
)
def test_the_column_of_what_is_asked_for_need_not_be_named(
    question: str, header: str, row: str, cell: str
) -> None:
    """The row was found and refused, for "how long" is no word of "Duration"."""
    found = asked_cell(question, header, row)
    assert (found.text if found else "") == cell
    assert found is None or found.is_all


def test_a_cell_is_all_that_is_asked_only_where_each_word_is_accounted_for() -> None:
    found = asked_cell("In which shed is the ladder?", TOOLS, "Ladder | 3 | A | 10 | ")
    assert found is not None
    assert found.is_all
    found = asked_cell("Which shed burnt down with the ladder?", TOOLS, "Ladder | 3 | A | 10 | ")
    assert found is not None
    assert not found.is_all


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
