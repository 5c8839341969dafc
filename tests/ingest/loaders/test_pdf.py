from __future__ import annotations

import time
from pathlib import Path

import pypdf
import pytest

from ingest.errors import CorruptFile, EncryptedFile, FileTooLarge, NoTextFile, UnreadableFile
from ingest.loaders import LoadLimits, load
from ingest.loaders.pdf import clean_pages, join_hyphens
from tests.ingest.files import write_pdf, write_scan


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


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("an exam\ufffeple", {"an"}, "an example"),
        ("forward\ufffelooking", {"forward", "looking"}, "forward-looking"),
        ("Non\ufffeGAAP", set(), "Non-GAAP"),
        ("year\ufffeon-year", {"year-on"}, "year-on-year"),
        ("coope\ufffe\nration", {"cooperation"}, "cooperation"),
        ("well\ufffeknown", {"well-known", "wellknown"}, "well-known"),
        ("pages 10\ufffe20", set(), "pages 10-20"),
        ("\ufffe", set(), "-"),
    ],
)
def test_a_hyphen_at_a_line_end_is_judged_by_the_documents_own_words(
    text: str, words: set[str], expected: str
) -> None:
    assert join_hyphens(text, words) == expected


def test_hyphens_are_judged_by_all_pages() -> None:
    assert clean_pages(["forward\ufffelooking", "looking forward"]) == [
        "forward-looking",
        "looking forward",
    ]


def test_a_long_run_of_letters_does_not_slow_the_hyphens_down() -> None:
    started = time.monotonic()
    clean_pages(["a" * 2_000_000 + "\ufffe" + "b" * 2_000_000])
    assert time.monotonic() - started < 5
