"""Late interaction: how well the tokens of a question are answered by tokens of a passage. Pure.

One vector stands for a passage of many things; here each token of the question looks for its own
nearest in the passage (MaxSim; Khattab and Zaharia 2020, "ColBERT", arXiv:2004.12832). The vectors
are those of the bundled embedder before it takes their mean: it was not trained for this, and they
tell passages apart all the same. What was measured is in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from rag.vectors import Vectors


def highest_cosines(question: Vectors, passage: Vectors) -> Vectors:
    """For each token of the question its highest cosine with a token of the passage.

    question: (n, dim) unit rows. passage: (tokens, dim) unit rows. (n,) in [-1, 1]; 0 where the
    passage has no token.
    """
    if not len(passage):
        return np.zeros(len(question), dtype=np.float32)
    return cast("Vectors", (question @ passage.T).max(axis=1))


def token_similarities(question: Vectors, passages: Sequence[Vectors]) -> list[float]:
    """For each passage the mean, over the question's tokens, of the highest cosine with a token.

    The arguments are those of `highest_cosines`. In [-1, 1]; 0 where the question has no token.
    """
    if not len(question):
        return [0.0] * len(passages)
    return [float(highest_cosines(question, passage).mean()) for passage in passages]
