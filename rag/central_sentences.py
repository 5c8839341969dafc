"""Which sentences stand for a document: near to what it is about, and not to one another. Pure.

Source: centroids, Radev et al. 2004, Centroid-based summarization of multiple documents, of
embeddings as in Rossiello et al. 2017; maximal marginal relevance, Carbonell and Goldstein 1998.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rag.sentences import is_row, opens_item
from rag.terms import content_terms
from rag.windows import is_labelled, is_sentence

_NEWNESS = 0.3  # of the weight, beside what it says of the document
_OPENS = 0.1  # a first sentence says what follows is about
_FEWEST_TERMS = 4
_MOST_CHARACTERS = 400
# Who reads it alone does not know what it leans on.
_LEANS = re.compile(
    r"\W*(?:it|its|they|their|he|his|she|her|this|that|these|those|both|such|and|but|however|also|so"
    r"|therefore|then|otherwise|instead|see|note)\b",
    re.IGNORECASE,
)


def stands_alone(sentence: str) -> bool:
    """Whether a sentence is one, and can be understood without those around it."""
    return (
        is_sentence(sentence)
        and not sentence.endswith((":", "：", "?", "？"))
        and len(sentence) <= _MOST_CHARACTERS
        and not is_row(sentence)
        and not opens_item(sentence, 0)
        and not is_labelled(sentence)
        and _LEANS.match(sentence) is None
        and len(content_terms(sentence)) >= _FEWEST_TERMS
    )


def central(vectors: NDArray[np.float32], count: int, *, opening: Sequence[bool]) -> list[int]:
    """Up to `count` rows that stand for all, in ascending order.

    vectors: (n, dim) float32 of unit length, n >= 1. opening: of each, whether it opens a passage.
    """
    centre = vectors.mean(axis=0)
    centre /= max(float(np.linalg.norm(centre)), 1e-12)
    about = vectors @ centre + _OPENS * np.asarray(opening, dtype=np.float32)
    nearest = np.zeros(len(vectors), dtype=np.float32)  # to any that is chosen
    chosen: list[int] = []
    left = np.ones(len(vectors), dtype=bool)
    while left.any() and len(chosen) < count:
        worth = np.where(left, (1 - _NEWNESS) * about - _NEWNESS * nearest, -np.inf)
        best = int(worth.argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, vectors @ vectors[best])
    return sorted(chosen)
