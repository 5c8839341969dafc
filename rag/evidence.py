"""Statement -> the verbatim spans of the retrieved passages that support it.

Pure: terms in, spans out, no model. A span supports a statement when it has the statement's terms,
weighted by how rare they are among the passages, and every number and name the statement adds.
It does not understand: a sentence that uses the same words to say the opposite looks the same.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rag.question_kind import amount_terms, asked_terms, has_kind
from rag.results import Hit
from rag.sentences import Span, clause_spans, is_row, opens_item, sentence_spans
from rag.terms import content_terms, figure_terms, name_terms, number_terms, term_pairs

# Share of a statement's weighted terms that its spans must have.
SUPPORT_COVERAGE = 0.6
_NUMBER_WEIGHT = 1.5
_COMMON_DISCOUNT = 0.5
_LONGEST_WINDOW = 3  # sentences
# Per extra sentence: a wider window must bring something that the narrower one lacks.
_WINDOW_PENALTY = 0.04
_QUESTION_SHARE = 0.25
_HINT_BONUS = 0.05
_RANK_PENALTY = 0.002
_LONG_QUOTE_CHARS = 320
_CLAUSE_TERMS = 2
_STRONG_BREAK = re.compile(r"[;:](?=\s)")
_PART_TERMS = 4
_PAGE_NUMBER = re.compile(r"\bpage \d+(?: of \d+)?$", re.IGNORECASE)
_SENTENCE_ENDS = (".", "!", "?", ":", "。", "！", "？", "।", ".)", ".”", '."')
_PRONOUN = re.compile(
    r"(?:It|Its|They|Their|He|His|She|Her|This|That|These|Those|Both|Such|The (?:former|latter))\b"
)
_LONGEST_LIST_CHARS = 900

# Weights of what makes a sentence fit a question, beside covering its words. Measured on SQuAD2
# dev (300 questions, 4 passages): the best sentence has the gold answer in 67 % by words alone,
# 59 % by cosine alone, 70 to 72 % with any cosine share from 0.3 to 1.5.
_SENTENCE_SHARE = 0.67  # of the words: in the sentence itself; the rest: in its passage
_COSINE_SHARE = 0.8
_COSINE_OF_COVERED = 0.8  # stands in for the cosine of a sentence where there is none
_KIND_SHARE = 0.35
_PHRASE_SHARE = 0.3
_PASSAGE_PENALTY = 0.3  # for the worst passage; none for the best
_FRAGMENT_PENALTY = 0.4  # for a heading or a page header

# (question, sentences) -> cosine of each sentence and the question.
SentenceSimilarity = Callable[[str, Sequence[str]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Quote:
    """A span of a passage. start, end: offsets in the page's text; text is verbatim."""

    passage: int  # index into the passages
    document_id: str
    page_index: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Window:
    """Adjacent sentences of one passage. start, end: offsets in the passage's text.

    carried: terms that the reader has in mind here: of the sentence before, where this one begins
        with a pronoun; of a table's first row, where this is one of its rows.
    """

    passage: int
    start: int
    end: int
    sentences: int
    terms: frozenset[str]
    carried: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Extract:
    """A sentence as an answer. fit: from 0 to about 2, comparable across questions."""

    quote: Quote
    fit: float


class Evidence:
    """The passages of one answer, cut up so that statements can be looked up in them.

    passages: in prompt order; hit.text must be the page's text from hit.start to hit.end.
    question: what is asked; its own terms support nothing.
    """

    def __init__(self, passages: Sequence[Hit], *, question: str = "") -> None:
        self.passages = tuple(passages)
        self._question_terms = asked_terms(question)
        self._question_numbers = figure_terms(question)
        self._headings = [_heading_terms(hit) for hit in self.passages]
        self._context = [
            content_terms(hit.text) | over
            for hit, over in zip(self.passages, self._headings, strict=True)
        ]
        self._standing = _standings(self.passages)
        self._sentences: list[_Window] = []
        self._windows: list[_Window] = []
        for index, hit in enumerate(self.passages):
            spans = sentence_spans(hit.text)
            singles = _with_carried([_window(index, hit.text, (span,)) for span in spans], hit.text)
            self._sentences += singles
            self._windows += singles
            for size in range(2, _LONGEST_WINDOW + 1):
                self._windows += [
                    _window(index, hit.text, spans[i : i + size])
                    for i in range(len(spans) - size + 1)
                ]
        self._document_frequency = Counter(t for s in self._sentences for t in s.terms)

    def weight(self, term: str) -> float:
        """How much a term tells one sentence from another; > 0, higher is rarer."""
        seen = self._document_frequency[term]
        rarity = math.log(1.0 + (len(self._sentences) + 1.0) / (seen + 1.0))
        if len(self.passages) > 1:
            # What every passage has (a name in the page header) chooses between none of them.
            everywhere = sum(term in context for context in self._context) / len(self.passages)
            rarity *= 1.0 - _COMMON_DISCOUNT * everywhere
        return rarity * (_NUMBER_WEIGHT if term[:1].isdigit() else 1.0)

    def coverage(self, wanted: Iterable[str], found: frozenset[str]) -> float:
        """Share in [0, 1] of the wanted terms' weight that is among the found; 0 if none wanted."""
        weights = {term: self.weight(term) for term in wanted}
        total = sum(weights.values())
        return sum(w for t, w in weights.items() if t in found) / total if total else 0.0

    def question_coverage_by(self, passage: int) -> float:
        """Share of the question's terms that this passage has, in [0, 1]."""
        return self.coverage(self._question_terms, self._context[passage])

    def coverage_anywhere(self, terms: frozenset[str]) -> float:
        """Best share of these terms that any one passage has, in [0, 1]."""
        return max((self.coverage(terms, c) for c in self._context), default=0.0)

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
            return [self._quote(window, terms)]
        return self._joint_support(statement, hinted)

    def _best_window(
        self, statement: str, terms: frozenset[str], hinted: frozenset[int]
    ) -> _Window | None:
        """The window that supports the statement best on its own, if any does."""
        supporting = [
            window
            for window in self._windows
            if self._supports(window, terms) and self._has_facts(statement, window)
        ]
        return max(supporting, key=lambda w: self._rank(w, terms, hinted), default=None)

    def knows_facts_of(self, statement: str) -> bool:
        """Whether every number and name of the statement is in some passage or the question."""
        known = self._question_terms.union(*self._context)
        return name_terms(statement) | figure_terms(statement) <= known

    def extracts(
        self, question: str, *, similarity: SentenceSimilarity | None = None
    ) -> list[Extract]:
        """Every sentence as an answer to the question, best first.

        A sentence that announces a list has the list with it.
        similarity: cosines of the question and each sentence; without it words alone decide.
        """
        wanted = asked_terms(question)
        windows = [
            whole
            for position in range(len(self._sentences))
            if self._says_something(whole := self._with_list(position), wanted)
        ]
        texts = [self._text(window) for window in windows]
        covered = [self.coverage(wanted, window.terms | window.carried) for window in windows]
        cosines = (
            _best_part_similarities(question, texts, similarity)
            if similarity and texts
            else [_COSINE_OF_COVERED * share for share in covered]
        )
        found = [
            Extract(
                quote=self._quote(window, frozenset()),
                fit=_SENTENCE_SHARE * share
                + (1.0 - _SENTENCE_SHARE) * self.coverage(wanted, self._context[window.passage])
                + _COSINE_SHARE * cosine
                + _KIND_SHARE * has_kind(text, question)
                + _PHRASE_SHARE * _shared_pairs(question, text)
                - _FRAGMENT_PENALTY * self._is_fragment(window, wanted)
                - _PASSAGE_PENALTY * (1.0 - self._standing[window.passage]),
            )
            for window, text, share, cosine in zip(windows, texts, covered, cosines, strict=True)
        ]
        return sorted(found, key=lambda extract: -extract.fit)

    def kept_share(self, extract: Extract, statement: str) -> float:
        """Share of what an extract adds to the question that a statement keeps, in [0, 1]."""
        added = content_terms(extract.quote.text) - self._question_terms
        return self.coverage(added, content_terms(statement))

    def _text(self, window: _Window) -> str:
        return self.passages[window.passage].text[window.start : window.end]

    def _says_something(self, window: _Window, wanted: frozenset[str]) -> bool:
        """Whether a sentence has a word that the question lacks, and is no question itself."""
        return bool(window.terms - wanted) and not self._text(window).endswith(("?", "？"))

    def _is_fragment(self, window: _Window, wanted: frozenset[str]) -> bool:
        """Whether a line is no sentence and has no figure (but years) that the question lacks."""
        text = self._text(window)
        if _is_sentence(text):
            return False
        return bool(_PAGE_NUMBER.search(text)) or not amount_terms(text) - wanted

    def _with_list(self, position: int) -> _Window:
        """A sentence; one that ends with a colon, together with the list items after it."""
        window = self._sentences[position]
        text = self.passages[window.passage].text
        if text[window.end - 1] not in ":：":
            return window
        end = window.end
        for other in self._sentences[position + 1 :]:
            ends_list = other.passage != window.passage or not opens_item(text, other.start)
            if ends_list or other.end - window.start > _LONGEST_LIST_CHARS:
                break
            end = other.end
        return replace(window, end=end, terms=content_terms(text[window.start : end]))

    def _rank(self, window: _Window, terms: frozenset[str], hinted: frozenset[int]) -> float:
        return (
            self.coverage(terms, window.terms)
            + _QUESTION_SHARE * self.coverage(self._question_terms, window.terms)
            + _HINT_BONUS * (window.passage in hinted)
            - _WINDOW_PENALTY * (window.sentences - 1)
            - _RANK_PENALTY * window.passage
        )

    def _supports(self, window: _Window, terms: frozenset[str]) -> bool:
        """Enough of the whole statement, and enough of what it adds to the question.

        The second is what catches "the house is neoclassical", asked about a house that the
        passage calls something else: all but one word came from the question.
        """
        found = window.terms | window.carried | self._headings[window.passage]
        added = terms - self._question_terms
        return self.coverage(terms, found) >= SUPPORT_COVERAGE and (
            not added or self.coverage(added, found) >= SUPPORT_COVERAGE
        )

    def _has_facts(self, statement: str, window: _Window) -> bool:
        """New numbers stand in the span; names and the question's numbers at least near it."""
        near = window.terms | self._context[window.passage]
        numbers = figure_terms(statement)
        return (
            numbers - self._question_numbers <= window.terms
            and numbers <= near
            and name_terms(statement) <= near
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
            quotes.append(self._quote(window, content_terms(clause)))
        return list(dict.fromkeys(quotes))

    def _verbatim(self, statement: str, hinted: frozenset[int]) -> Quote | None:
        """The statement itself, where it stands word for word and is long enough to be no chance.

        Only at word borders; among several places, the one that has most of the question near.
        """
        needle = statement.strip().strip("\"“”'‘’").rstrip(".!。 ")
        if len(content_terms(needle)) < 2:
            return None
        places: list[tuple[float, Quote]] = []
        for window in self._sentences:
            hit = self.passages[window.passage]
            at = hit.text.find(needle, window.start, window.end)
            if at < 0 or not _on_word_borders(hit.text, at, at + len(needle)):
                continue
            places.append(
                (self._rank(window, frozenset(), hinted), self._quote(window, frozenset()))
            )
        return max(places, key=lambda place: place[0])[1] if places else None

    def _quote(self, window: _Window, terms: frozenset[str]) -> Quote:
        """The window's text; of a long sentence, the clauses that have any of the terms."""
        hit = self.passages[window.passage]
        start, end = window.start, window.end
        if end - start > _LONG_QUOTE_CHARS and window.sentences == 1 and terms:
            start, end = _narrowed(hit.text, Span(start, end), terms)
        return Quote(
            passage=window.passage,
            document_id=hit.document_id,
            page_index=hit.page_index,
            start=hit.start + start,
            end=hit.start + end,
            text=hit.text[start:end],
        )


def _standings(passages: Sequence[Hit]) -> list[float]:
    """Each passage's similarity as a share of the best one's."""
    best = max((hit.similarity for hit in passages), default=0.0)
    return [hit.similarity / best if best > 0.0 else 1.0 for hit in passages]


def _window(passage: int, text: str, spans: Sequence[Span]) -> _Window:
    start, end = spans[0].start, spans[-1].end
    return _Window(passage, start, end, len(spans), content_terms(text[start:end]))


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


def _with_carried(sentences: Sequence[_Window], text: str) -> list[_Window]:
    """The sentences of one passage, each with the terms that it leans on."""
    result: list[_Window] = []
    header: frozenset[str] = frozenset()  # of the lines without figures above a table's rows
    in_rows = False
    for window in sentences:
        line = text[window.start : window.end]
        carried: frozenset[str] = frozenset()
        if not is_row(line) and _is_sentence(line):
            header, in_rows = frozenset(), False
            if result and _PRONOUN.match(line):
                # What the sentence before leaned on is carried too: "It opened. It closed."
                carried = result[-1].terms | result[-1].carried
        elif number_terms(line) and header:
            carried, in_rows = header, True
        else:
            header, in_rows = window.terms if in_rows else header | window.terms, False
        result.append(replace(window, carried=carried))
    return result


def _is_sentence(line: str) -> bool:
    """Whether a line ends like a sentence, or is several lines long."""
    return line.endswith(_SENTENCE_ENDS) or "\n" in line


def _heading_terms(hit: Hit) -> frozenset[str]:
    """What stands over the whole passage: headings and the document's name."""
    return content_terms(f"{hit.document_name}\n{hit.heading}".replace("_", " "))


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
