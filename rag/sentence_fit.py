"""How well a sentence fits a question as its answer: signs, weighed against one another.

Pure but for the embedder it is given. Nothing is understood. bench/best_sentence.py measures how
often the best one answers; docs/decisions.md says where the weights are from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import mean
from typing import Protocol

import numpy as np

from rag.evidence import Evidence
from rag.late_interaction import highest_cosines
from rag.question_kind import (
    CALENDAR_TERMS,
    QuestionKind,
    amount_terms,
    asked_terms,
    has_kind,
    question_kind,
)
from rag.sections import PATH_SEPARATOR
from rag.tables.cells import asked_cell
from rag.terms import content_terms, is_code, number_terms, other_codes, term_pairs
from rag.vectors import Vectors
from rag.windows import Window, is_labelled, is_sentence

# A token's cosine counts up to here: a word that stands there as it is counts as covered too.
_TOKEN_ANSWERED = 0.7
_SHARE_OF_BEFORE = 0.8  # of a cosine with a token of the sentence before
_SHARE_OF_SUBJECT = 0.5  # of what naming it would be worth
_STRONG_BREAK = re.compile(r"[;:](?=\s)")
_PART_TERMS = 4
_OF_TIME = (QuestionKind.DATE, QuestionKind.FREQUENCY)
_PAGE_NUMBER = re.compile(r"\bpage \d+(?: of \d+)?$", re.IGNORECASE)


class SentenceEmbedder(Protocol):
    """What is needed of rag.vectors.CachedEmbedder."""

    def similarities(self, query: str, texts: Sequence[str]) -> list[float]:
        """The cosine of the query and each text."""
        ...

    def query_tokens(self, text: str) -> Vectors:
        """(n, dim) unit vectors of a question's tokens."""
        ...

    def tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """For each text (n, dim), unit vectors of its tokens."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted."""
        ...


@dataclass(frozen=True, slots=True)
class Signs:
    """What speaks for a sentence as an answer, and what against; all in [0, 1] but the cosines.

    covered: the share of the question's words that it has. named: what its document's name adds
        to that, and half of what whom the document is about does. in_passage: the share that its
        passage has.
    tokens: the mean, over the question's tokens, of how well one of the sentence, of what stands
        over it or of the sentence before answers, in [-1, 0.7]. passage: the cosine of its passage
        and the question, in [-1, 1]. Both are 0 where the embedder does not know the language.
    kind: whether it has something of the kind that is asked for, 0.5 where that is not known;
        cause: whether it gives a reason where one is asked for.
    phrases: the share of neighbouring words of the question that are neighbours in it too.
    standing: its passage's similarity as a share of the best one's.
    fragment: 1 for a heading, a page header or the end of a sentence.
    cell: 1 for a row of a table of which the question names the row and one column.
    elsewhere: the share of the question's words that are in the heading of a section beside its
        own and neither in its own nor in itself: the lentil soup's "Serves 4." is not the cake's.
        Of codes, those that it has others for.
    """

    covered: float = 0.0
    named: float = 0.0
    in_passage: float = 0.0
    tokens: float = 0.0
    passage: float = 0.0
    kind: float = 0.0
    cause: float = 0.0
    phrases: float = 0.0
    standing: float = 0.0
    fragment: float = 0.0
    cell: float = 0.0
    elsewhere: float = 0.0


SIGNS = tuple(field.name for field in fields(Signs))
_BIAS = -1.75
_WEIGHTS = Signs(
    covered=0.75,
    named=0.75,
    tokens=3.0,
    passage=1.4,
    kind=0.27,
    fragment=-0.4,
    cell=0.3,
    elsewhere=-1.0,
)
# Where the embedder does not know the language.
_BIAS_OF_WORDS = -0.3
_WEIGHTS_OF_WORDS = Signs(
    covered=1.31,
    named=1.31,
    in_passage=0.33,
    kind=0.25,
    cause=0.2,  # a reason shares few words with what it is the reason of
    phrases=0.3,
    standing=0.3,
    fragment=-0.6,
    cell=0.3,
    elsewhere=-1.0,
)


def fit(signs: Signs, *, words_alone: bool = False) -> float:
    """From about 0 to 2, comparable across questions. words_alone: the embedder is blind."""
    weights, bias = (_WEIGHTS_OF_WORDS, _BIAS_OF_WORDS) if words_alone else (_WEIGHTS, _BIAS)
    return bias + sum(w * s for w, s in zip(as_row(weights), as_row(signs), strict=True))


def as_row(signs: Signs) -> list[float]:
    """The signs in the order of their fields."""
    return [float(getattr(signs, name)) for name in SIGNS]


def find_signs(
    question: str,
    evidence: Evidence,
    windows: Sequence[Window],
    texts: Sequence[str],
    embedder: SentenceEmbedder | None,
) -> list[Signs]:
    """The signs of each window of the evidence.

    texts: the windows', a row's with the lines above it. embedder: None leaves what the words mean
    out.
    """
    wanted = asked_terms(question)
    is_cause = question_kind(question) is QuestionKind.CAUSE
    cosines = _passage_cosines(evidence)
    answered = [0.0] * len(windows)
    if embedder is not None:
        answered = _answered_tokens(question, evidence, windows, texts, embedder)
    found = []
    for window, tokens in zip(windows, answered, strict=True):
        # Of minutes of several months each says once which month it is of.
        dated = content_terms(" ".join(evidence.section(window).path)) & CALENDAR_TERMS
        own = window.terms | window.carried | dated
        covered = evidence.coverage(wanted, own)
        named = own | evidence.names[window.passage]
        subject = evidence.coverage(wanted, named | evidence.subject_terms(window.passage, own))
        named_by_file = evidence.coverage(wanted, named)
        kind = has_kind(window.text, question, head=evidence.header(window))
        found.append(
            Signs(
                covered=covered,
                named=named_by_file - covered + _SHARE_OF_SUBJECT * (subject - named_by_file),
                in_passage=evidence.coverage_by(window.passage, wanted),
                tokens=tokens,
                passage=cosines[window.passage] if embedder is not None else 0.0,
                kind=kind,
                cause=kind * is_cause,
                phrases=_shared_pairs(question, window.text),
                standing=_standing(evidence, window.passage),
                fragment=float(_is_fragment(window, question, wanted, evidence)),
                cell=float(asked_cell(question, evidence.header(window), window.text) is not None),
                elsewhere=_elsewhere(evidence, window, wanted),
            )
        )
    return found


def part_similarities(
    question: str, texts: Sequence[str], embedder: SentenceEmbedder
) -> list[float]:
    """The cosine of each text, or of a part between ; and : where one of those is nearer."""
    parts = [[text, *_parts(text)] for text in texts]
    cosines = iter(embedder.similarities(question, [part for group in parts for part in group]))
    return [max(next(cosines) for _ in group) for group in parts]


def _answered_tokens(
    question: str,
    evidence: Evidence,
    windows: Sequence[Window],
    texts: Sequence[str],
    embedder: SentenceEmbedder,
) -> list[float]:
    """Of each window the mean, over the question's tokens, of how well they are answered there.

    A sentence stands under its heading and its document's name, and after another sentence: what
    those have of the question, it need not repeat.
    """
    asked = embedder.query_tokens(question)
    if not len(asked):
        return [0.0] * len(windows)
    tops = [_above(evidence, window) for window in windows]
    befores = [_before(evidence, window) for window in windows]
    distinct = [text for text in dict.fromkeys([*texts, *tops, *befores]) if text]
    known = {
        text: highest_cosines(asked, tokens)
        for text, tokens in zip(distinct, embedder.tokens(distinct), strict=True)
    }
    nothing = np.full(len(asked), -1.0, dtype=np.float32)
    answered = []
    for text, top, before in zip(texts, tops, befores, strict=True):
        best = np.maximum(known[text], known.get(top, nothing))
        best = np.maximum(best, _SHARE_OF_BEFORE * known.get(before, nothing))
        answered.append(float(np.minimum(best, _TOKEN_ANSWERED).mean(dtype=np.float64)))
    return answered


def _above(evidence: Evidence, window: Window) -> str:
    """What stands over a window."""
    path = PATH_SEPARATOR.join(evidence.section(window).path)
    name = evidence.passages[window.passage].document_name
    subject = evidence.subject(window.passage, window.terms | window.carried)
    return f"{path} {name} {subject}".strip()


def _elsewhere(evidence: Evidence, window: Window, wanted: frozenset[str]) -> float:
    """The share of the question that a section beside the window's own is about, and it is not.

    So what the question names by a code, where the window has others of its kind.
    """
    here = window.terms | window.carried | evidence.names[window.passage]
    shares = [evidence.coverage(wanted, other_codes(wanted, here))]
    own = content_terms(evidence.section(window).heading)
    document_id = evidence.passages[window.passage].document_id
    for heading in evidence.headings_beside(window):
        theirs = content_terms(heading)
        if not theirs & wanted - own - here:
            continue
        alone = evidence.terms_of_heading(heading, document_id) | theirs & CALENDAR_TERMS
        named_there = evidence.coverage(wanted, alone - own - here)
        shares.append(named_there - evidence.coverage(wanted, own - theirs))
    return max(0.0, *shares)


def _before(evidence: Evidence, window: Window) -> str:
    """The sentence before a window in its passage; "" of the first.

    Of lines with labels, what stands above all of them.
    """
    before = [s.text for s in evidence.sentences[window.passage] if s.end <= window.start]
    while before and is_labelled(window.text) and is_labelled(before[-1]):
        before.pop()
    return before[-1] if before else ""


def _passage_cosines(evidence: Evidence) -> list[float]:
    """Of each passage and the question; the mean of the others' where it is not known."""
    known = [h.dense_similarity for h in evidence.passages if h.dense_similarity is not None]
    usual = mean(known) if known else 0.0
    return [
        usual if hit.dense_similarity is None else hit.dense_similarity for hit in evidence.passages
    ]


def _standing(evidence: Evidence, passage: int) -> float:
    best = max(hit.similarity for hit in evidence.passages)
    return evidence.passages[passage].similarity / best if best > 0.0 else 1.0


def _is_fragment(window: Window, question: str, wanted: frozenset[str], evidence: Evidence) -> bool:
    """Whether a line is a heading or the like: no sentence, and not what is asked for either.

    A table's row is known by a figure that the question lacks (years aside), by a code that the
    question names, or by saying when or how often where that is asked.
    """
    hit = evidence.passages[window.passage]
    line = " ".join(window.text.split())
    if evidence.section(window).is_headed_by(line):
        return True
    goes_on = bool(hit.start or hit.page_index) and window.start == 0
    if goes_on and window.text[0].islower():
        return True  # the end of a sentence that is too long for one passage, or for one page
    if is_sentence(window.text) or is_labelled(window.text):
        return False
    if _PAGE_NUMBER.search(window.text):
        return True
    figures = amount_terms(window.text, head=evidence.header(window)) & number_terms(window.text)
    names_code = any(
        is_code(term) and evidence.passage_share(term) < 1.0 for term in window.terms & wanted
    )
    is_timed = question_kind(question) in _OF_TIME and has_kind(window.text, question) == 1.0
    return not (figures - wanted or names_code or is_timed)


def _shared_pairs(question: str, text: str) -> float:
    wanted = term_pairs(question)
    return len(wanted & term_pairs(text)) / len(wanted) if wanted else 0.0


def _parts(text: str) -> list[str]:
    """The long parts between semicolons and colons; [] when there is but one part."""
    parts = [part.strip() for part in _STRONG_BREAK.split(text)]
    long = [part for part in parts if len(content_terms(part)) >= _PART_TERMS]
    return long if len(parts) > 1 else []
