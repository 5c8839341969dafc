"""What plain sentences state of a field: "The harbour master is Ines Calloway.". Pure; English.

A sentence that speaks of the field has to have one value of its kind, or one clause that has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rag.evidence import Evidence
from rag.forms.asked_field import KNOWN_BY_FORM, PERIODS, AskedField, terms_of
from rag.forms.field_kinds import FieldKind
from rag.forms.findings import (
    DESCRIBED,
    ONLY_ONE,
    SAID_TO_BE,
    SENTENCE,
    StatedField,
    stated_scalar,
)
from rag.forms.labelled_lines import context_terms
from rag.forms.read_value import LONGEST_STATEMENT, choice_in, is_currency, the_only
from rag.forms.typed_values import has_currency, typed_values
from rag.sentences import Span, clause_spans, is_row
from rag.tables.cells import table_terms
from rag.terms import is_negated
from rag.windows import Window, is_sentence

_OF_DESCRIPTION = 0.3  # more, for a sentence that has all of the description
_LEAST_DESCRIBED = 0.6  # of the description's words, where the name's are not all there
_WORDS_BEFORE_CODE = 4

_LEADS_IN = re.compile(r"\W*(?:§\s?)?\d[\d.]*[.)]?\s+[^\n.]{2,30}\.?")
_CAPITALISED = r"[A-Z][\w.&'’-]*(?:\s(?:(?:of|de|van|von|der|la|&)\s)?[A-Z][\w.&'’-]*)*"
_IN_BRACKETS = re.compile(
    rf"(?:^|\b(?:between|and|by|with|from|to|of) )(?P<names>{_CAPITALISED}"
    rf"(?:(?:,| and|, and) {_CAPITALISED})*)(?:, (?:(?! and )[^()]){{1,80}}?)? ?"
    r"\((?:the |hereinafter )?"
    r"[\"“']?(?P<role>[^()\"”']{3,30})[\"”']?\)"
)
_BY = re.compile(rf"\b(?P<verb>\w+(?:ed|t|n)) by (?P<name>{_CAPITALISED})")
_IS = re.compile(
    r"^(?:(?:the|our|my|your|its|their|current|new)\s)*(?P<what>[^,.:;]{3,60}?)\s(?:is|are|was|were)"
    r"\s(?!not\b|to\b|now\b|a\b|an\b|also\b|\w+ed\b|\w+ing\b|made\b|held\b)(?P<value>\S.{0,160})$",
    re.IGNORECASE,
)
_VALUE_END = re.compile(
    r"[;.]?$|[;](?=\s)|\.(?=\s)|,?\s(?:and (?:is|was|has|runs)|which|who|but|because)\b"
)
_WORD = re.compile(r"[^\s:]+")
_THING_OF = re.compile(r"\b(?P<thing>[^\W\d_]+) of\W*(?:[A-Z]{3}\s)?\W*$")  # before an amount
_BETWEEN = ("is", "the", "number", "no.")  # "the contract number is NG-558210"
_PERMITS = re.compile(
    r"\b(?:may|can|allow\w*|permit\w*|accept\w*|approv\w*|includ\w*|available|suitable|welcome)\b",
    re.IGNORECASE,
)
_FORBIDS = re.compile(
    r"\b(?:prohibit\w*|forbid\w*|forbidden|reject\w*|declin\w*|refus\w*|exclud\w*|denied|banned)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:unless|except|only|if|partly|some|without)\b", re.IGNORECASE)
_SAYS_TRUTH = table_terms(
    "whether allow allowed permit permitted suitable may include included available require accept"
    " is has have be with there"
)


def leads_in(window: Window) -> bool:
    """Whether a line only says what the next sentence is about: "2. Term."."""
    return _LEADS_IN.fullmatch(window.text) is not None


def with_lead_in(sentences: Sequence[Window]) -> Iterator[tuple[str, Window]]:
    """The sentences, each with what leads in to it; "" where nothing does."""
    before = ""
    for window in sentences:
        yield before, window
        before = window.text if leads_in(window) else ""


def names_in_roles(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The names that a sentence gives a role in brackets: "Marta Lindqvist (the Landlord)"."""
    if len(text) > LONGEST_STATEMENT:
        return
    for match in _IN_BRACKETS.finditer(text):
        if role := terms_of(match["role"]):
            yield match["names"], role


def values_of_sentences(asked: AskedField, evidence: Evidence) -> Iterator[StatedField]:
    """What each sentence states of a field; of rows of tables only what is known by its form."""
    for sentences in evidence.sentences:
        for before, window in with_lead_in(sentences):
            text = " ".join(window.text.split())
            is_skipped = is_row(window.text) and asked.wanted.kind not in KNOWN_BY_FORM
            if is_skipped or len(text) > LONGEST_STATEMENT:
                continue
            if asked.wanted.kind is FieldKind.TEXT:
                for words in _said_to_be(asked, text):
                    yield from stated_scalar(evidence, window, words, SAID_TO_BE)
            else:
                about = _score(asked, f"{before} {text}", evidence, window)
                value = _value(asked, text, window) if about else None
                yield from stated_scalar(evidence, window, value, about)


def _score(asked: AskedField, text: str, evidence: Evidence, window: Window) -> float:
    """How well a sentence, or the kind of its value alone, speaks of the field; 0 if not at all."""
    kind = asked.wanted.kind
    if kind is FieldKind.IDENTIFIER:
        return SENTENCE  # the words right before the code have to be the field's
    if kind in KNOWN_BY_FORM and not asked.telling:
        return ONLY_ONE
    score = _of_words(asked, text, evidence, window)
    return ONLY_ONE if not score and is_currency(asked) else score


def _of_words(asked: AskedField, text: str, evidence: Evidence, window: Window) -> float:
    """How well the words of a sentence speak of the field."""
    said = terms_of(text)
    silent = _SAYS_TRUTH if asked.wanted.kind is FieldKind.TRUTH else frozenset[str]()
    own = asked.telling - silent
    if asked.wanted.kind is FieldKind.CHOICE and own & said:
        return SENTENCE
    if asked.is_opposite(said):
        return 0.0
    described = asked.described - asked.sort - silent - PERIODS
    share = len(described & said) / len(described) if described else 0.0
    if own and own <= said:
        return SENTENCE + _OF_DESCRIPTION * share
    if share < _LEAST_DESCRIBED:
        return 0.0
    context = context_terms(evidence, window)
    is_whole = share == 1.0 and len(described) >= (3 if own else 2)
    is_meant = is_whole or (own and len(described) > 1 and own - context <= said | described)
    return DESCRIBED * share if is_meant and (described - context) & said else 0.0


def _value(asked: AskedField, text: str, window: Window) -> Any:
    """The one value that a sentence about the field has; None where it has none, or several."""
    kind = asked.wanted.kind
    if kind is FieldKind.TRUTH:
        return _truth(asked, text) if is_sentence(window.text) else None
    if kind is FieldKind.CHOICE:
        return choice_in(asked, text)
    if kind is FieldKind.IDENTIFIER:
        return _named_number(asked, text)
    return _nearest(asked, text)


def _said_to_be(asked: AskedField, text: str) -> Iterator[str]:
    """What a sentence says that the field is: "The chair is Ruth.", "Ruth (the chair)"."""
    if match := _IS.match(text):
        what = terms_of(match["what"])
        if what and asked.own <= what <= asked.named:
            value = match["value"]
            end = _VALUE_END.search(value)
            yield (value[: end.start()] if end else value).strip(" ,")
    for names, role in names_in_roles(text):
        if role <= asked.named and asked.own <= role | asked.sort:
            yield names
    for match in _BY.finditer(text):
        if asked.own and asked.own <= terms_of(match["verb"]):
            yield match["name"]


def _truth(asked: AskedField, text: str) -> bool | None:
    """Whether a sentence says yes or no to a field; None where it depends."""
    if any(is_negated(word) or word == "non" for word in asked.words):
        return None  # whether it is not so
    if text.endswith("?") or _CONDITION.search(text):
        return None
    said = _clauses_with_most(asked.named - _SAYS_TRUTH, text)
    denies = _denies(said)
    if denies != _denies(text):
        return None
    if denies:
        return False
    asks_leave = _PERMITS.search(" ".join(asked.words))
    return None if asks_leave and not _PERMITS.search(said) else True


def _clauses_with_most(names: frozenset[str], text: str) -> str:
    """The clauses of a sentence that have most of some words, in a row."""
    clauses = [text[clause.start : clause.end] for clause in clause_spans(text, Span(0, len(text)))]
    counts = [len(names & terms_of(clause)) for clause in clauses]
    most = max(counts)
    return " ".join(c for c, count in zip(clauses, counts, strict=True) if count == most)


def _denies(text: str) -> bool:
    return is_negated(text) or _FORBIDS.search(text) is not None


def _nearest(asked: AskedField, text: str) -> Any:
    """The one value of the kind in a sentence, or in its clause that speaks of the field."""
    values = typed_values(text, asked.wanted)
    if asked.wanted.kind is FieldKind.MONEY:
        values = [
            value
            for value in values
            if has_currency(text, value) and not _is_called_otherwise(asked, text[: value.start])
        ]
    clauses = clause_spans(text, Span(0, len(text)))
    if len({value.value for value in values}) > 1:
        counts = [len(asked.named & terms_of(text[c.start : c.end])) for c in clauses]
        clauses = [c for c, n in zip(clauses, counts, strict=True) if n == max(counts)]
    clauses = [c for c in clauses if not asked.is_of_another_period(text[c.start : c.end])]
    return the_only([v for v in values if any(c.start <= v.start < c.end for c in clauses)])


def _is_called_otherwise(asked: AskedField, before: str) -> bool:
    """Whether an amount is said to be another thing's: "a deposit of £6,900" is no rent."""
    thing = _THING_OF.search(before)
    return thing is not None and not terms_of(thing["thing"]) & asked.named


def _named_number(asked: AskedField, text: str) -> Any:
    """The code that a sentence gives right after the field's words: "contract NG-558210"."""
    telling = asked.telling
    if not telling:
        return None
    found = []
    for value in typed_values(text, asked.wanted):
        words = _WORD.findall(text[: value.start])[-_WORDS_BEFORE_CODE:]
        last = [word for word in words if word.casefold() not in _BETWEEN]
        if telling <= terms_of(" ".join(words)) and last and terms_of(last[-1]) & telling:
            found.append(value)
    return the_only(found)
