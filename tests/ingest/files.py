"""Small files of every kind, made by other libraries than the ones that read them."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.colors import white
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

NEEDS_TESSERACT = pytest.mark.skipif(shutil.which("tesseract") is None, reason="no Tesseract")


def write_pdf(
    path: Path, pages: Sequence[Sequence[str]], *, title: str = "", password: str = ""
) -> Path:
    """A PDF with these lines of text on its pages. password: needed to open it."""
    canvas = Canvas(str(path), pagesize=A4, encrypt=password or None)
    canvas.setTitle(title)
    for lines in pages:
        canvas.setFont("Helvetica", 12)
        for number, line in enumerate(lines):
            canvas.drawString(72, 760 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return path


def write_form(path: Path, values: dict[str, str], *, labels: bool = True) -> Path:
    """A PDF form, filled in: a field a line, each behind its label. labels: else none is drawn."""
    canvas = Canvas(str(path), pagesize=A4)
    canvas.rect(60, 60, 480, 700)
    for number, (label, value) in enumerate(values.items()):
        y = 700 - 40 * number
        if labels:
            canvas.drawString(72, y, f"{label}:")
        place = {"x": 240, "y": y - 6, "width": 200, "height": 20, "fillColor": white}
        canvas.acroForm.textfield(name=label, value=value, fontSize=12, **place)
    canvas.save()
    return path


def write_scan(path: Path) -> Path:
    """A PDF whose page is a drawing without any text."""
    canvas = Canvas(str(path), pagesize=A4)
    canvas.rect(100, 100, 200, 300, fill=1)
    canvas.showPage()
    canvas.save()
    return path


def write_picture(path: Path, text: str = "Revenue was 4217") -> Path:
    """A picture of a line of text, in the format that the suffix says; PDF is one."""
    image = Image.new("RGB", (80 + 40 * len(text), 200), "white")
    font = ImageFont.load_default(64)
    ImageDraw.Draw(image).text((40, 60), text, fill="black", font=font)
    image.save(path)
    return path


def docx_with_body(path: Path, body: str) -> Path:
    """A minimal DOCX around this WordprocessingML."""
    document = (
        '<?xml version="1.0" encoding="UTF-8"?><w:document'
        ' xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
        ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math">'
        f"<w:body>{body}</w:body></w:document>"
    )
    types = (
        '<?xml version="1.0"?><Types'
        ' xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels"'
        ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        '<?xml version="1.0"?><Relationships'
        ' xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship'
        ' Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        'officeDocument" Target="word/document.xml"/></Relationships>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("_rels/.rels", relations)
        archive.writestr("word/document.xml", document)
    return path


def zip_bytes(**members: bytes) -> bytes:
    """A ZIP archive in memory; a member's "/" is written "__" here."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return buffer.getvalue()
