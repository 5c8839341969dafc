"""An answer -> what other sentences say instead of it, shown beside it with their sources.

Pure. Two sentences contradict one another here when both answer a question for a value or a name,
say the same thing in all but that, and differ in it. Sentences of other documents are compared,
and of other dated entries of the same one (minutes, a log of decisions): within one entry, a second
figure is rather of a second thing. What says itself that the thing was changed ("is withdrawn",
"now", "moved to") is shown wherever it stands. Which of them holds is left to the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rag.calendar_names import MONTHS, WEEKDAYS
from rag.citations import without_markers
from rag.evidence import Evidence, Quote
from rag.grounding import Grounded
from rag.messages import messages_for
from rag.question_kind import QuestionKind, asked_terms, question_kind
from rag.results import Citation
from rag.sentences import is_row
from rag.stated_values import Value, ValueKind, agreeing, stated_values
from rag.superseded import (
    Change,
    Told,
    bans_the_allowed,
    entry_of,
    heading_of,
    paragraph_of,
    told_change,
    with_what_follows,
    without_entry_date,
)
from rag.terms import content_terms, is_code, name_terms
from rag.windows import Window, is_sentence

_MOST_SHOWN = 2
# Share of what one sentence says, the values and what is asked aside, that the other must say too:
# of what the cited one says, of what the other one says, and between two entries of one document.
_SAME_OTHERWISE = 0.7
_SAME_IN_TURN = 0.6
_SAME_IN_ENTRIES = 0.85
# Share of what is asked that a sentence must say itself, where its paragraph says the rest.
_SAID_ITSELF = 0.5
# Share of the question's terms that a change must be about, and of its own that are the answer's.
_SAME_THING = 0.6
_SAME_MOVED_THING = 0.9
_LEAST_SHARED = 2  # terms
_MONTHS = content_terms(" ".join(MONTHS))
_WEEKDAYS = content_terms(" ".join(WEEKDAYS))
_LINKS = content_terms("within per upon via among")  # rare, and yet they say nothing
# What a change is said of, or what it does to that: no part of what the answer is about.
_CHANGEABLE = content_terms(
    """increase rise raise reduction decision order proposal plan agreement allow permit ban forbid
    welcome set agree decide"""
)
_WEEKDAY = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day", re.IGNORECASE)


def with_contradictions(grounded: Grounded, evidence: Evidence, *, short: str = "") -> Grounded:
    """The answer, followed by sentences that contradict what it rests on, or tell of a change.

    evidence: of the question and the passages that the answer was grounded in.
    short: the words of the cited sentence that answer, where they are known.
    """
    if grounded.refused or not grounded.citations:
        return grounded
    found = _notices(grounded, evidence, short)[:_MOST_SHOWN]
    text, citations = grounded.text, list(grounded.citations)
    for introduction, window in found:
        quote = evidence.quote(window)
        citation = _citation(quote, evidence, marker=len(citations) + 1)
        citations.append(citation)
        said = without_markers(" ".join(quote.text.split())).rstrip(".")
        text = f"{text} {introduction}{said} [{citation.marker}]."
    return replace(grounded, text=text, citations=tuple(citations)) if found else grounded


@dataclass(frozen=True, slots=True)
class _Said:
    """A sentence of a passage, and what it says besides its values.

    sentence: its text without the date of its entry. terms: all of that, and what it carries.
    known: by the lines above, the document's name and its paragraph as well. values: in the
    sentence. entry: the date of its entry, if it has one.
    """

    window: Window
    position: int
    sentence: str
    terms: frozenset[str]
    known: frozenset[str]
    values: tuple[Value, ...]
    entry: Value | None

    @property
    def rest(self) -> frozenset[str]:
        """The terms that are of no value."""
        stated = " ".join(self.sentence[v.start : v.end] for v in self.values)
        return content_terms(self.sentence) - content_terms(stated) - _MONTHS - _LINKS

    @property
    def names(self) -> frozenset[str]:
        """Names and codes."""
        codes = frozenset(term for term in self.terms if is_code(term))
        return (name_terms(self.sentence) & self.rest) | codes


def _said(window: Window, position: int, evidence: Evidence) -> _Said:
    sentences = evidence.sentences[window.passage]
    sentence = without_entry_date(window.text)
    terms = content_terms(sentence) | window.carried
    above = (*evidence.section(window).path, heading_of(sentences, position))
    paragraph = paragraph_of(evidence.passages[window.passage].text, window)
    around = content_terms(" ".join((*above, paragraph)))
    return _Said(
        window=window,
        position=position,
        sentence=sentence,
        terms=terms,
        known=terms | around | evidence.names[window.passage],
        values=stated_values(sentence),
        entry=entry_of(sentences, position),
    )


def _notices(grounded: Grounded, evidence: Evidence, short: str) -> list[tuple[str, Window]]:
    """Each sentence to be shown, with the words that introduce it."""
    cited = _cited_sentence(grounded.citations, evidence, short)
    if cited is None:
        return []
    found: list[tuple[str, Window]] = []
    messages = messages_for(evidence.question)
    asked = asked_terms(evidence.question)
    answering = _answering_values(cited, evidence.question, short)
    answering_names = frozenset() if answering else _answering_names(cited, evidence, short)
    others = [
        other
        for other in _others(grounded.citations, evidence, asked & cited.terms)
        if _is_of_the_same_name(cited, other, evidence)
    ]
    changed = [other for other in others if _tells_of_its_change(cited, other, answering, evidence)]
    found += [(messages.changed, _shown(other, evidence)) for other in changed]
    told: list[Value] = [value for other in changed for value in other.values]
    told_names: frozenset[str] = frozenset().union(*(other.names for other in changed))
    for other in others:
        if other in changed:
            continue
        values = _differing(cited, other, answering, evidence.question)
        names = other.names - asked - cited.terms if answering_names else frozenset()
        names = frozenset() if answering_names & other.terms else names
        is_new = (values and not any(agreeing(value, told) for value in values)) or (
            names and not names & told_names
        )
        if is_new and _says_the_same_otherwise(cited, other, answering_names, names, evidence):
            told += values
            told_names |= names
            same = _document(other, evidence) == _document(cited, evidence)
            words = messages.entry_differs if same else messages.document_differs
            found.append((words, other.window))
    return found


def _document(said: _Said, evidence: Evidence) -> str:
    return evidence.passages[said.window.passage].document_id


def _is_of_the_same_name(cited: _Said, other: _Said, evidence: Evidence) -> bool:
    """Whether the other sentence's passage knows what the question names, as the cited one's does.

    Of "the salary of Priya Nair", the contract of somebody else has another salary.
    """
    question = evidence.question
    hit = evidence.passages[cited.window.passage]
    asked = asked_terms(question)
    named = (name_terms(question) | name_terms(hit.text)) & asked - _MONTHS - _WEEKDAYS
    named |= {term for term in asked if is_code(term)}
    return not any(
        evidence.coverage_by(cited.window.passage, frozenset({term}))
        > evidence.coverage_by(other.window.passage, frozenset({term}))
        for term in named
    )


def _others(
    citations: Sequence[Citation], evidence: Evidence, about: frozenset[str]
) -> Iterator[_Said]:
    """The sentences that are not cited, and are about the same or tell of a change, in order."""
    for passage, windows in enumerate(evidence.sentences):
        hit = evidence.passages[passage]
        cited = [
            (citation.start - hit.start, citation.end - hit.start)
            for citation in citations
            if (citation.document_id, citation.page_index) == (hit.document_id, hit.page_index)
        ]
        for position, window in enumerate(windows):
            is_cited = any(start < window.end and window.start < end for start, end in cited)
            if is_cited or not is_sentence(window.text):
                continue
            covered = evidence.coverage(about, window.terms | window.carried)
            if not about or covered >= _SAID_ITSELF or told_change(window.text):
                yield _said(window, position, evidence)


def _cited_sentence(citations: Sequence[Citation], evidence: Evidence, short: str) -> _Said | None:
    """The sentence that the answer rests on: of several, the one with the words that answer."""
    words = " ".join(short.split())
    cited = next((c for c in citations if words in " ".join(c.quote.split())), citations[0])
    found: _Said | None = None
    for passage, windows in enumerate(evidence.sentences):
        hit = evidence.passages[passage]
        if (hit.document_id, hit.page_index) != (cited.document_id, cited.page_index):
            continue
        for position, window in enumerate(windows):
            start, end = hit.start + window.start, hit.start + window.end
            if start < cited.end and cited.start < end:
                found = found or _said(window, position, evidence)
                if words and words in " ".join(window.text.split()):
                    return _said(window, position, evidence)
    return found


# --- values --------------------------------------------------------------------------------------


def _answering_values(cited: _Said, question: str, short: str) -> list[Value]:
    """The values of the cited sentence that answer; [] where the answer is something else."""
    kinds = _asked_kinds(question)
    asked = stated_values(question)
    words = " ".join(short.split())
    start = cited.sentence.find(words) if words else -1
    inside = [
        value
        for value in cited.values
        if start >= 0 and start < value.end and value.start < start + len(words)
    ]
    inside += [v for v in cited.values if any(_is_other_end(v, each, cited) for each in inside)]
    values = [value for value in inside or cited.values if not agreeing(value, asked)]
    if not kinds and not inside:
        return []
    if not kinds:  # "which ...": a value is the answer where it is all of the words
        whole = sum(value.end - value.start for value in inside)
        kinds = (inside[0].kind,) if 2 * whole >= len(words) else ()
    return [value for value in values if value.kind in kinds]


def _is_other_end(value: Value, of: Value, cited: _Said) -> bool:
    """Whether both are times of one range: who is told "10 am" of "10 am to 2 pm" asked for it."""
    first, last = sorted((value, of), key=lambda each: each.start)
    between = cited.sentence[first.end : last.start].strip()
    kinds = {value.kind, of.kind}
    return kinds == {ValueKind.TIME} and between in ("to", "until", "till", "-", "–", "—")


def _asked_kinds(question: str) -> tuple[ValueKind, ...]:
    kind = question_kind(question)
    if kind is QuestionKind.AMOUNT:
        return (ValueKind.AMOUNT,)
    if kind is QuestionKind.DATE or "what time" in question.casefold():
        return (ValueKind.DATE, ValueKind.TIME)
    return ()


def _says_the_same_otherwise(
    cited: _Said,
    other: _Said,
    answering_names: frozenset[str],
    names: frozenset[str],
    evidence: Evidence,
) -> bool:
    """Whether two sentences are about the same thing and say the same but for what differs.

    answering_names, names: of either sentence, the names that differ.
    """
    asked = asked_terms(evidence.question)
    about = asked & cited.terms
    is_about = about <= other.terms or (
        about <= other.known and evidence.coverage(about, other.terms) >= _SAID_ITSELF
    )
    if not is_about:
        return False
    rest = cited.rest - (asked - _WEEKDAYS) - answering_names
    in_turn = other.rest - names
    if _document(cited, evidence) != _document(other, evidence):
        least, least_in_turn = _SAME_OTHERWISE, _SAME_IN_TURN
    elif cited.entry and other.entry and not cited.entry.agrees(other.entry):
        # Who else does it, and for how much, may both have changed.
        least = least_in_turn = _SAME_IN_ENTRIES
        rest, in_turn = rest - cited.names, in_turn - other.names
    else:
        return False
    return (not rest or evidence.coverage(rest, other.known) >= least) and (
        not in_turn or evidence.coverage(in_turn, cited.known | asked) >= least_in_turn
    )


def _differing(
    cited: _Said, other: _Said, answering: Sequence[Value], question: str
) -> list[Value]:
    """The values of the other sentence that stand against those that answer."""
    asked = stated_values(question)
    years = {value.year for value in asked if value.year is not None}
    if not {str(year) for year in years} & cited.known <= other.known:
        return []  # each is of a year that is asked for by its document's name or heading
    if not answering or not _is_same_occasion(cited, other, answering):
        return []
    found: list[Value] = []
    for value in answering:
        comparable = [each for each in other.values if each.is_comparable(value)]
        if not agreeing(value, comparable):
            found += [
                each
                for each in comparable
                if not agreeing(each, cited.values) and not agreeing(each, asked)
            ]
    return found


def _is_same_occasion(cited: _Said, other: _Said, answering: Sequence[Value]) -> bool:
    """Whether no date, weekday or name says that the two are of different times or things."""
    kinds = {value.kind for value in answering}
    if ValueKind.DATE not in kinds:
        mine = [v for v in cited.values if v.kind is ValueKind.DATE]
        theirs = [v for v in other.values if v.kind is ValueKind.DATE]
        if mine and theirs and not any(agreeing(value, theirs) for value in mine):
            return False
        days, their_days = _weekdays(cited.sentence), _weekdays(other.sentence)
        if days and their_days and not days & their_days:
            return False
    same_document = cited.entry is not None and other.entry is not None
    return same_document or not (cited.names - other.known and other.names - cited.known)


def _weekdays(text: str) -> set[str]:
    return {day.lower() for day in _WEEKDAY.findall(text)}


def _answering_names(cited: _Said, evidence: Evidence, short: str) -> frozenset[str]:
    """The names of the cited sentence that answer; none where no name is asked for.

    "Which firm ..." asks for one where the words that answer are nothing else.
    """
    kind = question_kind(evidence.question)
    names = name_terms(cited.sentence) - asked_terms(evidence.question)
    words = content_terms(short)
    if kind is QuestionKind.NAME:
        return (names & words) or names
    return names & words if kind is QuestionKind.OTHER and words <= names else frozenset()


# --- changes -------------------------------------------------------------------------------------


def _tells_of_its_change(
    cited: _Said, other: _Said, answering: Sequence[Value], evidence: Evidence
) -> bool:
    """Whether the other sentence says that what the cited one tells of was changed."""
    told = told_change(other.sentence)
    # Nothing says what a row's cell is about: the owner of plot 18 did not change with "plot".
    if told is None or is_row(cited.window.text) or not _is_news(told, cited, evidence):
        return False
    question = evidence.question
    asked = asked_terms(question)
    subject = _without_values(asked) - _CHANGEABLE
    about = (subject & cited.terms) or (subject & cited.known) or cited.rest
    thing = _without_values(content_terms(told.thing)) - _CHANGEABLE
    shared = (cited.rest | asked) & _without_values(other.terms)
    least = _SAME_THING
    if told.change is Change.MOVED:
        least = _SAME_MOVED_THING
        if not _differing(cited, other, answering or cited.values, question):
            return False
    bans = bans_the_allowed(cited.sentence, other.sentence)
    if told.change is Change.BANNED and not bans:
        return False
    if told.change is Change.RESIGNED and not name_terms(told.thing) & cited.names - asked:
        return False
    heading = heading_of(evidence.sentences[other.window.passage], other.position)
    return (
        bool(shared & thing)
        and evidence.coverage(about, other.known) >= _SAME_THING
        and evidence.coverage(thing, cited.known | asked) >= least
        and not (cited.names & asked) - other.known
        and (len(shared) >= _LEAST_SHARED or bool(about & content_terms(heading)) or bans)
    )


def _is_news(told: Told, cited: _Said, evidence: Evidence) -> bool:
    """Whether neither the question nor the cited sentence tells of such a change itself."""
    asked = told_change(evidence.question)
    if asked is not None and asked.change is not Change.MOVED:
        return False
    said = cited.sentence
    if cited.window.carried and cited.position:  # "It stays at £85", after what it is of
        said = f"{evidence.sentences[cited.window.passage][cited.position - 1].text} {said}"
    known = told_change(said)
    return known is None or (known.change is Change.MOVED and told.change is Change.UNDONE)


def _without_values(terms: frozenset[str]) -> frozenset[str]:
    return frozenset(t for t in terms - _MONTHS if not t[:1].isdigit())


def _shown(other: _Said, evidence: Evidence) -> Window:
    passage = other.window.passage
    return with_what_follows(
        evidence.passages[passage].text, evidence.sentences[passage], other.position
    )


def _citation(quote: Quote, evidence: Evidence, *, marker: int) -> Citation:
    hit = evidence.passages[quote.passage]
    return Citation.of_passage(
        hit,
        marker=marker,
        quote=quote.text,
        start=quote.start,
        end=quote.end,
        statement=" ".join(quote.text.split()),
    )
