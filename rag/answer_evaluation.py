"""How often answers are right, wrong or refused, and what they rest on. Knows no library.

Every question gives each measure a value in [0, 1], or None where the measure does not apply; a
figure is the mean over the questions that have one.
"""

from __future__ import annotations

import re
import string
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

import numpy as np

from rag.answer_sets import Answerable, AnswerSet, JudgedBy, Question
from rag.results import Answer, AnswerUsage, Citation, PageText
from rag.terms import is_unspaced

ANSWERED = "answers"
DECLINES = "declines"
BALANCED = "balanced accuracy"
MEASURES = {
    "contains gold": "share of answerable questions whose answer has a right answer in its words",
    "exact match": "share of answerable questions whose short answer is a right one",
    "F1": "overlap in words of the short answer and the nearest right one",
    "correct": "answered, and the figures (or yes and no) are right",
    "wrong": "answered, and not right",
    ANSWERED: "answerable questions that were answered",
    DECLINES: "unanswerable questions that were refused",
    "declines off-topic": "questions on other things that were refused",
    "citation precision": "share of the cited sentences that support the right answer",
    "citation recall": "share of the supporting sentences that are cited, where it was answered",
    "cites document": "answers that cite the right document",
    "cites page": "answers that cite the right page",
    "right or both sides": "right, or true and false sources are both shown",
    "resolves": "citations whose quotation stands at the place that they name",
}
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_MARKER = re.compile(r"\s*\[\d+\]")
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?|(?<![\w.])\.\d+")
_YEAR = re.compile(r"(?:19|20)\d\d")
# A figure may be given in units, thousands, millions or billions, or be rounded.
_SCALES = (1.0, 1e3, 1e6, 1e9, 1e-3, 1e-6, 1e-9)
_ROUNDING = 0.005
_ENOUGH_WORDS = 0.5
_RESAMPLES = 2_000
_SEED = 20261


@dataclass(frozen=True, slots=True)
class SystemAnswers:
    """What one system answered to the questions of a set, judged.

    values: measure -> one value a question, in the set's order. seconds: of the whole run.
    """

    system: str
    answers: tuple[Answer, ...]
    values: Mapping[str, tuple[float | None, ...]]
    seconds: float

    def figure(self, measure: str) -> float | None:
        """The mean over the questions that have a value; BALANCED from the two groups' means."""
        return _figure(self.values, measure, np.arange(len(self.answers)))

    def interval(self, measure: str) -> tuple[float, float] | None:
        """95 % of the figure, questions drawn again with replacement."""
        generator = np.random.default_rng(_SEED)
        drawn = (
            _figure(self.values, measure, generator.integers(0, count, count))
            for count in [len(self.answers)] * _RESAMPLES
        )
        known = [value for value in drawn if value is not None]
        if self.figure(measure) is None or not known:
            return None
        low, high = np.percentile(known, [2.5, 97.5])
        return float(low), float(high)

    @property
    def prompt_tokens(self) -> float:
        """Mean over the questions that were put before the model."""
        return self._mean_usage(lambda usage: usage.prompt_tokens)

    @property
    def computed_prompt_tokens(self) -> float:
        """As prompt_tokens, without those that were in the engine's cache."""
        return self._mean_usage(lambda usage: usage.prompt_tokens - usage.cached_tokens)

    @property
    def completion_tokens(self) -> float:
        """As prompt_tokens, of what the model wrote."""
        return self._mean_usage(lambda usage: usage.completion_tokens)

    def _mean_usage(self, of: Callable[[AnswerUsage], int]) -> float:
        counts = [of(a.usage) for a in self.answers if a.usage.prompt_tokens]
        return sum(counts) / len(counts) if counts else 0.0

    @property
    def answer_seconds(self) -> float:
        """Median, from a question to its whole answer."""
        return median(a.timings.total_seconds for a in self.answers) if self.answers else 0.0


def measures_of(systems: Sequence[SystemAnswers]) -> list[str]:
    """The measures that have a figure, in the order they are printed."""
    names = [*MEASURES, BALANCED]
    return [n for n in names if any(system.figure(n) is not None for system in systems)]


def answer_all(
    system: str,
    ask: Callable[[str], Answer],
    asked: AnswerSet,
    *,
    page_text: PageText,
    clients: int = 1,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> SystemAnswers:
    """Ask every question, `clients` at once, and judge. progress: told done and all."""
    begun = time.monotonic()
    answers: list[Answer] = []
    with ThreadPoolExecutor(clients, thread_name_prefix="paperlight-eval") as pool:
        for answer in pool.map(ask, [question.text for question in asked.questions]):
            answers.append(answer)
            progress(len(answers), len(asked.questions))
    values = judged_values(asked, answers, page_text=page_text)
    return SystemAnswers(system, tuple(answers), values, time.monotonic() - begun)


def judged_values(
    asked: AnswerSet, answers: Sequence[Answer], *, page_text: PageText
) -> dict[str, tuple[float | None, ...]]:
    """Measure -> one value a question, in the set's order."""
    judged = [
        judge(question, answer, judged_by=asked.judged_by, page_text=page_text)
        for question, answer in zip(asked.questions, answers, strict=True)
    ]
    return {measure: tuple(each.get(measure) for each in judged) for measure in MEASURES}


# --- one answer ---------------------------------------------------------------------------------


def judge(
    question: Question,
    answer: Answer,
    *,
    judged_by: JudgedBy = JudgedBy.WORDS,
    page_text: PageText | None = None,
) -> dict[str, float]:
    """Measure -> value, of those that apply. page_text: raises LookupError for what is gone."""
    values: dict[str, float] = {}
    if answer.citations and page_text is not None:
        resolved = [_resolves(citation, page_text) for citation in answer.citations]
        values["resolves"] = sum(resolved) / len(resolved)
    if question.answerable is Answerable.OFF_TOPIC:
        return values | {"declines off-topic": float(answer.refused)}
    if question.answerable is Answerable.NO:
        return values | {DECLINES: float(answer.refused)}
    values[ANSWERED] = float(not answer.refused)
    values |= _judged_words(question, answer, judged_by)
    if question.contested:
        cited = {citation.document_path for citation in answer.citations}
        both = bool(cited & question.contested) and bool(cited & question.true_entries)
        values["right or both sides"] = max(values["contains gold"], float(both))
    if not answer.refused:
        values |= _judged_citations(question, answer.citations)
    return values


def _judged_words(question: Question, answer: Answer, judged_by: JudgedBy) -> dict[str, float]:
    said = "" if answer.refused else _MARKER.sub("", answer.text)
    short = "" if answer.refused else _MARKER.sub("", answer.short or answer.text)
    if judged_by is JudgedBy.SPANS:
        return {"F1": max((token_f1(said, gold) for gold in question.gold), default=0.0)}
    if judged_by is JudgedBy.FIGURES:
        right = bool(said) and any(agrees(said, gold) for gold in question.gold)
        return {"correct": float(right), "wrong": float(bool(said) and not right)}
    return {
        "contains gold": float(contains_any(said, question.gold)),
        "exact match": float(any(normalised(short) == normalised(g) for g in question.gold)),
        "F1": max((token_f1(short, gold) for gold in question.gold), default=0.0),
    }


def _judged_citations(question: Question, citations: Sequence[Citation]) -> dict[str, float]:
    values: dict[str, float] = {}
    if question.document is not None:
        of_document = [
            c for c in citations if question.document in (c.document_name, c.document_path)
        ]
        values["cites document"] = float(bool(of_document))
        if question.page is not None:
            values["cites page"] = float(any(c.page == question.page for c in of_document))
        if question.supporting:
            cited = {i for c in of_document for i in _cited_sentences(question.sentences, c)}
            right = len(cited & question.supporting)
            elsewhere = len(citations) - len(of_document)  # each counts as a wrong sentence
            if citations:
                values["citation precision"] = right / max(1, len(cited) + elsewhere)
            values["citation recall"] = right / len(question.supporting)
    return values


def _cited_sentences(sentences: Sequence[tuple[int, int]], citation: Citation) -> list[int]:
    """The sentences of which a citation has the greater part."""
    return [
        index
        for index, (start, end) in enumerate(sentences)
        if 2 * (min(end, citation.end) - max(start, citation.start)) > end - start
    ]


def _resolves(citation: Citation, page_text: PageText) -> bool:
    try:
        text = page_text(citation.document_id, citation.page_index)
    except LookupError:
        return False
    return bool(citation.quote) and text[citation.start : citation.end] == citation.quote


# --- words and figures --------------------------------------------------------------------------


def contains_any(text: str, gold: Iterable[str]) -> bool:
    """Whether a text has one of these strings as whole words, by SQuAD's normalisation.

    Scripts without spaces have no whole words to see: there it is enough that the string is there.
    """
    words = f" {normalised(text)} "
    return any(
        "".join(normalised(answer).split()) in "".join(words.split())
        if is_unspaced(answer)
        else f" {normalised(answer)} " in words
        for answer in gold
        if normalised(answer)
    )


def normalised(text: str) -> str:
    """Case, punctuation, articles and white space do not count.

    Source: github.com/allenai/bi-att-flow, squad/evaluate-v1.1.py
    """
    plain = text.casefold().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def token_f1(text: str, gold: str) -> float:
    """Harmonic mean of precision and recall of words, in [0, 1]; source: as `normalised`."""
    said, right = normalised(text).split(), normalised(gold).split()
    if not said or not right:
        return float(said == right)
    shared = sum((Counter(said) & Counter(right)).values())
    return 2.0 * shared / (len(said) + len(right))


def agrees(text: str, gold: str) -> bool:
    """Whether a text has what counts in a right answer of a filing.

    That is its first figure that is no year, at any scale and rounded to 0.5 %; without one, its
    yes or no; else half of its words. A judgement by rule: it wants reading where it matters.
    """
    if wanted := _figures(gold):
        return any(_same_figure(figure, wanted[0]) for figure in _figures(text))
    opening = _yes_or_no(gold)
    if opening is not None:
        return _yes_or_no(text) == opening
    right = set(normalised(gold).split())
    return len(right & set(normalised(text).split())) >= _ENOUGH_WORDS * len(right) > 0


def _figures(text: str) -> list[float]:
    plain = _MARKER.sub("", text)
    found = [m.group().replace(",", "") for m in _NUMBER.finditer(plain)]
    return [float(number) for number in found if not _YEAR.fullmatch(number)]


def _same_figure(figure: float, wanted: float) -> bool:
    return any(abs(figure * scale - wanted) <= _ROUNDING * abs(wanted) for scale in _SCALES)


def _yes_or_no(text: str) -> str | None:
    first = normalised(text).split()[:1]
    return first[0] if first and first[0] in ("yes", "no") else None


def _figure(
    values: Mapping[str, Sequence[float | None]], measure: str, chosen: Sequence[int] | np.ndarray
) -> float | None:
    if measure == BALANCED:
        groups = [_figure(values, name, chosen) for name in (ANSWERED, DECLINES)]
        known = [group for group in groups if group is not None]
        return sum(known) / 2.0 if len(known) == 2 else None
    column = values[measure]
    present = [value for index in chosen if (value := column[index]) is not None]
    return sum(present) / len(present) if present else None


# --- results on disk ----------------------------------------------------------------------------


def as_json(asked: AnswerSet, systems: Sequence[SystemAnswers]) -> dict[str, object]:
    """The figures as JSON with the values of each question; no text of the set."""
    return {
        "set": asked.name,
        "questions": len(asked.questions),
        "systems": {
            each.system: {
                "figures": {m: _rounded(each.figure(m)) for m in measures_of([each])},
                "intervals": {m: each.interval(m) for m in measures_of([each])},
                "prompt_tokens": round(each.prompt_tokens, 1),
                "computed_prompt_tokens": round(each.computed_prompt_tokens, 1),
                "completion_tokens": round(each.completion_tokens, 1),
                "answer_seconds": round(each.answer_seconds, 3),
                "run_seconds": round(each.seconds, 1),
                "values": {
                    m: [_rounded(value) for value in values]
                    for m, values in each.values.items()
                    if any(value is not None for value in values)
                },
            }
            for each in systems
        },
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
