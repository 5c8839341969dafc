"""Late interaction: how well the tokens of a question are answered by tokens of a passage. Pure.

One vector stands for a passage of many things; here each token of the question looks for its own
nearest in the passage (MaxSim; Khattab and Zaharia 2020, "ColBERT", arXiv:2004.12832). The vectors
are those of the bundled embedder before it takes their mean: it was not trained for this, and they
tell passages apart all the same. What was measured is in docs/decisions.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from rag.vectors import Vectors


def token_similarities(question: Vectors, passages: Sequence[Vectors]) -> list[float]:
    """For each passage the mean, over the question's tokens, of the highest cosine with a token.

    question: (n, dim) unit rows. passages: each (tokens, dim) unit rows. In [-1, 1]; 0 where the
    question or the passage has no token.
    """
    return [
        float((question @ passage.T).max(axis=1).mean()) if len(question) and len(passage) else 0.0
        for passage in passages
    ]
