"""Does a line read as a heading does? By its words alone, however it is set. Pure."""

from __future__ import annotations

import re

_MOST_CHARACTERS = 150
_FEWEST_LETTERS = 3
_FEWEST_CAPITALS = 4
_CODE = re.compile(r"[A-Z]{2}[ -]?\d{2,}")  # "AX-100"
_SENTENCE_ENDS = (".", ",", ";", ":")
_DOTS = re.compile(r"\.{3,}|(?:\. ){3,}|…{2,}")  # they lead to a page number
# Words of a statement, in the four languages whose questions are understood: no title has them.
_STATING_LIST = """
    is are was were be been has have had may must shall will can should does do did not
    ist sind war wird werden hat haben darf muss kann soll nicht est sont doit peut n'est
    es son está debe puede
"""
_STATING = frozenset(_STATING_LIST.split())
_NUMBER = re.compile(r"(?:\d{1,3}(?:\.\d{1,3})*[.)]?|[IVX]{1,5}\.|§ ?\d+)\s+")


def reads_as_heading(text: str) -> bool:
    """Whether a line is short, ends like no sentence, and is not mostly figures.

    A question may be one.
    """
    if len(text) > _MOST_CHARACTERS or text.endswith(_SENTENCE_ENDS) or _DOTS.search(text):
        return False
    if _CODE.fullmatch(text):
        return True
    letters = [character for character in text if character.isalpha()]
    if len(letters) < _FEWEST_LETTERS or letters[0].islower():
        return False
    after_number = text.split()[1:]
    figures = sum(any(character.isdigit() for character in word) for word in after_number)
    return 2 * figures <= len(after_number)


def states_something(text: str) -> bool:
    """Whether words are a short sentence ("Smoking is not allowed") rather than a title."""
    return not _STATING.isdisjoint(text.lower().split())


def is_in_capitals(text: str) -> bool:
    """Whether a line is words in capitals: "7. ENDING THE LEASE", and no code or address."""
    if text.upper() != text:  # most lines; a number has no small letters
        return False
    words = _NUMBER.sub("", text, count=1)
    return (
        words.lower() != words  # of a script that has both
        and sum(map(str.isalpha, words)) >= _FEWEST_CAPITALS
        and not any(map(str.isdigit, words))
    )
