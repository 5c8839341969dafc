"""One question, what was found for it, and what follows from that. Knows no model.

Which sentences are judged, chosen and quoted is decided here, of what a judge says of them; asking
the judge is rag.answer's.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from statistics import mean

from rag.accounts.question import tells_another_figure
from rag.confidence import Confidence, confidence
from rag.evidence import Evidence
from rag.extracts import Extract, find_extracts
from rag.function_words import function_terms
from rag.generator import Spent
from rag.mismatch import mismatch
from rag.question_kind import asks_more_than_a_fact
from rag.results import Hit, Turn
from rag.sentence_fit import SentenceEmbedder
from rag.tables.cells import Cell, asked_cell, names_row
from rag.terms import content_terms

# One of the sentences that fit best is chosen, of so many; once it is known that they answer, more
# are judged, up to so many in all, to be quoted beside it.
_CHOSEN_OF = 3
_QUOTED_OF_A_FACT = 3
_QUOTED_OF_MORE = 4
_NEAR = 0.5  # cosine
_USUAL_COSINE = 0.3  # of a passage that does not answer, where there is but the one that may
# None is judged that fits so much less than the best, unless it stands beside the chosen one.
_JUDGED_WITHIN = 0.07
# How much of a sentence's fit a judge's log-odds are worth; flat from here to four times as much.
_FIT_OF_LOG_ODDS = 0.25
# Log-odds against a sentence where a question is about accounts and the statements that are there
# do not tell: adjusted, of a quarter. Of FinanceBench's such questions, which seem near to many
# sentences, the best one answered 1 of 7. Nothing against a reason where one is asked for, nor
# against a sentence that has what is asked for besides: "expect", and a figure.
_NOT_CALCULATED = 1.0
# A further sentence is quoted where a judge's log-odds are at least this.
_LEAST_STATED = 0.0

Judged = tuple[Extract, float]  # a sentence, and a judge's log-odds that it states the answer


class Case:
    """One question, what was found for it, and what follows from that, made when needed.

    asked: the question as one that stands alone. comparable: the dense similarities mean
    something. started, retrieved: time.monotonic() of the question and of its passages.
    chosen: the sentences that state the answer, by a model that judged the best ones: the first
    one for certain, with `stated`, its log-odds; further ones where they are judged to do so too.
    Empty and None where nobody has judged. words: those of the first that answer; "" where they
    were not read or not found. spent: what the completions have cost. cancelled: one of them was.
    is_not_calculated: it is about accounts, and statements of the passages' documents do not tell.
    """

    def __init__(
        self,
        *,
        question: str,
        asked: str,
        history: Sequence[Turn],
        passages: Sequence[Hit],
        comparable: bool,
        embedder: SentenceEmbedder | None,
        started: float,
        retrieved: float,
    ) -> None:
        self.question = question
        self.asked = asked
        self.history = history
        self.comparable = comparable
        self.started = started
        self.retrieved = retrieved
        self.spent: list[Spent] = []
        self.chosen: list[Extract] = []
        self.stated: float | None = None
        self.words = ""
        self.cancelled = False
        self.is_not_calculated = False
        self._asks_more = asks_more_than_a_fact(asked)
        self._judged: Sequence[Judged] = ()
        self._embedder = embedder
        self.keep_only(passages)

    def keep_only(self, passages: Sequence[Hit]) -> None:
        """Forget the other passages."""
        self.passages = list(passages)
        self.evidence = Evidence(self.passages, question=self.asked)
        self._extracts: list[Extract] | None = None

    def texts(self) -> list[str]:
        """The passages, each with its document's name and its heading."""
        return [hit.titled_text for hit in self.passages]

    def extracts(self) -> list[Extract]:
        """The sentences of the passages as answers, best first; embeds them on the first call."""
        if self._extracts is None:
            self._extracts = find_extracts(self.asked, self.evidence, embedder=self._embedder)
        return self._extracts

    def nearest(self) -> Extract | None:
        """The sentence that answers best, as far as is known."""
        return next(iter(self.chosen or self.extracts()), None)

    def confidence(self) -> Confidence | None:
        """How likely it is that the passages answer, by what is known so far."""
        best = self.nearest()
        if best is None:
            return confidence(None, stated=self.stated)
        against = mismatch(self.asked, best.quote.text, self.texts())
        if self.is_not_calculated and not self._tells_otherwise(best):
            against += _NOT_CALCULATED
        nearness = self._nearness(best)
        return confidence(
            nearness,
            fit=best.fit,
            standout=0.0 if nearness is None else nearness - self._usual_cosine(best),
            stated=self.stated,
            mismatch=against,
            asks_more=self._asks_more,
            is_named_cell=self.names_cell(best),
            is_english=not function_terms(self.asked),
        )

    def has_near_sentence(self) -> bool:
        """Whether the one that fits best is near in meaning, in a passage of many other things."""
        best = next(iter(self.extracts()), None)
        return best is not None and (best.similarity or 0.0) >= _NEAR

    def names_cell(self, row: Extract) -> bool:
        """Whether all of the question names one cell of this, a row of a table."""
        cell = self.asked_cell(row)
        return cell is not None and cell.is_all

    def names_any_cell(self) -> bool:
        """The same of any of the sentences that fit best."""
        return any(map(self.names_cell, self.extracts()[:_CHOSEN_OF]))

    def is_likely(self, least: float) -> bool:
        """Whether the confidence, where there is one, is at least so high."""
        sure = self.confidence()
        return sure is None or sure.value >= least

    def to_choose_from(self) -> list[Extract]:
        """The sentences that fit best, to be judged first."""
        best = self.extracts()[:_CHOSEN_OF]
        return [each for each in best if _fits_nearly_as(best[0], each)]

    def choose(self, judged: Sequence[Judged]) -> None:
        """Choose among the sentences to choose from."""
        self._judged = judged
        best, self.stated = max(judged, key=_fit_as_judged)
        self.chosen = [best]

    def as_read(self, extract: Extract) -> str:
        """A sentence with what the question has of its heading, and whom its document is about."""
        heading = extract.heading
        if not (content_terms(heading) - content_terms(extract.text)) & content_terms(self.asked):
            heading = ""
        above = ", ".join(part for part in (self._subject(extract), heading) if part)
        return f"{above}: {extract.text}" if above else extract.text

    def to_quote_too(self) -> list[Extract]:
        """Further sentences, to be judged once one is chosen: any may be quoted beside it."""
        most = _QUOTED_OF_MORE if self._asks_more else _QUOTED_OF_A_FACT
        unjudged = self.extracts()[len(self._judged) : most]
        return [each for each in unjudged if self._may_be_quoted_too(each)]

    def quote_too(self, further: Sequence[Judged]) -> None:
        """Quote what states the answer too, the best first. further: those to quote too."""
        judged = sorted([*self._judged, *further], key=_fit_as_judged, reverse=True)
        self.chosen += [
            extract
            for extract, stated in judged
            if extract is not self.chosen[0]
            and stated >= _LEAST_STATED
            and self._may_be_quoted_too(extract)
        ]

    def first_of(self, quotes: Container[str]) -> Extract | None:
        """The best of the sentences that are among these quotes."""
        fitting = self.chosen or self.extracts()
        return next((extract for extract in fitting if extract.quote.text in quotes), None)

    def asked_cell(self, row: Extract) -> Cell | None:
        """The cell that the question asks for, where this is a row of a table."""
        return asked_cell(self.asked, row.header, row.quote.text)

    def is_only_cell(self, row: Extract, cell: Cell) -> bool:
        """Whether no other row of its table has the same name and something else in that cell."""
        others = (self.asked_cell(each) for each in self.extracts() if each.header == row.header)
        return all(o is None or o.row != cell.row or o.text == cell.text for o in others)

    def _may_be_quoted_too(self, extract: Extract) -> bool:
        best = self.chosen[0]
        if extract.signs.elsewhere > best.signs.elsewhere:
            return False  # what the question names stands under another heading
        if extract.quote.passage == best.quote.passage:
            return True
        # To a fact, another passage may have another answer: see rag.contradictions.
        return self._asks_more and _fits_nearly_as(best, extract)

    def _tells_otherwise(self, best: Extract) -> bool:
        """Whether a sentence tells about accounts what statements do not."""
        said = best.quote.text
        is_reason = bool(best.signs.cause)
        return is_reason or names_row(self.asked, said) or tells_another_figure(self.asked, said)

    def _nearness(self, best: Extract) -> float | None:
        """The cosine with the question of a sentence that is read under its innermost heading.

        Whom its document is about counts half, as for its fit: the name alone is near already.
        """
        if self._embedder is None:
            return None
        text = f"{best.heading}: {best.text}" if best.heading else best.text
        subject = self._subject(best)
        texts = [text, f"{subject} {text}"] if subject else [text]
        return mean(self._embedder.similarities(self.asked, texts))

    def _usual_cosine(self, best: Extract) -> float:
        """The mean of the question's with the passages that a sentence is not of."""
        others = [
            hit.dense_similarity
            for passage, hit in enumerate(self.passages)
            if passage != best.quote.passage and hit.dense_similarity is not None
        ]
        return mean(others) if others else _USUAL_COSINE

    def _subject(self, extract: Extract) -> str:
        return self.evidence.subject(extract.quote.passage, content_terms(extract.text))


def _fits_nearly_as(best: Extract, other: Extract) -> bool:
    """Whether it does, as far as fits can tell: by words alone they are too rough."""
    return other.similarity is None or other.fit >= best.fit - _JUDGED_WITHIN


def _fit_as_judged(judged: Judged) -> float:
    extract, log_odds = judged
    return extract.fit + _FIT_OF_LOG_ODDS * log_odds
