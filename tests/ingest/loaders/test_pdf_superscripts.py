from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.keywords import terms
from ingest.loaders import load
from ingest.loaders.pdf_superscripts import marks_apart, with_superscripts
from ingest.page_layout import PageLayout
from ingest.pdfium import PdfFile
from ingest.rendering import render_page

LABEL, FIRST, SECOND = 72, 300, 400
RAISED, LOWERED = 4, -2

# At x and y a text, in which "^{...}" is set small and raised, "_{...}" small and lowered.
Placed = tuple[float, float, str]


def draw(path: Path, texts: Sequence[Placed], *, as_one_line: bool = True) -> Path:
    """A PDF of one page. as_one_line: superscripts are raised in their line, not drawn apart."""
    canvas = Canvas(str(path), pagesize=A4)
    for x, y, text in texts:
        line = canvas.beginText(x, y)
        for part in re.findall(r"[_^]\{[^}]*\}|[^_^]+", text):
            raised = {"^": RAISED, "_": LOWERED}.get(part[0], 0)
            line.setFont("Helvetica", 6 if raised else 10)
            if as_one_line:
                line.setRise(raised)
            else:
                line.setTextOrigin(line.getX(), y + raised)
            line.textOut(part[2:-1] if raised else part)
        canvas.drawText(line)
    canvas.save()
    return path


def read(path: Path) -> str:
    return load(path, name=path.name).pages[0].text


def read_line(path: Path, text: str) -> str:
    return read(draw(path, [(LABEL, 700, text)]))


TABLE = [
    (LABEL, 700, "Millions"),
    (FIRST, 700, "2018"),
    (SECOND, 700, "2017^{2}"),
    (LABEL, 685, "Revenue^{1}"),
    (FIRST, 685, "890^{1}"),
    (SECOND, 685, "812"),
    (LABEL, 670, "Costs"),
    (FIRST, 670, "(640)^{3}"),
    (SECOND, 670, "(605)^{(4)}"),
]


@pytest.mark.parametrize("as_one_line", [True, False], ids=["raised", "drawn apart"])
def test_a_mark_is_no_digit_of_the_figure_before_it(tmp_path: Path, as_one_line: bool) -> None:
    """The cell "890" with footnote mark 1 was read as 8901, and was summed and compared as that."""
    text = read(draw(tmp_path / "a.pdf", TABLE, as_one_line=as_one_line))
    assert text.splitlines() == [
        "Millions | 2018 | 2017 ²",
        "Revenue ¹ | 890 ¹ | 812",
        "Costs | (640) ³ | (605) ⁽⁴⁾",
    ]
    assert re.findall(r"\d+", text) == ["2018", "2017", "890", "812", "640", "605"]


def test_search_finds_what_has_a_mark(tmp_path: Path) -> None:
    """ "Revenue2" and "8901" were words of their own: neither "revenue" nor "890" found them."""
    found = terms(read_line(tmp_path / "a.pdf", "Revenue^{2} was 890^{1} millions."))
    assert terms("revenue")[0] in found
    assert "890" in found


@pytest.mark.parametrize(
    ("set_as", "expected"),
    [
        ("a flat of 52 m^{2} in Bergen", "a flat of 52 m² in Bergen"),
        ("some 338 000 km^{2}.", "some 338 000 km²."),
        ("a share of 10^{-6} at most", "a share of 10⁻⁶ at most"),
        ("about 10^{6} cells", "about 10⁶ cells"),
        ("5 kg ha^{-1} a year", "5 kg ha⁻¹ a year"),
        ("Ca^{2+} ions", "Ca²⁺ ions"),
        ("the 1^{st} of May", "the 1st of May"),
        ("notes of 5^{1}/2 per cent", "notes of 5 1/2 per cent"),
        ("up to ^{1}/4 inch", "up to 1/4 inch"),
        ("It grew.^{12} Then it fell.", "It grew. ¹² Then it fell."),
        ("Smith^{1,2} and Jones^{3}", "Smith ¹,² and Jones ³"),
        ("Umsatz^{1)} im Jahr", "Umsatz ¹⁾ im Jahr"),
        ("EBITDA^{(1)} of the year", "EBITDA(1) of the year"),
        ("Model^{TM} 3", "ModelTM 3"),
    ],
)
def test_marks_stand_apart_and_powers_do_not(tmp_path: Path, set_as: str, expected: str) -> None:
    assert read_line(tmp_path / "a.pdf", set_as) == expected


def test_a_small_digit_on_the_line_is_a_digit(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    canvas.setFont("Helvetica", 10)
    canvas.drawString(LABEL, 700, "Flight 89")
    canvas.setFont("Helvetica", 6)
    canvas.drawString(LABEL + canvas.stringWidth("Flight 89", "Helvetica", 10), 700, "01")
    canvas.save()
    assert read(tmp_path / "a.pdf") == "Flight 8901"


def test_an_index_is_no_superscript(tmp_path: Path) -> None:
    assert "".join(read_line(tmp_path / "a.pdf", "CO_{2} and H_{2}O").split()) == "CO2andH2O"


def test_a_mark_goes_on_with_its_line() -> None:
    """PDFium begins a line with what stands much higher: names and their marks were torn apart."""
    text = "Ann Holm2 and"
    left = [5.0 * i for i in range(len(text))]
    boxes = [[x, 0, x + 5, 10] for x in left]
    boxes[8] = [left[8], 4.7, left[8] + 5, 11.7]
    boxes[8:8] = [[0, 0, 0, 0]] * 2
    layout = PageLayout(
        "Ann Holm\r\n2 and", np.array(boxes), (), np.arange(len(boxes)), frozenset([0, 10])
    )
    told = with_superscripts(layout)
    assert told.text == "Ann Holm² and"
    assert told.indices.tolist() == [*range(8), *range(10, 15)]
    assert told.boxes.tolist() == [*boxes[:8], *boxes[10:]]
    assert told.bold_lines == {0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Revenue²", "Revenue ²"),
        ("12%³", "12% ³"),
        ("a² + b² = c²", "a² + b² = c²"),
        ("E = mc²", "E = mc²"),
        ("m²/2 of 3²/3", "m²/2 of 3 2/3"),
        ("U²³⁵U", "U²³⁵U"),
        ("¹ See note", "¹ See note"),
        ("(² and [³", "(² and [³"),
        ("10¹", "10 ¹"),
        ("210⁶", "210 ⁶"),
        ("", ""),
    ],
)
def test_superscripts_that_a_text_has_already_are_told_apart(text: str, expected: str) -> None:
    assert marks_apart(text) == expected
    assert marks_apart(expected) == expected


def test_a_heading_with_a_mark_is_a_heading(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    title = canvas.beginText(LABEL, 740)
    for text, size, rise in (("Revenue by region", 18, 0), ("1", 11, 7)):
        title.setFont("Helvetica", size)
        title.setRise(rise)
        title.textOut(text)
    canvas.drawText(title)
    canvas.setFont("Helvetica", 10)
    for line in range(6):
        canvas.drawString(LABEL, 700 - 12 * line, "The year went well for all that we do.")
    canvas.save()
    page = load(tmp_path / "a.pdf", name="a.pdf").pages[0]
    assert [page.text[h.start : h.end] for h in page.headings] == ["Revenue by region ¹"]


@pytest.mark.parametrize("of_before", [False, True], ids=["read now", "read before"])
def test_a_row_with_marks_is_found_on_its_page(tmp_path: Path, of_before: bool) -> None:
    """Also in a library whose pages were read when marks were digits."""
    path = draw(tmp_path / "a.pdf", TABLE)
    text, row = read(path), "Revenue ¹ | 890 ¹ | 812"
    if of_before:
        text, row = text.replace(" ¹", "1").replace(" ²", "2"), "Revenue1 | 8901 | 812"
    start = text.index(row)
    png = render_page(path, 1, scale=1.0, text=text, highlight=(start, start + len(row)))
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    rows, columns = np.nonzero((pixels == np.array([255, 226, 89])).all(axis=2))
    # The base line is at 685 of 842 points: row 157 from above.
    assert 140 <= rows.min() < rows.max() <= 162
    assert columns.min() <= LABEL
    assert columns.max() > SECOND


def test_a_page_without_superscripts_is_left_as_it_is(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.pdf", [(LABEL, 700, "Revenue 2018"), (LABEL, 680, "(1) 890")])
    with PdfFile(path) as pdf:
        layout = pdf.page_layout(0)
    assert with_superscripts(layout) is layout
