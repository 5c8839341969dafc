"""A model's answer -> text whose statements carry markers that resolve to verbatim spans.

Pure. What the model wrote in brackets is a hint; `rag.evidence` decides. A citation that this
module returns always satisfies ``page text[start:end] == quote`` given passages that do, and a
marker in the text always names a citation in the list.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rag.evidence import Evidence, Quote
from rag.messages import messages_for
from rag.question_kind import QuestionKind, question_kind
from rag.results import Citation, Hit
from rag.sentences import sentence_spans
from rag.terms import content_terms, is_negated

# "[1]", "[1, 2]", "[1-3]", "[Passage 2]", "(passage 2)", "[^1]", "【1】"
_MARKER = re.compile(
    r"(?:[\[【]\s*(?:passages?\s*|source\s*|document\s*)?[\^#]?\d{1,3}"
    r"(?:\s*(?:,|;|-|–|and)\s*(?:passage\s*)?\d{1,3})*\s*[\]】]|\(\s*passages?\s+\d{1,3}\s*\))",
    re.IGNORECASE,
)
_BRACKET = re.compile(r"([\[【(\])】])")
_NUMBER = re.compile(r"\d{1,3}")
_STATEMENT_ENDS = (".", "!", "?", "。", "！", "？", "।")
_RANGE = re.compile(r"(\d{1,3})\s*[-–]\s*(\d{1,3})")
# All that a line may say which has no source and needs none: "Here is a summary of the document:".
# A negation is never among them.
_ANNOUNCING = content_terms(
    """here following follow summary summarize brief short sum overview conclusion key main
    important point aspect topic term information detail list contain include cover provide base
    agreement contract report letter
    hier folgt folgende folgenden folgendes kurz gesagt zusammenfassung zusammengefasst überblick
    wichtigsten punkte enthält dokument dokuments dokumente dokumenten laut ist sind eine die das
    der des im
    voici résumé bref suivant suivants suivantes principaux principales points contient en le les
    la du des un de
    aquí resumen resumidas siguiente siguientes principales puntos contiene documento documentos el
    los es una"""
)


class Unsupported(Enum):
    """What becomes of a statement without support in an answer that has other support."""

    DROP = "drop"
    KEEP = "keep"  # with the words "no source" where a marker would stand


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence of the model's answer, its own markers taken out.

    separator: the white space that stood before it. hinted: indices of what it named of the prompt.
    """

    text: str
    separator: str
    hinted: frozenset[int]


@dataclass(frozen=True, slots=True)
class CitedText:
    """text: statements with markers "[1]", "[2]"... in order of first use.

    A line without one announces those after it, or says that it has no source.
    supported: how many statements have a citation. dropped: the statements left out.
    """

    text: str
    citations: tuple[Citation, ...]
    supported: int
    dropped: tuple[str, ...]


def split_statements(answer: str) -> list[Statement]:
    """The sentences of an answer; bare markers belong to the sentence before them.

    A sentence that was said before is left out: small models repeat themselves.
    """
    statements: list[Statement] = []
    position = 0
    for span in sentence_spans(answer):
        raw = answer[span.start : span.end]
        separator = answer[position : span.start]
        position = span.end
        hinted = frozenset(i for m in _MARKER.finditer(raw) for i in _named(m.group()))
        text = without_markers(raw)
        if not text.strip(" .,;:!?-*•"):
            if statements and hinted:
                last = statements[-1]
                statements[-1] = Statement(last.text, last.separator, last.hinted | hinted)
            continue
        if any(text == earlier.text for earlier in statements):
            continue
        statements.append(Statement(text, separator if statements else "", hinted))
    return statements


def without_markers(text: str) -> str:
    """The text with every bracket marker taken out, and the white space before it.

    Also those that taking one out makes: "[[2]1]" must not become a marker that nobody gave. A
    marker has no brackets inside, so it begins at the last one that was opened.
    """
    kept: list[str] = []
    opened: list[int] = []
    for part in _BRACKET.split(text):
        kept.append(part)
        if part in ("[", "【", "("):
            opened.append(len(kept) - 1)
        elif part in ("]", "】", ")") and opened:
            start = opened.pop()
            if _MARKER.fullmatch("".join(kept[start:])):
                del kept[start:]
                kept[-1] = kept[-1].rstrip()
            else:
                opened.clear()  # what is opened before holds brackets that stay
    return "".join(kept).strip()


def cite(
    answer: str,
    evidence: Evidence,
    *,
    unsupported: Unsupported = Unsupported.DROP,
    quoted: Sequence[Quote] = (),
    shown: Sequence[Hit] = (),
) -> CitedText:
    """Give each statement of the answer the spans that support it, or take it out.

    evidence: of the passages. quoted: sentences that are added behind the answer, but for those
    that it already rests on. shown: what of the passages the model saw, in prompt order, where that
    is not all of them in theirs; its markers count these.
    """
    passage_shown = dict(enumerate(map(evidence.passage_of, shown or evidence.passages)))
    book = _CitationBook(evidence.passages)
    pieces: list[str] = []
    dropped: list[str] = []
    announced: list[str] = []  # the last line that announces what follows, if that is found
    supported = 0
    for statement in split_statements(answer):
        if _only_announces(statement.text, evidence):
            announced = [statement.separator, statement.text]
            continue
        hinted = frozenset(passage_shown[i] for i in statement.hinted & passage_shown.keys())
        quotes = evidence.support(statement.text, hinted=hinted)
        if quotes:
            supported += 1
            marked = _with_markers(statement.text, book.markers(quotes, statement.text))
            pieces += [*announced, statement.separator, marked]
            announced = []
        elif unsupported is Unsupported.KEEP:
            words = messages_for(evidence.question or statement.text).no_source
            pieces += [*announced, statement.separator, _with_tag(statement.text, words)]
            announced = []
        else:
            dropped.append(statement.text)
    for quote in quoted:
        if not book.overlaps(quote):
            text = without_markers(" ".join(quote.text.split()))  # its own brackets are not ours
            pieces += [" " if pieces else "", _with_markers(text, book.markers([quote], text))]
            supported += 1
    return CitedText("".join(pieces).strip(), book.citations, supported, tuple(dropped))


class _CitationBook:
    """Numbers the quotes in order of first use; the same span keeps its number."""

    def __init__(self, passages: Sequence[Hit]) -> None:
        self._passages = passages
        self._citations: dict[tuple[str, int, int, int], Citation] = {}

    @property
    def citations(self) -> tuple[Citation, ...]:
        return tuple(self._citations.values())

    def overlaps(self, quote: Quote) -> bool:
        """Whether any of it is cited already."""
        return any(
            (document_id, page_index) == (quote.document_id, quote.page_index)
            and start < quote.end
            and quote.start < end
            for document_id, page_index, start, end in self._citations
        )

    def markers(self, quotes: Sequence[Quote], statement: str) -> list[int]:
        return [self._citation(quote, statement).marker for quote in quotes]

    def _citation(self, quote: Quote, statement: str) -> Citation:
        hit = self._passages[quote.passage]
        key = (hit.document_id, hit.page_index, quote.start, quote.end)
        if key not in self._citations:
            assert hit.text[quote.start - hit.start : quote.end - hit.start] == quote.text
            self._citations[key] = Citation.of_passage(
                hit,
                marker=len(self._citations) + 1,
                quote=quote.text,
                start=quote.start,
                end=quote.end,
                statement=statement,
            )
        return self._citations[key]


def _with_markers(text: str, markers: Sequence[int]) -> str:
    return _with_tag(text, " " + "".join(f"[{m}]" for m in dict.fromkeys(markers)))


def _with_tag(text: str, tag: str) -> str:
    """The tag before the final full stop: "It is blue [1]." """
    body = text.rstrip()
    closing = re.search(r"[.!?。！？]$", body)
    if closing and not re.search(r"\.\w\.$|\.\.\.$", body):
        return body[: closing.start()] + tag + body[closing.start() :]
    return body + tag


def _only_announces(statement: str, evidence: Evidence) -> bool:
    """Whether a statement is a line that has others follow, and says nothing by itself.

    A heading ("Key points") has words of announcing only. What ends with a colon may name what was
    asked for and the document, too, but where a question is affirmed by its own words.
    """
    line = statement.strip(" #*_")
    said = content_terms(line)
    if line.endswith((":", "：")):
        said -= frozenset().union(*evidence.names)
        if question_kind(evidence.question) is not QuestionKind.YES_OR_NO:
            said -= content_terms(evidence.question)
    elif not said or line.endswith(_STATEMENT_ENDS):
        return False
    return said <= _ANNOUNCING and is_negated(line) <= is_negated(evidence.question)


def _named(marker: str) -> list[int]:
    """Zero-based passages that a marker names."""
    numbers = [int(n) for n in _NUMBER.findall(marker)]
    if match := _RANGE.search(marker):
        low, high = int(match.group(1)), int(match.group(2))
        numbers += range(low, min(high, low + 50) + 1)
    return [n - 1 for n in numbers]
