"""Workbooks as people have them: what their cells show, and what is merged over them."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path

import pytest
import python_calamine
import xlrd
import xlsxwriter
import xlwt

from ingest.errors import CorruptFile
from ingest.loaders import load
from ingest.loaders.ods_cells import ShownCells

ODS_NAMES = "".join(
    f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "table")
)


def lines(path: Path) -> list[str]:
    """Of the first page, below its heading."""
    return load(path, name=path.name).pages[0].text.splitlines()[2:]


def write_ods(path: Path, *rows: str) -> Path:
    content = (
        f"<office:document-content{ODS_NAMES}><office:body><office:spreadsheet>"
        f'<table:table table:name="S">{"".join(rows)}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        archive.writestr("META-INF/manifest.xml", f'<manifest xmlns="{manifest}"/>')
        archive.writestr("content.xml", content)
    return path


def ods_row(*cells: str) -> str:
    return f"<table:table-row>{''.join(cells)}</table:table-row>"


def ods_cell(text: str, *, kind: str = "string", value: str = "", spans: str = "") -> str:
    stated = f' office:value="{value}"' if value else ""
    return (
        f'<table:table-cell office:value-type="{kind}"{stated} {spans}><text:p>{text}</text:p>'
        "</table:table-cell>"
    )


def test_cells_are_read_as_their_workbook_shows_them(tmp_path: Path) -> None:
    """12.5% was 0.125, $1,200.00 was 1200, and a month was its first day."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("S")
        sheet.write_row(2, 1, ["Month", "Share", "Cost", "Working time", "Plain"])
        formats = ["mmm yyyy", "0.0%", '"$"#,##0.00', "[h]:mm", "General"]
        values = [datetime.datetime(2024, 3, 1), 0.125, 1200, 1.1041666, 0.1]
        for column, (code, value) in enumerate(zip(formats, values, strict=True), start=1):
            sheet.write(3, column, value, book.add_format({"num_format": code}))
        sheet.write(4, 28, 0.5, book.add_format({"num_format": 9}))  # in AC5
    assert lines(path) == [
        "Month | Share | Cost | Working time | Plain",
        "Mar 2024 | 12.5% | $1,200.00 | 26:30:00 | 0.1",
        " |  |  |  |  | 50%",
    ]


def test_other_programs_write_the_same_formats_in_other_ways(tmp_path: Path) -> None:
    """Some name every element with a prefix, and a sheet need not be called after its number."""
    path, rewritten = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        percent = book.add_format({"num_format": "0%"})
        book.add_worksheet("One").write(0, 0, "none")
        rows = book.add_worksheet("Two")
        for number in range(20_000):  # more than is looked through at a time
            rows.write_row(number, 0, [0.25, 0.5], percent)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(rewritten, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet2.xml":
                for tag in (b"worksheet", b"sheetData", b"row", b"c", b"v"):
                    data = data.replace(b"<%s " % tag, b"<x:%s " % tag)
                    data = data.replace(b"<%s>" % tag, b"<x:%s>" % tag)
                    data = data.replace(b"</%s>" % tag, b"</x:%s>" % tag)
                data = data.replace(b"xmlns=", b"xmlns:x=")
                new.writestr("xl/worksheets/figures.xml", data)
            else:
                new.writestr(
                    name,
                    data.replace(b'"worksheets/sheet2.xml', b'"/xl/worksheets/figures.xml').replace(
                        b'"/xl/worksheets/sheet2.xml', b'"/xl/worksheets/figures.xml'
                    ),
                )
    for written in (path, rewritten):
        pages = load(written, name="a.xlsx").pages
        rows_read = [line for page in pages for line in page.text.splitlines() if "|" in line]
        assert set(rows_read) == {"25% | 50%"}


def test_a_workbook_with_broken_styles_is_read_by_its_values(tmp_path: Path) -> None:
    path, broken = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("S").write(0, 0, 0.25, book.add_format({"num_format": "0%"}))
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/styles.xml":
                data = data.replace(b'<xf numFmtId="', b'<xf numFmtId="x')
            new.writestr(name, data)
    assert lines(path) == ["25%"]
    assert lines(broken) == ["0.25"]


def test_a_label_over_several_rows_is_in_each_of_them(tmp_path: Path) -> None:
    """A question about the north found one row of three."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("S")
        sheet.merge_range(0, 1, 1, 3, "Sales")
        sheet.write_row(2, 1, ["Region", "City", "Budget"])
        sheet.merge_range(3, 1, 5, 1, "North")
        sheet.merge_range(3, 3, 4, 3, 1200)
        for number, city in enumerate(["Oslo", "Bergen", "Narvik"]):
            sheet.write(3 + number, 2, city)
        sheet.write(5, 3, 80)
    assert lines(path) == [
        "Sales",
        "Region | City | Budget",
        "North | Oslo | 1200",  # one budget of two towns: it must not be added up twice
        "North | Bergen",
        "North | Narvik | 80",
    ]


def test_a_year_over_columns_is_in_the_name_of_each(tmp_path: Path) -> None:
    """Two columns were called Q1, and nothing told which year's it was."""
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet("S")
        sheet.merge_range(0, 0, 0, 4, "Sales by quarter")
        sheet.merge_range(1, 0, 2, 0, "Region")
        sheet.merge_range(1, 1, 1, 2, 2023)
        sheet.merge_range(1, 3, 1, 4, "2024 (planned)")
        sheet.write_row(2, 1, ["Q1", "Q2", "Q1", "Q2"])
        sheet.write_row(3, 0, ["North", 1, 2, 3, 4])
    assert lines(path) == [
        "Sales by quarter",
        "Region | 2023 Q1 | 2023 Q2 | 2024 (planned) Q1 | 2024 (planned) Q2",
        "North | 1 | 2 | 3 | 4",
    ]


def test_an_opendocument_sheet_is_read_as_it_shows_itself(tmp_path: Path) -> None:
    wide = 'table:number-columns-spanned="2" table:number-rows-spanned="1"'
    high = 'table:number-columns-spanned="1" table:number-rows-spanned="2"'
    covered = "<table:covered-table-cell/>"
    hours = (
        '<table:table-cell office:value-type="time" office:time-value="PT26H30M00S">'
        "<text:p>26:30</text:p></table:table-cell>"
    )
    path = write_ods(
        tmp_path / "a.ods",
        ods_row(ods_cell("Region"), ods_cell("2024", spans=wide), covered),
        ods_row(ods_cell(""), ods_cell("Cost"), ods_cell("Share")),
        ods_row(
            ods_cell("North", spans=high),
            ods_cell("1.200,00 €", kind="currency", value="1200"),
            ods_cell("12,5 %", kind="percentage", value="0.125"),
        ),
        ods_row(covered, ods_cell("3,00", kind="float", value="3"), hours),
    )
    assert lines(path) == [
        "Region | 2024 Cost | 2024 Share",
        "North | 1.200,00 € | 12,5 %",
        "North | 3,00 | 26:30",
    ]


def test_a_cell_that_is_repeated_without_end_costs_nothing(tmp_path: Path) -> None:
    many = 'table:number-columns-repeated="9999999"'
    cell = ods_cell("1 %", kind="percentage", value="0.01", spans=many)
    row = ods_row(*[cell] * 50).replace("-row>", '-row table:number-rows-repeated="9999999">', 1)
    with zipfile.ZipFile(write_ods(tmp_path / "a.ods", row * 50)) as archive:
        (row_shown,) = ShownCells(archive).shown("S", [[0.01] * 200], 0)
    assert row_shown[:100] == ["1 %"] * 100


def write_xls(path: Path) -> Path:
    book = xlwt.Workbook()
    sheet = book.add_sheet("S")
    for column, name in enumerate(["Month", "Share", "Cost", "Count", "Plain"], start=1):
        sheet.write(2, column, name)
    formats = ["mmm yyyy", "0.0%", '"$"#,##0.00', "#,##0", "General"]
    values = [datetime.date(2024, 3, 1), 0.125, 1200, 15000, 0.1]
    for column, (code, value) in enumerate(zip(formats, values, strict=True), start=1):
        sheet.write(3, column, value, xlwt.easyxf(num_format_str=code))
    sheet.write(4, 2, 0.5, xlwt.easyxf(num_format_str="0%"))
    book.save(str(path))
    return path


def test_cells_of_old_workbooks_are_read_as_they_show_them(tmp_path: Path) -> None:
    """The same file saved as XLS had 0.125 and 1200 where XLSX had 12.5% and $1,200.00."""
    assert lines(write_xls(tmp_path / "a.xls")) == [
        "Month | Share | Cost | Count | Plain",
        "Mar 2024 | 12.5% | $1,200.00 | 15,000 | 0.1",
        " | 50%",
    ]


def test_an_old_workbook_whose_formats_cannot_be_read_keeps_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_xls(tmp_path / "a.xls")
    monkeypatch.setattr(xlrd, "open_workbook", lambda *_, **__: 1 / 0)
    assert lines(path)[1] == "2024-03-01 | 0.125 | 1200 | 15000 | 0.1"


def test_a_panic_of_a_reader_in_rust_is_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit flipped in an XLS file makes calamine panic, which is no Exception: a reader died."""
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    path = write_xls(tmp_path / "a.xls")

    def from_path(_: str) -> None:
        raise panic("range start index out of range")

    monkeypatch.setattr(python_calamine.CalamineWorkbook, "from_path", from_path, raising=True)
    with pytest.raises(CorruptFile, match="its parser failed"):
        load(path, name=path.name)
