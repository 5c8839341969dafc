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

from ingest.documents import Document, Heading, Page
from ingest.errors import EmptyFile, UnreadableFile
from ingest.loaders.characters import one_line
from ingest.loaders.limits import Budget
from ingest.loaders.mail_quotes import without_quote_marks, writers
from ingest.loaders.run_in_headings import in_order
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

    def mail(
        self, head: str, body: str, writer: str, *, is_marked: bool, is_of_many: bool = False
    ) -> None:
        """Add the text of an e-mail.

        is_marked: the body has marks for its headings. is_of_many: it has one of its own, what
        its head begins with.
        """
        text = f"{head}\n\n{without_quote_marks(body, writer)}".strip()
        top = (Heading(0, len(text.partition("\n")[0]), 1),) if is_of_many else ()
        self._budget.spend(text)
        self.read += 1
        for section in split_sections(text):
            page = Page(None, section, headings=(*top, *writers(section, writer)))
            self.pages.append(_marked(page) if is_marked else page)
            top = ()

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
    return replace(page, headings=in_order(marked_headings(page.text), page.headings))
