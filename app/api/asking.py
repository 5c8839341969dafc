"""One question to the documents, bound to whoever asked it over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from ingest.search_filter import SearchFilter
from rag.library import Library
from rag.results import Answer, AnswerEvent, Turn


class Asking:
    """A question under way. Its methods block; `cancel` ends them soon, from any thread."""

    def __init__(
        self,
        library: Library,
        question: str,
        *,
        history: Sequence[Turn],
        filter: SearchFilter,
        client: str,
    ) -> None:
        self._library = library
        self._question = question
        self._history = history
        self._filter = filter
        self._client = client
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End what runs: the search ends after its present stage, the engine stops generating."""
        self._cancelled.set()

    def answer(self) -> Answer:
        """The whole answer; see Library.ask."""
        return self._library.ask(
            self._question,
            history=self._history,
            filter=self._filter,
            cancel=self._cancelled,
            client=self._client,
        )

    def events(self) -> Iterator[AnswerEvent]:
        """The answer in steps; see Library.stream."""
        return self._library.stream(
            self._question,
            history=self._history,
            filter=self._filter,
            cancel=self._cancelled,
            client=self._client,
        )
