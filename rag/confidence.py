"""How likely it is that the retrieved passages answer a question, as one calibrated number. Pure.

A logistic regression over what is known before a word of the answer is written: how near the best
passage and the best sentence are to the question, and what a model that judged the best sentences
(rag.judge) says of the one that is chosen. Fitted with bench/calibrate_confidence.py; see
docs/decisions.md for sets and figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """log-odds = bias + stated * (a judge's log-odds) + similarity * (a cosine)."""

    bias: float
    stated: float = 0.0
    similarity: float = 0.0


# By what is known. SQuAD2 and ClapNQ dev, as many answerable questions as others; the judge is
# Qwen2.5-Coder-1.5B, the similarity all-MiniLM-L6-v2's.
_BOTH = Weights(bias=-3.51, stated=1.13, similarity=5.57)
_SIMILARITY_ALONE = Weights(bias=-4.65, similarity=8.10)
# Fitted, -0.34; but it is needed where the embedder does not know the language, and then the judge
# knows it less well too: RGB's Chinese questions.
_STATED_ALONE = Weights(bias=-0.76, stated=1.34)


@dataclass(frozen=True, slots=True)
class Confidence:
    """A probability in [0, 1] that the passages answer the question, and what it is made of.

    similarity: the mean of the highest cosines of a passage and of a sentence with the question,
        in [-1, 1]; None where the embedder does not know the language. stated: a judge's log-odds
        that the chosen sentence states the answer; None where nobody has judged. mismatch: log-odds
        against it, 0 or more, for what rag.mismatch sees.
    """

    value: float
    similarity: float | None = None
    stated: float | None = None
    mismatch: float = 0.0


def confidence(
    similarity: float | None, stated: float | None, mismatch: float = 0.0
) -> Confidence | None:
    """The confidence that follows from what is known; None where nothing is.

    The arguments are the fields of Confidence.
    """
    if similarity is None and stated is None:
        return None
    if similarity is None:
        weights = _STATED_ALONE
    elif stated is None:
        weights = _SIMILARITY_ALONE
    else:
        weights = _BOTH
    log_odds = (
        weights.bias + weights.stated * (stated or 0.0) + weights.similarity * (similarity or 0.0)
    )
    return Confidence(1.0 / (1.0 + math.exp(mismatch - log_odds)), similarity, stated, mismatch)
