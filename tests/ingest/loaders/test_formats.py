"""Each format, written by another library than the one that reads it, or by hand."""

from __future__ import annotations

import subprocess
import zipfile
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pptx
import pypdf
import pytest
import xlsxwriter
from PIL import Image
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from ingest.chunking import chunk_document
from ingest.documents import Page
from ingest.errors import EmptyFile, EncryptedFile, FileTooLarge, NoTextFile
from ingest.loaders import LoadLimits, load
from tests.ingest.files import NEEDS_TESSERACT, write_pdf, write_picture, zip_bytes


def sections(path: Path) -> list[str]:
    """What the chunks of a file stand under."""
    document = load(path, name=path.name)
    return [chunk.heading for chunk in chunk_document(document, count_tokens=len, max_tokens=400)]


def texts(path: Path, **options: str) -> list[str]:
    return [page.text for page in load(path, name=path.name, **options).pages]  # type: ignore[arg-type]


def test_a_workbook_is_rows_under_the_names_of_its_sheets(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("Sales 2025")
        sheet.write_row(0, 0, ["Region", "Revenue", "Final"])
        sheet.write_row(1, 0, ["North", 0.1, True])
        sheet.write_row(3, 0, ["South", 1200, False])
        book.add_worksheet("Empty")
        book.add_worksheet("Other").write(4, 3, "lonely")
    assert texts(path) == [
        "# Sales 2025\n\nRegion | Revenue | Final\nNorth | 0.1 | TRUE\nSouth | 1200 | FALSE\n",
        "# Other\n\nlonely\n",
    ]
    assert sections(path) == ["Sales 2025", "Other"]


def test_a_long_table_repeats_its_header_on_every_page(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Name;Note\n" + "".join(f"n{i};{'word ' * 20}\n" for i in range(2000)))
    pages = texts(path)
    assert len(pages) > 3
    assert all(page.startswith("Name | Note\n") for page in pages)
    rows = [line.split(" | ")[0] for page in pages for line in page.splitlines()[1:]]
    assert rows == [f"n{i}" for i in range(2000)]


def test_a_slide_is_a_page_with_its_table_and_notes(tmp_path: Path) -> None:
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Results"
    low = slide.shapes.add_textbox(Inches(1), Inches(6), Inches(3), Inches(1))
    low.text_frame.text = "Below"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Revenue", "12"
    slide.notes_slide.notes_text_frame.text = "Say thanks."
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = "End"
    deck.save(str(tmp_path / "a.pptx"))
    pages = load(tmp_path / "a.pptx", name="a.pptx").pages
    assert [(page.number, page.text) for page in pages] == [
        (1, "# Results\n\nRevenue | 12\n\nBelow\n\nNotes: Say thanks."),
        (2, "# End"),
    ]
    assert sections(tmp_path / "a.pptx") == ["Results", "End"]


def test_a_chart_of_a_kind_that_the_library_does_not_know_is_a_table(tmp_path: Path) -> None:
    """One 3-D chart once made a whole presentation "damaged"."""
    figures = CategoryChartData()
    figures.categories = ["Q1", "Q2"]
    figures.add_series("North", (1.5, 2))
    figures.add_series("South", (3, None))
    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "Sales"
    inches = Inches(1), Inches(2), Inches(4), Inches(3)
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *inches, figures)
    deck.save(str(tmp_path / "flat.pptx"))
    with (
        zipfile.ZipFile(tmp_path / "flat.pptx") as flat,
        zipfile.ZipFile(tmp_path / "a.pptx", "w") as deep,
    ):
        for name in flat.namelist():
            deep.writestr(name, flat.read(name).replace(b"c:barChart>", b"c:bar3DChart>"))
    table = "# Sales\n\n| North | South\nQ1 | 1.5 | 3\nQ2 | 2 |"
    for name in ("flat.pptx", "a.pptx"):
        assert [" ".join(t.split()) for t in texts(tmp_path / name)] == [" ".join(table.split())]


def test_an_opendocument_text_keeps_headings_lists_and_tables(tmp_path: Path) -> None:
    names = "".join(
        f' xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n}:1.0"'
        for n in ("office", "text", "table")
    )
    content = (
        f"<office:document-content{names}><office:body><office:text>"
        '<text:h text:outline-level="2">Head</text:h><text:p>One<text:s/>two.</text:p>'
        "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell>"
        "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>"
        "</office:text></office:body></office:document-content>"
    )
    path = tmp_path / "a.odt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    assert texts(path) == ["## Head\n\nOne two.\n\n- item\n\na | b"]
    assert sections(path) == ["Head"]


def test_a_text_box_in_a_text_box_is_read_once(tmp_path: Path) -> None:
    """It was read as part of each box around it: 18 boxes gave the innermost text 131,072 times."""
    inner = "<text:p>Innermost.</text:p>"
    for number in range(40, 0, -1):
        box = f"<draw:frame><draw:text-box>{inner}</draw:text-box></draw:frame>"
        inner = f"<text:p>Box {number}.{box}</text:p>"
    names = "".join(
        f' xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for n, name in (("office", "office"), ("text", "text"), ("draw", "drawing"))
    )
    path = tmp_path / "a.odt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr(
            "content.xml",
            f"<office:document-content{names}><office:body><office:text>{inner}</office:text>"
            "</office:body></office:document-content>",
        )
    expected = [*(f"Box {number}." for number in range(1, 41)), "Innermost."]
    assert texts(path) == ["\n\n".join(expected)]


def test_rtf_and_json_become_text(tmp_path: Path) -> None:
    (tmp_path / "a.rtf").write_bytes(rb"{\rtf1\ansi Gr\'fc\'dfe \b bold\b0\par End}")
    assert texts(tmp_path / "a.rtf") == ["Grüße bold\nEnd"]
    (tmp_path / "a.json").write_text('{"a": {"b": [1, "x"]}, "c": [{"d": null}]}')
    assert texts(tmp_path / "a.json") == ["a.b: 1, x\nc 1.d: null"]
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    assert texts(tmp_path / "a.jsonl") == ["a\n1\n2\n"]


def test_an_e_mail_brings_its_attachments(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Grüße", "a@example.com", "b@example.com"
    message.set_content("See the report.")
    report = write_pdf(tmp_path / "r.pdf", [["Revenue rose."]]).read_bytes()
    message.add_attachment(report, maintype="application", subtype="pdf", filename="../../r.pdf")
    message.add_attachment(
        bytes(99), maintype="application", subtype="octet-stream", filename="x.bin"
    )
    (tmp_path / "mail").write_bytes(bytes(message))
    document = load(tmp_path / "mail", name="mail")
    first, second, third = (page.text for page in document.pages)
    assert document.title == "Grüße"
    assert first.startswith("Subject: Grüße\nFrom: a@example.com")
    assert first.endswith("See the report.")
    assert second == "# ../../r.pdf, page 1\n\nRevenue rose."
    assert "(x.bin is neither text nor" in third
    # Its name stood in the text, and its passages did not know it.
    assert sections(tmp_path / "mail")[1] == "../../r.pdf, page 1"


def test_headings_of_what_is_attached_are_known(tmp_path: Path) -> None:
    """Those of a Word file were, and those of the same file attached to an e-mail were not."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = "Rules", "a@example.com", "b@example.com"
    message.set_content("# 5 employees have signed.")
    message.add_attachment("# Rules\n\n## Bees\n\nTwo hives.", filename="rules.md")
    message.add_attachment("# 6 plots have bees.", filename="plots.txt")
    (tmp_path / "mail").write_bytes(bytes(message))
    assert sections(tmp_path / "mail") == ["", "rules.md > Rules > Bees", "plots.txt"]
    message.clear_content()
    message.set_content("<h1>Rules</h1><p>None.</p><h2>Fires</h2><p>None.</p>", subtype="html")
    (tmp_path / "mail").write_bytes(bytes(message))
    assert sections(tmp_path / "mail") == ["", "Rules > Fires"]


def test_an_archive_is_read_and_its_bad_members_are_named(tmp_path: Path) -> None:
    inner = zip_bytes(**{"deep.txt": b"Deep words."})
    path = tmp_path / "a.zip"
    path.write_bytes(
        zip_bytes(**{"..__evil.txt": b"Words.", "b.zip": inner, "c.pdf": b"%PDF-1 rubbish"})
    )
    pages = texts(path)
    assert pages[1] == "# b.zip\n\n# deep.txt\n\nDeep words."
    assert sections(path)[1] == "b.zip > deep.txt"
    assert "(c.pdf is damaged" in pages[2]
    assert not (tmp_path.parent / "evil.txt").exists()


def test_archives_that_unpack_too_far_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_bytes(**{"a.txt": bytes(5_000_000)}))
    with pytest.raises(FileTooLarge, match="unpacks to 5 MB"):
        load(path, name="a.zip", limits=LoadLimits(max_unpacked_bytes=1_000_000))
    nested = b"Words."
    for _ in range(8):
        nested = zip_bytes(**{"a.zip": nested})
    path.write_bytes(nested)
    with pytest.raises(EmptyFile, match="packed in too many others"):
        load(path, name="a.zip")


@NEEDS_TESSERACT
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "pdf"])
def test_pictures_and_scans_are_read_by_ocr_and_marked_so(tmp_path: Path, suffix: str) -> None:
    """The text began with "[Read by OCR]", which was embedded and quoted as if the page said so."""
    path = write_picture(tmp_path / f"a.{suffix}")
    document = load(path, name=path.name, ocr_languages="eng")
    assert document.pages == (Page(1, "Revenue was 4217", read_by_ocr=True),)


@NEEDS_TESSERACT
@pytest.mark.parametrize("cores", [1, 4])
def test_each_page_of_a_scanned_tiff_has_its_own_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """All pages had the time of one together, so that a scan of forty "cannot be read"."""
    times: list[float | None] = []

    def run(*arguments: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
        times.append(options["timeout"])
        return run_program(*arguments, **options)

    run_program = subprocess.run
    monkeypatch.setattr("ingest.loaders.ocr.subprocess.run", run)
    lines = ["Apples", "Barley", "Cherries", "Dates", "Elderberries"]
    pictures = [Image.open(write_picture(tmp_path / f"{line}.png", line)) for line in lines]
    path = tmp_path / "a.tif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:])
    assert load(path, name="a.tif", ocr_languages="eng", cores=cores).pages == tuple(
        Page(number, line, read_by_ocr=True) for number, line in enumerate(lines, start=1)
    )
    assert times == [100] * 5


@NEEDS_TESSERACT
def test_a_tiff_of_too_many_pages_is_refused(tmp_path: Path) -> None:
    picture = Image.open(write_picture(tmp_path / "a.png"))
    picture.save(tmp_path / "a.tif", save_all=True, append_images=[picture] * 3)
    with pytest.raises(FileTooLarge, match="has 4 pages, more than 3"):
        load(tmp_path / "a.tif", name="a.tif", ocr_languages="eng", limits=LoadLimits(max_pages=3))


@NEEDS_TESSERACT
def test_the_pages_of_a_scan_are_read_side_by_side_in_their_order(tmp_path: Path) -> None:
    """They were read one after the other, by one core of however many there are."""
    lines = ["Apples", "Barley", "Cherries", "Dates", "Elderberries"]
    writer = pypdf.PdfWriter()
    for line in lines:
        writer.append(write_picture(tmp_path / f"{line}.pdf", line))
    writer.write(tmp_path / "a.pdf")
    pages_read: list[int] = []
    document = load(
        tmp_path / "a.pdf", name="a.pdf", ocr_languages="eng", cores=4, alive=pages_read.append
    )
    assert [page.text for page in document.pages] == lines
    # A scan's pages are looked at for text, twice, before OCR: progress told of 15 pages of five.
    assert pages_read == [0] * 10 + [1, 2, 3, 4, 5]


@NEEDS_TESSERACT
def test_a_picture_in_an_archive_is_marked_as_read_by_ocr_and_a_text_is_not(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.zip"
    picture = write_picture(tmp_path / "a.png").read_bytes()
    path.write_bytes(zip_bytes(**{"a.png": picture, "b.txt": b"Words."}))
    document = load(path, name="a.zip", ocr_languages="eng")
    assert [(page.text, page.read_by_ocr) for page in document.pages] == [
        ("# a.png, page 1\n\nRevenue was 4217", True),
        ("# b.txt\n\nWords.", False),
    ]


@NEEDS_TESSERACT
def test_only_the_pages_without_text_are_marked_as_read_by_ocr(tmp_path: Path) -> None:
    scan = pypdf.PdfReader(write_picture(tmp_path / "scan.pdf"))
    text = pypdf.PdfReader(write_pdf(tmp_path / "text.pdf", [["Printed words."], [""]]))
    writer = pypdf.PdfWriter()
    for page in (text.pages[0], scan.pages[0], text.pages[1]):
        writer.add_page(page)
    writer.write(tmp_path / "both.pdf")
    document = load(tmp_path / "both.pdf", name="both.pdf", ocr_languages="eng")
    assert [(page.text, page.read_by_ocr) for page in document.pages] == [
        ("Printed words.", False),
        ("Revenue was 4217", True),
        ("", False),
    ]


def test_without_ocr_a_picture_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NoTextFile, match="is a picture; OCR is switched off: set ocr_languages"):
        load(write_picture(tmp_path / "a.png"), name="a.png")


def test_an_encrypted_pdf_opens_with_its_password_only(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Secret words."]], password="open sesame")
    assert texts(path, password="open sesame") == ["Secret words."]
    with pytest.raises(EncryptedFile, match="needs a password"):
        load(path, name="a.pdf")
    with pytest.raises(EncryptedFile, match="does not open it") as caught:
        load(path, name="a.pdf", password="wrong one")
    assert "wrong one" not in str(caught.value)
