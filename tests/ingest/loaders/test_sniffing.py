from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import CorruptFile, EmptyFile, EncryptedFile, UnsupportedFile
from ingest.loaders.sniffing import FileKind, sniff
from tests.ingest.files import write_pdf, zip_bytes


def sniff_bytes(folder: Path, data: bytes, name: str) -> FileKind:
    path = folder / "file"
    path.write_bytes(data)
    return sniff(path, name=name)


def test_a_pdf_named_txt_is_a_pdf(tmp_path: Path) -> None:
    assert sniff(write_pdf(tmp_path / "x.txt", [["Hello"]]), name="x.txt") is FileKind.PDF


def test_a_text_of_many_comments_is_told_at_once(tmp_path: Path) -> None:
    """A comment could be taken for part of the one before: each of them doubled the time."""
    assert sniff_bytes(tmp_path, b"<!---->" * 60 + b"words", "x.txt") is FileKind.TEXT
    assert sniff_bytes(tmp_path, b"<!-- a -> b -->\n" * 60 + b"<p>words", "x") is FileKind.HTML


def test_a_pdf_may_begin_with_rubbish(tmp_path: Path) -> None:
    data = b"\r\nHTTP junk\r\n" + write_pdf(tmp_path / "x", [["Hello"]]).read_bytes()
    assert sniff_bytes(tmp_path, data, "x.pdf") is FileKind.PDF


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"just words", "notes.txt", FileKind.TEXT),
        (b"just words", "no-suffix", FileKind.TEXT),
        (b"# Title", "README.MD", FileKind.MARKDOWN),
        (b"a,b\n1,2", "t.csv", FileKind.CSV),
        (b'{"a": 1}', "t.json", FileKind.JSON),
        (b"<!DOCTYPE html><p>x", "page", FileKind.HTML),
        (b"\n <!-- c --> <HTML><body>x", "page.txt", FileKind.HTML),
        (b"<p>fragment</p>", "page.htm", FileKind.HTML),
        (b"<?xml version='1.0'?><a/>", "data.xml", FileKind.HTML),
        (b"a < b and <b> is bold", "notes.txt", FileKind.TEXT),
        (b"<div>in Markdown</div>\n# T", "x.md", FileKind.MARKDOWN),
        ("<html>".encode("utf-16"), "page", FileKind.HTML),
        (zip_bytes(word__document_xml=b"<x/>"), "a.pdf", FileKind.DOCX),
        (zip_bytes(ppt__presentation=b"x"), "a.txt", FileKind.PPTX),
        (zip_bytes(xl__workbook=b"x"), "a.txt", FileKind.XLSX),
        (zip_bytes(mimetype=b"application/vnd.oasis.opendocument.text"), "a", FileKind.ODT),
        (zip_bytes(mimetype=b"application/epub+zip"), "a", FileKind.EPUB),
        (zip_bytes(other=b"x"), "a.docx", FileKind.ZIP),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "a.txt", FileKind.PNG),
        (b"RIFF....WEBPVP8 ", "a.txt", FileKind.WEBP),
        (b"{\\rtf1 hello}", "a.doc", FileKind.RTF),
        (b"From: a@b.c\r\nTo: d@e.f\r\nSubject: x\r\n\r\nHi", "mail", FileKind.EML),
        (b"From a@b Thu Jan  1 00:00:01 2026\nFrom: a@b\n\nHi", "mail", FileKind.MBOX),
        (b"To: the reader\nFrom here on it is a letter.\n", "a.txt", FileKind.TEXT),
    ],
)
def test_the_content_decides(tmp_path: Path, data: bytes, name: str, kind: FileKind) -> None:
    assert sniff_bytes(tmp_path, data, name) is kind


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", EmptyFile, "is empty"),
        (bytes(range(256)) * 20, UnsupportedFile, "neither text nor"),
        (b"PK\x03\x04 and then nothing", CorruptFile, "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), UnsupportedFile, "old Microsoft"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            EncryptedFile,
            "is encrypted",
        ),
    ],
)
def test_what_is_not_read_is_refused_with_what_to_do(
    tmp_path: Path, data: bytes, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        sniff_bytes(tmp_path, data, "innocent.txt")
