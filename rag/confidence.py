"""How likely it is that the retrieved passages answer a question, as one calibrated number. Pure.

A logistic regression over what is known before a word of the answer is written: how near the best
passage and the best sentence are to the question, and how sure a model that has read the best
sentences is that they answer it. Fitted with bench/calibrate_confidence.py; see docs/decisions.md
for sets and figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Log-odds of a reader beyond these say no more; measured values are rarely outside.
LEAST_CERTAINTY, MOST_CERTAINTY = -4.0, 8.0


@dataclass(frozen=True, slots=True)
class Weights:
    """log-odds = bias + certainty * (a reader's log-odds) + similarity * (a cosine)."""

    bias: float
    certainty: float = 0.0
    similarity: float = 0.0


# By what is known. SQuAD2 and ClapNQ dev, as many answerable questions as others; the reader is
# Qwen2.5-Coder-1.5B, the similarity all-MiniLM-L6-v2's.
_BOTH = Weights(bias=-4.43, certainty=0.308, similarity=6.64)
_SIMILARITY_ALONE = Weights(bias=-4.65, similarity=8.10)
_CERTAINTY_ALONE = Weights(bias=-0.78, certainty=0.392)


@dataclass(frozen=True, slots=True)
class Confidence:
    """A probability in [0, 1] that the passages answer the question, and what it is made of.

    similarity: the mean of the highest cosines of a passage and of a sentence with the question,
        in [-1, 1]; None where the embedder does not know the language. certainty: a reader's
        log-odds; None where nobody has read.
    """

    value: float
    similarity: float | None = None
    certainty: float | None = None


def confidence(similarity: float | None, certainty: float | None) -> Confidence | None:
    """The confidence that follows from what is known; None where nothing is."""
    if similarity is None and certainty is None:
        return None
    if similarity is None:
        weights = _CERTAINTY_ALONE
    elif certainty is None:
        weights = _SIMILARITY_ALONE
    else:
        weights = _BOTH
    bounded = min(max(certainty or 0.0, LEAST_CERTAINTY), MOST_CERTAINTY)
    log_odds = weights.bias + weights.certainty * bounded + weights.similarity * (similarity or 0.0)
    return Confidence(1.0 / (1.0 + math.exp(-log_odds)), similarity, certainty)
