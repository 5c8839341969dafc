"""Where passages state a field of a form: lines with labels, tables, and plain sentences. Pure.

No model reads. A value is of the field's kind (rag.field_kinds) and stands beside words of the
field: after its label ("Total due: £768.00", "Weight | 2.4 kg"), under its column, or in a sentence
that says what it is ("The harbour master is Ines Calloway."). Where two values fit as well as each
other none is taken: a wrong value is worse than none.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from rag.evidence import Evidence, Quote
from rag.extraction_schema import SchemaField, words_of
from rag.field_kinds import (
    FieldKind,
    Typed,
    WantedKind,
    has_currency,
    kind_of,
    typed_values,
    units_of,
)
from rag.sentences import Span, clause_spans, is_row, opens_item, trimmed
from rag.summable import says_total
from rag.table_cells import MONEY, cells_of, table_terms
from rag.terms import content_terms, is_negated
from rag.value_support import numbers_of, states_text
from rag.windows import Window, is_sentence

# How well the place of a value fits its field.
_EXACT_LABEL = 3.0
_SAID_TO_BE = 2.5
_LABEL = 2.0
_SENTENCE = 2.0
_DESCRIBED = 1.5
_ONLY_ONE = 1.0
_OF_DESCRIPTION = 0.3  # more, for a sentence that has all of the description
_LEAST_DESCRIBED = 0.6  # of the description's words
_INSTRUCTION = 2.0  # for a document that has all words of the instruction
_LONGEST_VALUE = 200
_LONGEST_SENTENCE = 1000
_LONGEST_HEADING = 40

_LABELLED = re.compile(r"[^\w(]*(?P<label>[^\W\d_][^:\n|]{0,60}?)[\s*_]*:[\s*_]+(?P<value>\S.*)")
_NUMBERED = re.compile(r"\W*(?P<label>[^\W\d_][^:\n|]{0,30}?\b(?:no|nr)\.)\s(?P<value>\S.*)", re.I)
_BRACKETS = re.compile(r"\s*\([^()]*\)")
_EMPHASIS = re.compile(r"^[\s*_>#-]+|[\s*_]+$")
_ADDRESS_OF_MAIL = re.compile(r"\s*<[^<>\s]+@[^<>\s]+>$")
_POSTAL = re.compile(r",\s+(?:\d|[^,]*\d).*$")
_ENDS_IN_FIGURE = re.compile(r"\s\d+\w?$")
_LEADS_IN = re.compile(r"\W*(?:§\s?)?\d+[\d.]*[.)]?\s+[^\n.]{2,30}\.?")
_GAP = re.compile(r"\s{3,}|\t\s*|\s*\.{4,}\s*")  # of plain text that is set in columns
_SPLIT = re.compile(r"\s*(?:[,;•]|\band\b|\bund\b)\s*")
_NUMBER_SIGN = re.compile(r"\b(?:no|nr)\b\.?|#|№", re.IGNORECASE)
_SYNONYMS = {
    word: group.split()[0]
    for group in (
        "number num", "quantity qty", "phone telephone tel mobile", "email mail", "maximum max",
        "minimum min", "start begin commence commencement", "end expire expiry", "place venue",
        "seller vendor supplier", "buyer customer client purchaser",
        "article item product position", "height tall high", "width wide", "depth deep",
        "length long", "weight weigh", "surname lastname", "birth born", "reference ref",
        "licence license", "organisation organization", "address addr",
    )
    for word in group.split()
}  # fmt: skip
_SYNONYM_TERMS = {
    term: group_term
    for word, group in _SYNONYMS.items()
    for term in table_terms(word)
    for group_term in table_terms(group)
}


def _terms(text: str) -> frozenset[str]:
    said = _NUMBER_SIGN.sub(" number ", text.replace("e-mail", "email").replace("E-mail", "email"))
    return frozenset(_SYNONYM_TERMS.get(term, term) for term in table_terms(said)) - {"per"}


# Labels of words that say nothing elsewhere.
_LABEL_WORDS = {
    "from": "sender",
    "to": "recipient",
    "bill to": "customer name",
    "billed to": "customer name",
    "invoice to": "customer name",
    "sold to": "customer name",
    "present": "attendees",
    "von": "sender",
    "an": "recipient",
}
# Recognised wherever they stand: a document's only e-mail address is its e-mail address.
_KNOWN_BY_FORM = (FieldKind.EMAIL, FieldKind.URL, FieldKind.PHONE, FieldKind.IBAN)
_OF_ANY_WORDS = (FieldKind.CHOICE, FieldKind.TRUTH, FieldKind.TEXT, FieldKind.IDENTIFIER)
_NUMBERS = (FieldKind.MONEY, FieldKind.MEASURE, FieldKind.NUMBER)
_SAYS_SORT = table_terms(
    "date day number name amount value code id email phone iban url sum cost unit currency rate"
    " percent percentage period duration length whether person company title type kind method"
)
_NEUTRAL_OF_SUMS = table_terms("due payable grand amount sum gross final overall incl including")
# What the column with the things of a table is called.
_NAMES_OF_ROWS = frozenset(
    _SYNONYM_TERMS.get(term, term)
    for term in table_terms("item description article product service bezeichnung leistung")
)
_OPPOSITES = [
    tuple(next(iter(_terms(word))) for word in pair.split("/"))
    for pair in ("start/end", "minimum/maximum", "seller/buyer", "sender/recipient", "net/gross")
]
_PERIODS = table_terms("hour day week month quarter year")
_GENERIC = table_terms("name address email phone date number id type city country title")
_PERMITS = re.compile(
    r"\b(?:may|can|allow\w*|permit\w*|accept\w*|approv\w*|includ\w*|available|suitable|welcome)\b",
    re.IGNORECASE,
)
_FORBIDS = re.compile(
    r"\b(?:prohibit\w*|forbid\w*|forbidden|reject\w*|declin\w*|refus\w*|exclud\w*|denied|banned)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(r"\b(?:unless|except|only|if|partly|some|without)\b", re.IGNORECASE)
_YES = re.compile(r"\W*(?:yes|true|ja|oui|sí|✓|✔|x$|☒|☑)(?!\w)", re.IGNORECASE)
_NO = re.compile(r"\W*(?:no|false|nein|non|none|✗|☐)(?!\w)", re.IGNORECASE)
_SAYS_TRUTH = table_terms(
    "whether allow allowed permit permitted suitable may include included available require accept"
    " is has have be with there"
)
_CURRENCIES = {
    "EUR": "€|\\bEUR\\b|\\beuros?\\b",
    "GBP": "£|\\bGBP\\b",
    "USD": "(?<![A-Z])\\$|\\bUSD\\b|\\bdollars?\\b",
    "CHF": "\\bCHF\\b|\\bSFr\\.",
    "JPY": "¥|\\bJPY\\b",
}


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


@dataclass(frozen=True, slots=True)
class _Line:
    """What stands after a label. sums_up: it is the last row of a table, "Total |  |  | 12.90"."""

    label: str
    value: str
    window: Window
    sums_up: bool = False


class _Asked:
    """A field and the words that it is known by."""

    def __init__(self, field: SchemaField, instruction: str) -> None:
        self.field = field
        self.wanted = kind_of(field)
        own = " ".join(words_of(field.path[-1]))
        self.own = _terms(own)
        self.is_name = "name" in own.split() or re.match(r"name of\b", field.description, re.I)
        self.around = _terms(" ".join(word for name in field.path[:-1] for word in words_of(name)))
        self.described = _terms(field.description)
        self.instruction = _terms(instruction)
        units = _terms(self.wanted.unit) | (
            frozenset(t for t in self.own if _is_unit(t)) if self.wanted.unit else frozenset()
        )
        self.sort = _SAYS_SORT | units
        # What a name lacks that is as usual as "name" is said by what is around it.
        if self.own <= _GENERIC:
            self.own |= self.around - _terms("data details info information")


def _is_unit(term: str) -> bool:
    """Whether a word of a field's name is a unit of measure."""
    return kind_of(SchemaField((f"x {term}",), {"type": "number"}, "")).unit != ""


def find_stated(
    field: SchemaField, evidence: Evidence, *, instruction: str = ""
) -> list[StatedField]:
    """What the passages state of a field, best first, at most one of each document."""
    asked = _Asked(field, instruction)
    found: dict[str, list[StatedField]] = defaultdict(list)
    for each in _candidates(asked, evidence):
        if field.allows_as_it_stands(each.value):
            found[each.document_id].append(each)
    best = [chosen for each in found.values() if (chosen := _unambiguous(each)) is not None]
    preferred = [
        replace(
            each, score=each.score + _INSTRUCTION * _is_meant(asked, evidence, each.document_id)
        )
        for each in best
    ]
    return sorted(preferred, key=lambda each: -each.score)


def values_to_choose_from(field: SchemaField, evidence: Evidence) -> list[Any] | None:
    """The values of the field's kind beside any word of it; None of kinds that any words may be.

    So no start is given as an end, and no due date as one of delivery, because it is the only one.
    """
    asked = _Asked(field, "")
    wanted = asked.wanted
    if wanted.kind in _OF_ANY_WORDS or field.schema.get("type") in ("array", "object"):
        return None
    texts = list(_texts_about(asked, evidence))
    if wanted.kind is FieldKind.MONEY:
        texts = [text for text in texts if MONEY.search(text)] or texts
    found = [value.value for text in texts for value in typed_values(text, wanted)]
    if not found and wanted.kind in _NUMBERS:
        found = [number for text in texts for number in numbers_of(text)]
    return [value for value in dict.fromkeys(found) if field.accepts(value)]


def _texts_about(asked: _Asked, evidence: Evidence) -> Iterator[str]:
    """The sentences, or the clauses with an amount, that have any telling word of a field."""
    telling = (asked.own | asked.described | asked.around) - asked.sort - _PERIODS
    for sentences in evidence.sentences:
        before = ""
        for window in sentences:
            label = _LABELLED.fullmatch(window.text)
            about = label["label"] if label else f"{before} {window.text}"
            leads_in = _LEADS_IN.fullmatch(window.text) is not None
            said = _terms(about)
            if not leads_in and (not telling or telling & said) and not _is_opposite(asked, said):
                text = " ".join(window.text.split())
                for clause in clause_spans(text, Span(0, len(text))):
                    if not _is_of_another_period(asked, text[clause.start : clause.end]):
                        yield text[clause.start : clause.end]
            before = window.text if leads_in else ""


def may_be_value(field: SchemaField, value: str) -> bool:
    """Whether words can be a field's value: not where they only repeat its own.

    "school" is not the name of a school, nor is "Kingsway 88" that of a store.
    """
    asked, terms = _Asked(field, ""), _terms(value)
    if terms and terms <= asked.own | asked.described | asked.around:
        return False
    return not (asked.is_name and _ENDS_IN_FIGURE.search(value))


def _is_opposite(asked: _Asked, said: frozenset[str]) -> bool:
    """Whether a text is about the end where the beginning is asked for, and the like."""
    return any(
        one in asked.own and one not in said and other in said
        for pair in _OPPOSITES
        for one, other in (pair, pair[::-1])
    )


def _unambiguous(found: Sequence[StatedField]) -> StatedField | None:
    """The best of one document; None where another value fits as well."""
    top = max(each.score for each in found)
    best = [each for each in found if each.score == top]
    is_list = isinstance(best[0].value, list)
    if is_list:
        return max(best, key=lambda each: len(each.value))
    return best[0] if all(each.value == best[0].value for each in best) else None


def _is_meant(asked: _Asked, evidence: Evidence, document_id: str) -> float:
    """The share of the instruction's words that a document has."""
    if not asked.instruction:
        return 0.0
    own = frozenset[str]().union(
        *(
            _terms(f"{hit.text} {hit.heading} {hit.document_name.replace('_', ' ')}")
            for hit in evidence.passages
            if hit.document_id == document_id
        )
    )
    return len(asked.instruction & own) / len(asked.instruction)


def _candidates(asked: _Asked, evidence: Evidence) -> Iterator[StatedField]:
    schema = asked.field.schema
    if schema.get("type") == "array":
        items = schema.get("items")
        if isinstance(items, Mapping) and isinstance(items.get("properties"), Mapping):
            yield from _of_tables(items, evidence)
        elif isinstance(items, Mapping):
            yield from _of_lists(asked, items, evidence)
        return
    for line in _lines(evidence):
        if score := _label_score(asked, line, evidence):
            yield from _scalar(evidence, line.window, _read(asked, line), score)
    for sentences in evidence.sentences:
        before = ""
        for window in sentences:
            if not is_row(window.text) or asked.wanted.kind in _KNOWN_BY_FORM:
                yield from _of_sentence(asked, window, before, evidence)
            before = window.text if _LEADS_IN.fullmatch(window.text) else ""


def _scalar(evidence: Evidence, window: Window, value: Any, score: float) -> Iterator[StatedField]:
    if value is not None and value != "":
        yield StatedField(value, (Scalar("", value, evidence.quote(window)),), score)


# --- lines with labels --------------------------------------------------------------------------


def _lines(evidence: Evidence) -> Iterator[_Line]:
    for passage, sentences in enumerate(evidence.sentences):
        for window in (*_physical_lines(evidence, passage), *sentences):
            text = window.text
            if is_row(text):
                cells = [cell for cell in cells_of(text) if cell]
                if len(cells) == 2 and cells[0] == cells_of(text)[0]:
                    sums_up = len(cells_of(text)) > 2 and says_total(cells[0])
                    yield _Line(cells[0].rstrip(":"), cells[1], window, sums_up)
                continue
            parts = [part for part in _GAP.split(text) if part]
            if len(parts) == 2 and not any(":" in part for part in parts):
                yield _Line(parts[0], parts[1], window)
            for part in parts:
                if match := _LABELLED.fullmatch(part) or _NUMBERED.fullmatch(part):
                    yield _Line(match["label"], _plain(match["value"]), window)


def _physical_lines(evidence: Evidence, passage: int) -> Iterator[Window]:
    """The lines of a passage: a full stop after "incl." or "Pos." ends none."""
    at = 0
    for line in evidence.passages[passage].text.splitlines(keepends=True):
        if span := trimmed(line, 0, len(line)):
            text = line[span.start : span.end]
            start = at + span.start
            yield Window(passage, start, start + len(text), text, 1, content_terms(text))
        at += len(line)


def _plain(value: str) -> str:
    return _EMPHASIS.sub("", value)


def _label_score(asked: _Asked, line: _Line, evidence: Evidence) -> float:
    """How well a line's label names a field; 0 where it names another."""
    label = _label_terms(line.label)
    if not label:
        return 0.0
    context = _context(evidence, line.window)
    if label == asked.own:
        return _LABEL if line.sums_up else _EXACT_LABEL
    neutral = _NEUTRAL_OF_SUMS if asked.wanted.kind is FieldKind.MONEY else frozenset[str]()
    sort = asked.sort if asked.own - asked.sort else frozenset[str]()
    missing = asked.own - label - context - asked.instruction - sort - _terms(line.value)
    extra = label - asked.own - asked.described - asked.around - context - neutral
    if label & asked.own - (sort - asked.described) and not missing and not extra:
        return _LABEL + len(label & asked.own) / (1 + len(label | asked.own))
    telling = label - asked.sort - context
    described = asked.described - asked.sort - context
    if (
        telling & described
        and not telling - described - asked.own
        and len(telling & described) >= 0.5 * len(described)
    ):
        return _DESCRIBED
    return 0.0


def _label_terms(label: str) -> frozenset[str]:
    plain = " ".join(_BRACKETS.sub("", label).strip(" *_#-").casefold().split())
    return _terms(_LABEL_WORDS.get(plain, plain))


def _context(evidence: Evidence, window: Window) -> frozenset[str]:
    """What a line need not repeat: what it stands under, and what its document is called."""
    hit = evidence.passages[window.passage]
    above = " ".join(evidence.section(window).path)
    first = evidence.sentences[window.passage][0]
    title = first.text if not hit.start and not hit.page_index else ""
    name = re.sub(r"[_.\d-]+", " ", hit.document_name)
    return _terms(f"{above} {name} {title if len(title) <= 80 else ''}")


def _read(asked: _Asked, line: _Line) -> Any:
    """The value of a line as the field wants it; None where it has none, or several."""
    kind = asked.wanted.kind
    if kind is FieldKind.TRUTH:
        return True if _YES.match(line.value) else False if _NO.match(line.value) else None
    if kind is FieldKind.CHOICE:
        return _choice(asked, line.value)
    if kind is FieldKind.TEXT:
        value = _ADDRESS_OF_MAIL.sub("", line.value)
        if asked.is_name:
            value = _POSTAL.sub("", value)
            if _ENDS_IN_FIGURE.search(value):
                return None
        value = value if value.count(".") > 1 else value.rstrip(" .")
        return value if len(value) <= _LONGEST_VALUE else None
    if kind is FieldKind.PERCENT:
        values = typed_values(f"{line.label} {line.value}", asked.wanted)
    else:
        values = typed_values(line.value, asked.wanted)
    if kind is FieldKind.IDENTIFIER:
        return line.value.rstrip(" .") if values and len(line.value) <= 40 else None
    if kind is FieldKind.MEASURE and not values and asked.wanted.unit in units_of(line.label):
        values = typed_values(line.value, WantedKind(FieldKind.NUMBER))
    if kind is FieldKind.NUMBER and not values:
        values = typed_values(line.value, WantedKind(FieldKind.MONEY))
    if kind is FieldKind.MONEY and len(values) > 1:
        values = [value for value in values if has_currency(line.value, value)]
    distinct = {value.value for value in values}
    return distinct.pop() if len(distinct) == 1 else None


def _choice(asked: _Asked, text: str) -> Any:
    """The one choice that a text has."""
    schema = asked.field.schema
    choices = schema["enum"] if "enum" in schema else [schema["const"]]
    found = [each for each in choices if isinstance(each, str) and each and _has_choice(text, each)]
    # "unpaid" has "paid" as no word; "part paid" has it.
    longest = [each for each in found if not any(each != o and states_text(o, each) for o in found)]
    return longest[0] if len(longest) == 1 else None


def _has_choice(text: str, choice: str) -> bool:
    sign = _CURRENCIES.get(choice.upper())
    if sign is not None:
        return re.search(sign, text) is not None
    return states_text(text, choice.replace("_", " "))


# --- sentences ----------------------------------------------------------------------------------


def _of_sentence(
    asked: _Asked, window: Window, before: str, evidence: Evidence
) -> Iterator[StatedField]:
    """before: what leads in to the sentence, "2. Term."."""
    text = " ".join(window.text.split())
    kind = asked.wanted.kind
    if len(text) > _LONGEST_SENTENCE:
        return
    if kind is FieldKind.TEXT:
        for score, value in _said_to_be(asked, text):
            yield from _scalar(evidence, window, value, score)
        return
    score = _sentence_score(asked, f"{before} {text}", _context(evidence, window))
    if kind in _KNOWN_BY_FORM and not asked.own - asked.sort:
        score = _ONLY_ONE
    if kind is FieldKind.TRUTH:
        if score and is_sentence(window.text):
            yield from _scalar(evidence, window, _truth(asked, text), score)
    elif kind is FieldKind.CHOICE:
        if score or _is_currency(asked):
            yield from _scalar(evidence, window, _choice(asked, text), score or 1.0)
    elif kind is FieldKind.IDENTIFIER:
        yield from _scalar(evidence, window, _named_number(asked, text), _SENTENCE)
    elif score:
        yield from _scalar(evidence, window, _nearest(asked, text), score)


def _is_currency(asked: _Asked) -> bool:
    choices = asked.field.schema.get("enum", ())
    return bool(choices) and all(str(each).upper() in _CURRENCIES for each in choices)


def _sentence_score(asked: _Asked, text: str, context: frozenset[str]) -> float:
    """How well a sentence speaks of the field; 0 where it does not."""
    said = _terms(text)
    silent = _SAYS_TRUTH if asked.wanted.kind is FieldKind.TRUTH else frozenset[str]()
    own = asked.own - asked.sort - silent
    if asked.wanted.kind is FieldKind.CHOICE and own & said:
        return _SENTENCE
    if _is_opposite(asked, said):
        return 0.0
    described = asked.described - asked.sort - silent - _PERIODS
    share = len(described & said) / len(described) if described else 0.0
    if own and own <= said:
        return _SENTENCE + _OF_DESCRIPTION * share
    is_whole = share == 1.0 and len(described) >= (3 if own else 2)
    is_meant = is_whole or (own and len(described) > 1 and own - context <= said | described)
    if is_meant and share >= _LEAST_DESCRIBED and (described - context) & said:
        return _DESCRIBED * share
    return 0.0


def _nearest(asked: _Asked, text: str) -> Any:
    """The one value of the kind in a sentence, or in its clause that speaks of the field."""
    values = _values(asked, text)
    clauses = clause_spans(text, Span(0, len(text)))
    if len({value.value for value in values}) > 1:
        names = asked.own | asked.described
        said = [len(names & _terms(text[clause.start : clause.end])) for clause in clauses]
        clauses = [c for c, count in zip(clauses, said, strict=True) if count == max(said)]
    distinct = {
        value.value
        for value in values
        for clause in clauses
        if clause.start <= value.start < clause.end
        and not _is_of_another_period(asked, text[clause.start : clause.end])
    }
    return distinct.pop() if len(distinct) == 1 else None


def _is_of_another_period(asked: _Asked, clause: str) -> bool:
    """Whether a clause says an amount by the year where one by the month is wanted."""
    periods = (asked.own | asked.described) & _PERIODS
    said = _terms(clause) & _PERIODS
    return asked.wanted.kind is FieldKind.MONEY and bool(periods and said) and not periods & said


def _values(asked: _Asked, text: str) -> list[Typed]:
    values = typed_values(text, asked.wanted)
    if asked.wanted.kind is FieldKind.MONEY:
        return [value for value in values if has_currency(text, value)]
    return values


def _named_number(asked: _Asked, text: str) -> str | None:
    """The code that a sentence gives right after the field's words: "contract NG-558210"."""
    telling = asked.own - asked.sort
    found = set()
    for value in typed_values(text, asked.wanted):
        words = re.findall(r"[^\s:]+", text[: value.start])[-4:]
        before = _terms(" ".join(words))
        last = [word for word in words if word.casefold() not in ("is", "the", "number", "no.")]
        near = last and bool(_terms(last[-1]) & telling)
        if telling and telling <= before and near:
            found.add(str(value.value))
    return found.pop() if len(found) == 1 else None


_VALUE_END = re.compile(
    r"[;.]?$|[;](?=\s)|\.(?=\s)|,?\s(?:and (?:is|was|has|runs)|which|who|but|because)\b"
)
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


def _said_to_be(asked: _Asked, text: str) -> Iterator[tuple[float, str]]:
    """What a sentence says that the field is: "The chair is Ruth.", "Ruth (the chair)"."""
    if match := _IS.match(text):
        what = _terms(match["what"])
        if what and (what == asked.own or (asked.own <= what <= asked.own | asked.described)):
            value = match["value"]
            end = _VALUE_END.search(value)
            value = value[: end.start()] if end else value
            yield _SAID_TO_BE, value.strip(" ,")
    for match in _IN_BRACKETS.finditer(text):
        role = _terms(match["role"])
        if role and role <= asked.own | asked.described and asked.own <= role | asked.sort:
            yield _SAID_TO_BE, match["names"]
    for match in _BY.finditer(text):
        if asked.own and asked.own <= _terms(match["verb"]):
            yield _SAID_TO_BE, match["name"]


def _truth(asked: _Asked, text: str) -> bool | None:
    """Whether a sentence says yes or no to a field; None where it depends."""
    if any(is_negated(word) or word in ("non", "un") for word in words_of(asked.field.path[-1])):
        return None
    if text.endswith("?") or _CONDITION.search(text):
        return None
    names = (asked.own | asked.described) - _SAYS_TRUTH
    clauses = [text[c.start : c.end] for c in clause_spans(text, Span(0, len(text)))]
    most = max(len(names & _terms(clause)) for clause in clauses)
    said = " ".join(clause for clause in clauses if len(names & _terms(clause)) == most)
    denies = is_negated(said) or _FORBIDS.search(said) is not None
    if denies != (is_negated(text) or _FORBIDS.search(text) is not None):
        return None
    if denies:
        return False
    asks_leave = _PERMITS.search(" ".join((*words_of(asked.field.path[-1]), "")))
    if asks_leave and not _PERMITS.search(said):
        return None
    return True


# --- lists --------------------------------------------------------------------------------------


def _of_lists(asked: _Asked, items: Mapping[str, Any], evidence: Evidence) -> Iterator[StatedField]:
    """The parts of what stands after a label, under a heading, or before a role in brackets."""
    for line in _lines(evidence):
        if score := _label_score(asked, line, evidence):
            yield from _listed(asked, items, evidence, [(line.value, line.window)], score)
    for sentences in evidence.sentences:
        for above, window in pairwise(sentences):
            heading = " ".join(above.text.strip("#*_: ").split())
            if len(heading) > _LONGEST_HEADING or heading.endswith((".", "?", "!")):
                continue
            line = _Line(heading, window.text, above)
            if is_row(heading) or _LABELLED.match(above.text):
                continue
            if not (score := _label_score(asked, line, evidence)):
                continue
            hit = evidence.passages[window.passage]
            following = sentences[sentences.index(window) :]
            bullets = []
            for each in following:
                if not opens_item(hit.text, each.start):
                    break
                bullets.append((re.sub(r"^\W*(?:\d+[.)])?\s*", "", each.text), each))
            if bullets:
                yield from _listed(asked, items, evidence, bullets, score, whole=True)
            elif "," in window.text and not is_sentence(window.text):
                yield from _listed(asked, items, evidence, [(window.text, window)], score)
        for window in sentences:
            text = " ".join(window.text.split())
            for match in _IN_BRACKETS.finditer(text):
                if _terms(match["role"]) and _terms(match["role"]) <= asked.own:
                    names = match["names"]
                    yield from _listed(asked, items, evidence, [(names, window)], _SAID_TO_BE)


def _listed(
    asked: _Asked,
    items: Mapping[str, Any],
    evidence: Evidence,
    lines: Sequence[tuple[str, Window]],
    score: float,
    *,
    whole: bool = False,
) -> Iterator[StatedField]:
    one = _Asked(SchemaField(asked.field.path, items, ""), "")
    scalars: list[Scalar] = []
    for text, window in lines:
        for part in [text] if whole else _SPLIT.split(text.rstrip(". ")):
            if not part.strip():
                continue
            value = _read(one, _Line("", _plain(part), window))
            if value is None or value == "":
                return  # a part that is none of the kind: the list is of something else
            place = f"[{len(scalars)}]"
            scalars.append(Scalar(place, value, evidence.quote(window)))
    if scalars:
        yield StatedField([each.value for each in scalars], tuple(scalars), score)


@dataclass(frozen=True, slots=True)
class _Row:
    cells: list[str]
    window: Window


def _of_tables(items: Mapping[str, Any], evidence: Evidence) -> Iterator[StatedField]:
    """The rows of a table whose columns are named as the properties of the list's objects."""
    properties = {
        name: _Asked(SchemaField((name,), inner, str(inner.get("description", ""))), "")
        for name, inner in items["properties"].items()
        if isinstance(inner, Mapping)
    }
    needed = set(items.get("required", ())) & set(properties)
    for rows in _tables(evidence):
        for number, header in enumerate(rows):
            columns = _columns(header.cells, properties)
            if needed - set(columns) or 2 * len(columns) < len(properties) or len(columns) < 2:
                continue
            scalars: list[Scalar] = []
            values: list[dict[str, Any]] = []
            seen = set()
            for row in rows[number + 1 :]:
                if len(row.cells) > len(header.cells) or _sums_up(row.cells, columns):
                    break
                if row.window in seen:
                    continue
                seen.add(row.window)
                read = {
                    name: _read(properties[name], _Line("", row.cells[at], row.window))
                    for name, at in columns.items()
                    if at < len(row.cells)
                }
                if all(value is None for value in read.values()):
                    break
                quote = evidence.quote(row.window)
                scalars += [
                    Scalar(f"[{len(values)}].{name}", value, quote)
                    for name, value in read.items()
                    if value is not None
                ]
                values.append({name: read.get(name) for name in properties})
            if values:
                yield StatedField(values, tuple(scalars), _LABEL + len(columns))
            break


def _sums_up(cells: Sequence[str], columns: Mapping[str, int]) -> bool:
    """Whether a row ends a table: "Total |  |  | 12.90"."""
    filled = [cell for cell in cells if cell]
    return len(filled) < 2 or says_total(filled[0]) or (len(filled) == 2 and len(columns) > 2)


def _tables(evidence: Evidence) -> Iterator[list[_Row]]:
    """Rows that follow one another, without the lines that only rule them off."""
    for passage in range(len(evidence.passages)):
        rows: list[_Row] = []
        for window in _physical_lines(evidence, passage):
            if not is_row(window.text):
                if rows:
                    yield rows
                rows = []
                continue
            cells = cells_of(window.text)
            if any(cell.strip("-: ") for cell in cells):
                rows.append(_Row(cells, window))
        if rows:
            yield rows


def _columns(cells: Sequence[str], properties: Mapping[str, _Asked]) -> dict[str, int]:
    """Property -> the column that is called so; the same column is no two properties'."""
    named = [_label_terms(cell) for cell in cells]
    found: dict[str, int] = {}
    for is_exact in (True, False):
        for name, asked in properties.items():
            if name in found:
                continue
            fitting = [
                at
                for at, terms in enumerate(named)
                if at not in found.values() and _is_column_of(terms, asked, is_exact=is_exact)
            ]
            if len(fitting) == 1:
                found[name] = fitting[0]
    return found


def _is_column_of(terms: frozenset[str], asked: _Asked, *, is_exact: bool) -> bool:
    """Whether a column of this name has a property: both say the same, or one says more."""
    if is_exact or not terms:
        return bool(terms) and terms == asked.own
    known = asked.own | asked.described
    if asked.own <= _NAMES_OF_ROWS and terms <= _NAMES_OF_ROWS:
        return True
    return bool(terms & known) and (terms <= known or asked.own <= terms)
