from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from ingest.errors import CorruptFile, FileTooLarge
from ingest.loaders import LoadLimits, load
from tests.ingest.files import docx_with_body


def test_headings_lists_and_tables_are_kept(tmp_path: Path) -> None:
    written = docx.Document()
    written.core_properties.title = "Annual Report"
    written.add_heading("Results", level=1)
    written.add_paragraph("Sales rose.")
    written.add_heading("By region", level=2)
    table = written.add_table(rows=2, cols=2)
    for row, values in zip(table.rows, [("Region", "Sales"), ("North", "12")], strict=True):
        for cell, value in zip(row.cells, values, strict=True):
            cell.text = value
    path = tmp_path / "a.docx"
    written.save(str(path))

    document = load(path, name="a.docx")
    assert document.title == "Annual Report"
    assert document.pages[0].number is None
    assert document.pages[0].text == (
        "# Results\n\nSales rose.\n\n## By region\n\nRegion | Sales\nNorth | 12"
    )


def test_marks_of_emphasis_and_escapes_never_stand_in_the_text(tmp_path: Path) -> None:
    written = docx.Document()
    paragraph = written.add_paragraph("net_sales* of ")
    paragraph.add_run("FY_2023").bold = True
    path = tmp_path / "a.docx"
    written.save(str(path))
    assert load(path, name="a.docx").pages[0].text == "net_sales* of FY_2023"


def test_equations_become_text(tmp_path: Path) -> None:
    power = (
        "<m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    )
    fraction = (
        "<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>"
    )
    path = docx_with_body(
        tmp_path / "a.docx",
        "<w:p><w:r><w:t>Since </w:t></w:r>"
        f"<m:oMath><m:r><m:t>E=m</m:t></m:r>{power}</m:oMath><w:r><w:t>, so</w:t></w:r></w:p>"
        f"<w:p><m:oMathPara><m:oMath>{fraction}</m:oMath></m:oMathPara></w:p>",
    )
    assert load(path, name="a.docx").pages[0].text == "Since E=mc^2, so\n\n(a+b)/2"


def _add_page_number(paragraph: Any) -> None:
    for kind, text in (("begin", ""), ("", "PAGE"), ("separate", ""), ("t", "3"), ("end", "")):
        run = paragraph.add_run()
        if kind in ("begin", "separate", "end"):
            mark = OxmlElement("w:fldChar")
            mark.set(qn("w:fldCharType"), kind)
            run._r.append(mark)
        else:
            inner = OxmlElement("w:t" if kind else "w:instrText")
            inner.text = text
            run._r.append(inner)


def test_headers_and_footers_are_read_once_and_without_page_numbers(tmp_path: Path) -> None:
    """A contract's number that stood in the header alone was not found."""
    written = docx.Document()
    written.add_heading("Lease", level=1)
    written.add_paragraph("The rent is due on the first.")
    for _ in range(2):
        section = written.add_section()
        section.header.is_linked_to_previous = False
        section.header.paragraphs[0].text = "Contract no. HX-4471\tConfidential"
        section.footer.is_linked_to_previous = False
        section.footer.paragraphs[0].add_run("Ellery Estates Ltd, 4 Quay Street ")
        _add_page_number(section.footer.paragraphs[0])
        _add_page_number(section.footer.add_paragraph("Page "))
    path = tmp_path / "a.docx"
    written.save(str(path))
    assert load(path, name="a.docx").pages[0].text == (
        "# Lease\n\nThe rent is due on the first.\n\n# Header and footer\n\n"
        "Contract no. HX-4471 Confidential\n\nEllery Estates Ltd, 4 Quay Street"
    )


def test_a_zip_bomb_is_refused_by_its_declared_size(tmp_path: Path) -> None:
    path = docx_with_body(tmp_path / "a.docx", "<w:p/>")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/bomb", bytes(2_000_000))
    with pytest.raises(FileTooLarge, match="unpacks to"):
        load(path, name="a.docx", limits=LoadLimits(max_unpacked_bytes=1_000_000))


@pytest.mark.parametrize(
    "body", ["<w:p><w:r>", "\x00", "&undefined;"], ids=["cut", "nul", "entity"]
)
def test_broken_xml_is_a_damaged_file(tmp_path: Path, body: str) -> None:
    with pytest.raises(CorruptFile):
        load(docx_with_body(tmp_path / "a.docx", body), name="a.docx")


def test_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    path = docx_with_body(tmp_path / "a.docx", "<w:p/>")
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = (
        f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]><w:document'
        ' xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p>'
        "<w:r><w:t>&e11;</w:t></w:r></w:p></w:body></w:document>"
    )
    parts = {}
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, bomb if name == "word/document.xml" else data)
    with pytest.raises(CorruptFile):
        load(path, name="a.docx")


def test_lines_whose_parts_tabs_set_apart_are_rows(tmp_path: Path) -> None:
    """ "Kitchen £40 £65" said nothing of half and full days."""
    written = docx.Document()
    labels = ["Hall:\tWestgate Barn", "Deposit:\t£250"]
    rows = ["Item\tHalf day\t\tFull day", "Kitchen\t£40\t£65", "\tHall\t£180\t£310"]
    for line in [*labels, *rows, "Then:\tno row", "Alone\there"]:
        written.add_paragraph(line)
    path = tmp_path / "a.docx"
    written.save(str(path))
    assert load(path, name="a.docx").pages[0].text == (
        "Hall: Westgate Barn\n\nDeposit: £250\n\n"
        "Item | Half day | Full day\nKitchen | £40 | £65\nHall | £180 | £310\n\n"
        "Then: no row\n\nAlone here"
    )
