"""How much of one file is taken before it is refused; protects memory, disk and patience.

A file beyond a limit is skipped with a sentence that names the limit, never cut silently.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ingest.errors import FileTooLarge

# The two that a user can raise, as rag.settings has them; the others protect from broken files.
RAISE_BYTES = "raise PAPERLIGHT_MAX_FILE_MB"
RAISE_CHARACTERS = "raise PAPERLIGHT_MAX_FILE_CHARACTERS"
MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """Limits of one file.

    max_bytes: of the file as it lies on disk.
    max_characters: of extracted text. 20 million are about 25,000 passages; embedding them on two
        CPU cores takes most of an hour.
    max_pages: of a paged document.
    max_unpacked_bytes: of a zipped format (DOCX), as its directory declares; zip bombs end here.
    max_seconds: of extraction, OCR not counted; looked at between pages.
    max_silent_seconds, seconds_per_megabyte: a worker that has read no page for this long, plus
        this much for each megabyte of the file, is ended.
    max_memory_bytes: of address space of the process that reads it, where the system limits that.
    """

    max_bytes: int = 1 << 30
    max_characters: int = 20_000_000
    max_pages: int = 20_000
    max_unpacked_bytes: int = 1 << 29
    max_seconds: float = 600.0
    max_silent_seconds: float = 120.0
    seconds_per_megabyte: float = 1.0
    max_memory_bytes: int = 2 << 30

    def silent_seconds(self, byte_size: int) -> float:
        """How long a worker may read no page of a file of this size."""
        return self.max_silent_seconds + byte_size / 1e6 * self.seconds_per_megabyte

    def check_pages(self, page_count: int) -> None:
        """Raises FileTooLarge of a document with too many pages."""
        if page_count > self.max_pages:
            raise FileTooLarge(
                f"has {page_count:,} pages, more than {self.max_pages:,}; split it into smaller"
                " files."
            )


@dataclass(slots=True)
class Budget:
    """What is left of the limits while one file is being read.

    pages: that have text so far; a scan's are looked at two or three times.
    """

    limits: LoadLimits
    alive: Callable[[int], None] = lambda _pages: None
    pages: int = 0
    characters: int = 0
    started: float = field(default_factory=time.monotonic)

    def spend(self, text: str) -> None:
        """Count extracted text. Raises FileTooLarge once characters or seconds run out."""
        self.pages += bool(text.strip())
        self.alive(self.pages)
        self.characters += len(text)
        if self.characters > self.limits.max_characters:
            raise FileTooLarge(
                f"has more than {self.limits.max_characters:,} characters of text; split it into"
                f" smaller files, or {RAISE_CHARACTERS}."
            )
        if time.monotonic() - self.started > self.limits.max_seconds:
            raise FileTooLarge(
                f"took more than {self.limits.max_seconds:.0f} seconds to read; split it into"
                " smaller files."
            )

    def untimed(self, texts: Iterable[str]) -> Iterator[str]:
        """The same texts; the seconds for which each is waited for are not counted."""
        texts = iter(texts)
        while True:
            asked = time.monotonic()
            text = next(texts, None)
            self.started += time.monotonic() - asked
            if text is None:
                return
            yield text


@dataclass(frozen=True, slots=True)
class Reading:
    """How one file is to be read.

    password: for encrypted files. ocr_languages: of Tesseract, joined by "+"; "" for no OCR.
    cores: how many may work on it, at least 1. alive: called with the number of pages read so
    far. depth: of archives around this file.
    """

    limits: LoadLimits
    password: str = ""
    ocr_languages: str = ""
    cores: int = 1
    alive: Callable[[int], None] = lambda _pages: None
    depth: int = 0

    def budget(self) -> Budget:
        """A full budget for a file that is about to be read."""
        return Budget(self.limits, self.alive)
