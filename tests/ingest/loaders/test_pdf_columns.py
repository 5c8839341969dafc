from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.loaders import load
from ingest.loaders.pdf_tables import text_with_tables
from ingest.pdfium import PdfFile

LEFT, RIGHT, TOP, STEP = 72, 350, 700, 14

GARDEN = [
    "Our garden is open from",
    "April to October every day",
    "of the week but Mondays.",
    "Dogs are welcome if kept",
    "on a lead at all times.",
]
TICKETS = [
    "Tickets are sold at the gate",
    "and cost nine euros for",
    "adults, five for children.",
    "Groups of ten or more pay",
    "half of that on weekdays.",
]

Placed = tuple[float, float, str]


def across(left: Sequence[str], right: Sequence[str], *, top: float = TOP) -> Iterator[Placed]:
    """Two columns, drawn line by line over both."""
    for number, (one, other) in enumerate(zip_longest(left, right, fillvalue="")):
        y = top - STEP * number
        yield from ((x, y, text) for x, text in ((LEFT, one), (RIGHT, other)) if text)


def draw(path: Path, texts: Sequence[Placed]) -> Path:
    canvas = Canvas(str(path), pagesize=A4)
    canvas.setFont("Helvetica", 10)
    for x, y, text in texts:
        canvas.drawString(x, y, text)
    canvas.save()
    return path


def read(path: Path, texts: Sequence[Placed]) -> list[str]:
    text = load(draw(path, texts), name=path.name).pages[0].text
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_columns_that_are_drawn_across_are_read_one_after_the_other(tmp_path: Path) -> None:
    """A short page of two columns was read a line of this one, a line of that one, and so on.

    Columns were only looked for to keep tables apart: text kept the order it was drawn in.
    """
    heading, below = (LEFT, 740, "The garden of the castle"), (LEFT, 600, "Subject to change.")
    lines = read(tmp_path / "a.pdf", [heading, *across(GARDEN, TICKETS), below])
    assert lines == [heading[2], *GARDEN, *TICKETS, below[2]]


def test_one_column_may_be_longer(tmp_path: Path) -> None:
    longer = [*GARDEN, "In winter the gate is shut", "and the key is at the inn."]
    assert read(tmp_path / "a.pdf", list(across(longer, TICKETS))) == [*longer, *TICKETS]
    assert read(tmp_path / "a.pdf", list(across(TICKETS, longer))) == [*TICKETS, *longer]


def test_a_hyphen_at_the_end_of_a_left_line_is_told(tmp_path: Path) -> None:
    left = ["Our garden is open all sum-", "mer, every day of the week", "but Mondays, from ten."]
    texts = [(LEFT, 740, "The summer in the castle"), *across(left, TICKETS[:3])]
    assert read(tmp_path / "a.pdf", texts)[1:3] == [
        "Our garden is open all summer, every day of the week",
        "but Mondays, from ten.",
    ]


def test_the_origins_of_columns_are_known(tmp_path: Path) -> None:
    with PdfFile(draw(tmp_path / "a.pdf", list(across(GARDEN, TICKETS)))) as pdf:
        layout = pdf.page_layout(0)
    written = text_with_tables(layout)
    for character, origin in zip(written.text, written.origins, strict=True):
        assert origin == -1 or layout.text[origin] == character


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (
            ["Name of the tenant:", "Start of the lease:", "Rent for a month:", "Deposit:"],
            ["Greta Holm", "1 May 2025", "1,200 euros", "3,600 euros"],
        ),
        (
            ["Notice period", "Repairs", "Pets", "Keys"],
            [
                "three months to the end of a quarter",
                "up to 100 euros are paid by the tenant",
                "only with the consent of the owner",
                "two sets, to be returned at the end",
            ],
        ),
    ],
    ids=["form", "table"],
)
def test_rows_stay_rows(tmp_path: Path, left: Sequence[str], right: Sequence[str]) -> None:
    rows = [" | ".join(pair) for pair in zip(left, right, strict=True)]
    assert read(tmp_path / "a.pdf", list(across(left, right))) == rows


def test_questions_beside_answers_stay_with_them(tmp_path: Path) -> None:
    questions = [
        "When is the garden open in the year?",
        "May I bring my dog to the garden?",
        "What do I have to pay at the gate?",
    ]
    answers = [
        "It is open from April to October.",
        "Yes, if it is kept on a lead there.",
        "Nine euros, and children pay five.",
    ]
    pairs = [f"{one} {other}" for one, other in zip(questions, answers, strict=True)]
    assert read(tmp_path / "a.pdf", list(across(questions, answers))) == pairs


@pytest.mark.parametrize("gap", [0, 8], ids=["capitals tell", "gaps tell"])
def test_cells_of_several_lines_stay_with_their_row(tmp_path: Path, gap: int) -> None:
    """No rules, and more words in a cell than tables have: still rows, and no columns."""
    rows = [
        (
            ["Cancelled more than two weeks", "before the day of the arrival"],
            ["The deposit is given back, and", "no more is owed by the guest"],
        ),
        (
            ["Cancelled in the two weeks", "before the day of the arrival"],
            ["Half of the price is owed and", "is taken from what was paid"],
        ),
        (
            ["Not cancelled, and the guest", "does not come on that day"],
            ["All of the price is owed and", "the room is let to somebody"],
        ),
    ]
    texts = [
        placed
        for number, (left, right) in enumerate(rows)
        for placed in across(left, right, top=TOP - number * (2 * STEP + gap))
    ]
    assert read(tmp_path / "a.pdf", texts) == [
        line for left, right in rows for line in (*left, *right)
    ]
