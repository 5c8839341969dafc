"""Documents that the browser tests and the screenshot are made with: ours, small, and real PDFs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer

REPORT_NAME = "harbour-energy-2024.pdf"
REPORT_PAGES = (
    (
        "Harbour Energy Cooperative: annual report 2024",
        "The Harbour Energy Cooperative was founded in 1998 by forty households in the old port. "
        "Today it supplies electricity and heat to 11,400 members.",
        "The board of the cooperative has seven members. Its chair is Ines Albrecht, who was "
        "elected in March 2022.",
    ),
    (
        "Results of the year",
        "Revenue rose to 48.2 million euros in 2024, up 12 percent on the year before. Growth "
        "came mainly from the district heating network, which now brings in a third of revenue.",
        "Operating costs fell to 31.4 million euros. The cooperative paid a dividend of 3.5 "
        "percent to its members and put 4.1 million euros aside for repairs.",
    ),
    (
        "The wind farm at Skerry Point",
        "The wind farm at Skerry Point has nine turbines with a capacity of 4.2 megawatts each. "
        "It produced 118 gigawatt hours of electricity in 2024.",
        "A storm on 14 January damaged the blades of turbine six, which stood still for eleven "
        "weeks. The repair cost 640,000 euros, most of it paid by the insurer.",
    ),
)

# Every line of it tries to be more than text.
HOSTILE_NAME = "![logo](https:evil.example) [b]notes[b].txt"
HOSTILE_TEXT = (
    "The lighthouse keeper of Grayholm is called Oda Brandt.\n"
    "<script>window.broken = 1</script><img src=x onerror='window.broken = 1'>\n"
    "![pixel](https://evil.example/pixel.png) [click here](javascript:alert(1)) $\\alpha$\n"
    "Oda Brandt has kept the lighthouse of Grayholm since 1987.\n"
)
CORRUPT_PDF = b"%PDF-1.7\nthis was never a document\n%%EOF\n"


def pdf(pages: Sequence[Sequence[str]], *, title: str = "") -> bytes:
    """A PDF whose pages are a heading and paragraphs."""
    styles = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=styles["BodyText"], fontSize=12, leading=18)
    story: list[object] = []
    for heading, *paragraphs in pages:
        story += [Paragraph(heading, styles["Heading1"]), Spacer(1, 10)]
        for paragraph in paragraphs:
            story += [Paragraph(paragraph, body), Spacer(1, 10)]
        story.append(PageBreak())
    buffer = io.BytesIO()
    SimpleDocTemplate(buffer, pagesize=A4, title=title).build(story)
    return buffer.getvalue()


def write_report(folder: Path) -> Path:
    """The annual report, as a file."""
    path = folder / REPORT_NAME
    path.write_bytes(pdf(REPORT_PAGES, title="Harbour Energy Cooperative: annual report 2024"))
    return path
