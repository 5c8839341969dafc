"""The files in a file: pages of its one document, each file's under a heading with its name.

A file that cannot be read is listed with the reason, so that nothing is left out in silence.
No file's name is ever used as a path.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ingest.documents import Document, Page
from ingest.errors import EmptyFile, UnreadableFile
from ingest.loaders.characters import one_line
from ingest.loaders.limits import Budget
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import headed, split_sections
from ingest.marked_headings import MARKED_TYPES, marked_headings

LoadPart = Callable[[Path, str], Document]


class Parts:
    """Collects the pages of a container.

    pages: so far. read: how many parts could be read, the container's own text among them.
    """

    def __init__(self, load_part: LoadPart, budget: Budget) -> None:
        self._load_part = load_part
        self._budget = budget
        self.pages: list[Page] = []
        self.read = 0

    def text(self, text: str, *, is_marked: bool = False) -> None:
        """Add the container's own text. is_marked: it has marks for its headings."""
        self._budget.spend(text)
        self.read += 1
        pages = (Page(None, section) for section in split_sections(text))
        self.pages += map(_marked, pages) if is_marked else pages

    def add(self, name: str, stream: BinaryIO) -> None:
        """Add a part; its reason, if it cannot be read."""
        shown = one_line(name.replace("\\", "/")) or "attachment"
        with tempfile.TemporaryDirectory(prefix="paperlight-") as folder:
            path = Path(folder) / "part"
            with path.open("wb") as file:
                shutil.copyfileobj(stream, file)
            try:
                pages = _with_headings(self._load_part(path, shown))
                self.read += 1
            except UnreadableFile as error:
                pages = (Page(None, f"({shown} {error})"),)
        for page in pages:
            place = "" if page.number is None else f", page {page.number}"
            if page.text.strip():
                below = headed(replace(page, number=None), f"{shown}{place}")
                self._budget.spend(below.text)
                self.pages.append(below)

    def document(self, title: str, kind: FileKind) -> Document:
        """All of it. Raises EmptyFile if there is nothing, or nothing of it can be read."""
        if not self.read:
            listed = "; ".join(page.text.partition("\n\n")[2] for page in self.pages[:3])
            raise EmptyFile(f"has nothing in it that can be read{': ' if listed else ''}{listed}.")
        return Document(title=title, media_type=kind.value, pages=tuple(self.pages))


def _with_headings(part: Document) -> tuple[Page, ...]:
    """A part's pages with its headings, which the type of the whole says nothing of."""
    is_marked = part.media_type in MARKED_TYPES
    return tuple(map(_marked, part.pages)) if is_marked else part.pages


def _marked(page: Page) -> Page:
    return replace(page, headings=tuple(marked_headings(page.text)))
