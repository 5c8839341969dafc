"""What the store keeps and gives back about documents and passages: plain frozen data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ingest.documents import READING_VERSION, Chunk, Document

FloatMatrix = npt.NDArray[np.float32]  # (n, dim)
ChunkIds = npt.NDArray[np.int64]  # (n,)

DEFAULT_COLLECTION = "default"


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document of the library.

    document_id: made from collection, source and content: adding the same again gives the same.
    name: the file's name, safe to show; "archive.zip/its name" where it came out of an archive.
    path: the source: an absolute path, or "upload:<name>", with what cannot be shown escaped; see
        ingest.naming.
    sha256: of the file's bytes, lower-case hex. byte_size: of the file.
    page_count: pages, or sections of a format without pages. added_at: with time zone UTC.
    reading_version: how its bytes were read; see ingest.documents.
    """

    document_id: str
    name: str
    path: str
    collection: str
    sha256: str
    media_type: str
    title: str
    byte_size: int
    page_count: int
    chunk_count: int
    added_at: datetime
    reading_version: int = READING_VERSION

    @property
    def is_outdated(self) -> bool:
        """Whether an older version of this program read it."""
        return self.reading_version < READING_VERSION


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A passage and where it stands.

    page_number: 1-based, None where the format has no pages. page_index: 0-based.
    text == page text[start:end]. read_by_ocr: the page's text was; see Page.
    sections: as in Chunk; () where an older version of this program read the document.
    """

    chunk_id: int
    document_id: str
    document_name: str
    document_path: str
    collection: str
    page_number: int | None
    page_index: int
    start: int
    end: int
    text: str
    heading: str
    read_by_ocr: bool = False
    sections: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be stored.

    vectors: (len(chunks), dim) float32 unit vectors, in the order of `chunks`.
    moved_from: id of the document of these bytes whose place this one takes, as the file was moved.
    """

    name: str
    source: str
    collection: str
    sha256: str
    byte_size: int
    document: Document
    chunks: Sequence[Chunk]
    vectors: FloatMatrix
    moved_from: str = ""
    reading_version: int = READING_VERSION


@dataclass(frozen=True, slots=True)
class PendingFile:
    """A file that was accepted and not yet finished.

    path: where its bytes lie. staged: the bytes are a copy that the library owns.
    owner: the claim of the process that works on it; see ingest.claims.
    """

    pending_id: int
    path: Path
    staged: bool
    name: str
    source: str
    collection: str
    owner: str
