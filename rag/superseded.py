"""Sentences that say a thing was changed: postponed, withdrawn, banned, "now", "no longer".

Pure; English only. Whether the change came before or after what is answered is not decided here:
both are shown, with their sources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from rag.stated_values import Value, ValueKind, stated_values
from rag.windows import Window, is_sentence

# What such a sentence tells of no longer holds.
_UNDONE = re.compile(
    r"\b(?:postponed|put off|called off|rescheduled|withdrawn|cancel(?:l?ed|s)|superseded|revoked"
    r"|rescinded|repealed|with immediate effect|no longer|not any ?more"
    r"|(?:has|have) (?:been )?changed"
    r"|(?:replaces|supersedes|cancels|revokes) (?:the|our|all) (?:\w+ )?"
    r"(?:decisions?|rules?|dates?|prices?|terms|times?|notices?|versions?|lists?))\b",
    re.IGNORECASE,
)
_RESIGNS = re.compile(r"\b(?:resign(?:s|ed)|steps down|stepped down)\b", re.IGNORECASE)
# These tell of a change only with another value, for they are said of much else.
_MOVED = re.compile(
    r"\b(?:now|instead|(?:is|are|was|were|been) (?:now |therefore )?(?:moved (?:to|from)"
    r"|brought forward|replaced by|(?:changed|reduced|raised|increased|lowered|extended) to))\b",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|when|whenever|unless|may|might|can|could|would|should|must|cannot)\b[^.;]*$",
    re.IGNORECASE,
)
_ALLOWED = re.compile(r"\b(?:allowed|permitted|may|can|welcome)\b", re.IGNORECASE)
_BANNED = re.compile(
    r"\b(?:banned|forbidden|prohibited|(?:not|no longer) (?:allowed|permitted))\b",
    re.IGNORECASE,
)
_CLAUSE_BREAK = re.compile(r"[,;:](?=\s)|\s[–—-]\s|\b(?:and|but|so|that|because)\b")
_ENTRY = re.compile(r"\s*(?:[-*•#|]+\s*)?(?:on )?")
_LONGEST_HEADING = 80  # characters
_CONTINUES = re.compile(r"(?:It|They|This|These|That|Until then)\b")


class Change(Enum):
    """What a sentence says of a change."""

    UNDONE = "what was said no longer holds"
    BANNED = "it is forbidden"
    RESIGNED = "someone no longer does it"
    MOVED = "it has another value, if it states one"


@dataclass(frozen=True, slots=True)
class Told:
    """A change that a sentence tells of. thing: the words before that, in its clause."""

    change: Change
    thing: str


def told_change(sentence: str) -> Told | None:
    """The change that a sentence tells of; None where it tells of none, or only supposes one."""
    for change, signs in (
        (Change.UNDONE, _UNDONE),
        (Change.BANNED, _BANNED),
        (Change.RESIGNED, _RESIGNS),
        (Change.MOVED, _MOVED),
    ):
        if sign := signs.search(sentence):
            # "Bonfires are banned with immediate effect": of what comes before the first of them.
            first = min(
                (m.start() for m in (_UNDONE.search(sentence), _BANNED.search(sentence)) if m),
                default=sign.start(),
            )
            before = sentence[:first]
            if (
                _SUPPOSED.search(before)
                and change is not Change.MOVED
                and "no longer" not in (sign.group().lower())
            ):
                return None
            clauses = [clause for clause in _CLAUSE_BREAK.split(before) if clause.strip()]
            return Told(change, clauses[-1] if clauses else "")
    return None


def bans_the_allowed(one: str, other: str) -> bool:
    """Whether one of the two sentences allows and the other one forbids."""
    forbids = bool(_BANNED.search(one)), bool(_BANNED.search(other))
    allows = bool(_ALLOWED.search(one)), bool(_ALLOWED.search(other))
    return (forbids[1] and allows[0] and not forbids[0]) or (
        forbids[0] and allows[1] and not forbids[1]
    )


def entry_date(text: str) -> Value | None:
    """The date that a text opens with, as the entries of a log do: "9 February 2025: ..."."""
    opening = _ENTRY.match(text)
    start = opening.end() if opening else 0
    first = next(iter(stated_values(text)), None)
    if first is None or first.kind is not ValueKind.DATE or first.start != start:
        return None
    is_whole = first.year is not None and first.month is not None and first.day is not None
    follows = text[first.end :].lstrip()[:1]
    return first if is_whole and follows in (":", "–", "-", "—", "") else None


def without_entry_date(text: str) -> str:
    """The text without the date that it opens with, or the same."""
    date = entry_date(text)
    return text[date.end :].lstrip(" :–—-") if date else text


def entry_of(sentences: Sequence[Window], position: int) -> Value | None:
    """The date of the entry that a sentence of a passage stands in."""
    for window in reversed(sentences[: position + 1]):
        if date := entry_date(window.text):
            return date
    return None


def heading_of(sentences: Sequence[Window], position: int) -> str:
    """The line nearest above a sentence that is no sentence; "" where there is none."""
    for window in reversed(sentences[:position]):
        if len(window.text) <= _LONGEST_HEADING and not is_sentence(window.text):
            return window.text
    return ""


def paragraph_of(text: str, window: Window) -> str:
    """The paragraph of a passage's text up to the end of a sentence of it."""
    opening = text.rfind("\n\n", 0, window.start)
    return text[max(opening, 0) : window.end]


def with_what_follows(text: str, sentences: Sequence[Window], position: int) -> Window:
    """A sentence of a passage, with the next one where that goes on about the same thing."""
    window = sentences[position]
    following = sentences[position + 1] if position + 1 < len(sentences) else None
    if (
        following is None
        or "\n\n" in text[window.end : following.start]
        or entry_date(following.text) is not None
        or not (_CONTINUES.match(following.text) or told_change(following.text))
    ):
        return window
    return replace(
        window,
        end=following.end,
        text=text[window.start : following.end],
        sentences=2,
        terms=window.terms | following.terms,
    )
