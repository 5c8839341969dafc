"""The words of a sentence that answer a question, picked without a language model. Pure.

For models too small to read: every run of words is described by what it is made of, where it
stands and what is asked for, and the best by a log-linear model is taken (Rajpurkar et al. 2016,
"SQuAD: 100,000+ Questions for Machine Comprehension of Text", section 5, does so with parse trees).
The weights were fitted with bench/fit_answer_span.py; docs/decisions.md says how well they do.
English; of a question in another language nothing is picked.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rag.asked_units import UNITS
from rag.calendar_names import MONTHS, WEEKDAYS
from rag.currencies import CURRENCY_SIGNS
from rag.question_kind import QuestionKind, has_kind, question_kind
from rag.sentences import without_enumerator
from rag.terms import NUMBER_WORDS, STOP_WORDS, content_terms

_MOST_WORDS = 12
_NEAR = 6  # words within which the question's words are counted
_FAR = 99
_MOST_OF_YEAR = 3
_WORD = re.compile(rf"[{CURRENCY_SIGNS}]?\w+(?:[.,:'’/–-]\w+)*%?")
_PART_END = re.compile(r'[;:()\[\]"“”]')
_DATE = re.compile(rf"\b\d{{1,2}} (?:{'|'.join(MONTHS)})(?: \d{{4}})?\b", re.IGNORECASE)
_PART_OF_DATE = re.compile(r"\b(?:year|month|century|decade)\b", re.IGNORECASE)
_UNIT_BEHIND = re.compile(rf"[ -]?([ap]\.?m\b\.?|{UNITS})(?!\w)")
_YEAR = re.compile(r"(?:1\d|20)\d\ds?")
_CALENDAR = frozenset((*MONTHS, *WEEKDAYS, "century"))
_NUMBER_WORDS = frozenset(NUMBER_WORDS) | {"hundred", "thousand", "million", "dozen", "half"}
_VERB_WORDS = """is was were are be been has had have can could would may might do did"""
_VERBS = frozenset(_VERB_WORDS.split())
_PREPOSITIONS = frozenset({"in", "at", "by", "from", "to", "for", "on", "with", "as"})
_FUNCTION_WORDS = STOP_WORDS | _VERBS | {"one", "two", "that", "called", "known", "named", "per"}
_NEVER_FIRST = """and or but of that which who whom whose it he she they than if also not there
    does"""
_NOT_FIRST = _VERBS | frozenset(_NEVER_FIRST.split())
_SUBJECT = re.compile(r"\b(?:what|which) (?:\w+ )?(\w+)")
_KINDS = (
    ("why", r"\bwhy\b|\bwhat (?:\w+ )?caused?\b|\breason"),
    ("many", r"\bhow (?:many|much)\b|\bwhat (?:percent|number|amount|share|proportion)"),
    ("measure", r"\bhow (?:long|old|far|high|tall|wide|deep|large|big|heavy|fast)\b"),
    ("when", r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:year|date|day|month|century|decade)"),
    ("who", r"\bwho(?:m|se)?\b"),
    (
        "where",
        r"\bwhere\b|\b(?:what|which) (?:\w+ )?"
        r"(?:country|city|state|place|region|location|continent|area)",
    ),
    ("how", r"\bhow\b"),
    ("who", r"\b(?:what|which) (?:\w+ )?(?:person|people|king|president|author|leader|name)"),
    ("what", r"\b(?:what|which) (?:is|was|are|were|did|do|does|has|have|had|can|could|would)\b"),
    ("thing", r"\b(?:what|which)\b"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run of words of a sentence, text[start:end], and what the model knows of it."""

    start: int
    end: int
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Word:
    """kind: the function word itself, or what sort of word it is; "asked": it is the question's.

    before, after: the first and last sign of what stands between it and its neighbours, if any.
    """

    text: str
    start: int
    end: int
    terms: frozenset[str]
    kind: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for: its sort, the question's terms, and those of the noun after "which"."""

    kind: str
    terms: frozenset[str]
    subject: frozenset[str]


def pick_answer(question: str, sentence: str) -> str:
    """The words of the sentence that answer, as they stand there; "" where none can be picked."""
    weights = _weights()
    sentence = without_enumerator(sentence)
    best = max(
        _of_asked_kind(question, sentence, candidates(question, sentence)),
        key=lambda candidate: sum(weights.get(name, 0.0) for name in candidate.features),
        default=None,
    )
    if best is None:
        return ""
    for date in () if _PART_OF_DATE.search(question) else _DATE.finditer(sentence):
        if date.start() <= best.start < best.end <= date.end():
            return date.group()  # not its year alone
    return _with_unit(question, sentence, best)


def _of_asked_kind(question: str, sentence: str, found: Sequence[Candidate]) -> Sequence[Candidate]:
    """Those with an amount or a time where one is asked for; all of them where none has."""
    if question_kind(question) not in (QuestionKind.AMOUNT, QuestionKind.DATE):
        return found
    # What opens with a number could be an item of a list.
    kinds = [has_kind(f"is {_with_unit(question, sentence, each)}", question) for each in found]
    most = max(kinds, default=0.0)
    return [each for each, kind in zip(found, kinds, strict=True) if kind == most]


def _with_unit(question: str, sentence: str, candidate: Candidate) -> str:
    """The words, and what the number at their end is a number of, if the question lacks it."""
    picked = sentence[candidate.start : candidate.end]
    last = re.split(r"[\s-]", picked)[-1].casefold()
    unit = _UNIT_BEHIND.match(sentence, candidate.end)
    if unit is None or not (last[-1:].isdigit() or last in _NUMBER_WORDS):
        return picked
    is_asked = unit.group(1) in question.casefold().split()
    return picked if is_asked else picked + unit.group()


def candidates(question: str, sentence: str) -> list[Candidate]:
    """Every run of words that may answer: it adds something, and begins and ends like a phrase."""
    asked = _asked(question)
    if not asked.kind or not asked.terms:
        return []
    words = _words(sentence, asked.terms)
    places = [place for place, word in enumerate(words) if word.kind == "asked"]
    return [
        Candidate(
            words[first].start,
            words[last].end,
            tuple(_features(asked, words, places, first, last)),
        )
        for first, last in _runs(words, asked.terms)
    ]


def _asked(question: str) -> _Asked:
    folded = question.casefold()
    kind = next((kind for kind, pattern in _KINDS if re.search(pattern, folded)), "")
    subject = _SUBJECT.search(folded)
    return _Asked(
        kind, content_terms(question), content_terms(subject.group(1)) if subject else frozenset()
    )


def _words(sentence: str, asked: frozenset[str]) -> list[_Word]:
    found = list(_WORD.finditer(sentence))
    starts, ends = [m.start() for m in found], [m.end() for m in found]
    gaps = [
        sentence[end:start].strip()
        for end, start in zip([0, *ends], [*starts, len(sentence)], strict=True)
    ]
    words: list[_Word] = []
    for match, gap, next_gap in zip(found, gaps[:-1], gaps[1:], strict=True):
        terms = content_terms(match.group())
        kind = _kind_of_word(match.group(), terms, asked)
        words.append(
            _Word(match.group(), *match.span(), terms, kind, before=gap[-1:], after=next_gap[:1])
        )
    return words


def _kind_of_word(text: str, terms: frozenset[str], asked: frozenset[str]) -> str:
    if text.casefold() in _FUNCTION_WORDS:
        return text.casefold()
    if terms and terms <= asked:
        return "asked"
    if _is_numeric(text):
        return "number"
    return "capital" if text[0].isupper() else "lower"


def _runs(words: Sequence[_Word], asked: frozenset[str]) -> Iterator[tuple[int, int]]:
    for first, word in enumerate(words):
        if word.text.casefold() in _NOT_FIRST:
            continue
        added: frozenset[str] = frozenset()
        for last in range(first, min(len(words), first + _MOST_WORDS)):
            if last > first and _PART_END.search(words[last].before + words[last - 1].after):
                break
            added |= words[last].terms - asked
            if added and words[last].text.casefold() not in _FUNCTION_WORDS:
                yield first, last


def _features(
    asked: _Asked, words: Sequence[_Word], places: Sequence[int], first: int, last: int
) -> Iterator[str]:
    """What is known of words[first : last + 1]. places: of the question's words, ascending."""
    run = words[first : last + 1]
    kind_of_run = _kind_of_run(run)
    before, after = _neighbour_before(words, first), _neighbour_after(words, last)
    before_it, behind_it = bisect_left(places, first), bisect_right(places, last)
    left = first - places[before_it - 1] if before_it else _FAR
    right = places[behind_it] - last if behind_it < len(places) else _FAR
    for name in (
        f"words {min(len(run), 8)}",
        f"kind {kind_of_run}",
        f"before {before}",
        f"after {after}",
        f"first {run[0].kind}",
        f"near {_distance(min(left, right))}",
        f"side {_side(places, first, last)}",
    ):
        yield name
        yield f"{asked.kind}: {name}"
    folded = [word.text.casefold() for word in run]
    about = before_it - bisect_left(places, first - _NEAR)
    about += bisect_right(places, last + _NEAR) - behind_it
    within = sum(word.kind == "asked" for word in run) / len(_body(run))
    own = frozenset[str]().union(*(word.terms for word in run))
    beside = frozenset[str]().union(
        *(word.terms for word in (*words[max(0, first - 1) : first], *words[last + 1 : last + 2]))
    )
    yield f"left {_distance(left)}"
    yield f"right {_distance(right)}"
    yield f"asked about {min(about, 5)}"
    yield f"asked within {int(4 * within)}"
    yield f"last {'capital' if run[-1].text[0].isupper() else run[-1].kind}"
    yield f"{kind_of_run}, whole name {_is_whole_name(words, first, last)}"
    yield f"comma {any(word.after == ',' for word in run[:-1])}, and {'and' in folded}"
    yield f"between signs {before.startswith('sign')} {after.startswith('sign')}"
    yield f"subject {bool(asked.subject & own)}, beside {bool(asked.subject & beside)}"
    yield f"of {'of' in folded}, long {len(run) > 3}"
    yield f"function words {sum(text in _FUNCTION_WORDS for text in folded[1:])}"
    yield f"prepositions {sum(text in _PREPOSITIONS for text in folded[1:])}"
    yield f"verbs {sum(text in _VERBS for text in folded)}"


def _body(run: Sequence[_Word]) -> list[str]:
    """The words that are no function words; every run has one."""
    return [word.text for word in run if word.text.casefold() not in _FUNCTION_WORDS]


def _kind_of_run(run: Sequence[_Word]) -> str:
    body = _body(run)
    if len(run) <= _MOST_OF_YEAR and any(_YEAR.fullmatch(text) for text in body):
        return "year"
    if any(map(_is_numeric, body)):
        return "date" if any(text.casefold() in _CALENDAR for text in body) else "number"
    if any(text.casefold() in _NUMBER_WORDS for text in body):
        return "number word"
    capitals = sum(text[0].isupper() for text in body)
    return "name" if capitals == len(body) else "some name" if capitals else "words"


def _is_numeric(text: str) -> bool:
    return text[0].isdigit() or text[0] in CURRENCY_SIGNS


def _neighbour_before(words: Sequence[_Word], first: int) -> str:
    if words[first].before:
        return f"sign {words[first].before}"
    return words[first - 1].kind if first else "sign start"


def _neighbour_after(words: Sequence[_Word], last: int) -> str:
    if words[last].after:
        return f"sign {words[last].after}"
    return words[last + 1].kind if last + 1 < len(words) else "sign end"


def _side(places: Sequence[int], first: int, last: int) -> str:
    """Where the question's words are: before the run, behind it, or on both sides."""
    if not places:
        return "none"
    if first > places[-1]:
        return "before"
    return "behind" if last < places[0] else "both"


def _is_whole_name(words: Sequence[_Word], first: int, last: int) -> bool:
    """Whether all of it is capitalised, and what stands beside it is not."""
    run = words[first : last + 1]
    if not all(text[0].isupper() for text in _body(run)):
        return False
    begins = first == 0 or bool(run[0].before) or not words[first - 1].text[0].isupper()
    ends = last + 1 == len(words) or bool(run[-1].after) or not words[last + 1].text[0].isupper()
    return begins and ends


def _distance(words: int) -> str:
    """A number of words, roughly."""
    return next((str(limit) for limit in (1, 2, 3, 5, 8, 20) if words <= limit), "none")


@cache
def _weights() -> Mapping[str, float]:
    text = files("rag").joinpath("answer_span_weights.json").read_text("utf-8")
    loaded: dict[str, float] = json.loads(text)
    return loaded
