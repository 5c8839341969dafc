"""Question sets in, figures out. Knows a library only as something that can be asked.

A figure is a share in [0, 1]; None where no question of the set can tell.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from rag.results import Answer

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what a right answer has.

    gold: any of these in the answer makes it right; () where the documents do not answer.
    document: the file name that must be cited, page: its page; None where it does not matter.
    """

    text: str
    gold: tuple[str, ...]
    document: str | None = None
    page: int | None = None

    @property
    def answerable(self) -> bool:
        """Whether the documents answer it."""
        return bool(self.gold)


@dataclass(frozen=True, slots=True)
class Judged:
    """One question, its answer, and what was right of it; None where it does not apply."""

    question: Question
    answer: Answer
    contains_gold: bool | None
    cites_document: bool | None
    cites_page: bool | None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of a question set.

    contains_gold: of the answerable questions. cites_document, cites_page: of the answerable ones
    that name one. balanced_refusal: mean of answering the answerable and refusing the others;
    0.5 is chance. seconds: median from the question to the whole answer.
    """

    judged: tuple[Judged, ...]
    contains_gold: float | None
    cites_document: float | None
    cites_page: float | None
    refused_answerable: float | None
    refused_unanswerable: float | None
    balanced_refusal: float | None
    first_token_seconds: float
    seconds: float


def evaluate(questions: Sequence[Question], ask: Callable[[str], Answer]) -> Evaluation:
    """Ask every question and count. ask: e.g. Library.ask."""
    judged = tuple(judge(question, ask(question.text)) for question in questions)
    answerable = [j for j in judged if j.question.answerable]
    unanswerable = [j for j in judged if not j.question.answerable]
    refused_answerable = _share(j.answer.refused for j in answerable)
    refused_unanswerable = _share(j.answer.refused for j in unanswerable)
    return Evaluation(
        judged=judged,
        contains_gold=_share(j.contains_gold for j in answerable),
        cites_document=_share(j.cites_document for j in answerable),
        cites_page=_share(j.cites_page for j in answerable),
        refused_answerable=refused_answerable,
        refused_unanswerable=refused_unanswerable,
        balanced_refusal=None
        if refused_answerable is None or refused_unanswerable is None
        else (1.0 - refused_answerable + refused_unanswerable) / 2.0,
        first_token_seconds=median(j.answer.timings.first_token_seconds for j in judged)
        if judged
        else 0.0,
        seconds=median(j.answer.timings.total_seconds for j in judged) if judged else 0.0,
    )


def judge(question: Question, answer: Answer) -> Judged:
    """What is right of one answer."""
    places = [(c.document_name, c.page) for c in answer.citations]
    names = [name for name, _ in places]
    return Judged(
        question=question,
        answer=answer,
        contains_gold=contains_any(answer.text, question.gold) and not answer.refused
        if question.answerable
        else None,
        cites_document=question.document in names if question.document else None,
        cites_page=(question.document, question.page) in places
        if question.document and question.page is not None
        else None,
    )


def contains_any(text: str, gold: Iterable[str]) -> bool:
    """Whether a text has one of these strings as whole words, by SQuAD's normalisation.

    Case, punctuation, articles and white space do not count.
    Source: github.com/allenai/bi-att-flow, squad/evaluate-v1.1.py
    """
    words = f" {_normalised(text)} "
    return any(f" {_normalised(answer)} " in words for answer in gold if _normalised(answer))


def load_squad(path: Path) -> list[Question]:
    """The questions of a SQuAD 1.1 or 2.0 file."""
    articles = json.loads(path.read_text("utf-8"))["data"]
    return [
        Question(asked["question"].strip(), tuple(a["text"] for a in asked["answers"]))
        for article in articles
        for paragraph in article["paragraphs"]
        for asked in paragraph["qas"]
    ]


def load_questions(path: Path) -> list[Question]:
    """A JSON list of {question, answer_contains: [text], document?, page?, answerable?}.

    Any of the texts makes an answer right; where answerable is false there are none.
    """
    return [
        Question(
            text=entry["question"],
            gold=tuple(entry["answer_contains"]) if entry.get("answerable", True) else (),
            document=entry.get("document"),
            page=entry.get("page"),
        )
        for entry in json.loads(path.read_text("utf-8"))
    ]


def _normalised(text: str) -> str:
    plain = text.casefold().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", plain).split())


def _share(flags: Iterable[bool | None]) -> float | None:
    known = [flag for flag in flags if flag is not None]
    return mean(known) if known else None
