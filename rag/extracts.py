"""Sentences of the passages as answers to a question, best first.

Pure but for the embedder it is given. What makes a sentence fit is in rag.sentence_fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from rag.evidence import Evidence, Quote
from rag.question_kind import QuestionKind, asked_terms, question_kind
from rag.sentence_fit import SentenceEmbedder, Signs, find_signs, fit, part_similarities
from rag.terms import content_terms
from rag.windows import Table, Window, is_labelled, short_tables, with_list

_IDENTITY = re.compile(r"\W*(?:who|what)(?: (?:is|was|are|were)|['’]?s)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence as an answer.

    fit: from about 0 to 2, comparable across questions. similarity: its cosine with the question,
    in [-1, 1]; None where words alone decided. header: the lines above a row of a table.
    heading: the innermost that it stands under.
    """

    quote: Quote
    fit: float
    similarity: float | None = None
    signs: Signs = field(default_factory=Signs)
    header: str = ""
    heading: str = ""

    @property
    def text(self) -> str:
        """What can be understood by itself: a row with the lines above it."""
        return _below(self.header, self.quote.text)


def find_extracts(
    question: str, evidence: Evidence, *, embedder: SentenceEmbedder | None = None
) -> list[Extract]:
    """Every sentence of the evidence, the one that fits the question best first.

    A sentence that announces a list or a table has it with it. A row is compared with the question
    together with the lines above it; where the question names none of a table's rows, all of them
    are one extract. Sentences that ask, that announce what is not there, or that have no word that
    the question lacks, are left out; a yes or a no needs none.
    embedder: knows what sentences mean; without it words alone decide.
    """
    wanted = asked_terms(question)
    is_yes_or_no = question_kind(question) is QuestionKind.YES_OR_NO
    asks_what_it_is = is_yes_or_no or _IDENTITY.match(question) is not None
    windows = [
        window
        for window in _candidates(evidence, wanted)
        if _says_something(
            window, wanted, is_yes_or_no=is_yes_or_no, asks_what_it_is=asks_what_it_is
        )
    ]
    if not windows:
        return []
    headers = [evidence.header(window) for window in windows]
    texts = [_below(header, window.text) for header, window in zip(headers, windows, strict=True)]
    cosines: Sequence[float | None] = (
        [None] * len(windows) if embedder is None else part_similarities(question, texts, embedder)
    )
    signs = find_signs(question, evidence, windows, texts, embedder)
    found = [
        Extract(
            quote=evidence.quote(window),
            fit=fit(of_window, words_alone=embedder is None),
            similarity=cosine,
            signs=of_window,
            header=header,
            heading=evidence.section(window).heading,
        )
        for window, of_window, cosine, header in zip(windows, signs, cosines, headers, strict=True)
    ]
    return sorted(found, key=lambda extract: -extract.fit)


def _below(header: str, text: str) -> str:
    return f"{header}\n{text}" if header else text


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
            with_list(
                hit.text,
                _to_section_end(evidence, sentences[position:]),
                0,
                is_heading=evidence.section(window).is_headed_by(window.text),
            )
            for position, window in enumerate(sentences)
            if not any(t.start <= window.start < t.end for t in tables)
        ]
    return found


def _to_section_end(evidence: Evidence, sentences: Sequence[Window]) -> list[Window]:
    """The first of some sentences and those after it under the same heading."""
    path = evidence.section(sentences[0]).path
    return list(takewhile(lambda window: evidence.section(window).path == path, sentences))


def _names_a_row(wanted: frozenset[str], table: Table) -> bool:
    """Whether some rows have a term of the question that others lack."""
    terms = [row.terms & wanted for row in table.rows]
    return any(each != terms[0] for each in terms)


def _says_something(
    window: Window, wanted: frozenset[str], *, is_yes_or_no: bool, asks_what_it_is: bool
) -> bool:
    if window.text.rstrip("*").endswith((":", "：", "?", "？")):  # it announces or asks
        return False
    if is_labelled(window.text) and not asks_what_it_is:
        # "Employee: Priya Nair." says nothing else of her.
        return bool(content_terms(window.text.partition(":")[2]) - wanted)
    # "Smoking is not allowed in the rooms." has no further word; a heading has no full stop.
    return bool(window.terms - wanted) or (is_yes_or_no and window.text.endswith((".", "!", "。")))
