"""Plain text and Markdown: the file's own characters, decoded and cleaned.

The text is kept verbatim, markup included. Text has no pages, so a long one is cut into sections
at headings or blank lines: a page of the store stays small enough to show and to slice.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ingest.documents import Document, Heading, Page
from ingest.errors import EmptyFile, FileTooLarge
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.encodings import decode
from ingest.loaders.limits import RAISE_CHARACTERS, LoadLimits, Reading
from ingest.loaders.plain_headings import plain_headings
from ingest.loaders.run_in_headings import in_order, run_in_headings
from ingest.loaders.sniffing import FileKind

SECTION_CHARACTERS = 50_000
_WITHOUT_MARKS = (FileKind.TEXT, FileKind.RTF)
_BYTES_PER_CHARACTER = 4  # the most that any encoding read here takes
_TITLE = re.compile(r"^# +(.{1,300})$", re.MULTILINE)
_TITLE_WITHIN = 2_000


def load_text(path: Path, kind: FileKind, reading: Reading) -> Document:
    """Read a text file. Raises EmptyFile, FileTooLarge."""
    check_text_size(path, reading.limits)
    text = clean_text(decode(path.read_bytes()))
    reading.budget().spend(text)
    title = markdown_title(text) if kind is FileKind.MARKDOWN else ""
    return text_document(text, title=title, kind=kind)


def check_text_size(path: Path, limits: LoadLimits) -> None:
    """Raises FileTooLarge for a file that must have more text than is taken."""
    size = path.stat().st_size
    if size > _BYTES_PER_CHARACTER * limits.max_characters:
        raise FileTooLarge(
            f"has {size / 1e6:,.0f} MB of text, more than {limits.max_characters:,} characters;"
            f" split it into smaller files, or {RAISE_CHARACTERS}."
        )


def text_document(text: str, *, title: str, kind: FileKind) -> Document:
    """A document without pages. Raises EmptyFile if there is nothing but white space."""
    if not text.strip():
        raise EmptyFile("has no text in it.")
    sections = split_sections(text)
    run_in = run_in_headings(sections)
    alone = plain_headings(sections) if kind in _WITHOUT_MARKS else [()] * len(sections)
    pages = tuple(
        Page(None, section, headings=in_order(lines, titles))
        for section, lines, titles in zip(sections, alone, run_in, strict=True)
    )
    return Document(title=title, media_type=kind.value, pages=pages)


def markdown_title(text: str) -> str:
    """The first top-level heading near the start, or ""."""
    match = _TITLE.search(text, 0, _TITLE_WITHIN)
    return one_line(match.group(1).rstrip("# ")) if match else ""


def headed(page: Page, heading: str) -> Page:
    """The page below a heading; what is a heading on it is one level lower."""
    top = f"# {heading}"
    lead = f"{top}\n\n"
    below = (
        Heading(each.start + len(lead), each.end + len(lead), each.level + 1)
        for each in page.headings
    )
    text = lead + page.text if page.text else top
    return replace(page, text=text, headings=(Heading(0, len(top), 1), *below))


def split_sections(text: str, *, max_characters: int = SECTION_CHARACTERS) -> list[str]:
    """Cut text into parts of at most `max_characters` that together are the whole text.

    A part ends before a Markdown heading, else after a blank line, a line, a sentence, a space,
    whichever is the best one in its second half; else anywhere.
    """
    sections = []
    start = 0
    while len(text) - start > max_characters:
        end = _section_end(text, start + max_characters // 2, start + max_characters)
        sections.append(text[start:end])
        start = end
    sections.append(text[start:])
    return [section for section in sections if section.strip()]


def _section_end(text: str, earliest: int, latest: int) -> int:
    """The best cut in (earliest, latest]."""
    for separator, keep in (("\n# ", 1), ("\n## ", 1), ("\n\n", 2), ("\n", 1), (". ", 2), (" ", 1)):
        found = text.rfind(separator, earliest, latest)
        if found != -1:
            return min(found + keep, latest)
    return latest
