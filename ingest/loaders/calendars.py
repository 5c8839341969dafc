"""ICS -> text: each event under a heading, its times and places in lines with labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from ingest.documents import Document
from ingest.loaders.characters import one_line
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.vobjects import (
    Fields,
    clock,
    day,
    read_objects,
    sections_document,
    value_of,
)

_KINDS = ("vevent", "vtodo", "vjournal")
_FREQUENCIES = {"DAILY": "day", "WEEKLY": "week", "MONTHLY": "month", "YEARLY": "year"}
_DAYS = {
    "MO": "Monday",
    "TU": "Tuesday",
    "WE": "Wednesday",
    "TH": "Thursday",
    "FR": "Friday",
    "SA": "Saturday",
    "SU": "Sunday",
}
_DATE_DIGITS = 8  # of "20240630T215959Z"


def load_calendar(path: Path, reading: Reading) -> Document:
    """Read a calendar. Raises CorruptFile, EmptyFile, FileTooLarge."""
    entries = (
        entry.contents
        for calendar in read_objects(path, reading)
        for kind in _KINDS
        for entry in calendar.contents.get(kind, ())
    )
    sections = ["\n\n".join(_lines(fields)) for fields in entries]
    return sections_document(sections, FileKind.CALENDAR, reading)


def _lines(fields: Fields) -> Iterator[str]:
    yield f"## {value_of(fields, 'summary') or 'Without a title'}"
    labelled = (
        ("When", _when(fields)),
        ("Due", "".join(_moment(each.value) for each in fields.get("due", ())[:1])),
        ("Repeats", _repeats(value_of(fields, "rrule"))),
        ("Where", value_of(fields, "location")),
        ("Organizer", ", ".join(map(_person, fields.get("organizer", ())))),
        ("With", ", ".join(map(_person, fields.get("attendee", ())))),
        ("Status", value_of(fields, "status").capitalize()),
    )
    yield from (f"{label}: {value}" for label, value in labelled if value)
    for each in fields.get("description", ()):
        yield str(each.value).strip()


def _when(fields: Fields) -> str:
    start, end = (_first(fields, name) for name in ("dtstart", "dtend"))
    if start is None:
        return ""
    if end is None:
        lasts = next((each.value for each in fields.get("duration", ())), None)
        end = start + lasts if isinstance(lasts, timedelta) else start
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        last = end if isinstance(end, datetime) else max(start, end - timedelta(days=1))
        return day(start) if last <= start else f"{day(start)} to {day(last)}"
    if start.date() == end.date():
        until = f" to {clock(end)}" if end > start else ""
        return f"{day(start)}, {clock(start)}{until}{_zone(start)}"
    return f"{day(start)}, {clock(start)} to {day(end)}, {clock(end)}{_zone(start)}"


def _first(fields: Fields, name: str) -> Any:
    """The first value of a field if it is a day or a moment."""
    values = (each.value for each in fields.get(name, ()))
    return next((value for value in values if isinstance(value, date)), None)


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return f"{day(value)}, {clock(value)}{_zone(value)}"
    return day(value) if isinstance(value, date) else ""


def _zone(moment: datetime) -> str:
    """ " (UTC)": people write the times of their own zone without one."""
    return " (UTC)" if moment.tzname() == "UTC" else ""


def _person(field: Any) -> str:
    """The name of somebody who is invited, else the address."""
    named = one_line(" ".join(field.params.get("CN", ())))
    return named or one_line(str(field.value)).removeprefix("mailto:")


def _repeats(rule: str) -> str:
    """A rule in words: "every 2 weeks on Tuesday until 30 June 2024"."""
    parts = dict(part.split("=", 1) for part in rule.split(";") if "=" in part)
    unit = _FREQUENCIES.get(parts.get("FREQ", ""))
    if unit is None:
        return rule
    every = parts.get("INTERVAL", "1")
    words = [f"every {unit}" if every == "1" else f"every {every} {unit}s"]
    on = [_DAYS[name] for name in parts.get("BYDAY", "").split(",") if name in _DAYS]
    words += [f"on {', '.join(on)}"] if on else []
    words += [f"{parts['COUNT']} times"] if "COUNT" in parts else []
    with suppress(ValueError):
        until = datetime.strptime(parts.get("UNTIL", "")[:_DATE_DIGITS], "%Y%m%d")
        words.append(f"until {day(until)}")
    return " ".join(words)
