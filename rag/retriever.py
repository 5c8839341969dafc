"""The library's search as a LangChain retriever, for chains that somebody already has.

`rag.search` does the work; here it gets LangChain's form.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from ingest.search_filter import SearchFilter, combined
from rag.results import Hit


class Search(Protocol):
    """What finds passages."""

    def search(self, query: str, k: int = 10, *, filter: SearchFilter | None = None) -> list[Hit]:
        """The k best passages, best first."""
        ...


class Retriever(BaseRetriever):
    """Passages of a library as LangChain Documents.

    page_content is the passage; metadata has the other fields of `rag.results.Hit` by name, and
    "source" (the path it was added from), which LangChain's own chains look for.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    searcher: Any = Field(exclude=True, repr=False)  # a Search; pydantic cannot check a Protocol
    k: int = Field(default=4, ge=1)
    collection: str | None = None
    filter: SearchFilter | None = None

    def search(
        self,
        query: str,
        k: int,
        *,
        collection: str | None = None,
        filter: SearchFilter | None = None,
    ) -> list[Hit]:
        """The k best passages, best first; see rag.library.Library.search."""
        searcher: Search = self.searcher
        return searcher.search(query, k, filter=combined(collection, filter))

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 (LangChain's signature)
    ) -> list[Document]:
        hits = self.search(query, self.k, collection=self.collection, filter=self.filter)
        return [as_document(hit) for hit in hits]


def as_document(hit: Hit) -> Document:
    """A hit as LangChain writes it."""
    metadata = asdict(hit)
    text = metadata.pop("text")
    return Document(page_content=text, metadata=metadata | {"source": hit.document_path})
