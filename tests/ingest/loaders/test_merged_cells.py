"""Merged cells, in every format that has them."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import docx
import pptx
import pytest
from pptx.util import Inches

from ingest.loaders import load
from ingest.loaders.merged_cells import Merge, spread
from ingest.loaders.web import html_to_text

HEADER = [["Region", "2023", "", "2024", ""], ["", "Q1", "Q2", "Q1", "Q2"]]
YEARS = [Merge(0, 1, 0, 2), Merge(0, 3, 0, 4)]
DATA = ["North", "1", "2", "3", "4"]


def spread_over(rows: list[list[str]], *merges: Merge) -> list[list[str]]:
    copied = [list(row) for row in rows]
    spread(copied, merges)
    return [row for row in copied if any(row)]


def test_names_over_columns_are_joined_with_the_names_of_the_columns() -> None:
    names = ["Region", "2023 Q1", "2023 Q2", "2024 Q1", "2024 Q2"]
    assert spread_over([*HEADER, DATA], *YEARS) == [names, DATA]
    assert (
        spread_over([["Title"], *HEADER, DATA], *(m._replace(top=1, bottom=1) for m in YEARS))[1]
        == names
    )


@pytest.mark.parametrize(
    ("rows", "merges"),
    [
        ([["Report", "", ""], ["Name", "Age", "City"], ["Ada", "36", "Bonn"]], [Merge(0, 0, 0, 2)]),
        ([["Name", "", "City"], ["Ada", "Low", "Bonn"], ["Bo", "Ek", "Ulm"]], [Merge(0, 0, 0, 1)]),
        ([["", "Sales", ""], ["North", "12", "13"], ["South", "7", "8"]], [Merge(0, 1, 0, 2)]),
        ([*[["a", "b", "c"]] * 2, ["", "Note", ""], ["d", "e", "f"]], [Merge(2, 1, 2, 2)]),
        ([HEADER[0], ["", "Q1", "", "Q1", "Q2"], DATA], YEARS),
    ],
    ids=["title", "no names below", "figures below", "among rows", "a name is missing"],
)
def test_other_merged_cells_join_nothing(rows: list[list[str]], merges: list[Merge]) -> None:
    assert spread_over(rows, *merges) == rows


@pytest.mark.parametrize(
    ("label", "is_repeated"),
    [
        *(("North", True), ("Q1", True), ("2024", True), ("2024-03-05", True)),
        *(("30 June 2024", True), ("1200", False), ("$1,200.00", False), ("CHF 12", False)),
        *(("12 kg", False), ("A note on what all of this means, " * 4, False)),
    ],
)
def test_labels_are_repeated_and_figures_are_not(label: str, is_repeated: bool) -> None:
    rows = [["a", label], ["b", ""]]
    assert spread_over(rows, Merge(0, 1, 1, 1))[1] == ["b", label if is_repeated else ""]


def test_a_number_in_the_first_column_is_a_label() -> None:
    assert spread_over([["", "1", "a"], ["", "", "b"]], Merge(0, 1, 1, 1))[1] == ["", "1", "b"]


def test_a_title_over_rows_stands_once() -> None:
    assert spread_over([["Title", ""], ["", ""], ["a", "b"]], Merge(0, 0, 1, 1)) == [
        ["Title", ""],
        ["a", "b"],
    ]


def test_cells_that_are_merged_over_each_other_cost_little() -> None:
    rows = [["label", "x"] for _ in range(20_000)]
    started = time.monotonic()
    spread(rows, [Merge(top, 0, 1_000_000, 0) for top in range(20_000)])
    spread(rows, [Merge(10**9, 10**9, 10**9, 10**9), Merge(0, -3, 5, 0)])
    assert time.monotonic() - started < 5


def test_a_web_page_says_of_each_row_what_it_is_of() -> None:
    _, text = html_to_text(
        "<table><tr><td rowspan=2>Region<td colspan=2>2023<td colspan=2>2024</tr>"
        "<tr><td>Q1<td>Q2<td>Q1<td>Q2</tr>"
        "<tr><td rowspan=2>North<td>1<td>2<td>3<td>4</tr><tr><td>5<td>6<td>7<td>8</tr></table>"
    )
    assert text == (
        "Region | 2023 Q1 | 2023 Q2 | 2024 Q1 | 2024 Q2\n"
        "North | 1 | 2 | 3 | 4\nNorth | 5 | 6 | 7 | 8"
    )


# 2023 is over Q1 and Q2, Region over the two rows of names, North over two rows.
CELLS = [("Region", "2023", ""), ("", "Q1", "Q2"), ("North", "1", "2"), ("", "3", "4")]
READ = "Region | 2023 Q1 | 2023 Q2\nNorth | 1 | 2\nNorth | 3 | 4"


def test_a_word_document_says_of_each_row_what_it_is_of(tmp_path: Path) -> None:
    written = docx.Document()
    table = written.add_table(rows=4, cols=3)
    for row, values in zip(table.rows, CELLS, strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(2, 0).merge(table.cell(3, 0))
    written.save(str(tmp_path / "a.docx"))
    assert load(tmp_path / "a.docx", name="a.docx").pages[0].text == READ


def test_a_slide_says_of_each_row_what_it_is_of(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    table = slide.shapes.add_table(4, 3, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for down, values in enumerate(CELLS):
        for across, value in enumerate(values):
            table.cell(down, across).text = value
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(2, 0).merge(table.cell(3, 0))
    deck.save(str(tmp_path / "a.pptx"))
    assert load(tmp_path / "a.pptx", name="a.pptx").pages[0].text == READ


def test_an_opendocument_text_says_of_each_row_what_it_is_of(tmp_path: Path) -> None:
    names = "".join(
        f' xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"'
        for n in ("office", "text", "table")
    )

    def cell(text: str, spans: str = "") -> str:
        return f"<table:table-cell {spans}><text:p>{text}</text:p></table:table-cell>"

    north = cell("North", 'table:number-rows-spanned="2"')
    rows = [
        [cell("Region"), cell("City")],
        [north, cell("Oslo")],
        ["<table:covered-table-cell/>", cell("Bergen")],
    ]
    table = "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
    with zipfile.ZipFile(tmp_path / "a.odt", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr(
            "content.xml",
            f"<office:document-content{names}><office:body><office:text><table:table>{table}"
            "</table:table></office:text></office:body></office:document-content>",
        )
    assert load(tmp_path / "a.odt", name="a.odt").pages[0].text == (
        "Region | City\nNorth | Oslo\nNorth | Bergen"
    )
