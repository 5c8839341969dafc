from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.chunking import chunk_document
from ingest.documents import Document, Page
from ingest.loaders import load
from ingest.loaders.pdf_headings import SetHeading, SetLine, find_headings, placed

PROSE = "The mill spins the wool of nine farms and sells it in three towns along the river."
TEXT = ("Times-Roman", 11)
BOLD = ("Times-Bold", 11)
SECTION = ("Times-Bold", 15)
TITLE = ("Helvetica", 22)

Setting = tuple[str, int]


def write(path: Path, *pages: Sequence[tuple[Setting, str]]) -> Path:
    """A PDF of lines, each set in a font of a size."""
    canvas = Canvas(str(path), pagesize=A4)
    for lines in pages:
        y = 780.0
        for (font, size), line in lines:
            y -= 1.4 * size
            canvas.setFont(font, size)
            canvas.drawString(72, y, line)
        canvas.showPage()
    canvas.save()
    return path


def headings_of(path: Path) -> list[list[tuple[int, str]]]:
    pages = load(path, name=path.name).pages
    return [[(h.level, page.text[h.start : h.end]) for h in page.headings] for page in pages]


def prose(count: int = 6) -> list[tuple[Setting, str]]:
    return [(TEXT, PROSE)] * count


def test_what_is_set_larger_or_bold_heads_what_follows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.pdf",
        [(TITLE, "Corran Mills"), (SECTION, "1. The year"), *prose(), (BOLD, "Wool"), *prose()],
        [(SECTION, "2. The river"), *prose()],
    )
    assert headings_of(path) == [
        [(1, "Corran Mills"), (2, "1. The year"), (3, "Wool")],
        [(2, "2. The river")],
    ]
    document = load(path, name="a.pdf")
    chunks = chunk_document(document, count_tokens=lambda text: len(text.split()), max_tokens=120)
    assert [chunk.heading for chunk in chunks] == [
        "Corran Mills > 1. The year",
        "Corran Mills > 1. The year > Wool",
        "Corran Mills > 2. The river",
    ]
    assert chunks[1].text.startswith("Wool\nThe mill")


def test_short_sections_that_share_a_passage_are_known(tmp_path: Path) -> None:
    """Only the first was: "When is the Hull office open?" was answered with York's hours."""
    hours = {"Leeds": "9 am", "York": "8 am", "Hull": "10 am"}
    lines = [(TITLE, "Offices")]
    for town, hour in hours.items():
        lines += [(SECTION, town), (TEXT, f"Open from {hour}."), (TEXT, "# 5 employees")]
    document = load(write(tmp_path / "a.pdf", lines), name="a.pdf")
    (chunk,) = chunk_document(document, count_tokens=lambda text: len(text.split()))
    assert [path for _, path in chunk.sections] == [f"Offices > {town}" for town in hours]
    for start, path in chunk.sections[1:]:
        town = path.removeprefix("Offices > ")
        assert chunk.text[start:].startswith(f"{town}\nOpen from {hours[town]}.\n# 5 employees")


def test_a_heading_of_two_lines_is_one(tmp_path: Path) -> None:
    lines = [
        (SECTION, "What the mill spins, and what it"),
        (SECTION, "sells in the towns"),
        *prose(),
    ]
    [[(level, text)]] = headings_of(write(tmp_path / "a.pdf", lines))
    assert (level, text) == (1, "What the mill spins, and what it\nsells in the towns")
    document = load(tmp_path / "a.pdf", name="a.pdf")
    [chunk] = chunk_document(document, count_tokens=lambda text: len(text.split()))
    assert chunk.heading == "What the mill spins, and what it sells in the towns"
    assert chunk.text == document.pages[0].text


def test_what_only_stands_out_is_no_heading(tmp_path: Path) -> None:
    lines = [
        (BOLD, "Warning: keep hands off the belt while it runs."),
        *prose(),
        (BOLD, "2024 2023 2022 Change"),
        (SECTION, "42"),
        *prose(),
        (BOLD, "and this goes on from above"),
        (SECTION, "Weaving ........ 12"),
        *prose(),
        *[(BOLD, f"Bold line {name} of a long bold paragraph") for name in "ABCDE"],
        *prose(),
    ]
    assert headings_of(write(tmp_path / "a.pdf", lines)) == [[]]


def test_a_running_head_heads_nothing(tmp_path: Path) -> None:
    pages = [
        [(SECTION, f"Annual report, page {number}"), (BOLD, f"Part {name}"), *prose()]
        for number, name in enumerate(("North", "South", "East", "West"), start=1)
    ]
    found = headings_of(write(tmp_path / "a.pdf", *pages))
    assert found == [[(1, f"Part {name}")] for name in ("North", "South", "East", "West")]


def test_where_most_is_bold_only_size_tells(tmp_path: Path) -> None:
    lines = [(SECTION, "Rules"), *[(BOLD, PROSE)] * 4, (BOLD, "No smoking"), *[(BOLD, PROSE)] * 4]
    assert headings_of(write(tmp_path / "a.pdf", lines)) == [[(1, "Rules")]]


def test_bold_questions_head_their_short_answers(tmp_path: Path) -> None:
    """More than three in ten characters were bold, and no question was a heading."""
    questions = [f"How do I change my {what}?" for what in ("name", "password", "address")]
    answer = "Open the page of your account and click on it."
    lines = [line for question in questions for line in ((BOLD, question), (TEXT, answer))]
    assert headings_of(write(tmp_path / "a.pdf", lines)) == [[(1, q) for q in questions]]
    labels = [line for _ in range(9) for line in ((BOLD, "The name:"), (TEXT, "Nine of them"))]
    assert headings_of(write(tmp_path / "a.pdf", labels)) == [[]]


def test_the_code_of_a_model_is_a_heading(tmp_path: Path) -> None:
    lines = [(SECTION, "AX-100"), *prose(3), (SECTION, "A 1"), *prose(3)]
    assert headings_of(write(tmp_path / "a.pdf", lines)) == [[(1, "AX-100")]]


def test_a_row_of_a_table_is_no_heading() -> None:
    text = "Sales\nRegion | Sales\nNorth | 12\nSales by month\nMore."
    found = placed([SetHeading(("Region",), 1), SetHeading(("Sales by month",), 2)], text)
    assert [(text[h.start : h.end], h.level) for h in found] == [("Sales by month", 2)]


LINES = st.lists(
    st.builds(
        SetLine,
        text=st.text("Aa1. \u4e2d", min_size=1, max_size=30).map(lambda t: " ".join(t.split())),
        size=st.integers(16, 48),
        is_bold=st.booleans(),
    ).filter(lambda line: bool(line.text)),
    max_size=12,
)


@given(st.lists(LINES, max_size=4))
def test_headings_are_whole_lines_of_their_page_and_no_text_is_lost(
    pages: list[list[SetLine]],
) -> None:
    texts = ["\n".join(line.text for line in page) for page in pages]
    made = []
    for text, headings in zip(texts, find_headings(pages), strict=True):
        spans = placed(headings, text)
        assert len(spans) == len(headings)
        for span, heading in zip(spans, headings, strict=True):
            assert " ".join(text[span.start : span.end].split()) == " ".join(heading.lines)
            assert text[: span.start].rpartition("\n")[2].strip() == ""
            assert text[span.end :].partition("\n")[0].strip() == ""
        made.append(Page(None, text, headings=spans))
    chunks = chunk_document(
        Document("", "application/pdf", tuple(made)), count_tokens=lambda t: len(t), max_tokens=60
    )
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(
        "".join(text.split()) for text in texts
    )


def test_headings_of_ever_smaller_sizes_nest_only_so_deep() -> None:
    """Each size was a level: 400 of them made 3 MB of headings for a few hundred lines."""
    page = [SetLine(f"Heading {n} of many", 1000 - n, is_bold=False) for n in range(400)]
    page += [SetLine("Some more words of prose.", 20, is_bold=False)] * 2000
    [headings] = find_headings([page])
    assert [heading.level for heading in headings[:20]] == [*range(1, 17), 16, 16, 16, 16]
    assert max(heading.level for heading in headings) == 16


def test_a_page_of_nothing_but_headings_takes_linear_time() -> None:
    page = [SetLine(f"Heading {n:x} of many", 40, is_bold=False) for n in range(50_000)]
    page = [
        line
        for heading in page
        for line in (heading, SetLine("Some more words of prose.", 20, is_bold=False))
    ]
    text = "\n".join(line.text for line in page)
    started = time.monotonic()
    [headings] = find_headings([page])
    spans = placed(headings, text)
    assert placed(headings, text.replace("Heading", "Row |")) == ()
    made = Document("", "application/pdf", (Page(None, text, headings=spans),))
    chunk_document(made, count_tokens=lambda t: len(t) // 4 + 1)
    assert len(spans) == 50_000
    assert time.monotonic() - started < 20


def test_lines_in_capitals_are_headings_where_nothing_else_tells(tmp_path: Path) -> None:
    """The clauses of a contract in one size stood under nothing."""
    clauses = ["THE UNIT", "CHARGES", "2. ENDING IT"]
    lines = [each for clause in clauses for each in [(TEXT, clause), *prose()]]
    path = write(tmp_path / "a.pdf", lines)
    assert headings_of(path) == [[(1, clause) for clause in clauses]]


def test_two_lines_in_capitals_or_many_tell_nothing(tmp_path: Path) -> None:
    names = [(TEXT, "ANA LOPEZ"), *prose(), (TEXT, "BEN ODE"), *prose()]
    form = [(TEXT, line) for word in ("NAME", "TOWN", "PHONE", "NOTE") for line in (word, "none")]
    for lines in (names, form):
        assert headings_of(write(tmp_path / "a.pdf", lines)) == [[]]
