"""What a search and an answer look like to every caller: page, API, command line and Python.

The field names are the public contract; `paperlight ask --json` and `/api/ask` carry the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Self

from rag.confidence import Confidence

# (document_id, page_index) -> the text that the offsets of hits and citations count in; raises
# LookupError where there is no such page.
PageText = Callable[[str, int], str]


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found for a query.

    document_name: the file's name. document_path: where it was added from.
    page: 1-based, None where the format has no pages. page_index: 0-based into the document.
    start, end: offsets of `text` in the page's text.
    similarity: fused relevance, higher is better; comparable within one query only.
    dense_similarity: cosine in [-1, 1] of the query and the passage; comparable across queries.
        None when the dense side did not see the passage.
    keyword_similarity: BM25, higher is better, or None when no query term is in the passage.
    reason: one line that says why the passage is here.
    read_by_ocr: the text was read off a picture and may be misread.
    sections: where in the page's text each section of the passage begins, and what it stands
        under; () where that is not known: see rag.sections.
    """

    chunk_id: int
    document_id: str
    document_name: str
    document_path: str
    page: int | None
    page_index: int
    start: int
    end: int
    text: str
    heading: str
    similarity: float
    dense_similarity: float | None
    keyword_similarity: float | None
    reason: str = ""
    read_by_ocr: bool = False
    sections: tuple[tuple[int, str], ...] = ()

    @property
    def titled_text(self) -> str:
        """The text below its document's name and its heading."""
        parts = (self.document_name, self.heading, self.text)
        return "\n".join(part for part in parts if part.strip())


@dataclass(frozen=True, slots=True)
class Citation:
    """A place in a document that a statement of the answer rests on.

    marker: the number in the answer's text, as in "[1]".
    quote: verbatim: quote == page text[start:end].
    statement: the sentence of the answer that it supports.
    read_by_ocr: as in Hit.
    """

    marker: int
    document_id: str
    document_name: str
    document_path: str
    page: int | None
    page_index: int
    quote: str
    start: int
    end: int
    statement: str
    read_by_ocr: bool = False

    @classmethod
    def of_passage(
        cls, hit: Hit, *, marker: int, quote: str, start: int, end: int, statement: str
    ) -> Self:
        """Of a quote in a passage. start, end: offsets in the page's text."""
        return cls(
            marker=marker,
            document_id=hit.document_id,
            document_name=hit.document_name,
            document_path=hit.document_path,
            page=hit.page,
            page_index=hit.page_index,
            quote=quote,
            start=start,
            end=end,
            statement=statement,
            read_by_ocr=hit.read_by_ocr,
        )


@dataclass(frozen=True, slots=True)
class Calculation:
    """An answer that code makes of figures. short: the figure or word that answers."""

    text: str
    short: str
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class AnswerUsage:
    """Tokens of an answer: prompt, how many of those were reused, and generated.

    What prompts of one batch begin with alike is counted once.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: AnswerUsage) -> AnswerUsage:
        return AnswerUsage(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class AnswerTimings:
    """Seconds, from the question: retrieval done, first token shown, whole answer."""

    retrieval_seconds: float = 0.0
    first_token_seconds: float = 0.0
    total_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and what it rests on.

    refused: the documents do not answer; `text` says so and `passages` are the nearest. Where they
        nearly do, `text` shows the sentence that comes nearest, and where; it is no citation.
    passages: in prompt order.
    cancelled: the reader stopped it; `text` is what there was.
    short: the few words of the quotations that answer; "" where none were picked.
    confidence: that the passages answer the question; None where nothing tells.
    asked: what was looked up: the question with what it leans on in earlier ones, and with misspelt
        words as the documents spell them; "" where nothing was.
    """

    question: str
    text: str
    refused: bool
    passages: tuple[Hit, ...]
    citations: tuple[Citation, ...]
    usage: AnswerUsage
    timings: AnswerTimings
    model: str
    cancelled: bool = False
    short: str = ""
    confidence: Confidence | None = None
    asked: str = ""

    @property
    def read_as(self) -> str:
        """What was looked up, where it is not the question as it was typed; else ""."""
        return self.asked if self.asked.split() != self.question.split() else ""


class AnswerStage(Enum):
    """What an AnswerEvent reports."""

    RETRIEVED = "retrieved"
    TOKEN = "token"  # noqa: S105 (a word of the answer, not a secret)
    CITATION = "citation"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """A step of an answer in the making: retrieved, token*, citation*, done.

    RETRIEVED carries `passages`, TOKEN carries `text` (a new piece), CITATION carries `citation`,
    DONE carries `answer`, whose text replaces what was streamed (a statement that found no
    support may have been marked or dropped).
    """

    stage: AnswerStage
    text: str = ""
    passages: tuple[Hit, ...] = ()
    citation: Citation | None = None
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier exchange of the conversation."""

    question: str
    answer: str
