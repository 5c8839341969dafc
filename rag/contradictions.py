"""An answer -> what another document says instead of it, shown beside it with its source.

Pure. Two sentences contradict one another here when both answer a question for an amount, a date
or a name, say the same thing in all but that, and differ in it. Only sentences of other documents
are compared: in one document, a second figure is rather of a second thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from rag.citations import without_markers
from rag.evidence import Evidence, Quote
from rag.grounding import Grounded
from rag.question_kind import QuestionKind, amount_terms, asked_terms, question_kind
from rag.results import Citation
from rag.terms import content_terms, name_terms, number_terms
from rag.windows import Window, is_sentence

INTRODUCTION = "Another document says otherwise: "
_MOST_SHOWN = 2
# Share of what the cited sentence says, the answer aside, that the other must say too.
_SAME_OTHERWISE = 0.7
_MONTH = re.compile(
    r"january|february|march|april|may|june|july|august|september|october|november|december", re.I
)


def with_contradictions(grounded: Grounded, evidence: Evidence, *, short: str = "") -> Grounded:
    """The answer, followed by sentences of other documents that contradict what it rests on.

    evidence: of the question and the passages that the answer was grounded in.
    short: the words of the cited sentence that answer, where they are known.
    """
    if grounded.refused or not grounded.citations:
        return grounded
    found = list(_contradicting(grounded.citations[0], evidence, short))[:_MOST_SHOWN]
    text, citations = grounded.text, list(grounded.citations)
    for window in found:
        quote = evidence.quote(window)
        citation = _citation(quote, evidence, marker=len(citations) + 1)
        citations.append(citation)
        said = without_markers(" ".join(quote.text.split())).rstrip(".")
        text = f"{text} {INTRODUCTION}{said} [{citation.marker}]."
    return replace(grounded, text=text, citations=tuple(citations)) if found else grounded


def _contradicting(cited: Citation, evidence: Evidence, short: str) -> Iterator[Window]:
    """At most one sentence for each other value, in the order of the passages."""
    kind = question_kind(evidence.question)
    base = _cited_window(cited, evidence)
    if base is None or kind not in _VALUES:
        return
    asked = asked_terms(evidence.question)
    value = _VALUES[kind](base.text) - asked
    if short:
        value = (value & content_terms(short)) or value
    if not value:
        return
    about = asked & (base.terms | base.carried)
    rest = base.terms - value - asked
    told: set[str] = set()
    for passage, windows in enumerate(evidence.sentences):
        if evidence.passages[passage].document_id == cited.document_id:
            continue
        for window in windows:
            known = window.terms | window.carried
            other = _VALUES[kind](window.text) - asked - base.terms
            if (
                other
                and not value & window.terms
                and not other & told
                and about <= known
                and is_sentence(window.text)
                and (not rest or evidence.coverage(rest, known) >= _SAME_OTHERWISE)
            ):
                told |= other
                yield window


def _cited_window(cited: Citation, evidence: Evidence) -> Window | None:
    """The sentence that a citation begins in."""
    for passage, windows in enumerate(evidence.sentences):
        hit = evidence.passages[passage]
        if (hit.document_id, hit.page_index) != (cited.document_id, cited.page_index):
            continue
        for window in windows:
            if hit.start + window.start <= cited.start < hit.start + window.end:
                return window
    return None


def _date_terms(sentence: str) -> frozenset[str]:
    months = frozenset(term for m in _MONTH.findall(sentence) for term in content_terms(m))
    return number_terms(sentence) | months


_VALUES: dict[QuestionKind, Callable[[str], frozenset[str]]] = {
    QuestionKind.AMOUNT: amount_terms,
    QuestionKind.DATE: _date_terms,
    QuestionKind.NAME: name_terms,
}


def _citation(quote: Quote, evidence: Evidence, *, marker: int) -> Citation:
    hit = evidence.passages[quote.passage]
    return Citation.of_passage(
        hit,
        marker=marker,
        quote=quote.text,
        start=quote.start,
        end=quote.end,
        statement=" ".join(quote.text.split()),
    )
