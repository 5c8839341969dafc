"""What is found of a field: its value, and where each scalar of it stands. Plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rag.evidence import Evidence, Quote
from rag.windows import Window

# How well the place of a value fits its field. Only their order counts within a document: a label
# that is the field's name says more than one that has more words, and that more than a sentence.
# Their sum over a form's fields says which document it is of.
EXACT_LABEL = 3.0
SAID_TO_BE = 2.5
LABEL = 2.0
SENTENCE = 2.0
DESCRIBED = 1.5
ONLY_ONE = 1.0


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, number or truth value of a field. place: within it, "[0].price"; "" of itself."""

    place: str
    value: Any
    quote: Quote


@dataclass(frozen=True, slots=True)
class StatedField:
    """A value of a field, the scalars in it, and how well their place fits the field."""

    value: Any
    scalars: tuple[Scalar, ...]
    score: float

    @property
    def document_id(self) -> str:
        """The document that states it."""
        return self.scalars[0].quote.document_id


def stated_scalar(
    evidence: Evidence, window: Window, value: Any, score: float
) -> Iterator[StatedField]:
    """A scalar field, if it has a value."""
    if value is not None and value != "":
        yield StatedField(value, (Scalar("", value, evidence.quote(window)),), score)
