"""Which row of a table is the first or the last in time: "the last train", "the oldest invoice".

Told by code, not read. Precise before it is helpful, as rag.tables.extremes: every word of the
question must be accounted for, and it must be certain which dates or times are meant. English
questions only. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rag.results import Calculation, Hit, PageText
from rag.stated_values import Value, ValueKind, stated_values
from rag.tables.cells import table_terms
from rag.tables.compared_rows import (
    PEOPLE,
    column_called,
    first_that_tells,
    name_column,
    nouns_of,
    told,
)
from rag.tables.row_conditions import begins_or_none, narrowed
from rag.tables.times import Moments, day_number, moments_of
from rag.tables.whole_tables import Row, Table, names_over
from rag.terms import is_negated

_SUPERLATIVE = re.compile(
    r"\b(?:(?P<first>first|earliest|soonest|oldest|next)|last|latest|newest|most recent(?:ly)?)\b",
    re.IGNORECASE,
)
# "Last" and "first" of these are no dates of rows.
_OF_ANOTHER_SORT = re.compile(
    r"\b(?:first|last)[ -](?:names?|years?|months?|weeks?|nights?|days?|quarters?|time|times|aid"
    r"|class|floor|half|hours?|minutes?|rows?|columns?|lines?|pages?|digits?|term|place|few|one"
    r"|two|three|four|five|six|ten|\d+)\b|\b(?:at|since) (?:first|last)\b",
    re.IGNORECASE,
)
_NOT_THE_FIRST = re.compile(
    r"\b(?:second|third|fourth|fifth|top|and|or|than|but|except|every|each)\b", re.IGNORECASE
)
_ASKS = re.compile(r"\b(?:which|what|who|when)\b", re.IGNORECASE)
_ASKS_WHEN = re.compile(r"\bwhen\b|\b(?:what|which) (?:time|date|day)\b", re.IGNORECASE)
_NOUN = re.compile(r"\b(?:which|what) (?P<noun>[\w-]+)", re.IGNORECASE)
_NO_NOUN = re.compile(
    r"(?:is|are|was|were|did|do|does|has|had|of|will|comes?|came)$", re.IGNORECASE
)
_LIMIT = re.compile(
    r"\b(?P<how>after|later than|before|earlier than|since)\s+(?P<at>[^?]{1,40})", re.IGNORECASE
)
_HOUR = re.compile(r"(?P<hour>\d{1,2})(?: ?o['’]?clock)?(?=\s*(?:\?|$|from|to|on|in)\b|\s*\?|\s*$)")
_MORNING = 7  # "after 9" is in the morning, "after 5" may be in the afternoon
# Said of the moment when a thing begins. Where no column is called so, they say nothing.
_BEGINNINGS = (
    table_terms("leave depart departure departing departs dep go run"),
    table_terms("start starts begin begins"),
    table_terms("buy bought purchase purchased"),
    table_terms("issue issued send sent"),
    table_terms("join joined"),
)
_OTHERS = (table_terms("arrive arrival arriving arrives arr reach"), table_terms("end finish"))
_BEGINS = frozenset[str]().union(*_BEGINNINGS)
_ENDS = frozenset[str]().union(*_OTHERS)
_MOMENTS = _BEGINS | _ENDS
_PHRASING = _BEGINS | table_terms(
    "time date day there one get come came take place held happen scheduled what which who made do"
)
_OF_AGE = "oldest"


@dataclass(frozen=True, slots=True)
class _Limit:
    """What the rows have to be after or before: a time of a day in minutes, or else a date."""

    is_after: bool
    is_included: bool
    minutes: float | None = None
    date: Value | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """terms: of the question, without the superlative and the limit. noun: what is asked for."""

    superlative: str
    wants_first: bool
    wants_time: bool
    is_who: bool
    terms: frozenset[str]
    noun: frozenset[str]
    limit: _Limit | None


def first_or_last(question: str, hits: Sequence[Hit], page_text: PageText) -> Calculation | None:
    """The row with the first or the last moment, of the first table among the hits that tells.

    None where the question asks for no such thing, and where no table tells for certain.
    """
    asked = _understood(question)
    if asked is None:
        return None
    return first_that_tells(question, hits, page_text, partial(_compared, asked))


def _understood(question: str) -> _Asked | None:
    limit, plain = _limit(question)
    found = _SUPERLATIVE.search(plain)
    if found is None or not _ASKS.search(plain) or is_negated(plain):
        return None
    if _NOT_THE_FIRST.search(plain) or _OF_ANOTHER_SORT.search(plain):
        return None
    word = found.group().casefold()
    if (word == "next" and limit is None) or _LIMIT.search(plain):
        return None  # of today, which a table does not know; or a limit that is not understood
    noun = _NOUN.search(plain)
    if noun is not None and not _NO_NOUN.match(noun["noun"]):
        of = noun["noun"]
    else:
        of = next(iter(re.findall(r"[\w-]+", plain[found.end() :])), "")
    terms = table_terms(plain) - table_terms(word)
    is_who = bool(re.search(r"\bwho\b", plain, re.IGNORECASE))
    if not terms - _PHRASING and not is_who:
        return None  # of whatever
    return _Asked(
        superlative=word,
        wants_first=bool(found["first"]),
        wants_time=bool(_ASKS_WHEN.search(plain)),
        is_who=is_who,
        terms=terms,
        noun=table_terms(of),
        limit=limit,
    )


def _limit(question: str) -> tuple[_Limit | None, str]:
    """What the rows have to be after or before, and the question without that."""
    found = _LIMIT.search(question)
    if found is None:
        return None, question
    how = found["how"].casefold()
    is_after, is_included = how in ("after", "later than", "since"), how == "since"
    rest = question[found.start("at") :]
    stated = next((value for value in stated_values(rest) if value.start == 0), None)
    without = question[: found.start()]
    if stated is not None and stated.kind is ValueKind.TIME:
        limit = _Limit(is_after, is_included, minutes=stated.number)
        return limit, without + rest[stated.end :]
    if stated is not None and stated.kind is ValueKind.DATE and stated.day and stated.month:
        return _Limit(is_after, is_included, date=stated), without + rest[stated.end :]
    hour = _HOUR.match(rest)
    if hour is not None and _MORNING <= int(hour["hour"]) < 24:
        limit = _Limit(is_after, is_included, minutes=60.0 * int(hour["hour"]))
        return limit, without + rest[hour.end() :]
    return None, question


def _compared(asked: _Asked, table: Table, hit: Hit) -> Calculation | None:
    times = {at: found for at in range(len(table.columns)) if (found := moments_of(table, at))}
    terms = _as_columns_say(asked.terms, table)
    column = _column(asked, terms, table, times)
    named = column_called(asked.noun, table)
    if column is None or not _may_be_told(asked, table, named, column):
        return None
    subject = name_column(table) if named is None or named in times else named
    nouns = nouns_of(table, subject)
    if asked.is_who and not nouns & PEOPLE:
        return None
    is_named = bool(table.names[column] & terms) and not table.names[column] & _BEGINS
    meant = narrowed(
        terms,
        table,
        named=names_over(table, hit),
        looked_at={subject, column},
        accounted=nouns,
        phrasing=_PHRASING | (_ENDS if is_named else frozenset()),
    )
    if meant is None or len(meant.rows.rows) < 2:
        return None
    dated = _in_turn(column, times, table)
    rows = frozenset(meant.rows.rows)
    dated = [(value, row) for value, row in dated if row in rows]
    if asked.limit is not None:
        day = day_number(asked.limit.date, table, column) if asked.limit.date else None
        dated = _within(asked.limit, dated, times[column].is_clock, day)
    dated.sort(key=lambda pair: pair[0], reverse=not asked.wants_first)
    if not dated or (len(dated) > 1 and dated[0][0] == dated[1][0]):
        return None
    first = dated[0][1]
    if not first.cells[subject]:
        return None
    name = "" if subject == column else table.columns[column]
    label = ", ".join(part for part in (f"The {asked.superlative}", name, meant.condition) if part)
    wants_time = asked.wants_time or named == column or asked.noun & _MOMENTS
    short = first.cells[column if wants_time else subject]
    return told(label, [row for _, row in dated], [subject, column], hit, short=short)


def _may_be_told(asked: _Asked, table: Table, named: int | None, column: int) -> bool:
    """Whether the moments that are asked for, if any are by name, are those of the column."""
    if not asked.noun & _MOMENTS:
        return True
    if named is None:
        return bool(table.names[column] & _MOMENTS)
    return named == column  # else an arrival that cannot be compared


def _as_columns_say(terms: frozenset[str], table: Table) -> frozenset[str]:
    """The terms, with "leave" where a column has "Departs" as that column has it."""
    known = frozenset[str]().union(*table.names)
    for group in (*_BEGINNINGS, *_OTHERS):
        if terms & group and not terms & group & known and (same := group & known):
            terms = (terms - group) | same
    return terms


def _column(
    asked: _Asked, terms: frozenset[str], table: Table, times: dict[int, Moments]
) -> int | None:
    """The one column of times that the question names best, or else that of when things begin."""
    shared = {at: len(table.names[at] & terms) for at in times}
    most = max(shared.values(), default=0)
    is_of_people = asked.noun <= PEOPLE and any(
        nouns_of(table, at) & PEOPLE for at in range(len(table.columns))
    )
    if asked.superlative == _OF_AGE and not most and is_of_people:
        return None  # by birth, or by when they came
    best = [at for at in times if shared[at] == most]
    if most:
        if len(best) != 1:
            return None
        days = [at for at in times if not times[at].is_clock]
        return None if times[best[0]].is_clock and days else best[0]
    days = begins_or_none([at for at in best if not times[at].is_clock], table)
    if days:
        return days[0] if len(days) == 1 else None
    clock = begins_or_none(best, table)
    named = [at for at in clock if table.names[at] & _BEGINS]
    clock = named if named else clock
    return clock[0] if len(clock) == 1 else None


def _in_turn(column: int, times: dict[int, Moments], table: Table) -> list[tuple[float, Row]]:
    """The moments of a column, those of one day in the order of when they begin."""
    if times[column].is_clock:
        return list(times[column].values)
    clocks = begins_or_none([at for at in times if times[at].is_clock], table)
    minutes = {row: value for value, row in times[clocks[0]].values} if len(clocks) == 1 else {}
    return [(value + minutes.get(row, 0.0) / 1440, row) for value, row in times[column].values]


def _within(
    limit: _Limit, dated: Sequence[tuple[float, Row]], is_clock: bool, at: float | None
) -> list[tuple[float, Row]]:
    """Those that keep the limit; [] where it cannot be compared with them.

    at: the limit as a day's number, None where it is a time of a day.
    """
    edge = limit.minutes if is_clock else at
    if edge is None:
        return []
    kept = []
    for value, row in dated:
        moment = value if is_clock else float(int(value))  # any time of a day is on that day
        is_beyond = moment > edge if limit.is_after else moment < edge
        if is_beyond or (limit.is_included and moment == edge):
            kept.append((value, row))
    return kept
