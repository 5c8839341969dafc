"""Sums and means of a column, and how many rows there are."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from ingest.loaders import load
from rag.tables.sums import sum_rows
from tests.rag.passages import make_hit, told

STAFF = (
    "Name | Department | City | Salary\nAnna Alt | Sales | Berlin | 50,000\n"
    "Bert Bau | Sales | Hamburg | 56,000\nCarl Cox | IT | Berlin | 61,000\n"
    "Dora Dahl | HR | Berlin | 48,500"
)
INVOICES = (
    "Invoice | Customer | Date | Amount (EUR) | Status\n"
    "INV-001 | Alder | 2024-01-03 | 1,200.50 | paid\n"
    "INV-002 | Birch | 2024-02-03 | 80.00 | open\n"
    "INV-003 | Alder | 2023-03-01 | 20.25 | paid\n"
    "INV-004 | Cedar | 2024-05-01 | 300.00 | overdue\n"
    "INV-005 | Elm | 2023-05-01 | 310.00 | overdue\n"
    "INV-006 | Fir | 2024-06-01 | 99.00 | overdue"
)
SUMMED = "Item | Cost\nPaper | €12.50\nInk | €30\nTotal | €42.50"
STOCK = "Product | Quantity | Unit price\nPen | 10 | 2.00\nBook | 3 | 9.50"
SALES = (
    "Year | Revenue (EUR million) | Bicycles sold\n2020 | 18.2 | 21,400\n2021 | 20.1 | 26,000\n"
    "2022 | 25.1 | 28,300\n2023 | 22.7 | 28,800"
)
YEARS = "Region | 2023 | 2024\nNorth | 42.5 | 44.1\nSouth | 26.0 | 29.8\nEast | 1.5 | 5.3"


def ask(
    question: str, *pages: str, name: str = "a.csv", hit_page: int = 0
) -> tuple[str, str, list[str]] | None:
    """The answer, its short form and its quotations, which are looked up on the pages."""
    hit = make_hit(pages[hit_page], page=hit_page + 1)
    hit = replace(hit, page_index=hit_page, document_name=name)
    return told(sum_rows(question, [hit], lambda _, page: pages[page]), pages)


def test_a_sum_tells_of_which_rows_it_is_and_cites_them() -> None:
    """The row that fitted the question best was quoted, as if it were the sum."""
    assert ask("What is the total amount of Alder's invoices?", INVOICES) == (
        "The sum of Amount (EUR), 2 rows with Customer Alder: 1,220.75"
        " (INV-001, 1,200.50 [1]; INV-003, 20.25 [2]).",
        "1,220.75",
        [INVOICES.splitlines()[1], INVOICES.splitlines()[3]],
    )


def test_of_many_rows_the_first_and_the_last_are_cited() -> None:
    assert ask("What is the total amount of all invoices?", INVOICES) == (
        "The sum of Amount (EUR), 6 rows: 2,009.75"
        " (the first: INV-001, 1,200.50 [1]; the last: INV-006, 99.00 [2]).",
        "2,009.75",
        [INVOICES.splitlines()[1], INVOICES.splitlines()[6]],
    )


def test_what_a_row_sums_up_is_told_by_it() -> None:
    assert ask("What is the total cost?", SUMMED) == (
        "Total, Cost: €42.50 [1].",
        "€42.50",
        ["Total | €42.50"],
    )


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("What is the average salary in the Sales department?", STAFF, "53,000"),
        ("What is the mean salary?", STAFF, "53,875"),
        ("What do the salaries add up to?", STAFF, "215,500"),
        ("How many people are in Berlin?", STAFF, "3"),
        ("How many employees work in Berlin?", STAFF, "3"),
        ("How many employees are there?", STAFF, "4"),
        ("How many invoices are overdue?", INVOICES, "3"),
        ("How many invoices are paid?", INVOICES, "2"),  # a word of asking that cells have
        ("How many paid invoices does Alder have?", INVOICES, "2"),  # two conditions
        ("What is the number of open invoices?", INVOICES, "1"),
        ("What is the total amount invoiced in 2024?", INVOICES, "1,679.50"),
        ("What is the average amount of overdue invoices?", INVOICES, "236.33"),
        ("What is the total quantity?", STOCK, "13"),
        ("How many bicycles were sold in total from 2021 to 2023?", SALES, "83,100"),
        ("What was the average revenue between 2020 and 2023?", SALES, "21.53"),
        ("What is the average cost?", SUMMED, "€21.25"),  # not of the total
        (
            "What is the total quantity?",
            STOCK.replace("| 3 |", "| 3 ¹ |"),
            "13",
        ),  # a footnote's mark
    ],
)
def test_rows_are_summed_and_counted(question: str, text: str, short: str) -> None:
    found = ask(question, text, name="employees.csv" if text is STAFF else "a.csv")
    assert found is not None
    assert found[1] == short


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is the total price?", STOCK),  # of a pen and a book
        ("What is the average unit price?", STOCK),
        ("How many products do we have?", STOCK),  # rows, or pieces
        ("How many pens do we have?", STOCK),  # a cell tells it
        ("What is the total of 2024?", YEARS),  # rows of a year may be of anything
        ("What is the total salary in Munich?", STAFF),  # nobody
        ("How many people are there?", STAFF),
        ("How many bicycles were sold in total from 2019 to 2023?", SALES),  # 2019 is not there
        ("How many invoices are not paid?", INVOICES),
        ("How many invoices are over 100 euros?", INVOICES),
        ("How many customers have paid invoices?", INVOICES),  # not one a row
        ("How many rooms are in Berlin?", STAFF),
        ("What is the total?", INVOICES),  # of whatever
        ("Who is in Berlin?", STAFF),
        ("What is the total cost of paper and ink?", SUMMED),
        ("What is the total amount?", INVOICES.replace("80.00", "80.00 or 90.00")),
        ("What is the total amount?", INVOICES.replace("80.00", "80.00 $")),
    ],
)
def test_what_a_table_does_not_tell_for_certain_is_left_to_others(question: str, text: str) -> None:
    assert ask(question, text) is None


def test_a_long_sheet_is_summed_over_all_of_its_pages_and_no_further() -> None:
    """The next sheet of a workbook was taken for rows that nobody names the columns of."""
    head, *rows = STAFF.splitlines()
    pages = [
        "\n".join(["# Staff", head, *rows[:2]]),
        "\n".join(["# Staff", head, *rows[2:]]),
        "# Rooms\n\nRoom | Seats\nAlder | 8\nBirch | 20",
    ]
    for page in (0, 1):
        found = ask("What is the average salary?", *pages, hit_page=page)
        assert found is not None
        assert found[1] == "53,875"
    assert ask("What is the average salary?", *pages[:2], pages[2][9:]) is None


def seems_to_have_a_sum(values: list[int]) -> bool:
    """Whether a value is that of all others, or of some right beside it; or all are numbers."""
    n = len(values)
    beside = [(values[i - 1], values[i:j]) for i in range(1, n) for j in range(i + 2, n + 1)]
    beside += [(values[j], values[i:j]) for j in range(n) for i in range(j - 1)]
    beside += [(v, values[:k] + values[k + 1 :]) for k, v in enumerate(values) if n > 2]
    found = any(v and abs(v - sum(run)) <= 0.005 * abs(v) for v, run in beside)
    return found or (n > 2 and all(b - a == 1 for a, b in pairwise(values)))


_NO_YEARS = st.integers(-99_999, 99_999).filter(lambda value: not 1900 <= abs(value) < 2100)


@given(
    st.lists(_NO_YEARS, min_size=2, max_size=30, unique=True),
    st.sampled_from(["total", "average"]),
)
def test_sums_and_means_are_right(values: list[int], kind: str) -> None:
    text = "\n".join(["Name | Hours", *(f"Part {n}x | {v}" for n, v in enumerate(values))])
    found = ask(f"What is the {kind} of the hours?", text)
    total = sum(values)
    if seems_to_have_a_sum(values):
        assert found is None
        return
    assert found is not None
    expected = total if kind == "total" else total / len(values)
    assert float(found[1]) == pytest.approx(expected, abs=0.006)


@given(st.lists(st.text(), min_size=1, max_size=3), st.text())
def test_of_any_text_what_is_cited_stands_there(pages: list[str], question: str) -> None:
    ask(f"What is the total of {question}?", *pages)
    ask(f"How many {question} are there?", *pages)


PEOPLE = (
    "Employee | Department | Children | Salary | Driving licence\n"
    "Abel | Sales | 0 | 50000 | yes\nBrandt | Sales | 2 | 60000 | no\nCole | IT | 1 | 70000 | yes\n"
    "Dunn | IT | 0 | 80000 | no\nEnde | HR | 3 | 40000 | no"
)
PAID = "Invoice | Customer | Amount | Paid\n1001 | Alder | 120.00 | yes\n1002 | Birch | 80.00 | no"
SHOP = (
    "Product | Price | Sold | Returned\nPen | $2 | 100 | 3\nInk | $5 | 40 | 0\nPad | $3 | 60 | 10"
)
MEMBERS = (
    "Member | Status | Fee\nIvo | paid | 2 EUR\nJan | partly paid | 1 EUR\nKim | not paid | 2 EUR"
)
REGIONS = (
    "Region | Revenue\nNorth A | 10\nNorth B | 15\nSubtotal North | 25\nSouth A | 5\nSouth B | 20\n"
    "Subtotal South | 25\nGrand total | 50"
)
MACHINES = "Machine | Value\nLathe | 100\nMill | 300\nthereof CNC mill | 200\nPress | 50"
WATER = "Quarter | Use\nQ1 | 10\nQ2 | 20\nH1 | 30\nQ3 | 30\nQ4 | 45"
HEADCOUNT = "Year | Employees | Debt\n2021 | 40 | 12\n2022 | 45 | 10\n2023 | 50 | 7"
HOTEL = "Room type | Number\nSingle | 12\nDouble | 30\nSuite | 3"
TRIPS = "Trip | Currency | Expense\nOslo | EUR | 400\nTokyo | JPY | 90000\nBoston | USD | 700"
TEAM = "Worker | Hours\nAda | 38\nBob | 40\nCy | 20\nTeam | 98"
PAY = "Department | Staff | Average pay\nWorkshop | 90 | 30000\nOffice | 10 | 60000"
RACE = "Place | Runner | Time\n1 | Ann | 150\n2 | Ben | 155\n3 | Cat | 163"
ORDERS = "Order | Month | Amount\nA1 | May | 100\nA2 | May | 200\nA3 | June | 450"
STOCKS = "Item | Place | Pieces\nRope | Kiel | 5\nNet |  | 16\nHook | Bonn | 7"


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("How many employees are in IT?", PEOPLE),  # no term: all five were counted
        ("What is the total salary in IT?", PEOPLE),
        ("What is the total amount of the orders in May?", ORDERS),
        ("How many employees have children?", PEOPLE),  # a column that was not looked at
        ("How many employees have a driving licence?", PEOPLE),
        ("How many invoices are paid?", PAID),
        ("What is the total amount of the paid invoices?", PAID),
        ("How many products were sold?", SHOP),
        ("How many products were sold in total?", SHOP),
        ("How many members have not paid?", MEMBERS),
        ("What is the average number of children?", PEOPLE),  # the last is the sum of the others
        ("What is the average revenue?", REGIONS.rpartition("\n")[0]),  # subtotals
        ("What is the total value of the machines?", MACHINES),
        ("What is the total use?", WATER),  # a half-year among its quarters
        ("What is the total number of employees?", HEADCOUNT),  # of three years
        ("What is the total debt?", HEADCOUNT),
        ("How many rooms are there?", HOTEL),  # types of rooms
        ("What is the total expense of the trips?", TRIPS),  # three currencies
        ("How many workers are there?", TEAM),
        ("What is the average pay?", PAY),  # of means
        ("What was the average place?", RACE),
        ("How many pieces are in Kiel in total?", STOCKS),  # merged cells
    ],
)
def test_a_sum_that_would_be_wrong_is_left_to_others(question: str, text: str) -> None:
    """Each of these was computed, of other rows than were meant or of what cannot be added up."""
    assert ask(question, text) is None


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("How many members have paid?", MEMBERS, "1"),
        ("What is the total revenue?", REGIONS, "50"),
        ("What was the average debt?", HEADCOUNT, "9.67"),
        ("How many invoices are there in total?", PAID, "2"),  # 1001 + 1002
        ("What is the total number of invoices?", PAID, "2"),
        ("What is the total of all invoices?", PAID.replace("Amount", "Amount (EUR)"), "200.00"),
    ],
)
def test_what_can_be_told_still_is(question: str, text: str, short: str) -> None:
    found = ask(question, text)
    assert found is not None
    assert found[1] == short


def test_what_a_file_is_called_may_be_what_some_rows_are() -> None:
    """Of "sales_staff.csv" all were counted as in Sales."""
    found = ask("How many people are in Sales?", STAFF, name="sales_staff.csv")
    assert found is not None
    assert found[1] == "2"


def test_of_two_tables_of_one_form_neither_is_the_whole() -> None:
    """The first of them was summed, as if the other were not there."""
    summer = "Cost of the summer camp\n\nItem | Cost\nTents | 500\nFood | 300"
    winter = "Cost of the winter camp\n\nItem | Cost\nSkis | 900\nHut | 700"
    assert ask("What is the total cost?", f"{summer}\n\n{winter}") is None
    assert ask("What is the total cost?", summer, f"{winter}\n\n" + "Notes.\n\n" * 5) is None
    assert ask("What is the total cost?", summer) is not None


def test_a_table_of_another_year_is_not_meant() -> None:
    """Where the table of the year had a figure that may be two, the one of the year before told."""
    this = "Profit by segment 2023\n\nSegment | Profit\nCod | (340)\nSalmon | 1.250\nEel | 90"
    last = "Profit by segment 2022\n\nSegment | Profit\nCod | 100\nSalmon | 900\nHerring | 80"
    notes = "\n\n".join(["Notes."] * 5)
    for pages in ([f"{this}\n\n{notes}", f"{notes}\n\n{last}"], [f"{notes}\n\n{last}"]):
        assert ask("What was the total profit in 2023?", *pages) is None


def test_a_long_sheet_is_summed_though_some_of_its_values_nearly_add_up() -> None:
    """Of a thousand values some are within a two-hundredth of the sum of two others."""
    amounts = [f"{(7919 * n * n) % 99991 + 1}.{n % 90 + 10}" for n in range(2000)]
    text = "\n".join(["Name | Amount", *(f"P{n}x | {a}" for n, a in enumerate(amounts))])
    found = ask("What is the total amount?", text)
    assert found is not None
    assert float(found[1]) == pytest.approx(sum(map(float, amounts)), abs=0.006)


def test_a_workbook_is_added_up_as_its_cells_show_it(tmp_path: Path) -> None:
    """Prices were 1200.5 and 80, of no currency, and a region stood in the first of its rows."""
    path = tmp_path / "costs.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Costs")
        dollars = book.add_format({"num_format": '"$"#,##0.00'})
        sheet.write_row(0, 0, ["Item", "Region", "Cost"])
        items = [("Paper", 1200.5), ("Ink", 80), ("Desks", 410.25), ("Lamps", 95)]
        for number, (item, cost) in enumerate(items, start=1):
            sheet.write(number, 0, item)
            sheet.write(number, 2, cost, dollars)
        sheet.merge_range(1, 1, 3, 1, "North")
        sheet.write(4, 1, "South")
    page = load(path, name="costs.xlsx").pages[0].text
    answer = ask("What is the total cost in the North?", page, name="costs.xlsx")
    assert answer is not None
    assert answer[1] == "$1,690.75"
    assert answer[2][0] == "Paper | North | $1,200.50"


def test_invoices_add_up_to_the_sum_of_their_amounts() -> None:
    """Their one column of amounts names no currency, and an invoice's number was told."""
    text = (
        "Invoice | Customer | Issued | Amount\n1041 | Baxter | 03/01/2025 | 4800.00\n"
        "1042 | Corvid | 09/01/2025 | 1250.50\n1046 | Baxter | 04/02/2025 | 640.00"
    )
    found = ask("What is the total of the invoices to Baxter?", text)
    assert found is not None
    assert found[1] == "5440.00"


DATED = (
    "Invoice | Customer | Issued | Due | Amount | Status\n"
    "R-1 | Miller Ltd | 2026-01-09 | 2026-02-08 | 1250.00 | paid\n"
    "R-2 | Miller Ltd | 2026-02-17 | 2026-03-19 | 760.00 | overdue\n"
    "R-3 | Brandt GmbH | 2026-03-11 | 2026-04-10 | 1100.00 | open\n"
    "R-4 | Miller & Sons | 2026-03-25 | 2026-04-24 | 340.00 | open\n"
    "R-5 | Brandt GmbH | 2026-04-07 | 2026-05-07 | 620.00 | open"
)


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("What is the total of the open invoices in March?", "1440.00"),  # issued, not due then
        ("How many invoices were issued in March?", "2"),
        ("How many invoices are due in April?", "2"),
        ("How many invoices are still open?", "3"),
        ("What is the total amount of the invoices to Brandt?", "1720.00"),  # "Brandt GmbH"
        ("How many invoices of Miller are overdue?", ""),  # which Miller?
        ("How many invoices were issued in August?", ""),
    ],
)
def test_rows_are_of_a_month_and_of_a_company_by_its_name(question: str, short: str) -> None:
    """One of the rows was told instead: "Miller" is not all of "Miller Ltd"."""
    found = ask(question, DATED)
    assert (found[1] if found else "") == short
