"""PDF -> pages of text, numbered from 1, and behind them what is attached, which has no numbers.

PDFium reads the text: on 1,865 pages of company filings it took 4.4 ms of CPU a page against 71
for pypdf, and found .986 of the tokens of the annotated evidence. pypdf stands behind it: it
rebuilds files that PDFium refuses, and reads pages where PDFium finds nothing.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from ingest.documents import Document, Page
from ingest.errors import CorruptFile, FileTooLarge, NoTextFile, PasswordNeeded
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.limits import Budget, Reading
from ingest.loaders.ocr import no_ocr_reason, read_pixels, read_side_by_side, usable_languages
from ingest.loaders.parts import LoadPart, Parts
from ingest.loaders.pdf_headings import find_headings, placed
from ingest.loaders.pdf_hyphens import join_hyphens
from ingest.loaders.pdf_pages import read_pages
from ingest.loaders.pdf_superscripts import marks_apart
from ingest.loaders.run_in_headings import in_order, run_in_headings
from ingest.loaders.sniffing import FileKind
from ingest.pdfium import PdfFile, encrypted_reason

_REPAIR_MAX_BYTES = 100_000_000  # pypdf holds the whole file as Python objects
_SECOND_READING_MAX_PAGES = 50
_OCR_DOTS_PER_INCH = 300  # what Tesseract was trained for
# Of A3 at that. Scans that say nothing of their resolution are pages of a metre, and their letters
# as much larger: at 40 million Tesseract took 1.8 times as long to read the same.
_OCR_MOST_PIXELS = 17_500_000
_PRODUCERS_TITLE = re.compile(
    r"^(?:untitled|\(?anonymous\)?$|microsoft word - |slide \d|document\d*$)", re.I
)


def load_pdf(path: Path, reading: Reading, load_part: LoadPart) -> Document:
    """Read a PDF and its attachments.

    Raises CorruptFile, FileTooLarge, NoTextFile, PasswordNeeded.
    """
    budget = reading.budget()
    attached = Parts(load_part, budget)
    with _open(path, reading.password) as pdf:
        page_count = len(pdf)
        if page_count == 0:
            raise CorruptFile("is a PDF without pages; get a fresh copy.")
        reading.limits.check_pages(page_count)
        set_pages = []
        pages_as_read = read_pages(
            pdf,
            password=reading.password,
            cores=reading.cores,
            page_seconds=2 * reading.limits.silent_seconds(path.stat().st_size),
        )
        with closing(pages_as_read):
            for page in pages_as_read:
                budget.spend(page.text)
                set_pages.append(page)
        texts = clean_pages(page.text for page in set_pages)
        title = pdf.title()
        if not any(text.strip() for text in texts):
            texts = clean_pages(_second_reading(path, page_count, budget, reading.password))
        pages = [
            Page(number, text, headings=in_order(placed(headings, text), run_in))
            for number, (text, headings, run_in) in enumerate(
                zip(
                    texts,
                    find_headings([page.lines for page in set_pages]),
                    run_in_headings(texts),
                    strict=True,
                ),
                start=1,
            )
        ]
        languages = usable_languages(reading.ocr_languages)
        if languages:
            pages = _with_ocr(pdf, pages, languages, budget, reading.cores)
        for name, data in pdf.attachments():
            attached.add(name, io.BytesIO(data))
    if not attached.read and not any(page.text.strip() for page in pages):
        raise NoTextFile(
            "has no text: its pages are pictures (a scan, perhaps); "
            + ("OCR found no text in them." if languages else no_ocr_reason(reading.ocr_languages))
        )
    return Document(
        title=_title(title),
        media_type=FileKind.PDF.value,
        pages=(*pages, *attached.pages),
    )


def _with_ocr(
    pdf: PdfFile, pages: Sequence[Page], languages: str, budget: Budget, cores: int
) -> list[Page]:
    """All pages, those that have no text read by OCR; its time is not counted."""
    read = list(pages)
    without_text = [index for index, page in enumerate(pages) if not page.text.strip()]
    texts = read_side_by_side(lambda i: _ocr_page(pdf, i, languages), without_text, cores)
    for index, text in zip(without_text, budget.untimed(texts), strict=True):
        budget.spend(text)
        read[index] = Page(pages[index].number, text, read_by_ocr=bool(text))
    return read


def _ocr_page(pdf: PdfFile, index: int, languages: str) -> str:
    try:
        pixels, _ = pdf.render(index, scale=_OCR_DOTS_PER_INCH / 72, most_pixels=_OCR_MOST_PIXELS)
    except (RuntimeError, ValueError):  # PDFium's errors are RuntimeErrors: a broken page
        return ""
    return read_pixels(pixels, languages)


def clean_pages(raw: Iterable[str]) -> list[str]:
    """Clean PDFium's texts of a document's pages, and decide about hyphens at line ends.

    What is a mark among the superscripts is put apart.
    """
    texts = join_hyphens(tuple(raw))
    return [marks_apart(clean_text(text)).strip("\n") for text in texts]


def _open(path: Path, password: str) -> PdfFile:
    try:
        return PdfFile(path, password=password)
    except CorruptFile:
        rebuilt = _rebuild(path, password)
        if rebuilt is None:
            raise
        return PdfFile(rebuilt)


def _rebuild(path: Path, password: str) -> bytes | None:
    """Write a file that PDFium cannot open anew with pypdf, or None if pypdf cannot either."""
    if path.stat().st_size > _REPAIR_MAX_BYTES:
        return None
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it reports each repaired byte
    try:
        reader = pypdf.PdfReader(path, strict=False)
        if reader.is_encrypted and not reader.decrypt(password):
            raise PasswordNeeded(encrypted_reason(password))
        output = io.BytesIO()
        pypdf.PdfWriter(clone_from=reader).write(output)
        return output.getvalue()
    except PasswordNeeded:
        raise
    except Exception:  # a parser before hostile bytes: whatever it raises means "cannot be read"
        return None


def _second_reading(path: Path, page_count: int, budget: Budget, password: str) -> list[str]:
    """What pypdf reads where PDFium found nothing; nothing where pypdf cannot read it either."""
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    texts: list[str] = []
    try:
        reader = pypdf.PdfReader(path, strict=False)
        if not reader.is_encrypted or reader.decrypt(password):
            for page in reader.pages[: min(page_count, _SECOND_READING_MAX_PAGES)]:
                texts.append(page.extract_text())
                budget.spend(texts[-1])
    except FileTooLarge:
        raise
    except Exception:  # as above: the first reader's verdict stands
        texts = []
    return texts + [""] * (page_count - len(texts))


def _title(stated: str) -> str:
    title = one_line(clean_text(stated))
    return "" if _PRODUCERS_TITLE.match(title) else title
