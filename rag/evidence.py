"""Statement -> the verbatim spans of the retrieved passages that support it.

Pure: terms in, spans out, no model. A span supports a statement when it has the statement's terms,
weighted by how rare they are among the passages, and every number and name the statement adds.
It does not understand: a sentence that uses the same words to say the opposite looks the same.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag.question_kind import CALENDAR_TERMS, asked_terms
from rag.results import Hit
from rag.sections import Section, Sections
from rag.sentences import Span, clause_spans
from rag.terms import content_terms, figure_terms, is_code, is_negated, name_terms, words
from rag.windows import Window, is_labelled, sentence_windows, wider_windows

# Share of a statement's weighted terms that its spans must have.
SUPPORT_COVERAGE = 0.6
_NUMBER_WEIGHT = 1.5
_CODE_BONUS = 2.0  # who asks for "E08" wants no other code; "T-20" on every page is no choice
_COMMON_DISCOUNT = 0.5
# Per extra sentence: a wider window must bring something that the narrower one lacks.
_WINDOW_PENALTY = 0.04
_QUESTION_SHARE = 0.25
_HINT_BONUS = 0.05
_RANK_PENALTY = 0.002
_LONG_QUOTE_CHARS = 320
_CLAUSE_TERMS = 2
_OPENING_CHARS = 200
_OPENING_LINES = 12


@dataclass(frozen=True, slots=True)
class Quote:
    """A span of a passage. start, end: offsets in the page's text; text is verbatim."""

    passage: int  # index into the passages
    document_id: str
    page_index: int
    start: int
    end: int
    text: str


class Evidence:
    """The passages of one answer, cut up so that statements can be looked up in them.

    passages: in prompt order; hit.text must be the page's text from hit.start to hit.end.
    question: what is asked; its own terms support nothing.
    names: of each passage, the terms of its document's name.
    """

    def __init__(self, passages: Sequence[Hit], *, question: str = "") -> None:
        self.passages = tuple(passages)
        self.question = question
        self._question_terms = asked_terms(question)
        self._question_numbers = figure_terms(question)
        self._weights: dict[str, float] = {}
        self._terms_of_headings: dict[tuple[str, str], frozenset[str]] = {}
        self.names = [content_terms(_spaced(hit.document_name)) for hit in self.passages]
        self._sections = [Sections(hit) for hit in self.passages]
        self._context = [
            content_terms(f"{hit.text}\n{_spaced(hit.heading)}") | name
            for hit, name in zip(self.passages, self.names, strict=True)
        ]
        self.sentences = [
            sentence_windows(index, hit.text, sections.headings)
            for index, (hit, sections) in enumerate(zip(self.passages, self._sections, strict=True))
        ]
        self._subjects = self._named_at_the_opening()
        self._windows = [window for sentences in self.sentences for window in sentences]
        self._sentence_count = len(self._windows)
        self._document_frequency = Counter(t for s in self._windows for t in s.terms)
        for index, hit in enumerate(self.passages):
            self._windows += wider_windows(index, hit.text, self.sentences[index])

    def weight(self, term: str) -> float:
        """How much a term tells one sentence from another; > 0, higher is rarer."""
        if term not in self._weights:  # asked for with every sentence
            self._weights[term] = self._weight(term)
        return self._weights[term]

    def _weight(self, term: str) -> float:
        seen = self._document_frequency[term]
        rarity = math.log(1.0 + (self._sentence_count + 1.0) / (seen + 1.0))
        share = self.passage_share(term)
        rarity *= 1.0 - _COMMON_DISCOUNT * share
        if is_code(term):
            return rarity * (1.0 + _CODE_BONUS * (1.0 - share))
        return rarity * (_NUMBER_WEIGHT if term[:1].isdigit() else 1.0)

    def passage_share(self, term: str) -> float:
        """Share of the passages that have a term; 0 where there is one passage only.

        What every passage has (a name in the page header) chooses between none of them.
        """
        count = len(self.passages)
        return sum(term in context for context in self._context) / count if count > 1 else 0.0

    def passage_of(self, piece: Hit) -> int:
        """The index of the passage that a piece of one was cut from."""
        return next(
            index
            for index, hit in enumerate(self.passages)
            if (hit.document_id, hit.page_index) == (piece.document_id, piece.page_index)
            and hit.start <= piece.start
            and piece.end <= hit.end
        )

    def _named_at_the_opening(self) -> list[frozenset[str]]:
        """Of each passage, the names in the question that a labelled line of its document has.

        Where the document opens ("Employee: Priya Nair"): whom a letter or a contract is about,
        and does not name again.
        """
        asked = name_terms(self.question) - CALENDAR_TERMS  # "Next meeting: 11 March"
        opening: dict[str, frozenset[str]] = {}
        for hit, sentences in zip(self.passages, self.sentences, strict=True):
            if asked and hit.page_index == 0 and hit.start <= _OPENING_CHARS:
                lines = (w.text for w in sentences[:_OPENING_LINES] if is_labelled(w.text))
                values = (content_terms(line.partition(":")[2]) for line in lines)
                terms = frozenset[str]().union(*values)
                opening[hit.document_id] = opening.get(hit.document_id, frozenset()) | terms
        return [asked & opening.get(hit.document_id, frozenset()) for hit in self.passages]

    def subject_terms(self, passage: int, said: frozenset[str]) -> frozenset[str]:
        """Whom a sentence of a passage is about; nobody if it has no other word of the question.

        Of a dose of metoprolol, which no sentence knows, all say as much as the name does.
        said: the sentence's terms.
        """
        subjects = self._subjects[passage]
        return subjects if said & self._question_terms - subjects else frozenset()

    def subject(self, passage: int, said: frozenset[str]) -> str:
        """The same, as it stands in the question."""
        terms = self.subject_terms(passage, said)
        return " ".join(
            self.question[word.start : word.end]
            for word in words(self.question)
            if word.term in terms
        )

    def section(self, window: Window) -> Section:
        """What a window stands under."""
        return self._sections[window.passage].at(window.start)

    def headings_beside(self, window: Window) -> set[str]:
        """Of the other sections of its document under the same heading as a window's own."""
        own = self.section(window)
        document = self.passages[window.passage].document_id
        return {
            section.heading
            for hit, sections in zip(self.passages, self._sections, strict=True)
            if hit.document_id == document
            for section in sections.all
            if section.is_beside(own)
        }

    def terms_of_heading(self, heading: str, document_id: str) -> frozenset[str]:
        """The terms of a heading that no sentence under another one of its document has."""
        key = heading, document_id
        if key not in self._terms_of_headings:  # asked for with every sentence
            self._terms_of_headings[key] = self._terms_of_heading(*key)
        return self._terms_of_headings[key]

    def _terms_of_heading(self, heading: str, document_id: str) -> frozenset[str]:
        terms = content_terms(heading)
        for hit, sentences in zip(self.passages, self.sentences, strict=True):
            if terms and hit.document_id == document_id:
                for window in sentences:
                    if terms & window.terms and heading not in self.section(window).path:
                        terms -= window.terms
        return terms

    def header(self, window: Window) -> str:
        """The lines above a row of a table; "" of other windows."""
        if window.header is None:
            return ""
        return self.passages[window.passage].text[window.header.start : window.header.end]

    def coverage(self, wanted: Iterable[str], found: frozenset[str]) -> float:
        """Share in [0, 1] of the wanted terms' weight that is among the found; 0 if none wanted."""
        weights = {term: self.weight(term) for term in wanted}
        total = sum(weights.values())
        return sum(w for t, w in weights.items() if t in found) / total if total else 0.0

    def coverage_by(self, passage: int, terms: frozenset[str]) -> float:
        """Share of these terms that a passage has, its headings and name included, in [0, 1]."""
        return self.coverage(terms, self._context[passage])

    def question_coverage_by(self, passage: int) -> float:
        """Share of the question's terms that this passage has, in [0, 1]."""
        return self.coverage_by(passage, self._question_terms)

    def support(self, statement: str, *, hinted: frozenset[int] = frozenset()) -> list[Quote]:
        """The spans a statement rests on: one, or one for each of its clauses, or none.

        hinted: indices of passages that the model named for it; they win a tie and no more.
        A statement without terms of its own ("Yes.") is looked up by the question's.
        """
        if verbatim := self._verbatim(statement, hinted):
            return [verbatim]
        terms = content_terms(statement) - {"yes"} or self._question_terms
        if not terms:
            return []
        window = self._best_window(statement, terms, hinted)
        if window is not None:
            return [self.quote(window, narrowed_to=terms)]
        return self._joint_support(statement, hinted)

    def _best_window(
        self, statement: str, terms: frozenset[str], hinted: frozenset[int]
    ) -> Window | None:
        """The window that supports the statement best on its own, if any does."""
        supporting = [
            window
            for window in self._windows
            if self._supports(window, terms)
            and self._has_facts(statement, window)
            and self._agrees(statement, terms, window)
        ]
        return max(supporting, key=lambda w: self._rank(w, terms, hinted), default=None)

    def _rank(self, window: Window, terms: frozenset[str], hinted: frozenset[int]) -> float:
        # A sentence of lease.pdf need not say "lease", nor one beside it that does be quoted too.
        near = window.terms | self.names[window.passage]
        return (
            self.coverage(terms, near | window.carried)
            + _QUESTION_SHARE * self.coverage(self._question_terms, near)
            + _HINT_BONUS * (window.passage in hinted)
            - _WINDOW_PENALTY * (window.sentences - 1)
            - _RANK_PENALTY * window.passage
        )

    def _supports(self, window: Window, terms: frozenset[str]) -> bool:
        """Enough of the whole statement, and enough of what it adds to the question.

        The second is what catches "the house is neoclassical", asked about a house that the
        passage calls something else: all but one word came from the question.
        """
        found = window.terms | window.carried | self.names[window.passage]
        found |= content_terms(_spaced(" ".join(self.section(window).path)))
        added = terms - self._question_terms
        return self.coverage(terms, found) >= SUPPORT_COVERAGE and (
            not added or self.coverage(added, found) >= SUPPORT_COVERAGE
        )

    def _has_facts(self, statement: str, window: Window) -> bool:
        """New numbers stand in the span; names and the question's numbers at least near it.

        Two or more of the question's numbers must stand in the span too: "22 % in 2023 and 24 %
        in 2024" is not shown by "24 % after 22 % in 2023", whatever the page says elsewhere.
        """
        here = window.terms | window.carried
        near = here | self._context[window.passage]
        numbers = figure_terms(statement)
        asked = numbers & self._question_numbers
        return (
            numbers - asked <= window.terms
            and asked <= (here if len(asked) > 1 else near)
            and name_terms(statement) <= near
        )

    def _agrees(self, statement: str, terms: frozenset[str], window: Window) -> bool:
        """Whether the clause that is nearest to the statement says "not" when the statement does.

        A statement without terms of its own ("No.") is not judged.
        """
        if not content_terms(statement) - {"yes"}:
            return True
        clauses = clause_spans(window.text, Span(0, len(window.text)))
        texts = [window.text[clause.start : clause.end] for clause in clauses]
        nearest = max(texts, key=lambda text: self.coverage(terms, content_terms(text)))
        # The other clauses of its sentence may hold the "not": "is not refunded if it is late".
        return is_negated(statement) == is_negated(nearest) or (
            is_negated(statement) == is_negated(window.text) and window.sentences == 1
        )

    def _joint_support(self, statement: str, hinted: frozenset[int]) -> list[Quote]:
        """A span for each clause of a statement, when every clause has one of its own.

        Spans are never pooled over a clause: "on 11 November" here and "2012" there do not make
        "on 11 November 2012".
        """
        quotes: list[Quote] = []
        for clause in _whole_clauses(statement):
            window = self._best_window(clause, content_terms(clause), hinted)
            if window is None:
                return []
            quotes.append(self.quote(window, narrowed_to=content_terms(clause)))
        return list(dict.fromkeys(quotes))

    def _verbatim(self, statement: str, hinted: frozenset[int]) -> Quote | None:
        """The statement itself, where it stands word for word and is long enough to be no chance.

        Only at word borders; among several places, the one that has most of the question near.
        """
        needle = statement.strip().strip("\"“”'‘’").rstrip(".!。 ")
        if len(content_terms(needle)) < 2:
            return None
        places: list[tuple[float, Quote]] = []
        for window in self._windows[: self._sentence_count]:
            hit = self.passages[window.passage]
            at = hit.text.find(needle, window.start, window.end)
            if at < 0 or not _on_word_borders(hit.text, at, at + len(needle)):
                continue
            places.append((self._rank(window, frozenset(), hinted), self.quote(window)))
        return max(places, key=lambda place: place[0])[1] if places else None

    def quote(self, window: Window, *, narrowed_to: frozenset[str] = frozenset()) -> Quote:
        """The window's text; of a long sentence, the clauses that have any of these terms."""
        hit = self.passages[window.passage]
        start, end = window.start, window.end
        if end - start > _LONG_QUOTE_CHARS and window.sentences == 1 and narrowed_to:
            start, end = _narrowed(hit.text, Span(start, end), narrowed_to)
        return Quote(
            passage=window.passage,
            document_id=hit.document_id,
            page_index=hit.page_index,
            start=hit.start + start,
            end=hit.start + end,
            text=hit.text[start:end],
        )


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def _whole_clauses(statement: str) -> list[str]:
    """The clauses of a statement, each with at least two terms; [] when there is only one."""
    joined: list[tuple[int, int]] = []
    for span in clause_spans(statement, Span(0, len(statement))):
        if joined and len(content_terms(statement[slice(*joined[-1])])) < _CLAUSE_TERMS:
            joined[-1] = (joined[-1][0], span.end)
        else:
            joined.append((span.start, span.end))
    if len(joined) > 1 and len(content_terms(statement[slice(*joined[-1])])) < _CLAUSE_TERMS:
        last = joined.pop()
        joined[-1] = (joined[-1][0], last[1])
    return [statement[start:end] for start, end in joined] if len(joined) > 1 else []


def _on_word_borders(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start], text[end : end + 1]
    return not (before.isalnum() and text[start].isalnum()) and not (
        after.isalnum() and text[end - 1].isalnum()
    )


def _narrowed(text: str, sentence: Span, terms: frozenset[str]) -> tuple[int, int]:
    """The run of clauses of a long sentence that has all the terms the sentence has."""
    clauses = clause_spans(text, sentence)
    wanted = terms & content_terms(text[sentence.start : sentence.end])
    having = [i for i, c in enumerate(clauses) if wanted & content_terms(text[c.start : c.end])]
    if not having:
        return sentence.start, sentence.end
    return clauses[having[0]].start, clauses[having[-1]].end
