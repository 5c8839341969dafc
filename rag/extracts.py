"""Sentences of the passages as answers to a question, best first.

Pure but for the similarity it is given. Words, meaning (cosine), the kind of thing asked for and
the standing of the passage are weighed against one another; nothing is understood.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rag.evidence import Evidence, Quote
from rag.question_kind import (
    QuestionKind,
    amount_terms,
    asked_terms,
    has_kind,
    question_kind,
)
from rag.terms import content_terms, is_code, number_terms, term_pairs
from rag.windows import Table, Window, is_sentence, short_tables, with_list

# Weights of what makes a sentence fit a question. Measured on SQuAD2 dev (300 questions, 4
# passages), share of questions whose best sentence has the gold answer: words alone .67, cosine
# alone .59, both .71 (flat for cosine shares of 0.3 to 1.5); with kind, phrases and the passage's
# standing .73. On ClapNQ (151), a gold sentence: .62 with words and cosine, .66 with all.
_SENTENCE_SHARE = 0.67  # of the words: in the sentence itself; the rest: in its passage
_COSINE_SHARE = 0.8
_COSINE_OF_COVERED = 0.8  # stands in for the cosine where the embedder cannot tell
_KIND_SHARE = 0.25
_CAUSE_SHARE = 0.45  # a reason shares few words with what it is the reason of
_PHRASE_SHARE = 0.3
_PASSAGE_PENALTY = 0.3  # for the worst passage; none for the best
_FRAGMENT_PENALTY = 0.6  # for a heading or a page header
_STRONG_BREAK = re.compile(r"[;:](?=\s)")
_PART_TERMS = 4
_PAGE_NUMBER = re.compile(r"\bpage \d+(?: of \d+)?$", re.IGNORECASE)

# (question, sentences) -> cosine of each sentence and the question.
SentenceSimilarity = Callable[[str, Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence as an answer.

    fit: from 0 to about 2, comparable across questions. similarity: its cosine with the question,
    in [-1, 1]; None where words alone decided. header: the lines above a row of a table.
    """

    quote: Quote
    fit: float
    similarity: float | None = None
    header: str = ""

    @property
    def text(self) -> str:
        """What can be understood by itself: a row with the lines above it."""
        return f"{self.header}\n{self.quote.text}" if self.header else self.quote.text


def find_extracts(
    question: str, evidence: Evidence, *, similarity: SentenceSimilarity | None = None
) -> list[Extract]:
    """Every sentence of the evidence, the one that fits the question best first.

    A sentence that announces a list or a table has it with it. A row is compared with the question
    together with the lines above it; where the question names none of a table's rows, all of them
    are one extract. Sentences that ask, that announce what is not there, or that have no word that
    the question lacks, are left out.
    similarity: compares sentences with the question; without it words alone decide.
    """
    wanted = asked_terms(question)
    windows = [w for w in _candidates(evidence, wanted) if _says_something(w, wanted)]
    headers = [_header(evidence, window) for window in windows]
    covered = [evidence.coverage(wanted, w.terms | w.carried) for w in windows]
    if similarity is None:
        cosines = [_COSINE_OF_COVERED * share for share in covered]
    else:
        texts = [
            f"{header}\n{window.text}" if header else window.text
            for header, window in zip(headers, windows, strict=True)
        ]
        cosines = _best_part_similarities(question, texts, similarity)
    fits = [
        _fit(question, wanted, evidence, window, share, cosine)
        for window, share, cosine in zip(windows, covered, cosines, strict=True)
    ]
    found = [
        Extract(evidence.quote(window), fit, None if similarity is None else cosine, header)
        for window, fit, cosine, header in zip(windows, fits, cosines, headers, strict=True)
    ]
    return sorted(found, key=lambda extract: -extract.fit)


def kept_share(extract: Extract, statement: str, evidence: Evidence) -> float:
    """Share of what an extract adds to the question that a statement keeps, in [0, 1]."""
    added = content_terms(extract.quote.text) - asked_terms(evidence.question)
    return evidence.coverage(added, content_terms(statement))


def _fit(
    question: str,
    wanted: frozenset[str],
    evidence: Evidence,
    window: Window,
    covered: float,
    cosine: float,
) -> float:
    is_cause = question_kind(question) is QuestionKind.CAUSE
    standing = _standing(evidence, window.passage)
    return (
        _SENTENCE_SHARE * covered
        + (1.0 - _SENTENCE_SHARE) * evidence.coverage_by(window.passage, wanted)
        + _COSINE_SHARE * cosine
        + (_CAUSE_SHARE if is_cause else _KIND_SHARE) * has_kind(window.text, question)
        + _PHRASE_SHARE * _shared_pairs(question, window.text)
        - _FRAGMENT_PENALTY * _is_fragment(window, question, wanted, evidence)
        - _PASSAGE_PENALTY * (1.0 - standing)
    )


def _candidates(evidence: Evidence, wanted: frozenset[str]) -> list[Window]:
    found: list[Window] = []
    for hit, sentences in zip(evidence.passages, evidence.sentences, strict=True):
        tables = [
            table.whole
            for table in short_tables(hit.text, sentences)
            if not _names_a_row(wanted, table)
        ]
        found += tables
        found += [
            with_list(hit.text, sentences, position)
            for position, window in enumerate(sentences)
            if not any(t.start <= window.start < t.end for t in tables)
        ]
    return found


def _names_a_row(wanted: frozenset[str], table: Table) -> bool:
    """Whether some rows have a term of the question that others lack."""
    terms = [row.terms & wanted for row in table.rows]
    return any(each != terms[0] for each in terms)


def _header(evidence: Evidence, window: Window) -> str:
    """The lines above a row of a table; "" of others."""
    if window.header is None:
        return ""
    return evidence.passages[window.passage].text[window.header.start : window.header.end]


def _says_something(window: Window, wanted: frozenset[str]) -> bool:
    announces_or_asks = window.text.endswith((":", "：", "?", "？"))
    return bool(window.terms - wanted) and not announces_or_asks


def _is_fragment(window: Window, question: str, wanted: frozenset[str], evidence: Evidence) -> bool:
    """Whether a line is a heading or the like: no sentence, and not what is asked for either.

    A table's row is known by a figure that the question lacks (years aside), by a code that the
    question names, or by saying how often something is done.
    """
    if is_sentence(window.text):
        return False
    if _PAGE_NUMBER.search(window.text):
        return True
    figures = amount_terms(window.text) & number_terms(window.text)
    names_code = any(
        is_code(term) and evidence.passage_share(term) < 1.0 for term in window.terms & wanted
    )
    often = question_kind(question) is QuestionKind.FREQUENCY and has_kind(window.text, question)
    return not (figures - wanted or names_code or often)


def _standing(evidence: Evidence, passage: int) -> float:
    """A passage's similarity as a share of the best one's."""
    best = max(hit.similarity for hit in evidence.passages)
    return evidence.passages[passage].similarity / best if best > 0.0 else 1.0


def _best_part_similarities(
    question: str, texts: Sequence[str], similarity: SentenceSimilarity
) -> list[float]:
    """The cosine of each text, or of a part between ; and : where one of those is nearer."""
    parts = [[text, *_parts(text)] for text in texts]
    cosines = iter(similarity(question, [part for group in parts for part in group]))
    return [max(next(cosines) for _ in group) for group in parts]


def _shared_pairs(question: str, text: str) -> float:
    """Share of the question's neighbouring terms that are neighbours in the text too."""
    wanted = term_pairs(question)
    return len(wanted & term_pairs(text)) / len(wanted) if wanted else 0.0


def _parts(text: str) -> list[str]:
    """The long parts between semicolons and colons; [] when there is but one part."""
    parts = [part.strip() for part in _STRONG_BREAK.split(text)]
    long = [part for part in parts if len(content_terms(part)) >= _PART_TERMS]
    return long if len(parts) > 1 else []
