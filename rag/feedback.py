"""What readers think of answers, kept until somebody who may decides what is learned from it.

A good answer waits, and once it is approved it is a worked example that later prompts show the
model; a bad one is a question of an evaluation set. Both are kept in the library's database. Text
of documents is read from the store, never taken from whoever judges, and what quotes a document
is deleted with it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from ingest.database import Database
from ingest.documents import Page
from ingest.records import DocumentRecord
from rag.citations import cite
from rag.errors import FeedbackNotFound, InvalidFeedback
from rag.evidence import Evidence
from rag.examples import as_entry, parse_examples
from rag.prompts import Example, LabelledPassage
from rag.question_kind import QuestionKind, question_kind
from rag.refusal import REFUSAL
from rag.results import Answer, Hit
from rag.sentences import sentence_spans

_MOST_PLACES = 20
_MOST_CHARS = 4000  # of a question, an answer and an expected answer
_MARKER = re.compile(r"\s*\[(\d{1,3})\]")
# An example's passage is the sentence that was quoted with one on either side; they are looked
# for this far around, since a text file is one page of any length.
_AROUND_CHARS = 600
_NEAREST_SHOWN = 2  # passages of an example whose answer is that they do not say
_NEAREST_CHARS = 400
_KINDS = {QuestionKind.AMOUNT: "number", QuestionKind.DATE: "date"}


class Rating(StrEnum):
    """A reader's thumb."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Place:
    """A span [start, end) of a page that an answer rests on.

    marker: its number in the answer's text; 0 for a passage that is only near.
    """

    marker: int
    document_id: str
    page_index: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """An answer and what a reader thinks of it.

    places: its citations; of a refusal, the passages that it was shown with.
    expected: the right answer, where the reader knows it. not_answerable: it is that the documents
    do not say. Both are for Rating.DOWN.
    """

    rating: Rating
    question: str
    answer: str
    refused: bool = False
    places: tuple[Place, ...] = ()
    expected: str = ""
    not_answerable: bool = False


@dataclass(frozen=True, slots=True)
class Feedback:
    """A judgement that is kept.

    approved: somebody looked at it and found it right.
    example: what a good answer would teach the model; None for Rating.DOWN.
    """

    feedback_id: int
    given_at: datetime
    rating: Rating
    approved: bool
    question: str
    answer: str
    expected: str
    not_answerable: bool
    example: Example | None


class Documents(Protocol):
    """Where quoted text is read, e.g. ingest.store.Store."""

    def page(self, document_id: str, page_index: int) -> Page:
        """The page; raises LookupError when it is gone."""
        ...

    def document(self, document_id: str) -> DocumentRecord:
        """The document; raises LookupError when it is gone."""
        ...


def judgement_of(
    answer: Answer, rating: Rating, *, expected: str = "", not_answerable: bool = False
) -> Judgement:
    """The judgement of an answer that is at hand."""
    cited = tuple(
        Place(c.marker, c.document_id, c.page_index, c.start, c.end) for c in answer.citations
    )
    near = tuple(Place(0, h.document_id, h.page_index, h.start, h.end) for h in answer.passages)
    return Judgement(
        rating=rating,
        question=answer.question,
        answer=answer.text,
        refused=answer.refused,
        places=near if answer.refused else cited,
        expected=expected,
        not_answerable=not_answerable,
    )


class FeedbackStore:
    """The judgements of one library. Thread-safe, and safe beside other processes.

    path: of the library's database, which exists (ingest/schema.py has the tables). Where it may
    only be read, whatever would change it raises LibraryReadOnly.
    """

    def __init__(self, path: Path, documents: Documents) -> None:
        self._database = Database(path)
        self._documents = documents

    def close(self) -> None:
        """Close every connection that is not in use; those close when they come back."""
        self._database.close()

    def give(self, judgement: Judgement) -> Feedback:
        """Keep a judgement.

        Raises InvalidFeedback where it cites what is not there; LibraryReadOnly, DiskFull.
        """
        _check(judgement)
        passages = self._passages(judgement)
        good = judgement.rating is Rating.UP
        example = _example(judgement, passages) if good else None
        with self._database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO feedback (given_at, rating, approved, question, answer, expected,"
                " not_answerable, example) VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
                (
                    datetime.now(UTC).isoformat(),
                    judgement.rating.value,
                    judgement.question.strip(),
                    REFUSAL if judgement.refused else judgement.answer.strip(),
                    judgement.expected.strip(),
                    judgement.not_answerable,
                    json.dumps([as_entry(example)], ensure_ascii=False) if example else None,
                ),
            )
            feedback_id = int(cursor.lastrowid or 0)
            try:
                connection.executemany(
                    "INSERT INTO feedback_documents VALUES (?, ?)",
                    {(feedback_id, passage.place.document_id) for passage in passages},
                )
            except sqlite3.IntegrityError as error:  # removed since its page was read
                raise _gone() from error
        return self.get(feedback_id)

    def all(self) -> list[Feedback]:
        """Everything that is kept, oldest first."""
        rows = self._database.rows(f"{_QUERY} ORDER BY feedback_id")
        return [_feedback(row) for row in rows]

    def get(self, feedback_id: int) -> Feedback:
        """One judgement. Raises FeedbackNotFound."""
        rows = self._database.rows(f"{_QUERY} WHERE feedback_id = ?", (feedback_id,))
        if not rows:
            raise FeedbackNotFound(feedback_id)
        return _feedback(rows[0])

    def approve(
        self, feedback_id: int, *, expected: str = "", not_answerable: bool = False
    ) -> Feedback:
        """Let a good answer teach, or settle what the right answer to a bad one is.

        expected, not_answerable: take the place of what the reader said; for bad answers only.
        Raises FeedbackNotFound; InvalidFeedback for a good answer whose statements its passages do
        not support, and for a bad one without a right answer; LibraryReadOnly, DiskFull.
        """
        found = self.get(feedback_id)
        if found.example is not None:
            if expected or not_answerable:
                raise InvalidFeedback(
                    f"Feedback {feedback_id} says that the answer was good; it needs no other."
                )
            _check_example(feedback_id, found.example)
        elif not (expected.strip() or not_answerable):
            expected, not_answerable = found.expected, found.not_answerable
        if found.example is None and bool(expected.strip()) == not_answerable:
            raise InvalidFeedback(
                f"What is the right answer for feedback {feedback_id}? Give it with --expected, or"
                " say --not-answerable where the documents do not say."
            )
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE feedback SET approved = 1, expected = ?, not_answerable = ?"
                " WHERE feedback_id = ?",
                (expected.strip(), not_answerable, feedback_id),
            )
        return self.get(feedback_id)

    def delete(self, feedback_id: int) -> None:
        """Forget a judgement, approved or not.

        Raises FeedbackNotFound, LibraryReadOnly, DiskFull.
        """
        with self._database.writing() as connection:
            cursor = connection.execute(
                "DELETE FROM feedback WHERE feedback_id = ?", (feedback_id,)
            )
        if cursor.rowcount == 0:
            raise FeedbackNotFound(feedback_id)

    def examples(self) -> list[Example]:
        """The approved good answers, oldest first."""
        return [each.example for each in self.all() if each.approved and each.example is not None]

    def cases(self) -> list[dict[str, Any]]:
        """The bad answers whose right answer is known, as rag.answer_sets reads questions."""
        return [
            {"question": each.question, "answers": [], "answerable": False}
            if each.not_answerable
            else {"question": each.question, "answers": [each.expected], "answerable": True}
            for each in self.all()
            if each.rating is Rating.DOWN and (each.expected or each.not_answerable)
        ]

    def _passages(self, judgement: Judgement) -> list[_Passage]:
        passages: list[_Passage] = []
        shown = judgement.places[:_NEAREST_SHOWN] if judgement.refused else judgement.places
        for place in shown:
            try:
                page = self._documents.page(place.document_id, place.page_index)
                name = self._documents.document(place.document_id).name
            except LookupError as error:
                raise _gone() from error
            if not 0 <= place.start < place.end <= len(page.text):
                raise InvalidFeedback(
                    f"The answer cites characters {place.start} to {place.end} of a page that has"
                    f" {len(page.text)}."
                )
            if not page.text[place.start : place.end].strip():
                raise InvalidFeedback("The answer cites a place where there is no text.")
            span = (
                (place.start, min(place.end, place.start + _NEAREST_CHARS))
                if judgement.refused
                else _with_neighbours(page.text, place.start, place.end)
            )
            passages.append(_Passage(place, name, page, *span))
        return passages


_QUERY = (
    "SELECT feedback_id, given_at, rating, approved, question, answer, expected, not_answerable,"
    " example FROM feedback"
)


@dataclass(frozen=True, slots=True)
class _Passage:
    """What of a page becomes a passage of an example: its text's [start, end)."""

    place: Place
    document_name: str
    page: Page
    start: int
    end: int

    def overlaps(self, other: _Passage) -> bool:
        return (
            (self.place.document_id, self.place.page_index)
            == (other.place.document_id, other.place.page_index)
            and self.start < other.end
            and other.start < self.end
        )

    def joined(self, other: _Passage) -> _Passage:
        start, end = min(self.start, other.start), max(self.end, other.end)
        return _Passage(self.place, self.document_name, self.page, start, end)

    @property
    def labelled(self) -> LabelledPassage:
        return LabelledPassage(
            self.document_name, self.page.number, self.page.text[self.start : self.end]
        )


def _gone() -> InvalidFeedback:
    return InvalidFeedback("A document that the answer rests on is no longer in the library.")


def _check(judgement: Judgement) -> None:
    for name, text in (
        ("question", judgement.question),
        ("answer", judgement.answer),
        ("expected answer", judgement.expected),
    ):
        if len(text) > _MOST_CHARS:
            raise InvalidFeedback(f"The {name} is longer than {_MOST_CHARS:,} characters.")
    if not judgement.question.strip() or not judgement.answer.strip():
        raise InvalidFeedback("Feedback needs the question and the answer that was given.")
    if len(judgement.places) > _MOST_PLACES:
        raise InvalidFeedback(f"The answer has more than {_MOST_PLACES} citations.")
    corrected = bool(judgement.expected.strip()) + judgement.not_answerable
    if judgement.rating is Rating.UP and corrected:
        raise InvalidFeedback("A good answer needs no other; rate it down to give a better one.")
    if corrected > 1:
        raise InvalidFeedback("Either there is a right answer, or the documents do not say.")
    if judgement.rating is Rating.UP and not judgement.refused and not judgement.places:
        raise InvalidFeedback("An answer without citations teaches nothing.")


def _with_neighbours(text: str, start: int, end: int) -> tuple[int, int]:
    """The span, widened to whole sentences and by one on either side."""
    low, high = max(0, start - _AROUND_CHARS), min(len(text), end + _AROUND_CHARS)
    spans = sentence_spans(text[low:high])
    touched = [
        i for i, span in enumerate(spans) if span.start < end - low and start - low < span.end
    ]
    if not touched:
        return start, end
    first, last = spans[max(0, touched[0] - 1)], spans[min(len(spans) - 1, touched[-1] + 1)]
    return min(start, low + first.start), max(end, low + last.end)


def _example(judgement: Judgement, places: Sequence[_Passage]) -> Example:
    """The worked example that a good answer makes; its markers number the example's passages."""
    passages: list[_Passage] = []
    numbers: dict[int, int] = {}
    for place in places:
        number = next((i for i, each in enumerate(passages) if each.overlaps(place)), None)
        if number is None:
            number = len(passages)
            passages.append(place)
        else:
            passages[number] = passages[number].joined(place)
        numbers.setdefault(place.place.marker, number + 1)

    def renumbered(found: re.Match[str]) -> str:
        number = numbers.get(int(found[1]))
        return f" [{number}]" if number else ""

    kind = _KINDS.get(question_kind(judgement.question), "fact")
    return Example(
        identifier="feedback",
        kind="not answerable" if judgement.refused else kind,
        question=judgement.question.strip(),
        passages=tuple(passage.labelled for passage in passages),
        answer=REFUSAL if judgement.refused else _MARKER.sub(renumbered, judgement.answer).strip(),
    )


def _check_example(feedback_id: int, example: Example) -> None:
    """What the model is shown as good must pass our own check."""
    if example.answer == REFUSAL:
        return
    hits = [_as_hit(number, passage) for number, passage in enumerate(example.passages)]
    cited = cite(example.answer, Evidence(hits, question=example.question))
    if cited.dropped or not cited.supported:
        raise InvalidFeedback(
            f"The answer of feedback {feedback_id} says what the passages that it cites do not;"
            " it would teach the model to do so."
        )


def _as_hit(number: int, passage: LabelledPassage) -> Hit:
    return Hit(
        chunk_id=number,
        document_id=str(number),
        document_name=passage.document_name,
        document_path="",
        page=passage.page,
        page_index=0,
        start=0,
        end=len(passage.text),
        text=passage.text,
        heading="",
        similarity=0.0,
        dense_similarity=None,
        keyword_similarity=None,
    )


def _feedback(row: Sequence[Any]) -> Feedback:
    feedback_id, given_at, rating, approved, question, answer, expected, not_answerable, entry = row
    return Feedback(
        feedback_id=feedback_id,
        given_at=datetime.fromisoformat(given_at),
        rating=Rating(rating),
        approved=bool(approved),
        question=question,
        answer=answer,
        expected=expected,
        not_answerable=bool(not_answerable),
        example=parse_examples(entry)[0] if entry is not None else None,
    )
