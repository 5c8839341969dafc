"""How likely it is that the retrieved passages answer a question, as one calibrated number. Pure.

A logistic regression over what is known before a word of the answer is written: how near the
chosen sentence is to the question, how well it fits as an answer, and what a model that judged the
best sentences (rag.judge) says of it. Fitted with bench/calibrate_confidence.py; see
docs/decisions.md for sets and figures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Weights:
    """log-odds = bias + the sum of each weight times the field of Confidence of its name."""

    bias: float
    stated: float = 0.0
    similarity: float = 0.0
    fit: float = 0.0
    standout: float = 0.0


# By what is known. SQuAD2, ClapNQ and questions about the sample documents, as many answerable
# ones as others; the judge is Qwen2.5-Coder-1.5B, the similarity all-MiniLM-L6-v2's. A judge of
# single sentences knows well whether one has a fact (area under the curve .79 to .93), and less of
# what several sentences answer (.74 to .81).
_OF_A_FACT = Weights(bias=0.1, stated=1.54, fit=0.44)
_OF_MORE = Weights(bias=-2.55, stated=0.75, similarity=3.93, fit=0.77)
# How near the other passages are tells more of how near one must be than any number does: questions
# differ in how near everything is to them (docs/decisions.md, "Where nobody judges").
_UNJUDGED = Weights(bias=-2.5, similarity=2.0, fit=1.2, standout=1.5)
# Of a question in another language than English, which the embedder knows by pieces of words: a
# cosine says little there that the fit does not. XQuAD, half of its paragraphs in the library,
# 150 questions that those answer and 150 that the others do: area under the curve of _UNJUDGED and
# of the fit alone, German .903 .941, Spanish .912 .958.
_UNJUDGED_ELSEWHERE = Weights(bias=-3.7, fit=4.0)
# What a table tells in the one cell that all of the question names is near it, however few words
# a row has in common with a question; only where nobody has judged.
_NAMED_CELL = 1.5
# Where the embedder does not know the language: the judge alone, at its word.
_STATED_ALONE = Weights(bias=0.0, stated=1.36)


@dataclass(frozen=True, slots=True)
class Confidence:
    """A probability in [0, 1] that the passages answer the question, and what it is made of.

    similarity: the cosine of the question and the chosen sentence under its heading, in [-1, 1];
        None where the embedder does not know the language. fit: of that sentence as an answer,
        rag.extracts.Extract.fit; 0 where there is none. stated: a judge's log-odds
        that the chosen sentence states the answer; None where nobody has judged. mismatch: log-odds
        against it, 0 or more, for what rag.mismatch sees. standout: how much higher the similarity
        is than the mean cosine of the other passages, which tell how near the question is to what
        does not answer it; 0 where there is no similarity.
    """

    value: float
    similarity: float | None = None
    fit: float = 0.0
    stated: float | None = None
    mismatch: float = 0.0
    standout: float = 0.0


def confidence(
    similarity: float | None,
    *,
    fit: float = 0.0,
    standout: float = 0.0,
    stated: float | None,
    mismatch: float = 0.0,
    asks_more: bool = False,
    is_named_cell: bool = False,
    is_english: bool = True,
) -> Confidence | None:
    """The confidence that follows from what is known; None where nothing is.

    asks_more: the question may be answered by several sentences rather than by a fact
        (rag.question_kind). is_named_cell: it is a row of which all of the question names the one
        cell (rag.tables.cells.Cell.is_all). is_english: the question is. The
        other arguments are the fields of Confidence.
    """
    if similarity is None and stated is None:
        return None
    if similarity is None:
        weights = _STATED_ALONE
    elif stated is None:
        weights = _UNJUDGED if is_english else _UNJUDGED_ELSEWHERE
    else:
        weights = _OF_MORE if asks_more else _OF_A_FACT
    log_odds = (
        weights.bias
        + weights.stated * (stated or 0.0)
        + weights.similarity * (similarity or 0.0)
        + weights.fit * fit
        + weights.standout * standout
    )
    if is_named_cell and stated is None:
        log_odds += _NAMED_CELL
    value = 1.0 / (1.0 + math.exp(mismatch - log_odds))
    return Confidence(value, similarity, fit, stated, mismatch, standout)
