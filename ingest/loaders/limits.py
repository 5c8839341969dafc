"""How much of one file is taken before it is refused; protects memory, disk and patience.

A file beyond a limit is skipped with a sentence that names the limit, never cut silently.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ingest.errors import FileTooLarge


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """Limits of one file.

    max_bytes: of the file as it lies on disk.
    max_characters: of extracted text. 20 million are about 25,000 passages; embedding them on two
        CPU cores takes most of an hour.
    max_pages: of a paged document.
    max_unpacked_bytes: of a zipped format (DOCX), as its directory declares; zip bombs end here.
    max_seconds: of extraction; looked at between pages, so one page may overrun it.
    """

    max_bytes: int = 1 << 30
    max_characters: int = 20_000_000
    max_pages: int = 20_000
    max_unpacked_bytes: int = 1 << 29
    max_seconds: float = 600.0


@dataclass(slots=True)
class Budget:
    """What is left of the limits while one file is being read."""

    limits: LoadLimits
    characters: int = 0
    started: float = field(default_factory=time.monotonic)

    def spend(self, text: str) -> None:
        """Count extracted text. Raises FileTooLarge once characters or seconds run out."""
        self.characters += len(text)
        if self.characters > self.limits.max_characters:
            raise FileTooLarge(
                f"has more than {self.limits.max_characters:,} characters of text; split it into"
                " smaller files, or raise the limit."
            )
        if time.monotonic() - self.started > self.limits.max_seconds:
            raise FileTooLarge(
                f"took more than {self.limits.max_seconds:.0f} seconds to read; split it into"
                " smaller files, or raise the limit."
            )
