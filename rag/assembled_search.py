"""The searches of a library put around each other: the one place that says in which order.

Words and meaning find the passages; a second hop may add what they lead to; those with the figures
that are asked for go first; a reranker, where there is one, has the last word.
"""

from __future__ import annotations

from collections.abc import Callable

from ingest.store import Store
from rag.accounts.calculation import AccountsReader
from rag.accounts.search import AccountsSearch
from rag.glossary import Glossary
from rag.hops import HopSearch
from rag.reranking import Reranker, RerankingSearch
from rag.search import DenseIndex, HybridSearch, Search
from rag.vectors import CachedEmbedder


def assembled_search(
    store: Store,
    synced_index: Callable[[], DenseIndex],
    embedder: Callable[[], CachedEmbedder],
    *,
    glossary: Glossary | None = None,
    hops: int = 1,
    accounts: AccountsReader | None = None,
    reranker: Callable[[], Reranker] | None = None,
    candidates: int,
) -> RerankingSearch:
    """The search that a library's settings describe; loads nothing.

    synced_index, embedder, glossary: as HybridSearch takes them. hops: 2 asks again with what was
    found. accounts: None leaves questions about accounts to words and meaning. reranker,
    candidates: as RerankingSearch takes them.
    """
    search: Search = HybridSearch(store, synced_index, embedder, glossary=glossary)
    if hops == 2:
        search = HopSearch(search)
    if accounts is not None:
        search = AccountsSearch(search, accounts, store.document_chunks)
    return RerankingSearch(search, reranker, candidates=candidates)
