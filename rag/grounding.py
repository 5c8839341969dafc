"""A model's draft -> the answer that is shown: cited, replaced by a quotation, or refused.

Pure. A small model often copies the wrong sentence or words the right one badly, so a draft is not
trusted for being fluent: what it says must be found. Where it cannot be found, the sentence that
fits the question best is quoted instead, if one fits well enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.citations import CitedText, Unsupported, cite, cite_quote, without_markers
from rag.evidence import Evidence, Extract, SentenceSimilarity
from rag.refusal import refusal_text, says_it_does_not_know
from rag.results import Citation, Hit


@dataclass(frozen=True, slots=True)
class GroundingOptions:
    """How drafts are judged. Fits are `Extract.fit`.

    trust_refusal: whether the model's "I do not know" is believed.
    quote_fit: least fit of a sentence that is quoted in place of a draft.
    quote_margin: quote the best sentence in place of a supported draft when it fits the question
        this much better than what the draft rests on.
    least_fit: refuse when no sentence fits the question this well, whatever the model says.
    """

    unsupported: Unsupported = Unsupported.DROP
    trust_refusal: bool = True
    quote_fit: float = 1.0
    quote_margin: float = float("inf")
    least_fit: float = 0.0


# A model below this reads so badly that the best-fitting sentence beats its own choice.
_SMALL_READER_PARAMETERS = 400_000_000


def grounding_for(parameters: int) -> GroundingOptions:
    """How far to trust a model of this many parameters (0: not known, trusted)."""
    if 0 < parameters < _SMALL_READER_PARAMETERS:
        return GroundingOptions(
            trust_refusal=False, quote_fit=1.0, quote_margin=0.05, least_fit=1.0
        )
    return GroundingOptions()


@dataclass(frozen=True, slots=True)
class Grounded:
    """The final text with its citations, or a refusal without any."""

    text: str
    citations: tuple[Citation, ...]
    refused: bool


def ground(
    question: str,
    draft: str,
    passages: Sequence[Hit],
    *,
    options: GroundingOptions,
    similarity: SentenceSimilarity | None = None,
) -> Grounded:
    """Decide what is shown for a draft.

    question: as one that stands alone. passages: in prompt order.
    """
    does_not_know = says_it_does_not_know(draft)
    if does_not_know and options.trust_refusal:
        return refusal(passages)
    words = "" if does_not_know else without_markers(draft)
    evidence = Evidence(passages, question=question)
    extracts = evidence.extracts(question, draft=words, similarity=similarity)
    best = extracts[0].fit if extracts else 0.0
    if best < options.least_fit:
        return refusal(passages)
    if words:
        cited = cite(draft, evidence, unsupported=options.unsupported)
        if cited.supported and best - _fit_of(cited, extracts) <= options.quote_margin:
            return _answered(cited)
    if extracts and best >= options.quote_fit:
        return _answered(cite_quote(extracts[0].quote, evidence))
    return refusal(passages)


def refusal(nearest: Sequence[Hit]) -> Grounded:
    """The refusal that names the nearest passages."""
    return Grounded(refusal_text(nearest), (), refused=True)


def _fit_of(cited: CitedText, extracts: Sequence[Extract]) -> float:
    """The best fit among the sentences that the citations touch."""
    return max(
        (
            extract.fit
            for extract in extracts
            for citation in cited.citations
            if _touches(citation, extract)
        ),
        default=0.0,
    )


def _touches(citation: Citation, extract: Extract) -> bool:
    quote = extract.quote
    return (
        (citation.document_id, citation.page_index) == (quote.document_id, quote.page_index)
        and citation.start < quote.end
        and quote.start < citation.end
    )


def _answered(cited: CitedText) -> Grounded:
    return Grounded(cited.text, cited.citations, refused=False)
