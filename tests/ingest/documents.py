"""Documents ready to be stored, made of plain words, for tests of the store and what follows it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from ingest.documents import Chunk, Document, Page
from ingest.records import NewDocument
from ingest.store import Store
from tests.fakes import HashedWordsEmbedder


def new_document(
    *pages: str,
    name: str = "a.txt",
    source: str = "",
    collection: str = "default",
    title: str = "",
    heading: str = "",
    embedder: HashedWordsEmbedder | None = None,
) -> NewDocument:
    """A document whose paragraphs are its chunks."""
    embedder = embedder or HashedWordsEmbedder()
    document = Document(
        title, "text/plain", tuple(Page(i + 1, text) for i, text in enumerate(pages))
    )
    chunks = []
    for index, text in enumerate(pages):
        start = 0
        for paragraph in text.split("\n\n"):
            end = start + len(paragraph)
            if paragraph:
                chunks.append(Chunk(index, start, end, paragraph, heading))
            start = end + 2
    content = "\f".join(pages).encode()
    return NewDocument(
        name=name,
        source=source or f"/docs/{name}",
        collection=collection,
        sha256=hashlib.sha256(content).hexdigest(),
        byte_size=len(content),
        document=document,
        chunks=chunks,
        vectors=embedder.embed_passages([chunk.text for chunk in chunks]),
    )


def put(store: Store, *pages: str, **settings: str) -> str:
    """Store such a document; returns its id."""
    new = new_document(*pages, **settings)  # type: ignore[arg-type]
    return store.put(new, embedder="hashed-words").document_id


def texts(store: Store, ids: Sequence[int]) -> list[str]:
    """The texts of these chunks."""
    return [chunk.text for chunk in store.chunks(ids)]
