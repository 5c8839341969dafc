from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.loaders import load
from ingest.pdfium import PdfFile
from ingest.rendering import encode_png, locate, render_page
from tests.ingest.files import write_form, write_pdf

YELLOW = (255, 226, 89)


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def is_yellow(pixels: np.ndarray) -> np.ndarray:
    marked: np.ndarray = (pixels == np.array(YELLOW)).all(axis=2)
    return marked


def test_a_png_is_read_back_by_another_library() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert np.array_equal(pixels_of(encode_png(pixels)), pixels)


def test_a_page_has_the_size_that_the_scale_says(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Hello"]])
    assert pixels_of(render_page(path, 1, scale=2.0)).shape == (1684, 1191, 3)  # A4 in points x 2


def test_the_highlight_covers_the_span_and_nothing_else(tmp_path: Path) -> None:
    lines = ["First line of text", "Second line of text", "Third line"]
    path = write_pdf(tmp_path / "a.pdf", [lines])
    text = load(path, name="a.pdf").pages[0].text
    start = text.index("Second line")
    png = render_page(path, 1, scale=1.0, text=text, highlight=(start, start + len("Second line")))
    rows, columns = np.nonzero(is_yellow(pixels_of(png)))
    # The second line's baseline is at 760 - 16 = 744 points of 842 from below: row 98 from above.
    assert 84 <= rows.min() < rows.max() <= 102
    assert columns.min() >= 70
    assert columns.max() < 72 + 12 * len("Second line") * 0.6


def test_a_span_over_two_lines_is_marked_on_both(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["First line", "Second line"]])
    text = load(path, name="a.pdf").pages[0].text
    png = render_page(path, 1, scale=1.0, text=text, highlight=(0, len(text)))
    rows = np.nonzero(is_yellow(pixels_of(png)).any(axis=1))[0]
    assert rows.max() - rows.min() > 16


def test_a_span_that_is_not_on_the_page_marks_nothing(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Hello"]])
    png = render_page(path, 1, text="Quite other words", highlight=(0, 11))
    assert not is_yellow(pixels_of(png)).any()


def test_a_page_that_is_not_there_is_an_index_error(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Hello"]])
    for number in (0, 2, -1):
        with pytest.raises(IndexError, match="1 to 1"):
            render_page(path, number)


def test_a_huge_page_is_drawn_smaller(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Hello"]])
    with PdfFile(path) as pdf:
        pixels, _ = pdf.render(0, scale=1000.0, most_pixels=100_000)
    height, width, _ = pixels.shape
    assert 90_000 < height * width < 102_000


@pytest.mark.parametrize(
    ("page", "text", "span", "found"),
    [
        ("A-B c\r\nd", "AB c\nd", (0, 2), (0, 3)),  # a hyphen that was taken out lies inside
        ("one two one two", "one two one two", (8, 11), (8, 3)),  # the second, not the first
        ("x one two", "one two", (0, 3), (2, 3)),  # something stands before it
        ("one", "one", (3, 3), None),
        ("one", "two", (0, 3), None),
        ("", "one", (0, 3), None),
    ],
)
def test_a_span_is_found_by_its_letters(
    page: str, text: str, span: tuple[int, int], found: tuple[int, int] | None
) -> None:
    assert locate(list(page), text, *span) == found


def test_a_row_of_a_table_is_marked_where_it_stands(tmp_path: Path) -> None:
    """The file has the table column by column, the stored text has it row by row."""
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)
    for column in range(3):
        for row in range(4):
            canvas.drawString(72 + 150 * column, 700 - 20 * row, f"cell {column}{row}")
    canvas.save()
    text = load(tmp_path / "a.pdf", name="a.pdf").pages[0].text
    row = "cell 02 | cell 12 | cell 22"
    start = text.index(row)
    png = render_page(
        tmp_path / "a.pdf", 1, scale=1.0, text=text, highlight=(start, start + len(row))
    )
    rows, columns = np.nonzero(is_yellow(pixels_of(png)))
    # The baseline is at 660 of 842 points: row 182 from above.
    assert 165 <= rows.min() < rows.max() <= 190
    assert columns.min() < 80
    assert columns.max() > 372


@pytest.mark.parametrize("others", [{}, {"Registration": "SK-4711"}], ids=["alone", "table"])
def test_the_value_of_a_form_is_marked_where_it_stands(
    tmp_path: Path, others: dict[str, str]
) -> None:
    """A form's values were not part of its pages: a citation of one had nothing to mark."""
    path = write_form(tmp_path / "a.pdf", {"Boat length": "11 metres"} | others)
    text = load(path, name="a.pdf").pages[0].text
    start = text.index("11 metres")
    png = render_page(path, 1, scale=1.0, text=text, highlight=(start, start + len("11 metres")))
    rows, columns = np.nonzero(is_yellow(pixels_of(png)))
    # The field is 694 to 714 points of 842 from below: rows 128 to 148 from above.
    assert 125 <= rows.min() < rows.max() <= 150
    assert 238 <= columns.min() < columns.max() <= 330
