"""Builds the PDF and DOCX files of data/samples from the sources in bench/samples_src.

    python bench/make_samples.py [--out FOLDER]

Everything under data/samples and bench/samples_src was written for Paperlight, describes
companies, people, products and studies that do not exist, and is dedicated to the public domain
under CC0 1.0. The Markdown, text and HTML samples have no source here: they are the files
themselves.

A source is a head of ``key: value`` lines, a blank line, and then one block a line:

    ## Heading, ### Subheading        - bullet            1. numbered step
    4.2 clause    (a) sub-clause      > note in a box     \\newpage    \\columns
    Table: caption                    | pipe | table |, its dashes giving relative column widths
    {stacked bars: Table caption}     a chart of the table whose caption starts so
    {signatures}                      the lines to sign a contract on
    anything else                     a paragraph, with **bold** and *italic*

The output is the same, byte for byte, on every run with the same releases of reportlab,
python-docx and zlib: it contains no clock, no random id and no path.
"""

from __future__ import annotations

import argparse
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from docx import Document as new_word_document  # noqa: N813 - a function, not a class
from docx.document import Document as WordDocument
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor
from docx.text.paragraph import Paragraph as WordParagraph
from reportlab.graphics.charts.barcharts import (  # type: ignore[import-untyped]
    VerticalBarChart,
)
from reportlab.graphics.charts.legends import Legend  # type: ignore[import-untyped]
from reportlab.graphics.shapes import Drawing  # type: ignore[import-untyped]
from reportlab.lib.colors import Color, HexColor  # type: ignore[import-untyped]
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY, TA_RIGHT  # type: ignore[import-untyped]
from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]
from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]
from reportlab.platypus import (  # type: ignore[import-untyped]
    BaseDocTemplate,
    CondPageBreak,
    Frame,
    FrameBreak,
    KeepTogether,
    NextPageTemplate,
    PageBreak,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCES = REPOSITORY / "bench" / "samples_src"
SAMPLES = REPOSITORY / "data" / "samples"

WRITTEN = datetime(2025, 6, 1, tzinfo=UTC)
PAGE_WIDTH, PAGE_HEIGHT = A4
GREY = HexColor("#5b6066")
RULE = HexColor("#c9cdd2")


# --- sources -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """One line of a source. kind: see BLOCK_PATTERNS; label: bullet, number or clause number."""

    kind: str
    text: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class TableBlock:
    """A pipe table. widths: relative column widths; header: empty when its cells are all blank."""

    caption: str
    widths: tuple[int, ...]
    right_aligned: tuple[bool, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed source: the fields of its head, and its blocks in order."""

    title: str
    subtitle: str
    running: str
    author: str
    edition: str
    blocks: tuple[Block | TableBlock, ...]

    def table(self, caption_start: str) -> TableBlock:
        """The table whose caption starts with caption_start; ValueError if there is none."""
        for block in self.blocks:
            if isinstance(block, TableBlock) and block.caption.startswith(caption_start):
                return block
        raise ValueError(f"no table whose caption starts with {caption_start!r}")


BLOCK_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("section", re.compile(r"(?P<label>##) (?P<text>.+)")),
    ("subsection", re.compile(r"(?P<label>###) (?P<text>.+)")),
    ("bullet", re.compile(r"(?P<label>-) (?P<text>.+)")),
    ("step", re.compile(r"(?P<label>\d+\.) (?P<text>.+)")),
    ("clause", re.compile(r"(?P<label>\d+\.\d+) (?P<text>.+)")),
    ("subclause", re.compile(r"(?P<label>\([a-z]\)) (?P<text>.+)")),
    ("note", re.compile(r"(?P<label>>) (?P<text>.+)")),
    ("command", re.compile(r"(?P<label>\\)(?P<text>newpage|columns)")),
    ("bars", re.compile(r"\{(?P<label>stacked|grouped) bars: (?P<text>.+)\}")),
    ("signatures", re.compile(r"\{(?P<text>signatures)(?P<label>)\}")),
    ("paragraph", re.compile(r"(?P<label>)(?P<text>.+)")),
)


def read_source(path: Path) -> Source:
    """Parse one source; ValueError when its head lacks a field or a table lacks its rule."""
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    try:
        return Source(
            title=fields["title"],
            subtitle=fields["subtitle"],
            running=fields["running"],
            author=fields["author"],
            edition=fields["edition"],
            blocks=tuple(read_blocks(body.splitlines())),
        )
    except KeyError as missing:
        raise ValueError(f"{path.name}: the head has no line for {missing}") from None


def read_blocks(lines: Sequence[str]) -> Iterator[Block | TableBlock]:
    """Yield the blocks of a source's body in order."""
    position = 0
    while position < len(lines):
        line = lines[position].strip()
        position += 1
        if line.startswith("Table: "):
            end = position
            while end < len(lines) and lines[end].startswith("|"):
                end += 1
            yield read_table(line.removeprefix("Table: "), lines[position:end])
            position = end
        elif line:
            yield read_block(line)


def read_block(line: str) -> Block:
    """The block that one line stands for."""
    for kind, pattern in BLOCK_PATTERNS:
        if match := pattern.fullmatch(line):
            return Block(kind, match["text"], match["label"])
    raise AssertionError("the last pattern matches every line")


def read_table(caption: str, lines: Sequence[str]) -> TableBlock:
    """The table under a caption: header line, rule line, then its rows."""
    rows = [tuple(cell.strip() for cell in line.strip().strip("|").split("|")) for line in lines]
    if len(rows) < 3 or any(set(cell) - set("-:") for cell in rows[1]):
        raise ValueError(f"table {caption!r}: expected a header line, a line of dashes and rows")
    if ragged := [row for row in rows if len(row) != len(rows[1])]:
        raise ValueError(f"table {caption!r}: expected {len(rows[1])} cells, got {ragged[0]}")
    return TableBlock(
        caption=caption,
        widths=tuple(len(cell) for cell in rows[1]),
        right_aligned=tuple(cell.endswith(":") for cell in rows[1]),
        header=rows[0] if any(rows[0]) else (),
        rows=tuple(rows[2:]),
    )


def inline_runs(text: str) -> list[tuple[str, str]]:
    """Split text into (style, words) runs, style being "", "b" or "i"."""
    runs = []
    for piece in re.split(r"(\*\*.+?\*\*|(?<!\w)\*[^*\s][^*]*\*)", text):
        if piece.startswith("**"):
            runs.append(("b", piece[2:-2]))
        elif piece.startswith("*") and len(piece) > 2:
            runs.append(("i", piece[1:-1]))
        elif piece:
            runs.append(("", piece))
    return runs


# --- PDF -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Theme:
    """How one PDF looks. Only the standard 14 fonts are used, which need no font file.

    title_as: "band" (white on the accent colour), "centred" or "left". size: of the body, points.
    """

    accent: Color
    body: str
    body_bold: str
    heading: str
    title_as: str
    size: float = 10.0
    margin: float = 62.0
    justified: bool = False
    table_padding: float = 3.2
    numbered_pages_of: bool = False

    @property
    def leading(self) -> float:
        return self.size * 1.38

    @property
    def width(self) -> float:
        """Width of the text on a page with one column."""
        return float(PAGE_WIDTH) - 2 * self.margin

    def style(self, name: str, **changes: Any) -> ParagraphStyle:
        """A paragraph style on the theme's body text."""
        base: dict[str, Any] = {
            "fontName": self.body,
            "fontSize": self.size,
            "leading": self.leading,
            "spaceAfter": self.size * 0.55,
            "alignment": TA_JUSTIFY if self.justified else 0,
            "allowWidows": 0,
            "allowOrphans": 0,
        }
        return ParagraphStyle(name, **(base | changes))


MANUAL = Theme(HexColor("#8c3b1f"), "Helvetica", "Helvetica-Bold", "Helvetica-Bold", "band", 9.8)
REPORT = Theme(
    HexColor("#14405e"),
    "Times-Roman",
    "Times-Bold",
    "Helvetica-Bold",
    "band",
    10.0,
    table_padding=1.7,
)
LEASE = Theme(
    HexColor("#222222"),
    "Times-Roman",
    "Times-Bold",
    "Times-Bold",
    "centred",
    11.0,
    margin=72.0,
    justified=True,
    numbered_pages_of=True,
)
STUDY = Theme(
    HexColor("#2d5a34"),
    "Times-Roman",
    "Times-Bold",
    "Helvetica-Bold",
    "left",
    10.0,
    margin=50.0,
    justified=True,
)

COLUMN_GAP = 20.0
# A heading starts a new column when fewer ems than these are left: itself and three lines of text,
# and for a section a subheading as well.
HEADING_ROOM = {"section": 9.0, "subsection": 6.6}
FRAME_TOP = PAGE_HEIGHT - 62.0
FRAME_BOTTOM = 58.0


def markup(text: str) -> str:
    """Inline text as reportlab's paragraph markup."""
    return "".join(
        f"<{style}>{escape(words, quote=False)}</{style}>" if style else escape(words, quote=False)
        for style, words in inline_runs(text)
    )


class PdfWriter:
    """Turns the blocks of one source into reportlab flowables for a column of a given width."""

    def __init__(self, source: Source, theme: Theme) -> None:
        self.source = source
        self.theme = theme
        self.width = theme.width
        size, accent = theme.size, theme.accent
        indent = size * 2.6
        heading = {"fontName": theme.heading, "textColor": accent}
        self.styles: dict[str, ParagraphStyle] = {
            "paragraph": theme.style("paragraph"),
            "section": theme.style(
                "section",
                **heading,
                fontSize=size * 1.42,
                leading=size * 1.75,
                spaceBefore=size * 1.2,
                spaceAfter=size * 0.5,
                alignment=0,
            ),
            "subsection": theme.style(
                "subsection",
                **heading,
                fontSize=size * 1.1,
                leading=size * 1.4,
                spaceBefore=size * 0.75,
                spaceAfter=size * 0.3,
                alignment=0,
            ),
            "bullet": theme.style("bullet", leftIndent=size * 1.3, spaceAfter=size * 0.22),
            "step": theme.style(
                "step", leftIndent=size * 1.7, spaceAfter=size * 0.3, bulletFontName=theme.body_bold
            ),
            "clause": theme.style("clause", leftIndent=indent, bulletFontName=theme.body),
            "subclause": theme.style(
                "subclause",
                leftIndent=indent * 1.8,
                bulletIndent=indent,
                bulletFontName=theme.body,
                spaceAfter=size * 0.35,
            ),
        }

    def flowables(self) -> list[Any]:
        """The title and every block, for one column on all pages."""
        return self.title() + self.body(self.source.blocks)

    def body(self, blocks: Sequence[Block | TableBlock]) -> list[Any]:
        """The flowables of blocks, at the current column width."""
        result: list[Any] = []
        under_heading = False
        for block in blocks:
            room = 0.0 if isinstance(block, TableBlock) else HEADING_ROOM.get(block.kind, 0.0)
            if room and not under_heading:
                result.append(CondPageBreak(self.theme.size * room))
            under_heading = room > 0
            if isinstance(block, TableBlock):
                result.append(self.table(block))
            elif block.kind == "note":
                result += self.note(block.text)
            elif block.kind == "bars":
                result.append(self.bars(self.source.table(block.text), block.label == "stacked"))
            elif block.kind == "signatures":
                result.append(self.signatures())
            elif block.kind == "command":
                result.append(PageBreak())
            else:
                label = {"bullet": "•", "section": "", "subsection": ""}.get(
                    block.kind, block.label
                )
                result.append(
                    Paragraph(markup(block.text), self.styles[block.kind], bulletText=label or None)
                )
        return result

    def title(self) -> list[Any]:
        """The block at the head of the first page."""
        theme, source = self.theme, self.source
        band = theme.title_as == "band"
        alignment = TA_CENTER if theme.title_as == "centred" else 0
        ink = HexColor("#ffffff") if band else theme.accent
        large = 26.0 if band else 18.0
        lines = [
            Paragraph(
                markup(source.title),
                theme.style(
                    "title",
                    fontName=theme.heading,
                    fontSize=large,
                    leading=large * 1.2,
                    textColor=ink,
                    alignment=alignment,
                    spaceAfter=large * 0.25,
                ),
            ),
            Paragraph(
                markup(source.subtitle),
                theme.style(
                    "subtitle",
                    fontSize=theme.size * 1.2,
                    leading=theme.size * 1.6,
                    textColor=ink,
                    alignment=alignment,
                ),
            ),
            Paragraph(
                markup(source.edition),
                theme.style(
                    "edition",
                    fontSize=theme.size * 0.9,
                    textColor=ink if band else GREY,
                    alignment=alignment,
                ),
            ),
        ]
        if not band:
            return [*lines, Spacer(1, theme.size * 0.7)]
        box = Table([[lines]], colWidths=[theme.width])
        box.setStyle(
            TableStyle(
                [
                    ("BACKGROUND", (0, 0), (-1, -1), theme.accent),
                    ("LEFTPADDING", (0, 0), (-1, -1), 20),
                    ("TOPPADDING", (0, 0), (-1, -1), 22),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 16),
                ]
            )
        )
        return [box, Spacer(1, theme.size * 0.6)]

    def note(self, text: str) -> list[Any]:
        """A tinted box with a bar at its left."""
        box = Table([[Paragraph(markup(text), self.theme.style("note", spaceAfter=0))]])
        box._argW = [self.width]
        box.setStyle(
            TableStyle(
                [
                    ("BACKGROUND", (0, 0), (-1, -1), tint(self.theme.accent, 0.09)),
                    ("LINEBEFORE", (0, 0), (0, -1), 3, self.theme.accent),
                    ("LEFTPADDING", (0, 0), (-1, -1), 12),
                    ("RIGHTPADDING", (0, 0), (-1, -1), 10),
                    ("TOPPADDING", (0, 0), (-1, -1), 7),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 8),
                ]
            )
        )
        return [Spacer(1, 3), box, Spacer(1, self.theme.size * 0.8)]

    def table(self, block: TableBlock) -> Any:
        """Caption and table with horizontal rules; rows set in bold are totals."""
        theme = self.theme
        size = theme.size * (0.86 if self.width < 300 else 0.92)
        leading = size * 1.28
        common: dict[str, Any] = {"fontSize": size, "leading": leading, "spaceAfter": 0}
        caption = Paragraph(
            markup(block.caption),
            theme.style(
                "caption",
                **common,
                fontName=theme.heading,
                textColor=theme.accent,
                alignment=0,
                keepWithNext=1,
            ),
        )

        def cells(row: Sequence[str], font: str) -> list[Paragraph]:
            return [
                Paragraph(
                    markup(text),
                    theme.style(
                        "cell", **common, fontName=font, alignment=TA_RIGHT if right else 0
                    ),
                )
                for text, right in zip(row, block.right_aligned, strict=True)
            ]

        data = [cells(block.header, theme.body_bold)] if block.header else []
        data += [cells(row, theme.body) for row in block.rows]
        unit = self.width / sum(block.widths)
        table = Table(
            data,
            colWidths=[unit * width for width in block.widths],
            repeatRows=1 if block.header else 0,
        )
        padding = 2.2 if self.width < 300 else theme.table_padding
        rules: list[tuple[Any, ...]] = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 4),
            ("RIGHTPADDING", (0, 0), (-1, -1), 4),
            ("TOPPADDING", (0, 0), (-1, -1), padding),
            ("BOTTOMPADDING", (0, 0), (-1, -1), padding + 0.8),
            ("LINEBELOW", (0, 0), (-1, -2), 0.4, RULE),
            ("LINEABOVE", (0, 0), (-1, 0), 1.0, theme.accent),
            ("LINEBELOW", (0, -1), (-1, -1), 1.0, theme.accent),
        ]
        if block.header:
            rules += [
                ("BACKGROUND", (0, 0), (-1, 0), tint(theme.accent, 0.10)),
                ("LINEBELOW", (0, 0), (-1, 0), 0.7, theme.accent),
                ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
            ]
        first = 1 if block.header else 0
        for index, row in enumerate(block.rows, start=first):
            if row[0].startswith("**"):
                rules.append(("LINEABOVE", (0, index), (-1, index), 0.7, GREY))
        table.setStyle(TableStyle(rules))
        return KeepTogether(
            [Spacer(1, size * 0.4), caption, Spacer(1, 3.5), table, Spacer(1, size * 1.1)]
        )

    def bars(self, block: TableBlock, stacked: bool) -> Any:
        """A bar chart of a table: rows are series, columns headed by a year are categories."""
        theme = self.theme
        years = [index for index, name in enumerate(block.header) if re.fullmatch(r"\d{4}", name)]
        rows = [row for row in block.rows if not row[0].startswith("**")]
        height = 150.0 if self.width > 300 else 118.0
        drawing = Drawing(self.width, height)
        chart = VerticalBarChart()
        chart.x, chart.y = 28, 36
        chart.width, chart.height = self.width - 36, height - 46
        chart.data = [tuple(float(row[index]) for index in years) for row in rows]
        chart.categoryAxis.style = "stacked" if stacked else "parallel"
        chart.categoryAxis.categoryNames = [block.header[index] for index in years]
        chart.categoryAxis.strokeColor = GREY
        chart.categoryAxis.visibleTicks = 0
        chart.valueAxis.valueMin = 0
        chart.valueAxis.visibleAxis = 0
        chart.valueAxis.visibleTicks = 0
        chart.valueAxis.visibleGrid = 1
        chart.valueAxis.gridStrokeColor = RULE
        chart.valueAxis.gridStrokeWidth = 0.4
        chart.valueAxis.labelTextFormat = "%g"
        for labels in (chart.categoryAxis.labels, chart.valueAxis.labels):
            labels.fontName, labels.fontSize = "Helvetica", 7.5
        chart.groupSpacing = 12 if not stacked else 26
        chart.barSpacing = 0 if stacked else 1
        colours = [tint(theme.accent, share) for share in (1.0, 0.66, 0.38, 0.2)]
        for index in range(len(rows)):
            chart.bars[index].fillColor = colours[index]
            chart.bars[index].strokeColor = None
        drawing.add(chart)
        legend = Legend()
        legend.x, legend.y = 28, 14
        legend.boxAnchor = "nw"
        legend.columnMaximum = 1
        legend.alignment = "right"
        legend.dx = legend.dy = 7
        legend.dxTextSpace = 4
        legend.deltax = legend.deltay = 0
        legend.autoXPadding = 14
        legend.strokeWidth = 0
        legend.fontName, legend.fontSize = "Helvetica", 7.5
        legend.colorNamePairs = [(colours[i], row[0]) for i, row in enumerate(rows)]
        drawing.add(legend)
        title = re.sub(r"^Table \d+\. ", "", block.caption).split(". ")[0]
        caption = Paragraph(
            markup(title),
            theme.style(
                "chart caption",
                fontName=theme.heading,
                fontSize=theme.size * 0.9,
                textColor=theme.accent,
                spaceAfter=2,
                alignment=0,
            ),
        )
        return KeepTogether([caption, drawing, Spacer(1, theme.size * 0.6)])

    def signatures(self) -> Any:
        """Two lines to sign on, side by side."""
        style = self.theme.style("signature", fontSize=self.theme.size * 0.9, alignment=0)
        names = ("for Corvane Estates Limited (Landlord)", "for Nettle & Finch (Tenant)")
        gap = 30.0
        column = (self.width - gap) / 2
        table = Table(
            [[Paragraph(markup(names[0]), style), "", Paragraph(markup(names[1]), style)]],
            colWidths=[column, gap, column],
            spaceBefore=34,
            spaceAfter=12,
        )
        table.setStyle(
            TableStyle(
                [
                    ("LINEABOVE", (0, 0), (0, 0), 0.7, GREY),
                    ("LINEABOVE", (2, 0), (2, 0), 0.7, GREY),
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ]
            )
        )
        return KeepTogether([table])


def tint(colour: Color, share: float) -> Color:
    """The colour mixed with white; share 1 is the colour itself."""
    return Color(*(1 - share * (1 - part) for part in colour.rgb()))


def page_furniture(source: Source, theme: Theme, page_count: int) -> Callable[[Any, Any], None]:
    """What is drawn on every page: running head, except on the first, and the page number."""

    def draw(canvas: Any, _document: Any) -> None:
        number = canvas.getPageNumber()
        canvas.saveState()
        canvas.setFont(theme.body, 8.2)
        canvas.setFillColor(GREY)
        canvas.setStrokeColor(RULE)
        canvas.setLineWidth(0.5)
        left, right = theme.margin, PAGE_WIDTH - theme.margin
        if number > 1:
            canvas.drawString(left, PAGE_HEIGHT - 44, source.running)
            canvas.line(left, PAGE_HEIGHT - 50, right, PAGE_HEIGHT - 50)
        canvas.line(left, 46, right, 46)
        canvas.drawString(left, 34, source.edition)
        of_all = f" of {page_count}" if theme.numbered_pages_of else ""
        canvas.drawRightString(right, 34, f"Page {number}{of_all}")
        canvas.restoreState()

    return draw


def text_frame(x: float, width: float, top: float = FRAME_TOP) -> Frame:
    """A frame of text from top down to the footer, without padding."""
    return Frame(
        x, FRAME_BOTTOM, width, top - FRAME_BOTTOM,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip


def lay_out_single(source: Source, theme: Theme) -> tuple[list[Any], list[list[Frame]]]:
    """The flowables and the frames (first page, later pages) of a document with one column."""
    frame_lists = [[text_frame(theme.margin, theme.width)] for _ in range(2)]
    return PdfWriter(source, theme).flowables(), frame_lists


def lay_out_columns(source: Source, theme: Theme) -> tuple[list[Any], list[list[Frame]]]:
    """The same for two columns below a head, up to the columns command, of the full width."""
    split = source.blocks.index(Block("command", "columns", "\\"))
    writer = PdfWriter(source, theme)
    head = [*writer.title(), *writer.body(source.blocks[:split])]
    head_height = sum(
        part.wrap(theme.width, PAGE_HEIGHT)[1] + part.getSpaceBefore() + part.getSpaceAfter()
        for part in head
    )
    top = FRAME_TOP - head_height - 10
    writer.width = (theme.width - COLUMN_GAP) / 2
    starts = (theme.margin, theme.margin + writer.width + COLUMN_GAP)
    head_frame = Frame(
        theme.margin, top, theme.width, FRAME_TOP - top,
        leftPadding=0, rightPadding=0, topPadding=0, bottomPadding=0,
    )  # fmt: skip
    frame_lists = [
        [head_frame, *(text_frame(x, writer.width, top) for x in starts)],
        [text_frame(x, writer.width) for x in starts],
    ]
    return [*head, FrameBreak(), *writer.body(source.blocks[split + 1 :])], frame_lists


def pdf_bytes(source: Source, theme: Theme) -> bytes:
    """The finished PDF. It is set twice, because a page tells how many there are."""
    two_columns = Block("command", "columns", "\\") in source.blocks
    page_count = 0
    for _ in range(2):
        story, frame_lists = (lay_out_columns if two_columns else lay_out_single)(source, theme)
        draw = page_furniture(source, theme, page_count)
        buffer = io.BytesIO()
        template = BaseDocTemplate(
            buffer,
            pagesize=A4,
            invariant=1,
            title=f"{source.title}: {source.subtitle}" if len(source.title) < 40 else source.title,
            author=source.author,
            subject="Fictional sample document, CC0 1.0",
            creator="bench/make_samples.py",
            lang="en-GB",
        )
        template.addPageTemplates(
            [
                PageTemplate(id=name, frames=frames, onPage=draw)
                for name, frames in zip(("first", "later"), frame_lists, strict=True)
            ]
        )
        template.build([NextPageTemplate("later"), *story])
        page_count = template.page
    return buffer.getvalue()


# --- DOCX ----------------------------------------------------------------------------------------

WORD_ACCENT = RGBColor(0x3B, 0x3F, 0x8C)
WORD_STYLES = {
    "section": "Heading 1",
    "subsection": "Heading 2",
    "bullet": "List Bullet",
    "step": "List Number",
    "paragraph": "Normal",
}


def docx_bytes(source: Source) -> bytes:
    """The finished DOCX: built-in styles, tables, a running head and page numbers."""
    document = new_word_document()
    set_word_styles(document)
    add_word_furniture(document, source)
    document.add_paragraph(source.title, style="Title")
    document.add_paragraph(source.subtitle, style="Subtitle")
    for block in source.blocks:
        if isinstance(block, TableBlock):
            add_word_table(document, block)
        else:
            add_word_runs(document.add_paragraph(style=WORD_STYLES[block.kind]), block.text)
    properties = document.core_properties
    properties.title, properties.author = source.title, source.author
    properties.last_modified_by = source.author
    properties.subject = "Fictional sample document, CC0 1.0"
    properties.comments = ""
    properties.created = properties.modified = WRITTEN
    buffer = io.BytesIO()
    document.save(buffer)
    return without_clock(buffer.getvalue())


def set_word_styles(document: WordDocument) -> None:
    """Give the built-in styles of the default template the document's look."""
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    section.top_margin = section.bottom_margin = Cm(2.4)
    for name, size in (("Normal", 10.5), ("Title", 24), ("Subtitle", 12), ("Heading 1", 14)):
        # Style objects are typed by their common base class, which has no font.
        style: Any = document.styles[name]
        style.font.name = "Calibri"
        style.font.size = Pt(size)
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        # The default template names theme fonts, which win over a plain font name.
        for attribute in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
            fonts.attrib.pop(qn(f"w:{attribute}"), None)
        if name != "Normal":
            style.font.color.rgb = WORD_ACCENT


def add_word_furniture(document: WordDocument, source: Source) -> None:
    """Running head and a footer with the page number as a field."""
    section = document.sections[0]
    section.header.paragraphs[0].text = source.running
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    footer.add_run("Page ")
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    footer._p.append(field)


def add_word_runs(paragraph: WordParagraph, text: str) -> None:
    """Append inline text to a paragraph, bold and italic as runs."""
    for style, words in inline_runs(text):
        run = paragraph.add_run(words)
        run.bold = True if style == "b" else None
        run.italic = True if style == "i" else None


def add_word_table(document: WordDocument, block: TableBlock) -> None:
    """A captioned table in a built-in style, with its header row marked to be repeated."""
    caption = document.add_paragraph(style="Caption")
    caption.paragraph_format.keep_with_next = True
    add_word_runs(caption, block.caption)
    table = document.add_table(rows=0, cols=len(block.widths), style="Light List Accent 1")
    table.autofit = False
    unit = Cm(16) / sum(block.widths)
    for row in (block.header, *block.rows):
        for index, cell in enumerate(table.add_row().cells):
            cell.width = int(unit * block.widths[index])
            add_word_runs(cell.paragraphs[0], row[index])
            if block.right_aligned[index]:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    marker = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(marker)
    document.add_paragraph()


def without_clock(archive: bytes) -> bytes:
    """The same ZIP archive with a fixed time on every member."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            member = zipfile.ZipInfo(name, date_time=WRITTEN.timetuple()[:6])
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # else the platform's own number, which differs on Windows
            new.writestr(member, old.read(name))
    return buffer.getvalue()


# --- command -------------------------------------------------------------------------------------

PDF_SAMPLES = {
    "espresso-machine-manual": MANUAL,
    "annual-report-2024": REPORT,
    "workshop-lease": LEASE,
    "orchard-bee-study": STUDY,
}
DOCX_SAMPLES = ("remote-work-and-expenses-policy",)


def build(folder: Path) -> list[Path]:
    """Write every built sample into folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, theme in PDF_SAMPLES.items():
        path = folder / f"{name}.pdf"
        path.write_bytes(pdf_bytes(read_source(SOURCES / f"{name}.md"), theme))
        written.append(path)
    for name in DOCX_SAMPLES:
        path = folder / f"{name}.docx"
        path.write_bytes(docx_bytes(read_source(SOURCES / f"{name}.md")))
        written.append(path)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the PDF and DOCX files of data/samples.")
    parser.add_argument("--out", type=Path, default=SAMPLES, help="folder to write into")
    for path in build(parser.parse_args().out):
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
