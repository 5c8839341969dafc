"""How files are taken in: plain numbers and switches, from whoever puts the program together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from ingest.chunking import MAX_TOKENS
from ingest.loaders import LoadLimits

_MAX_WORKERS = 8  # each document that was read ahead waits in memory


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How files are taken in.

    keep_originals: keep a copy of each file, to show its pages.
    chunk_tokens: most tokens of a chunk, in the embedder's tokens; less where it reads fewer.
    ocr_languages: of Tesseract, joined by "+"; "" reads no pictures.
    cores: to be used, at least 1. workers: processes that read files, at least 1.
    """

    keep_originals: bool = True
    chunk_tokens: int = MAX_TOKENS
    limits: LoadLimits = field(default_factory=LoadLimits)
    ocr_languages: str = "eng"
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    workers: int = field(
        default_factory=lambda: min(_MAX_WORKERS, max(1, (os.cpu_count() or 2) - 1))
    )
