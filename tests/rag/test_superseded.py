"""Which sentences say that something was changed, and of what they say it."""

from __future__ import annotations

import pytest

from rag.superseded import Change, bans_the_allowed, entry_date, told_change, without_entry_date


@pytest.mark.parametrize(
    ("sentence", "change", "thing"),
    [
        ("After objections, the increase was postponed.", Change.UNDONE, "the increase was"),
        ("The decision is withdrawn.", Change.UNDONE, "The decision is"),
        ("Bonfires are banned in summer.", Change.BANNED, "Bonfires are"),
        ("Bonfires are banned with immediate effect.", Change.UNDONE, "Bonfires are"),
        ("Aldridge can no longer deliver the tank.", Change.UNDONE, "Aldridge can"),
        ("The open day is moved to 22 June.", Change.MOVED, "The open day"),
        ("TP1338 now leaves at 20:40.", Change.MOVED, "TP1338"),
        ("Carl Benson resigns in March.", Change.RESIGNED, "Carl Benson"),
    ],
)
def test_a_change_and_its_thing(sentence: str, change: Change, thing: str) -> None:
    told = told_change(sentence)
    assert told is not None
    assert (told.change, told.thing.strip()) == (change, thing)


@pytest.mark.parametrize(
    "sentence",
    [
        "The open day is on 8 June.",
        "If a member resigns, another one is elected.",
        "Orders can be cancelled within 14 days.",
        "He moved to Leeds.",
    ],
)
def test_no_change_or_a_supposed_one(sentence: str) -> None:
    assert told_change(sentence) is None


def test_one_allows_what_the_other_forbids() -> None:
    assert bans_the_allowed("Bonfires are allowed in March.", "Bonfires are banned.")
    assert bans_the_allowed("Bonfires are forbidden.", "Bonfires are permitted in March.")
    assert not bans_the_allowed("Bonfires are banned.", "Bonfires are not allowed.")


def test_an_entry_opens_with_its_whole_date() -> None:
    entry = "9 February 2025: The roof will be repaired."
    date = entry_date(entry)
    assert date is not None
    assert (date.year, date.month, date.day) == (2025, 2, 9)
    assert without_entry_date(entry) == "The roof will be repaired."
    for other in ("February: the roof", "The roof: 9 February 2025", "9 February 2025 was cold."):
        assert entry_date(other) is None
        assert without_entry_date(other) == other
