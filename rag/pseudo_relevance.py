"""Pseudo-relevance feedback: a question's vector, moved towards the best passages so far. Pure.

The best passages of a search are not all right, but they are mostly about what was asked for, in
the words that documents have for it. Rocchio's rule (1971) adds their mean to the question; on the
vectors of an embedder it is that of Li et al. 2021, "Pseudo Relevance Feedback with Deep Language
Models and Dense Retrievers", arXiv:2108.11044. What was measured here is in docs/decisions.md.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from rag.vectors import Vectors


def moved_towards(query: Vectors, best: Vectors, *, share: float) -> Vectors:
    """(dim,) float32 unit vector: the query plus `share` times the mean of the best passages.

    query: (dim,) unit vector. best: (n, dim) unit vectors; of none, the query stays as it is.
    share: 0 or more; 0 leaves the query as it is.
    """
    if share < 0.0:
        raise ValueError(f"share must be 0 or more, got {share}")
    if not len(best):
        return query
    moved = query + share * best.mean(axis=0)
    length = float(np.linalg.norm(moved))
    # Passages that mean the opposite of the question, all of them, could cancel it out.
    return cast("Vectors", (moved / length).astype(np.float32)) if length > 0.0 else query
