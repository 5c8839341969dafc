"""Small files that are ready are embedded together, so that they fill batches as large ones do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ingest.file_reading import ReadFile
from ingest.outcomes import FileOutcome
from ingest.progress import Reporter, Stage
from ingest.records import FloatMatrix

# A file with this many chunks fills batches by itself; smaller ones are put together until they
# have so many, or until the next file is not yet read.
_LARGE_FILE_CHUNKS = 32
_GROUP_CHUNKS = 128


class GroupEmbedder(Protocol):
    """What makes the vectors."""

    def embed_passages(
        self, texts: Sequence[str], *, on_batch: Callable[[Sequence[int]], None] | None = None
    ) -> FloatMatrix:
        """(len(texts), dim) float32. on_batch: called with the rows of each batch that is done."""
        ...


@dataclass(slots=True)
class Waiting:
    """A file that was read and is to be embedded, or an outcome that waits for those before it."""

    report: Reporter
    result: ReadFile | FileOutcome

    @property
    def is_read(self) -> bool:
        """Whether it is to be embedded."""
        return isinstance(self.result, ReadFile)


def fits(result: ReadFile | FileOutcome, waiting: Sequence[Waiting]) -> bool:
    """Whether a file may be embedded together with those that wait."""
    sizes = [len(item.result.chunks) for item in waiting if isinstance(item.result, ReadFile)]
    if not sizes or isinstance(result, FileOutcome):
        return True
    size = len(result.chunks)
    return size < _LARGE_FILE_CHUNKS and size + sum(sizes) <= _GROUP_CHUNKS


def has_twin(result: ReadFile | FileOutcome, others: Sequence[Waiting]) -> bool:
    """Whether a file with the same bytes is among others: once that is stored, it is known."""
    if isinstance(result, FileOutcome):
        return False
    return any(
        (item.result.file.collection, item.result.content.sha256)
        == (result.file.collection, result.content.sha256)
        for item in others
        if isinstance(item.result, ReadFile)
    )


def is_complete(waiting: Sequence[Waiting]) -> bool:
    """Whether there is nothing to be gained from waiting for another file."""
    sizes = [len(item.result.chunks) for item in waiting if isinstance(item.result, ReadFile)]
    return not sizes or max(sizes) >= _LARGE_FILE_CHUNKS


def vectors_of(
    embedder: GroupEmbedder, waiting: Sequence[Waiting], between: Callable[[], None]
) -> list[FloatMatrix | MemoryError]:
    """For each file (chunks, dim) float32, or that it is too large to be embedded.

    between: called before the first batch and after each; what it raises ends the embedding.
    """
    if not waiting:
        return []
    try:
        return list(_embed(embedder, waiting, between))
    except MemoryError as error:
        if len(waiting) == 1:
            return [error]
        return [each for item in waiting for each in vectors_of(embedder, [item], between)]


def _embed(
    embedder: GroupEmbedder, waiting: Sequence[Waiting], between: Callable[[], None]
) -> list[FloatMatrix]:
    """Embed the chunks of several files together; (chunks, dim) float32 of each."""
    texts: list[str] = []
    owners: list[int] = []
    for number, item in enumerate(waiting):
        assert isinstance(item.result, ReadFile)
        texts += item.result.passages
        owners += [number] * len(item.result.passages)
        pages, chunks = len(item.result.document.pages), len(item.result.chunks)
        item.report(Stage.EMBEDDING, pages=pages, chunks=chunks)
    embedded = [0] * len(waiting)

    def on_batch(rows: Sequence[int]) -> None:
        for row in rows:
            embedded[owners[row]] += 1
        for number in sorted({owners[row] for row in rows}):
            waiting[number].report(Stage.EMBEDDING, chunks_embedded=embedded[number])
        between()

    between()
    vectors = embedder.embed_passages(texts, on_batch=on_batch)
    ends = np.cumsum(np.bincount(owners, minlength=len(waiting)))
    return np.split(vectors, ends[:-1])
