"""A reader's thumb below an answer: kept at once, taken back by a second click. Draws nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.ui.exchange import Progress, Stage
from app.ui.session import PageState, Rated
from app.ui.wording import sentence
from rag.errors import FeedbackNotFound
from rag.feedback import Rating, judgement_of
from rag.library import Library
from rag.results import Answer

_NOTES = {
    Rating.UP: "Thank you. It waits for review: paperlight feedback.",
    Rating.DOWN: "Thank you.",
}


def describe_rating(progress: Progress, rated: Rated | None) -> dict[str, Any]:
    """What the browser is told of it: see frontend/exchange.js."""
    feedback = rated.feedback if rated is not None else None
    corrected = feedback is not None and bool(feedback.expected or feedback.not_answerable)
    return {
        "offered": progress.stage is Stage.DONE and progress.answer is not None,
        "given": feedback.rating.value if feedback is not None else "",
        "corrected": corrected,
        "note": _NOTES[feedback.rating] if feedback is not None else "",
        "error": rated.error if rated is not None else "",
    }


def rate(
    library: Library,
    state: PageState,
    number: int,
    answer: Answer | None,
    clicked: Mapping[str, Any],
) -> bool:
    """Do what a click in exchange `number` asks for, if it is of this kind; whether it was.

    clicked: from a browser, so it may be anything.
    """
    kind = clicked.get("kind")
    if answer is None or kind not in ("rating", "correction"):
        return False
    rating, expected, not_answerable = clicked.get("rating"), "", False
    if kind == "correction":
        said = clicked.get("expected")
        expected = said.strip() if isinstance(said, str) else ""
        rating, not_answerable = Rating.DOWN, clicked.get("notAnswerable") is True
    try:
        _withdraw(library, state, number)
        if rating in list(Rating):
            judgement = judgement_of(
                answer, Rating(rating), expected=expected, not_answerable=not_answerable
            )
            state.rated[number] = Rated(library.feedback.give(judgement))
    except Exception as error:  # the page's boundary: the answer stays, and says what happened
        state.rated[number] = Rated(None, sentence(error))
    return True


def _withdraw(library: Library, state: PageState, number: int) -> None:
    rated = state.rated.pop(number, None)
    if rated is None or rated.feedback is None:
        return
    try:
        library.feedback.delete(rated.feedback.feedback_id)
    except FeedbackNotFound:
        return  # it went with its document, or was rejected
