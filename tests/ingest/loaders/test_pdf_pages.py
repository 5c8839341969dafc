"""Long PDFs are read by several processes: one core read them, the others had nothing to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pypdf
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ingest.documents import Document
from ingest.loaders import load, pdf_pages
from ingest.pdfium import PdfFile
from tests.ingest.files import write_form
from tests.ingest.loaders.test_pdf_attachments import attach, pin

PAGES = 200


@pytest.fixture(scope="module")
def long_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Headings, hyphens at line ends, a form's values, and files attached to two of its pages."""
    folder = tmp_path_factory.mktemp("long")
    canvas = Canvas(str(folder / "text.pdf"), pagesize=A4)
    for number in range(PAGES - 1):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 780, f"Chapter {number // 10}")
        canvas.setFont("Helvetica", 11)
        canvas.drawString(72, 740, f"Page {number} tells of the light-")
        canvas.drawString(72, 725, "house, and of the lighthouse keeper.")
        canvas.showPage()
    canvas.save()
    form = write_form(folder / "form.pdf", {"Applicant": "Greta Holm"})
    pinned = pin(write_form(folder / "pinned.pdf", {"Applicant": "Osvald"}), "keys.txt", b"Keys.")
    writer = pypdf.PdfWriter()
    for path in (pinned, folder / "text.pdf", form):
        writer.append(path)
    writer.write(folder / "all.pdf")
    return attach(folder / "all.pdf", ("annex.txt", b"The annex."))


@pytest.fixture(scope="module")
def read_by_one(long_pdf: Path) -> Document:
    return load(long_pdf, name="a.pdf")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The processes that were started to read pages."""
    processes: list[subprocess.Popen[bytes]] = []

    class Kept(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(pdf_pages.subprocess, "Popen", Kept)
    return processes


def test_several_processes_read_what_one_reads(
    long_pdf: Path, read_by_one: Document, started: list[subprocess.Popen[bytes]]
) -> None:
    told: list[int] = []
    assert load(long_pdf, name="a.pdf", cores=3, alive=told.append) == read_by_one
    assert len(started) == 2  # the third is the one that asks
    assert all(process.poll() is not None for process in started)
    assert max(told) > PAGES
    texts = [page.text for page in read_by_one.pages]
    assert "lighthouse, and of" in texts[PAGES // 2]
    assert "Osvald" in texts[0]
    assert texts[PAGES + 1 :] == ["# annex.txt\n\nThe annex.", "# keys.txt\n\nKeys."]


def test_pages_of_a_process_that_ended_are_read_all_the_same(
    long_pdf: Path, read_by_one: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pdf_pages,
        "module_command",
        lambda _: [sys.executable, "-c", "print('This is no message.')"],
    )
    assert load(long_pdf, name="a.pdf", cores=2) == read_by_one


def test_what_is_given_up_leaves_no_process(
    long_pdf: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    with PdfFile(long_pdf) as pdf:
        pages = pdf_pages.read_pages(pdf, password="", cores=2, page_seconds=60)
        next(pages)
        assert [process.poll() for process in started] == [None]
        pages.close()
    assert all(process.poll() is not None for process in started)


def test_a_short_document_is_not_worth_a_process(
    tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    load(write_form(tmp_path / "a.pdf", {"Applicant": "Greta Holm"}), name="a.pdf", cores=8)
    assert started == []
