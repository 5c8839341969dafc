"""What one browser session keeps between reruns, typed; and whether the session still has a reader.

Streamlit's session state is a dictionary of anything; this is the only module that touches it
for the page's own data, so that everything else works with a typed object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.ui.exchange import Exchange
from app.ui.uploads import UploadJob
from ingest.search_filter import SearchFilter
from rag.feedback import Feedback

_KEY = "paperlight"


@dataclass(frozen=True, slots=True)
class OpenSource:
    """The place that the source drawer shows.

    page_index: 0-based into the document. start, end: the quoted span in the page's text; equal
    when the page is shown without a quote. marker: the citation's number, or None.
    """

    document_id: str
    page_index: int
    start: int = 0
    end: int = 0
    marker: int | None = None


@dataclass(frozen=True, slots=True)
class Rated:
    """What the reader thinks of an answer. feedback: as it is kept; None when that failed.

    error: why it failed.
    """

    feedback: Feedback | None
    error: str = ""


@dataclass(slots=True)
class PageState:
    """One session's conversation, uploads and open panels.

    uploader_version: part of the uploader's key; a new number empties the uploader.
    source, page_shown: the open drawer and the 0-based page turned to in it.
    removing: the document whose removal is to be confirmed. collection: None for all.
    documents: the ids of those that are asked; none for all.
    rated: by the number of the exchange.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    upload: UploadJob | None = None
    uploader_version: int = 0
    source: OpenSource | None = None
    page_shown: int = 0
    removing: str | None = None
    collection: str | None = None
    documents: list[str] = field(default_factory=list)
    rated: dict[int, Rated] = field(default_factory=dict)

    def open(self, source: OpenSource | None) -> None:
        """Show a place in the drawer, at its own page; None closes the drawer."""
        self.source = source
        self.page_shown = source.page_index if source is not None else 0

    @property
    def filter(self) -> SearchFilter:
        """Which documents are asked."""
        return SearchFilter(collection=self.collection, documents=self.documents)

    @property
    def running(self) -> Exchange | None:
        """The exchange that is still being answered, if any."""
        last = self.exchanges[-1] if self.exchanges else None
        return last if last is not None and not last.progress.stage.finished else None


def page_state() -> PageState:
    """This session's state, made on first use."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = PageState()
    state: PageState = st.session_state[_KEY]
    return state


def session_id() -> str:
    """Names this session towards the engine, which is fair between sessions."""
    context = get_script_run_ctx()
    return context.session_id if context is not None else ""


def reader_watch() -> Callable[[], bool]:
    """A function, callable from any thread, that says whether this session's browser is there.

    A closed tab loses its web socket at once, while Streamlit keeps the session itself for a
    while (`server.disconnectedSessionTTL`) in case the browser comes back.
    """
    reader = session_id()
    if not reader or not runtime.exists():
        return lambda: True
    instance = runtime.get_instance()
    return lambda: instance.is_active_session(reader)
