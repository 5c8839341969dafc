"""Question in, cited answer out. `Library` is the whole API; the rest are the parts it is made of.

Importing this package loads nothing: each name is looked up when it is first used, so that
`paperlight --help` does not wait for NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.search_filter import SearchFilter
    from rag.extraction import Extraction
    from rag.library import Library
    from rag.results import (
        Answer,
        AnswerEvent,
        AnswerStage,
        AnswerTimings,
        AnswerUsage,
        Citation,
        Hit,
        Turn,
    )
    from rag.settings import Settings
    from rag.summary import Summary

__all__ = [
    "Answer",
    "AnswerEvent",
    "AnswerStage",
    "AnswerTimings",
    "AnswerUsage",
    "Citation",
    "Extraction",
    "Hit",
    "Library",
    "SearchFilter",
    "Settings",
    "Summary",
    "Turn",
]


_MODULES = {
    "Extraction": "rag.extraction",
    "Library": "rag.library",
    "SearchFilter": "ingest.search_filter",
    "Settings": "rag.settings",
    "Summary": "rag.summary",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name, "rag.results")
    return getattr(import_module(module), name)
