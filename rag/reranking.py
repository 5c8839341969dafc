"""A second look at the best candidates of a search, and the order that comes of it.

Knows passages as text and whatever judges them through a protocol; it loads no model. A reranker
that fails costs the better order and never the answer.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from inference.request import InferenceError
from ingest.search_filter import SearchFilter
from rag.errors import RerankingFailed
from rag.generator import NOBODY, Caller
from rag.results import Hit
from rag.search import Search

logger = logging.getLogger(__name__)

_JUDGEMENTS_KEPT = 8192  # a key is a question and a passage: about 1 KB each


class Reranker(Protocol):
    """What judges passages, e.g. rag.cross_encoder.CrossEncoderReranker."""

    @property
    def share(self) -> float:
        """How much of the order is its own, in (0, 1]; the search's similarity has the rest."""
        ...

    def warm_up(self) -> None:
        """Load what is not loaded with the library's other models."""
        ...

    def relevances(
        self, question: str, passages: Sequence[str], caller: Caller
    ) -> list[float] | None:
        """How probably each passage answers the question, in [0, 1]; None where it was cancelled.

        Raises RerankingFailed or the engine's InferenceError.
        """
        ...


class RerankingSearch:
    """A search whose best candidates are put into a reranker's order. Thread-safe.

    reranker: called when there is something to judge, so that it loads no sooner; None leaves the
        search's own order. candidates: so many of the best are judged; the others stay behind them.
    """

    def __init__(
        self, search: Search, reranker: Callable[[], Reranker] | None, *, candidates: int
    ) -> None:
        self._search = search
        self._reranker = reranker
        self._candidates = candidates
        self._judged: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        filter: SearchFilter | None = None,
        caller: Caller = NOBODY,
    ) -> list[Hit]:
        """The k best passages, best first; see `HybridSearch.search`.

        caller: for whom; once that one has left, nothing more is looked for or judged. Raises what
        loading the reranker raises.
        """
        if self._reranker is None:
            return self._search.search(query, k, filter=filter, cancel=caller.cancel)
        found = self._search.search(
            query, max(k, self._candidates), filter=filter, cancel=caller.cancel
        )
        judged = found[: self._candidates]
        if len(judged) < 2:
            return found[:k]
        reranker = self._reranker()
        relevances = self._relevances(reranker, query, judged, caller)
        if relevances is None:
            return found[:k]
        return reranked(found, relevances, share=reranker.share)[:k]

    def knows_language(self, query: str) -> bool:
        """Whether the embedder has words for this query, so that its similarities mean anything."""
        return self._search.knows_language(query)

    def _relevances(
        self, reranker: Reranker, query: str, hits: Sequence[Hit], caller: Caller
    ) -> list[float] | None:
        """Of each hit; None where they cannot be had."""
        texts = [hit.titled_text for hit in hits]
        with self._lock:
            known = {
                text: self._judged[query, text] for text in texts if (query, text) in self._judged
            }
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            try:
                new = reranker.relevances(query, missing, caller)
            except (InferenceError, RerankingFailed) as error:
                logger.warning("Passages stay in the search's order, not reranked: %s", error)
                return None
            if new is None:
                return None
            known.update(zip(missing, new, strict=True))
            with self._lock:
                self._judged.update(((query, text), known[text]) for text in missing)
                while len(self._judged) > _JUDGEMENTS_KEPT:
                    self._judged.popitem(last=False)
        return [known[text] for text in texts]


def reranked(hits: Sequence[Hit], relevances: Sequence[float], *, share: float) -> list[Hit]:
    """Hits in a new order, with similarities that descend again.

    relevances: in [0, 1], of the first hits; those without one follow in the order they had.
    share: in (0, 1]: a hit's similarity becomes so much of its relevance and the rest of what the
        search gave it, as a part of what it gave the best. Ties keep the search's order.
    """
    best = max(hits[0].similarity, 1e-9)
    judged = [
        replace(
            hit,
            similarity=share * relevance + (1.0 - share) * hit.similarity / best,
            reason="; ".join(filter(None, (hit.reason, f"reranker {relevance:.2f}"))),
        )
        for hit, relevance in zip(hits, relevances, strict=False)
    ]
    judged.sort(key=lambda hit: -hit.similarity)
    scale = judged[-1].similarity / best
    return judged + [replace(hit, similarity=hit.similarity * scale) for hit in hits[len(judged) :]]
