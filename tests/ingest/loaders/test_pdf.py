from __future__ import annotations

from pathlib import Path

import pypdf
import pytest
from pypdf.generic import NameObject, TextStringObject
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.errors import CorruptFile, EncryptedFile, FileTooLarge, NoTextFile, UnreadableFile
from ingest.loaders import LoadLimits, load
from ingest.pdfium import PdfFile
from tests.ingest.files import write_form, write_pdf, write_scan


def test_pages_are_numbered_from_one_and_keep_their_lines(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["One", "two"], [], ["Three"]], title="A Title")
    document = load(path, name="a.pdf")
    assert document.title == "A Title"
    assert document.media_type == "application/pdf"
    assert [(page.number, page.text) for page in document.pages] == [
        (1, "One\ntwo"),
        (2, ""),
        (3, "Three"),
    ]


def test_the_values_of_a_form_stand_behind_their_labels(tmp_path: Path) -> None:
    """Of a form that was filled in only the labels were read: no question found a value."""
    values = {"Applicant": "Greta Holm", "Boat length": "11 metres", "Registration": "SK-4711"}
    page = load(write_form(tmp_path / "a.pdf", values), name="a.pdf").pages[0]
    assert [line for line in page.text.splitlines() if line] == [
        "Applicant: | Greta Holm",
        "Boat length: | 11 metres",
        "Registration: | SK-4711",
    ]


def test_the_blanks_of_a_contract_are_read_as_filled_in(tmp_path: Path) -> None:
    """Each value stands in its sentence, or below its label, not in a heap at the page's end."""
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=A4)

    def field(name: str, value: str, x: int, y: int, width: int) -> None:
        canvas.acroForm.textfield(name=name, value=value, x=x, y=y, width=width, height=20)

    canvas.drawString(72, 700, "This lease between")
    field("owner", "Greta Holm", 180, 694, 100)
    canvas.drawString(290, 700, "and her tenant is signed.")
    canvas.drawString(72, 680, "It ends with the year.")
    canvas.drawString(72, 600, "Place of signature")
    field("place", "Bergen", 72, 576, 200)
    canvas.drawString(72, 540, "Both have a copy.")
    canvas.save()
    text = load(tmp_path / "a.pdf", name="a.pdf").pages[0].text
    assert [line for line in text.splitlines() if line] == [
        "This lease between Greta Holm and her tenant is signed.",
        "It ends with the year.",
        "Place of signature Bergen",
        "Both have a copy.",
    ]


def test_a_value_is_read_that_its_form_does_not_say_how_to_draw(tmp_path: Path) -> None:
    """Programs that fill forms in leave it to the reader to draw the values."""
    path = write_form(tmp_path / "a.pdf", {"Applicant": "Nobody"})
    writer = pypdf.PdfWriter(clone_from=path)
    for annotation in writer.pages[0]["/Annots"]:  # type: ignore[attr-defined]
        field = annotation.get_object()
        field[NameObject("/V")] = TextStringObject("Greta Holm")
        del field["/AP"]
    writer.write(tmp_path / "b.pdf")
    text = load(tmp_path / "b.pdf", name="b.pdf").pages[0].text
    assert "Greta Holm" in text
    assert "Nobody" not in text


def test_a_scanned_form_is_left_to_ocr(tmp_path: Path) -> None:
    """The values alone, without the labels in the picture, would pass for all that it says."""
    path = write_form(tmp_path / "a.pdf", {"Applicant": "Greta Holm"}, labels=False)
    with PdfFile(path) as pdf:
        assert pdf.page_layout(0).text == ""


def test_a_file_that_needs_a_password_says_so(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Secret"]], password="open sesame")
    with pytest.raises(EncryptedFile, match="is encrypted"):
        load(path, name="a.pdf")


def test_an_empty_user_password_opens(tmp_path: Path) -> None:
    plain = pypdf.PdfReader(write_pdf(tmp_path / "a.pdf", [["Readable"]]))
    writer = pypdf.PdfWriter(clone_from=plain)
    writer.encrypt(user_password="", owner_password="owner", algorithm="AES-256")
    writer.write(tmp_path / "b.pdf")
    assert load(tmp_path / "b.pdf", name="b.pdf").pages[0].text == "Readable"


def test_a_scan_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoTextFile, match="OCR"):
        load(write_scan(tmp_path / "a.pdf"), name="a.pdf")


@pytest.mark.parametrize(
    "data",
    [b"%PDF-1.7\n", b"%PDF-1.4\n" + bytes(3000), b"%PDF-1.4 1 0 obj << /Type /Catalog >> endobj"],
    ids=["header", "zeros", "catalog"],
)
def test_a_corrupt_file_is_refused_with_a_reason(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with pytest.raises(CorruptFile, match="fresh copy"):
        load(path, name="a.pdf")


def test_a_pdf_without_pages_is_refused(tmp_path: Path) -> None:
    pypdf.PdfWriter().write(tmp_path / "a.pdf")
    with pytest.raises(UnreadableFile):
        load(tmp_path / "a.pdf", name="a.pdf")


def test_a_truncated_file_is_read_as_far_as_it_can_be_or_refused(tmp_path: Path) -> None:
    data = write_pdf(tmp_path / "a.pdf", [["Hello there"]] * 5).read_bytes()
    for length in range(0, len(data), 97):
        path = tmp_path / "cut.pdf"
        path.write_bytes(data[:length])
        try:
            document = load(path, name="cut.pdf")
        except UnreadableFile:
            continue
        assert any("Hello there" in page.text for page in document.pages)


def test_too_many_pages_are_refused(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["x"]] * 4)
    with pytest.raises(FileTooLarge, match="4 pages, more than 3"):
        load(path, name="a.pdf", limits=LoadLimits(max_pages=3))


def test_too_much_text_is_refused(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["x" * 50]] * 4)
    with pytest.raises(FileTooLarge, match="100 characters"):
        load(path, name="a.pdf", limits=LoadLimits(max_characters=100))


def test_extraction_ends_when_its_time_is_over(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["x"]] * 4)
    with pytest.raises(FileTooLarge, match="seconds"):
        load(path, name="a.pdf", limits=LoadLimits(max_seconds=0.0))
