from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Table

from ingest.loaders import load
from ingest.loaders.pdf_tables import text_with_tables
from ingest.page_layout import PageLayout

# At x (points from the left) and y (from below): a text.
Placed = tuple[float, float, str]

LABEL, FIRST, SECOND = 72, 300, 400


def draw(path: Path, texts: Sequence[Placed], *, rotation: int = 0) -> Path:
    """A PDF of one page with these texts, drawn in this order."""
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setFont("Helvetica", 10)
    for x, y, text in texts:
        canvas.drawString(x, y, text)
    canvas.setPageRotation(rotation)
    canvas.showPage()
    canvas.save()
    return path


def read(path: Path) -> str:
    return load(path, name=path.name).pages[0].text


def letters(text: str) -> Counter[str]:
    return Counter(c for c in text if not c.isspace() and c != "|")


BALANCE = [
    (LABEL, 700, "Millions"),
    (FIRST, 700, "2018"),
    (SECOND, 700, "2017"),
    (LABEL, 685, "Assets"),
    (LABEL, 670, "Cash"),
    (FIRST - 40, 670, "$"),
    (FIRST, 670, "2,853"),
    (SECOND - 40, 670, "$"),
    (SECOND, 670, "3,053"),
    (LABEL, 655, "Net loss"),
    (FIRST, 655, "(12)"),
]
BALANCE_ROWS = "Millions | 2018 | 2017\nAssets |\nCash | $ 2,853 | $ 3,053\nNet loss | (12)"


@pytest.mark.parametrize("by_column", [False, True], ids=["row by row", "column by column"])
def test_figures_below_one_another_are_a_table(tmp_path: Path, by_column: bool) -> None:
    texts = sorted(BALANCE) if by_column else BALANCE
    drawn = [(72.0, 760.0, "Before it."), *texts, (72.0, 600.0, "After it.")]
    assert read(draw(tmp_path / "a.pdf", drawn)).split() == (
        f"Before it.\n{BALANCE_ROWS}\nAfter it.".split()
    )
    assert BALANCE_ROWS in read(draw(tmp_path / "a.pdf", drawn))


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_page_is_read_the_way_it_is_shown(tmp_path: Path, rotation: int) -> None:
    """Text drawn so that it is upright once the page is turned: the same table."""
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=(800, 800))
    canvas.translate(400, 400)
    canvas.rotate(rotation)
    canvas.translate(-400, -400)
    canvas.setFont("Helvetica", 10)
    for x, y, text in BALANCE:
        canvas.drawString(x, y, text)
    canvas.setPageRotation(rotation)
    canvas.showPage()
    canvas.save()
    assert BALANCE_ROWS in read(tmp_path / "a.pdf")


def test_a_ruled_cell_may_have_several_lines(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    rows = [
        ["Country", "What was found there\nin the end"],
        ["Norway", "Many fjords"],
        ["Malta", "A harbour,\nlimestone, sun"],
    ]
    table = Table(
        rows, style=[("GRID", (0, 0), (-1, -1), 1, "black"), ("VALIGN", (0, 0), (-1, -1), "TOP")]
    )
    table.wrapOn(canvas, 400, 400)
    table.drawOn(canvas, 100, 500)
    canvas.save()
    assert read(tmp_path / "a.pdf") == (
        "Country | What was found there in the end\nNorway | Many fjords\n"
        "Malta | A harbour, limestone, sun"
    )


def test_lines_of_one_row_are_nearer_than_rows(tmp_path: Path) -> None:
    texts: list[Placed] = []
    for row, (label, more) in enumerate([("Cost of", "sales"), ("Tax on", "it"), ("Income", "")]):
        y = 700 - 36 * row
        texts += [(LABEL, y, label), (FIRST, y, f"{row}1"), (SECOND, y, f"{row}2")]
        texts += [(LABEL, y - 12, more)] if more else []
    assert "Cost of sales | 01 | 02\nTax on it | 11 | 12\nIncome | 21 | 22" in (
        read(draw(tmp_path / "a.pdf", texts))
    )


def test_rows_as_near_as_lines_stay_apart_where_some_stand_farther(tmp_path: Path) -> None:
    """A statement of income whose sums stand lower lost "Net sales" in the row of its heads.

    "$ 32,765" with its space did not count as a figure, and the wider gaps above sums made the
    others look like lines of one row.
    """
    rows = [
        (700, "Millions", "2018", "2017"),
        (689, "Net sales", "$ 32,765", "$ 31,657"),
        (679, "Operating expenses", "", ""),
        (669, "Cost of sales", "16,682", "16,055"),
        (659, "Research", "1,821", "1,870"),
        (645, "Total", "25,558", "23,965"),
        (635, "Other", "207", "144"),
        (625, "Interest", "$ 350", "$ 322"),
        (611, "Income", "7,000", "7,548"),
        (601, "Taxes", "1,637", "2,679"),
        (587, "Net income", "$ 5,363", "$ 4,869"),
    ]
    texts = [
        (float(x), float(y), text)
        for y, *cells in rows
        for x, text in zip((LABEL, FIRST, SECOND), cells, strict=True)
        if text
    ]
    lines = read(draw(tmp_path / "a.pdf", texts)).splitlines()
    expected = [" | ".join(cell for cell in cells if cell) for _, *cells in rows]
    expected[2] = "Operating expenses |"
    assert [line.strip() for line in lines if line.strip()] == expected


def test_columns_of_prose_keep_their_order(tmp_path: Path) -> None:
    left = [f"the left column goes on with line {i:02d}" for i in range(12)]
    right = [f"the right column goes on with line {i:02d}" for i in range(12)]
    texts = [(72.0, 700.0 - 12 * i, line) for i, line in enumerate(left)]
    texts += [(320.0, 700.0 - 12 * i, line) for i, line in enumerate(right)]
    assert read(draw(tmp_path / "a.pdf", texts)) == "\n".join(left + right)


def test_a_list_and_its_bullets_are_no_table(tmp_path: Path) -> None:
    texts = [(72.0, 700.0 - 14 * i, "-") for i in range(4)]
    texts += [(110.0, 700.0 - 14 * i, f"Item number {i}") for i in range(4)]
    assert "|" not in read(draw(tmp_path / "a.pdf", texts))


@pytest.mark.parametrize(
    "rows",
    [
        ["(1)|Includes leases.", "(2)|In cost of sales.", "(3)|At face value."],
        ["1|Scope", "|What this says.", "2|Power", "|It draws 1.2 A."],
        ["•|Poles (4)", "•|Pegs (12)", "Kitchen|", "1.|Stove", "2.|Two cartridges"],
    ],
)
def test_a_list_and_its_numbers_are_no_table(tmp_path: Path, rows: list[str]) -> None:
    """Notes below a table were rows ("(1) | Includes leases."), and headings cells of some."""
    cells = [row.split("|") for row in rows]
    texts = [
        (x, 700.0 - 14 * i, cell)
        for i, row in enumerate(cells)
        for x, cell in zip((72.0, 110.0), row, strict=True)
    ]
    written = read(draw(tmp_path / "a.pdf", texts))
    assert written == "\n".join(row.replace("|", " ").strip() for row in rows)


def test_numbers_below_the_name_of_their_column_are_of_a_table(tmp_path: Path) -> None:
    rows = [("No.", "Station"), ("1", "Harbour"), ("2", "Market"), ("3", "Hospital")]
    texts = [
        (x, 700.0 - 14 * i, cell)
        for i, row in enumerate(rows)
        for x, cell in zip((72.0, 140.0), row, strict=True)
    ]
    assert read(draw(tmp_path / "a.pdf", texts)).rstrip() == "\n".join(map(" | ".join, rows))


def test_no_character_is_lost_or_doubled() -> None:
    """Words anywhere, over one another too: all that was there is there once."""
    random = np.random.default_rng(5)
    for _ in range(60):
        texts = [
            (float(x), float(y), f"w{i}" if i % 3 else str(i))
            for i, (x, y) in enumerate(random.integers(0, 300, (40, 2)) // 20 * 20)
        ]
        layout = layout_of(texts)
        written = text_with_tables(layout)
        assert letters(written.text) == letters(layout.text)
        for character, origin in zip(written.text, written.origins, strict=True):
            assert origin == -1 or layout.text[origin] == character


def test_letters_from_right_to_left_are_left_alone() -> None:
    rows = [
        (300.0, 700.0, "שלום"),
        (100.0, 700.0, "12"),
        (300.0, 680.0, "עולם"),
        (100.0, 680.0, "34"),
    ]
    assert text_with_tables(layout_of(rows)).text == layout_of(rows).text


def layout_of(texts: Sequence[Placed]) -> PageLayout:
    """A page on which each character is 5 points wide and 10 high."""
    text = "".join(f"{word}\n" for _, _, word in texts)
    boxes = [
        [x + 5 * i, y, x + 5 * i + 5, y + 10] if i < len(word) else [0, 0, 0, 0]
        for x, y, word in texts
        for i in range(len(word) + 1)
    ]
    return PageLayout(text, np.array(boxes, dtype=float), (), np.arange(len(text)))


def test_lists_abreast_with_titles_of_their_own_are_no_table(tmp_path: Path) -> None:
    """A side bar's "Tekla" was read as the label of a school in a curriculum vitae."""
    bar = ["CONTACT", "a@b.example", "Leeds", "SKILLS", "Revit", "Tekla", "Python"]
    main = [
        "WORK",
        "Arden Bridges, 2019",
        "Leads six",
        "Polwarth, 2014",
        "STUDIES",
        "MEng",
        "Leeds",
    ]
    places = [
        (x, 700 - 15 * row, line)
        for x, column in ((60, bar), (230, main))
        for row, line in enumerate(column)
    ]
    path = draw(tmp_path / "a.pdf", places)
    assert read(path).split("\n") == [*bar, *main]
