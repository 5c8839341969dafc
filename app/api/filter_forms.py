"""Which documents a request is about: a part of the body of every question, or of an address."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.api.bodies import OwnBody
from ingest.search_filter import SearchFilter, combined, moment


class FilterBody(OwnBody):
    """Only documents that fit every part."""

    collection: str | None = Field(default=None, description="Its name")
    documents: list[str] = Field(
        default_factory=list,
        max_length=1_000,
        description="Any of these: ids, file names, paths, or patterns of them such as report*.pdf",
    )
    types: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Any of these: pdf, word, email, spreadsheet, html..., or media types",
    )
    since: str | None = Field(
        default=None,
        max_length=100,
        description="Added at this date or time (ISO 8601; UTC where no zone is given) or later",
    )
    before: str | None = Field(default=None, max_length=100, description="Added before this one")

    def search_filter(self) -> SearchFilter:
        """What was chosen. Raises InvalidFilter."""
        return SearchFilter(
            collection=self.collection,
            documents=self.documents,
            types=self.types,
            since=None if self.since is None else moment(self.since),
            before=None if self.before is None else moment(self.before),
        )


class FilteredBody(BaseModel):
    """A body that may choose the documents."""

    collection: str | None = Field(default=None, description="Where to look; all without it")
    filter: FilterBody | None = Field(
        default=None, description="Which documents to look at; all without it"
    )

    def search_filter(self) -> SearchFilter:
        """What was chosen. Raises InvalidFilter."""
        return combined(self.collection, (self.filter or FilterBody()).search_filter())
