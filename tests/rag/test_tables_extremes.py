"""Which row of a table has the most or the least."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.results import Hit
from rag.tables.extremes import compare_rows
from tests.rag.passages import make_hit, told

TARIFFS = (
    "Our tariffs\nTariff | Standing charge a month | Term | Notice\n"
    "Steady | 11.20 euros | 12 months | 1 month\n"
    "Flexible | 9.80 euros | none | 14 days\n"
    "Night | 13.50 euros | 6 months | 6 weeks\n\nPrices include taxes."
)
REGIONS = (
    "Revenue by region (€ million)\n | 2023 | 2024\nNorth | 42.5 | 44.1\nSouth | 26.0 | 29.8\n"
    "East | 1.5 | (5.3)\nWest | 3.1 | 2.0\nGroup | 73.1 | 70.6"
)
CITIES = (
    "| City | Customers | Founded in 1990 |\n| --- | --- | --- |\n| Bonn | 1,200 | 1 |\n"
    "| Graz | 980 | 2 |\n| Linz | n/a | 3 |"
)

SALES = (
    "Customer | City | Sales\nAlder | Bonn | 70\nBirch | Graz | 12\nCedar | Graz | 31\n"
    "Dogwood | Bonn | 9\nElm | Ulm | 90"
)

PLOTS = (
    "Plot | Member | Since | Size (sqm) | Rent\n3 | Anna | 2014 | 120 | 48\n7 | Peter | 2009 | 150"
    " | 60\n12 | Joan | 2012 | 180 | 72\n21 | Liam | 2022 | 75 | 30"
)
FLATS = (
    "# Oakfield flats\n\nFlat | Tenant | Bedrooms | Area (m²) | Rent\n1 | Hanna | 2 | 68 | 980\n"
    "2 | Ivan | 1 | 44 | 1720\n3 | Julia | 3 | 91 | 1250\n4 | Leo | 2 | 71 | 1010"
)
CARS = (
    "Car | Driver | Model | Mileage\n1 | Nadia | Octavia | 48210\n2 | Tom | Transit | 91530\n"
    "3 | Oscar | Caddy | 63400"
)
TOOLS = (
    "Tool | Quantity | Deposit (GBP) | Note\nRotavator | 1 | 40 | Training needed\n"
    "Wheelbarrow | 6 | 0\nLadder | 3 | 10"
)


def ask(question: str, *pages: str, hit_page: int = 0) -> tuple[str, str, list[str]] | None:
    """The answer, its short form and its quotations, which are looked up on the pages."""
    hits = [hit_of(pages, hit_page)]
    return told(compare_rows(question, hits, lambda _, page: pages[page]), pages)


def hit_of(pages: tuple[str, ...], page: int) -> Hit:
    return replace(make_hit(pages[page], page=page + 1), page_index=page)


def test_the_answer_names_the_row_and_the_others_and_cites_each() -> None:
    """All of the table was quoted, whatever was asked of it."""
    assert ask("Which tariff has the lowest standing charge?", TARIFFS) == (
        "The lowest, Standing charge a month: Flexible, 9.80 euros [1]. "
        "The others: Steady, 11.20 euros [2]; Night, 13.50 euros [3].",
        "Flexible",
        [
            "Flexible | 9.80 euros | none | 14 days",
            "Steady | 11.20 euros | 12 months | 1 month",
            "Night | 13.50 euros | 6 months | 6 weeks",
        ],
    )


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("Which tariff has the longest notice?", TARIFFS, "Night"),  # 6 weeks, 1 month, 14 days
        ("What is the highest standing charge a month?", TARIFFS, "13.50 euros"),
        ("Which region had the highest revenue in 2023?", REGIONS, "North"),  # no sum
        ("Which region had the lowest revenue?", REGIONS, "East"),  # a loss, of the last year
        ("Which tariff has the lowest monthly charge?", TARIFFS, "Flexible"),
        ("Which customer in Graz has the highest sales?", SALES, "Cedar"),
        ("Which customer has the lowest sales in Bonn?", SALES, "Dogwood"),
        ("Which tariff is the cheapest?", TARIFFS, "Flexible"),  # the one column of money
        ("What is the cheapest tariff?", TARIFFS, "Flexible"),
        ("What is the most expensive tariff?", TARIFFS, "Night"),
        ("Which city has the most customers?", CITIES, "Bonn"),  # thousands, and one unknown
    ],
)
def test_values_are_compared_by_what_they_mean(question: str, text: str, short: str) -> None:
    found = ask(question, text)
    assert found is not None
    assert found[1] == short


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Which tariff has the longest term?", TARIFFS),  # "none" may mean anything
        ("Which region is the cheapest?", REGIONS),
        # By which of two? One that cannot be compared counts too.
        (
            "Which is the cheapest tariff?",
            "Tariff | Price | Charge\nA | 5 € | 7 €\nB | 6 € or 8 € | 6 €",
        ),
        ("Which region had the highest revenue in 2025?", f"In 2025\n\n{REGIONS}"),
        ("Which tariff has the highest price?", f"Tariff | Price\n{'A' * 200} | 7\nB | 6"),
        ("Which customer in Linz has the highest sales?", SALES),
        ("Which customer in Bonn or Graz has the highest sales?", SALES),
        ("Which customer in Ulm has the highest sales?", SALES),  # the only one
        ("Which tariff has the second lowest standing charge?", TARIFFS),
        ("Which tariff has the lowest standing charge in Spain?", TARIFFS),
        ("Which tariff has a standing charge of at least 10 euros?", TARIFFS),
        ("Is Flexible the tariff with the lowest standing charge?", TARIFFS),
        ("Which segment had the highest revenue in 2024?", REGIONS),  # another table's
        ("Which region had the highest revenue in 2022?", REGIONS),
        ("Which tariff has the highest price?", "Tariff | Price\nA | 1.200\nB | 890"),  # 1.2?
        ("Which tariff has the highest price?", "Tariff | Price\nA | 5 euros\nB | 9 cents"),
        ("Which tariff has the highest price?", "Tariff | Price\nA | 5\nB | 5"),
        ("Which tariff has the highest price?", "Tariff | Price\nA | 5\nA | 6"),  # which A?
        ("Which tariff has the highest price?", "Tariff | Price\nA | 5 | 1\nB | 6"),
        ("Which tariff has the highest price?", "Tariff | Price\nA [2] | 5\nB | 6"),  # no citation
        ("Which adult takes the highest dose?", "Adult | Highest dose\nA | 5\nB | 6"),
        ("Which tariff has the highest price?", "The tariff with the highest price is A."),
    ],
)
def test_what_a_table_does_not_tell_for_certain_is_left_to_others(question: str, text: str) -> None:
    assert ask(question, text) is None


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("Which member has the largest plot?", PLOTS, "Joan"),
        ("Who has the smallest plot?", PLOTS, "Liam"),
        ("Who has the smallest car?", CARS, ""),
        ("Which tenant has the biggest flat?", FLATS, "Julia"),
        ("What is the smallest flat?", FLATS, "2"),
        ("Which flat is the largest?", FLATS, "3"),
        ("Which flat has the largest area?", FLATS, "3"),
        ("Which tenant has the most bedrooms?", FLATS, "Julia"),
        ("Which tenant has the highest rent?", FLATS, "Ivan"),
        ("Which driver has the highest mileage?", CARS, "Tom"),
        # Nobody says how large a car is, nor a flat without its area.
        ("Which driver has the largest car?", CARS, ""),
        ("Which driver has the longest car?", CARS, ""),
        ("Which driver has the largest car?", CARS.replace("Car |", "Car no. |"), ""),
        ("Which is the largest flat?", "Flat | Rent\nA | 5\nB | 6\nC | 9", ""),
        # Of two sizes, and of what may be numbers of staff or of something else.
        ("Which flat is the largest?", FLATS.replace("Rent", "Garden (m²)"), ""),
        (
            "Which firm has the largest staff?",
            "Firm | Staff | Area (m²)\nA | 5 | 90\nB | 9 | 7",
            "",
        ),
    ],
)
def test_the_number_of_a_thing_is_not_its_size(question: str, text: str, short: str) -> None:
    """The largest plot was the one with the highest number, and the largest car was car 3."""
    found = ask(question, text)
    assert (found[1] if found else "") == short


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("Which tools need no deposit?", TOOLS, "Wheelbarrow"),
        ("Which tools have no note?", TOOLS, ""),  # an empty cell may mean anything
        ("Which tools need no training?", TOOLS, ""),
        ("Which tools need no deposit?", TOOLS.replace("| 0", "| 5"), ""),
        ("Which members need no deposit?", TOOLS, ""),
    ],
)
def test_what_needs_none_of_something_has_a_zero_there(
    question: str, text: str, short: str
) -> None:
    """A tool with a deposit of 40 was quoted."""
    found = ask(question, text)
    assert (found[1] if found else "") == short


PRICES = (
    "# Hilltop price list\n\nCode | Item | Category | Price | In stock | Weight (kg)\n"
    "L-101 | Aero 13 | Laptop | £649.00 | 4 | 1.2\nL-102 | Aero 15 | Laptop | £899.00 | 0 | 1.7\n"
    "K-301 | Kettle | Kitchen | £24.90 | 31 | 0.9\nK-303 | Mixer Pro | Kitchen | £219.00 | 2 | 5.1"
)
PEOPLE = (
    "Staff ID | Name | Department | Salary (EUR) | Room\nE-17 | Clara Voss | Sales | 58200 | 2.04\n"
    "E-21 | Peter Lind | Sales | 81000 | 2.01\nE-29 | Jonas Beck | Engineering | 92400 | 3.01"
)
COURSES = (
    "Course no. | Course | Fee\n201 | Pottery | €120\n205 | Tango | €140\n206 | First aid | €40"
)
EXAMS = (
    "Candidate | Name | Class | Maths | English\n1101 | Ella Ford | 10A | 78 | 66\n"
    "1102 | Ben Sato | 10A | 91 | 59\n1103 | Mia Holt | 10B | 64 | 93"
)


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("What is the cheapest item?", PRICES, "Kettle"),
        ("Which item costs the most?", PRICES, "Aero 15"),
        ("What is the cheapest laptop?", PRICES, "Aero 13"),
        ("What is the most expensive item in the kitchen category?", PRICES, "Mixer Pro"),
        ("What is the heaviest item?", PRICES, "Mixer Pro"),  # not "5.1"
        ("What is the price of the cheapest laptop?", PRICES, "£649.00"),
        ("What is the weight of the cheapest laptop?", PRICES, "1.2"),
        ("What is the code of the cheapest item?", PRICES, "K-301"),
        ("Who is the highest paid person in Sales?", PEOPLE, "Peter Lind"),
        ("Who earns the most?", PEOPLE, "Jonas Beck"),
        ("Which employee has the lowest salary?", PEOPLE, "Clara Voss"),
        ("What is the most expensive course?", COURSES, "Tango"),
        ("Who has the highest mark in English in class 10A?", EXAMS, "Ella Ford"),
        # Of what, or of which figure, nobody knows.
        ("What is the cheapest tablet?", PRICES, ""),
        ("Which item has the highest score?", PRICES, ""),
        ("Who earns the most in Support?", PEOPLE, ""),
        ("Who has the highest mark?", EXAMS, ""),
        ("What is the colour of the cheapest item?", PRICES, ""),
    ],
)
def test_what_has_a_code_is_told_by_its_name(question: str, text: str, short: str) -> None:
    """ "L-101" was the cheapest laptop, and 205 the most expensive course."""
    found = ask(question, text)
    assert (found[1] if found else "") == short


def test_the_answer_says_which_rows_were_compared() -> None:
    found = ask("Which customer in Graz has the highest sales?", SALES)
    assert found is not None
    assert found[0] == ("The highest, Sales, City Graz: Cedar, 31 [1]. The other: Birch, 12 [2].")


def test_a_long_sheet_is_compared_over_all_of_its_pages() -> None:
    """Each page of a sheet repeats the header; the passage is of one of them."""
    pages = [
        "Sales\nCustomer | Sales\n"
        + "".join(f"c{page}{row} | {(page * 7 + row * 3) % 31}\n" for row in range(5))
        for page in range(3)
    ]
    values = {f"c{page}{row}": (page * 7 + row * 3) % 31 for page in range(3) for row in range(5)}
    first, second = sorted(values, key=lambda name: -values[name])[:2]
    for page in range(3):
        found = ask("Which customer has the highest sales?", *pages, hit_page=page)
        assert found is not None
        assert found[:2] == (
            f"The highest, Sales: {first}, {values[first]} [1]. "
            f"Next of 15: {second}, {values[second]} [2].",
            first,
        )


def test_the_next_sheet_of_a_workbook_is_another_table() -> None:
    """Its rows were taken for more of this one, whose columns nobody names."""
    staff = "# Staff\n\nName | Salary\nAnna | 52000\nEva | 66000"
    rooms = "# Rooms\n\nRoom | Seats\nAlder | 8\nBirch | 20"
    found = ask("Who has the highest salary?", staff, rooms)
    assert found is not None
    assert found[1] == "Eva"


def test_a_number_that_is_a_name_is_not_compared() -> None:
    """ "Invoice" and "Total" seemed to be meant alike, and neither was taken."""
    text = "Invoice | Item | Total\nINV-20 | Desk | 1280.00\nINV-20 | Chair | 873.00"
    found = ask("Which item on the invoice has the highest total?", text)
    assert found is not None
    assert found[1] == "Desk"


def test_a_table_that_goes_on_without_its_header_is_not_whole() -> None:
    pages = ("Tariff | Price\nA | 5\nB | 6", "Annual report\nC | 7\nD | 8")
    assert ask("Which tariff has the highest price?", *pages) is None
    assert ask("Which tariff has the highest price?", pages[0], "That is all.") is not None


def test_only_tables_that_a_passage_has_rows_of_are_compared() -> None:
    hit = replace(make_hit("Our tariffs"), end=len("Our tariffs"))
    question = "Which tariff has the lowest standing charge?"
    assert compare_rows(question, [hit], lambda _, __: TARIFFS) is None


def test_a_hostile_cell_is_read_in_one_go() -> None:
    """A figure could end at each of its dots, and what follows was looked through from each: half
    a megabyte of them took hours.
    """
    text = f"Tariff | Price\nSteady | 5\nNight | 7\nFree | 1{'.' * 500_000}("
    assert ask("Which tariff has the highest price?", text) is None


@given(
    st.lists(st.text("ab1 |.,-\n€", max_size=60), min_size=1, max_size=3),
    st.sampled_from(["Which a has the highest b?", "What is the lowest ab?"]),
)
def test_of_any_text_what_is_cited_stands_there(pages: list[str], question: str) -> None:
    ask(question, *pages)
