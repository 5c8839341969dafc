"""Readers' judgements of answers over HTTP, under /api/feedback.

Approving is left to `paperlight feedback`: what the model is shown as good for everybody is
decided by whoever has the library, not by whoever may ask.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.api.bodies import OwnBody
from app.api.dependencies import Opened
from app.as_json import as_json
from rag.feedback import Judgement, Place, Rating
from rag.settings import MOST_QUESTION_CHARS

router = APIRouter(prefix="/api/feedback", tags=["feedback"])

_LARGEST_ID = 2**63 - 1  # of a row of the database


class PlaceBody(BaseModel):
    """A citation or a passage, as /api/ask gives it; other members are not looked at."""

    marker: int = Field(default=0, ge=0, description="The citation's number in the answer")
    document_id: str = Field(max_length=100, description="The document")
    page_index: int = Field(ge=0, description="0-based")
    start: int = Field(ge=0, description="Where it begins in the page's text")
    end: int = Field(ge=0, description="Where it ends")

    def place(self) -> Place:
        """The same as the library wants it."""
        return Place(self.marker, self.document_id, self.page_index, self.start, self.end)


class JudgedAnswer(BaseModel):
    """An answer as /api/ask gave it; other members are not looked at."""

    question: str = Field(max_length=MOST_QUESTION_CHARS, description="What was asked")
    text: str = Field(description="What was answered")
    refused: bool = Field(default=False, description="Whether the answer was that there is none")
    citations: list[PlaceBody] = Field(default_factory=list, max_length=100)
    passages: list[PlaceBody] = Field(default_factory=list, max_length=100)


class FeedbackBody(OwnBody):
    """What a reader thinks of an answer."""

    rating: Rating = Field(description="up or down")
    answer: JudgedAnswer = Field(description="The whole answer of /api/ask")
    expected: str = Field(default="", description="With down: the right answer, if it is known")
    not_answerable: bool = Field(
        default=False, description="With down: the right answer is that the documents do not say"
    )


@router.post("", status_code=HTTPStatus.CREATED)
def give_feedback(body: FeedbackBody, workspace: Opened) -> dict[str, Any]:
    """Keep a thumb up or down.

    It is kept with the question, the answer and the sentences that were cited, and deleted with
    the documents that it quotes. What was good joins the model's examples once it is approved
    (`paperlight feedback`); what was bad becomes a question of an evaluation set.
    """
    answer = body.answer
    places = answer.passages if answer.refused else answer.citations
    kept = workspace.library.feedback.give(
        Judgement(
            rating=body.rating,
            question=answer.question,
            answer=answer.text,
            refused=answer.refused,
            places=tuple(place.place() for place in places),
            expected=body.expected,
            not_answerable=body.not_answerable,
        )
    )
    return {"feedback": as_json(kept)}


@router.get("")
def list_feedback(workspace: Opened) -> dict[str, Any]:
    """All that is kept, oldest first."""
    return {"feedback": [as_json(each) for each in workspace.library.feedback.all()]}


@router.delete("/{feedback_id}")
def withdraw_feedback(
    feedback_id: Annotated[int, Path(ge=1, le=_LARGEST_ID)], workspace: Opened
) -> dict[str, Any]:
    """Take a judgement back; nothing is learned from it any more."""
    workspace.library.feedback.delete(feedback_id)
    return {"removed": feedback_id}
