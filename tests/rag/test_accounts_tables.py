from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.accounts.tables import find_tables

BALANCE = """Nordwind Ltd
Consolidated Balance Sheets
($ in millions, except per share data)
As of June 30, 2023 2022

Assets |
Cash and cash equivalents | $ | 40 | $ | 55
Trade receivables, net of allowance of $2 and $3, respectively | 120 |  | 100
Loans (a) | — |  | (7)
Total assets | $ | 1,160 | $ | 1,148

See the notes.
"""


def test_a_row_has_one_figure_for_each_year() -> None:
    (table,) = find_tables(BALANCE)
    assert table.years == (2023, 2022)
    assert (table.scale, table.currency) == (1e6, "$")
    assert "Consolidated Balance Sheets" in table.caption
    assert [(row.label, row.figures) for row in table.rows] == [
        ("Assets", ()),
        ("Cash and cash equivalents", (40.0, 55.0)),
        ("Trade receivables, net of allowance of $2 and $3, respectively", (120.0, 100.0)),
        ("Loans", (0.0, -7.0)),
        ("Total assets", (1160.0, 1148.0)),
        ("See the notes.", ()),
    ]


def test_a_row_can_be_found_again_in_the_page() -> None:
    (table,) = find_tables(BALANCE)
    total = table.rows[4]
    assert BALANCE[total.start : total.end] == "Total assets | $ | 1,160 | $ | 1,148"


def test_a_row_with_a_torn_cell_is_left_out_and_shifts_nothing() -> None:
    text = "(Millions) | 2018 | 2017 | 2016\nOther | 9 (6) |  | (4) | 3\nSales | 5 | 6 | 7\n"
    (table,) = find_tables(text)
    assert [row.label for row in table.rows] == ["Sales"]


def test_rows_without_rules_are_parted_at_their_figures() -> None:
    text = (
        "2015 | 2014\n(In millions)\nInventories, net 678 685\nGoodwill $ 278 $ 320\nDebt — (3)\n"
    )
    (table,) = find_tables(text)
    assert table.scale == 1e6
    assert [(row.label, row.figures) for row in table.rows if row.figures] == [
        ("Inventories, net", (678.0, 685.0)),
        ("Goodwill", (278.0, 320.0)),
        ("Debt", (0.0, -3.0)),
    ]


def test_footnote_marks_are_no_part_of_years_or_labels() -> None:
    (table,) = find_tables("(In thousands) | 2018 ⁽¹⁾ | 2017\nNet sales ⁽²⁾ | 12 | 10\n")
    assert table.years == (2018, 2017)
    assert [(row.label, row.figures) for row in table.rows] == [("Net sales", (12.0, 10.0))]


def test_columns_that_are_no_years_keep_their_place() -> None:
    (table,) = find_tables("(In thousands) | 2022 | 2021 | Change\nSales | 12 | 10 | 2\n")
    assert table.years == (2022, 2021, None)
    assert table.rows[0].figures == (12.0, 10.0, 2.0)
    assert table.scale == 1e3


def test_quarters_and_halves_say_which_they_are() -> None:
    text = (
        " | Three Months Ended |  | Six Months Ended\n"
        " | July 29, 2023 | July 30, 2022 | July 29, 2023 | July 30, 2022\n"
        "Revenue | 9 | 10 | 19 | 21\n"
    )
    (table,) = find_tables(text)
    assert table.years == (2023, 2022, 2023, 2022)


def test_prose_and_rows_of_years_are_no_heads_of_columns() -> None:
    assert find_tables("Sales grew in 2022 and 2021.\nMaturity | 2025 | 17\n") == []


@pytest.mark.parametrize(
    "line",
    ["Total" + " " * 500_000 + "x", "Total" + " $1" * 20_000 + "x", "jan" * 100_000],
    ids=["spaces", "dollars", "months"],
)
@pytest.mark.parametrize("head", ["2022 2021", "A | 2022 | 2021"])
def test_a_hostile_line_is_read_in_one_go(head: str, line: str) -> None:
    """Each place of a line was a beginning that was followed to its end: a line of spaces of half
    a megabyte kept the server busy for hours, and one of dollar signs for longer.
    """
    (table,) = find_tables(f"{head}\nSales 12 11\nSales | 12 | 11\n{line}")
    assert (12.0, 11.0) in [row.figures for row in table.rows]


@given(
    st.lists(
        st.text(alphabet="aZ 0123456789.,()$—-|%\n\t’é")
        | st.sampled_from(["2022 | 2021", "A | 1"]),
        max_size=12,
    )
)
def test_any_text_is_read_and_its_rows_stand_in_it(lines: list[str]) -> None:
    text = "\n".join(lines)
    for table in find_tables(text):
        for row in table.rows:
            assert text[row.start : row.end].strip()
            assert "\n" not in text[row.start : row.end]
            assert len(row.figures) in (0, len(table.years))
