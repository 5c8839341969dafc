"""Check boxes and radio buttons of PDF forms."""

from __future__ import annotations

from pathlib import Path

import pypdf
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, FloatObject
from pypdf.generic import NameObject as Name
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.loaders import load
from ingest.pdfium import PdfFile


def write_ticks(path: Path, *, ticked: bool = True, labels: bool = True, turned: int = 0) -> Path:
    """A form with a row of radio buttons, a check box, and labels before and behind boxes."""
    canvas = Canvas(str(path), pagesize=A4)

    def label(x: int, y: int, text: str) -> None:
        if labels:
            canvas.drawString(x, y + 2, text)

    canvas.rect(60, 60, 480, 700)
    label(72, 700, "Married:")
    for number, answer in enumerate(["Yes", "No"]):
        canvas.acroForm.radio(
            name="married",
            value=answer,
            selected=ticked and answer == "No",
            x=150 + 80 * number,
            y=700,
            size=12,
        )
        label(166 + 80 * number, 700, answer)
    canvas.acroForm.checkbox(name="agree", x=72, y=660, size=12, checked=ticked)
    label(90, 660, "I agree to the terms.")
    label(72, 620, "Parking")
    canvas.acroForm.checkbox(name="parking", x=120, y=620, size=12, checked=ticked)
    canvas.acroForm.checkbox(name="nothing", x=120, y=580, size=12, checked=ticked)
    label(72, 540, "Name:")
    canvas.acroForm.textfield(name="name", value="Ada", x=120, y=536, width=90, height=18)
    canvas.setPageRotation(turned)
    canvas.save()
    return path


def lines(path: Path) -> list[str]:
    text = load(path, name=path.name).pages[0].text
    return [" ".join(line.replace("|", " ").split()) for line in text.splitlines() if line.strip()]


def test_what_is_ticked_is_read_beside_its_label(tmp_path: Path) -> None:
    """Of a form that was filled in nobody could tell which of two answers was given."""
    assert lines(write_ticks(tmp_path / "a.pdf")) == [
        "Married: [ ] Yes [x] No",
        "[x] I agree to the terms.",
        "Parking [x]",
        "Name: Ada",
    ]


def test_a_mark_never_stands_in_a_word(tmp_path: Path) -> None:
    """Of text that stands upright each character is on a line of its own."""
    text = load(write_ticks(tmp_path / "a.pdf", turned=90), name="a.pdf").pages[0].text
    assert "Parking" in text
    assert "I agree to the terms." in text


def test_a_form_that_nobody_filled_in_has_no_marks(tmp_path: Path) -> None:
    assert lines(write_ticks(tmp_path / "a.pdf", ticked=False)) == [
        *("Married: Yes No", "I agree to the terms.", "Parking", "Name: Ada"),
    ]


def test_a_scan_of_a_form_is_left_to_ocr(tmp_path: Path) -> None:
    with PdfFile(write_ticks(tmp_path / "a.pdf", labels=False)) as pdf:
        assert pdf.page_layout(0).text == ""


def test_a_tick_that_is_a_character_is_not_read_twice(tmp_path: Path) -> None:
    """Acrobat's ticks are of a font; they followed in a heap at the end of the page."""
    writer = pypdf.PdfWriter(clone_from=write_ticks(tmp_path / "a.pdf"))
    dingbats = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/ZapfDingbats"}
    font = DictionaryObject({Name(key): Name(value) for key, value in dingbats.items()})
    resources = {Name("/Font"): DictionaryObject({Name("/ZaDb"): font})}
    for annotation in writer.pages[0]["/Annots"]:  # type: ignore[attr-defined]
        field = annotation.get_object()
        drawn = field["/AP"]["/N"]
        for state in [key for key in drawn if isinstance(drawn, dict) and "/Yes" in drawn]:
            stream = DecodedStreamObject()
            stream.set_data(b"" if state == "/Off" else b"BT /ZaDb 10 Tf 2 2 Td (4) Tj ET")
            stream[Name("/Subtype")] = Name("/Form")
            stream[Name("/BBox")] = ArrayObject(map(FloatObject, (0, 0, 12, 12)))
            stream[Name("/Resources")] = DictionaryObject(resources)
            drawn[Name(state)] = writer._add_object(stream)
    writer.write(tmp_path / "b.pdf")
    with PdfFile(tmp_path / "b.pdf") as pdf:
        layout = pdf.page_layout(0)
    assert "[x] I agree" in layout.text
    assert "✔" not in layout.text
    assert len(layout.text) == len(layout.boxes) == len(layout.indices)
    assert lines(tmp_path / "b.pdf") == lines(tmp_path / "a.pdf")
