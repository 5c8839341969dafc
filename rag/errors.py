"""What can go wrong between a question and its answer.

    RagError
    ├── InvalidQuestion     the question cannot be asked as it is; the message says what to change
    │   └── QuestionTooLong     it leaves no room in the model's context for passages and answer
    ├── ContextTooSmall     the model's context cannot hold even the instructions
    ├── InvalidSchema       values cannot be extracted by this JSON schema; the message says why
    ├── InvalidFeedback     a judgement of an answer cannot be kept or approved as it is
    │   └── FeedbackNotFound    there is no such judgement, or it went with its document
    ├── ExamplesInvalid     an examples file does not have the expected form
    ├── RerankerNotFound    the configured reranker is not there or is none
    ├── RerankingFailed     a reranker could not judge; the search's own order remains
    └── PassageBlocksUnused passages would be computed ahead for nothing

Errors of the layers below (ingest.errors, inference.request) pass through unchanged; so does
LibraryClosed, which the store raises where a question was under way, and the library itself later.
"""

from __future__ import annotations

from ingest.errors import LibraryClosed as LibraryClosed


class RagError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidQuestion(RagError, ValueError):
    """The question cannot be asked as it is; the message says what to change."""


class QuestionTooLong(InvalidQuestion):
    """The question leaves no room for passages and an answer."""


class ContextTooSmall(RagError):
    """The model's context cannot hold the instructions, one passage and an answer."""


class InvalidSchema(RagError, ValueError):
    """Values cannot be extracted by this JSON schema; the message says what to change."""


class InvalidFeedback(RagError, ValueError):
    """A judgement of an answer cannot be kept or approved as it is; the message says why."""


class FeedbackNotFound(InvalidFeedback, LookupError):
    """There is no judgement with this number."""

    def __init__(self, feedback_id: int) -> None:
        super().__init__(
            f"There is no feedback {feedback_id}; it may have gone with a document that it quoted."
        )


class ExamplesInvalid(RagError, ValueError):
    """An examples file does not have the expected form; the message names the entry."""


class PassageBlocksUnused(RagError):
    """Passages would be computed ahead for nothing; the message says why."""


class RerankerNotFound(RagError):
    """The configured reranker is not there or is none; the message says what was looked for."""


class RerankingFailed(RagError):
    """A reranker could not judge these passages; the message says why."""
