"""What is attached to a PDF: nothing of it was read, and no report said so."""

from __future__ import annotations

from pathlib import Path

import pypdf
import pytest
from pypdf.generic import (
    ArrayObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
    TextStringObject,
)

from ingest.errors import NoTextFile
from ingest.loaders import load
from tests.ingest.files import write_form, write_pdf, write_scan


def attach(path: Path, *files: tuple[str, bytes], relation: str = "") -> Path:
    """Attach files to the PDF as a whole."""
    writer = pypdf.PdfWriter(clone_from=path)
    for name, data in files:
        embedded = writer.add_attachment(name, data)
        if relation:
            embedded.associated_file_relationship = NameObject(f"/{relation}")
    writer.write(path)
    return path


def pin(path: Path, name: str, data: bytes) -> Path:
    """Attach a file to a place on the first page."""
    writer = pypdf.PdfWriter(clone_from=path)
    stream = StreamObject()
    stream.set_data(data)
    file = writer._add_object(stream)
    specification = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Filespec"),
            NameObject("/F"): TextStringObject(name),
            NameObject("/EF"): DictionaryObject({NameObject("/F"): file}),
        }
    )
    annotation = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Annot"),
            NameObject("/Subtype"): NameObject("/FileAttachment"),
            NameObject("/Rect"): ArrayObject([NumberObject(n) for n in (10, 10, 30, 30)]),
            NameObject("/FS"): writer._add_object(specification),
        }
    )
    page = writer.pages[0]
    annotations = page.setdefault(NameObject("/Annots"), ArrayObject())
    annotations.get_object().append(writer._add_object(annotation))
    writer.write(path)
    return path


def texts(path: Path) -> list[tuple[int | None, str]]:
    return [(page.number, page.text) for page in load(path, name=path.name).pages]


def test_attachments_follow_the_pages_under_their_names(tmp_path: Path) -> None:
    inner = write_pdf(tmp_path / "b.pdf", [["Rent is 900."], [], ["Heating is 80."]]).read_bytes()
    path = attach(
        write_pdf(tmp_path / "a.pdf", [["See the annexes."]]),
        ("Größe.txt", b"The flat has 61 square metres."),
        ("annex.pdf", inner),
        ("sound.bin", bytes(range(256)) * 8),
    )
    pages = texts(path)
    assert pages[:4] == [
        (1, "See the annexes."),
        (None, "# Größe.txt\n\nThe flat has 61 square metres."),
        (None, "# annex.pdf, page 1\n\nRent is 900."),
        (None, "# annex.pdf, page 3\n\nHeating is 80."),
    ]
    assert pages[4][1].startswith("# sound.bin\n\n(sound.bin is neither text nor")
    assert len(pages) == 5


@pytest.mark.parametrize("is_form", [False, True])
def test_a_file_pinned_to_a_page_is_read_and_only_once(tmp_path: Path, is_form: bool) -> None:
    """Drawing a form's values into a page takes off what is pinned to it."""
    path = tmp_path / "a.pdf"
    if is_form:
        write_form(path, {"Applicant": "Greta Holm"})
    else:
        write_pdf(path, [["See the note."]])
    attach(pin(path, "note.txt", b"Bring the keys."), ("copy.txt", b"Bring the keys."))
    pages = texts(path)
    assert len(pages) == 2
    assert pages[1] == (None, "# note.txt\n\nBring the keys.")
    assert texts(pin(write_pdf(path, [["See."]]), "note.txt", b"Keys.")) == [
        (1, "See."),
        (None, "# note.txt\n\nKeys."),
    ]


@pytest.mark.parametrize(
    ("name", "relation"),
    [("original.txt", "Source"), ("spoken.txt", "Alternative"), ("factur-x.xml", "Data")],
)
def test_what_says_again_what_the_pages_say_is_left_out(
    tmp_path: Path, name: str, relation: str
) -> None:
    """The data of an electronic invoice would be found beside it, as numbers without words."""
    path = write_pdf(tmp_path / "a.pdf", [["Total 529.87"]])
    attach(path, (name, b"<a>529.87</a>"), relation=relation)
    assert texts(path) == [(1, "Total 529.87")]


def test_a_cover_without_text_is_no_reason_to_refuse_what_is_attached(tmp_path: Path) -> None:
    path = attach(write_scan(tmp_path / "a.pdf"), ("letter.txt", b"Dear Greta"))
    assert texts(path) == [(1, ""), (None, "# letter.txt\n\nDear Greta")]
    attach(write_scan(path), ("sound.bin", bytes(range(256)) * 8))
    with pytest.raises(NoTextFile, match="has no text"):
        load(path, name="a.pdf")


def test_pdfs_in_pdfs_are_read_to_a_depth(tmp_path: Path) -> None:
    data = write_pdf(tmp_path / "a.pdf", [["Level 0"]]).read_bytes()
    for level in range(1, 8):
        path = attach(
            write_pdf(tmp_path / "a.pdf", [[f"Level {level}"]]), (f"{level - 1}.pdf", data)
        )
        data = path.read_bytes()
    read = "\n".join(text for _, text in texts(path))
    assert [level for level in range(8) if f"Level {level}" in read] == [3, 4, 5, 6, 7]
    assert "2.pdf is packed in too many others" in read
