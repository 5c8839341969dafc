from __future__ import annotations

from pathlib import Path

import pytest

from ingest.errors import EmptyFile
from ingest.loaders import load, sniff
from ingest.loaders.sniffing import FileKind

ZONE = """BEGIN:VTIMEZONE
TZID:Europe/London
BEGIN:STANDARD
DTSTART:19701025T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0000
END:STANDARD
END:VTIMEZONE
"""


def read(path: Path, *entries: str) -> str:
    """The text of a calendar with these entries, in Windows' lines as the format wants them."""
    body = "".join(f"BEGIN:{entry}" for entry in entries)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{ZONE}{body}END:VCALENDAR\n"
    path = path / "calendar.ics"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    document = load(path, name=path.name)
    assert document.media_type == "text/calendar"
    return "\n".join(page.text for page in document.pages)


def event(*lines: str) -> str:
    return "\n".join(["VEVENT", *lines, "END:VEVENT", ""])


def test_an_event_says_when_and_where_in_words(tmp_path: Path) -> None:
    """ "DTSTART:20240312T090000Z" answered nobody who asked when the dentist was."""
    text = read(
        tmp_path,
        event(
            "DTSTART:20240312T090000Z",
            "DTEND:20240312T093000Z",
            "SUMMARY:Dentist",
            "LOCATION:Dr Okoro\\, 5 High Street",
            "DESCRIPTION:Bring the X-ray.\\nIn a long line that",
            " goes on.",
            "ATTENDEE;CN=Ida Marsh:mailto:ida@example.com",
            "ORGANIZER:mailto:lee@example.com",
        ),
    )
    assert text == (
        "## Dentist\n\nWhen: Tuesday, 12 March 2024, 09:00 to 09:30 (UTC)\n\n"
        "Where: Dr Okoro, 5 High Street\n\nOrganizer: lee@example.com\n\nWith: Ida Marsh\n\n"
        "Bring the X-ray.\nIn a long line thatgoes on."
    )


@pytest.mark.parametrize(
    ("times", "when"),
    [
        (["DTSTART;VALUE=DATE:20240506", "DTEND;VALUE=DATE:20240507"], "Monday, 6 May 2024"),
        (
            ["DTSTART;VALUE=DATE:20240506", "DTEND;VALUE=DATE:20240511"],
            "Monday, 6 May 2024 to Friday, 10 May 2024",
        ),
        (["DTSTART:20240418T193000"], "Thursday, 18 April 2024, 19:30"),
        (["DTSTART:20240418T193000", "DURATION:PT2H"], "Thursday, 18 April 2024, 19:30 to 21:30"),
        (
            ["DTSTART:20240418T220000", "DTEND:20240419T010000"],
            "Thursday, 18 April 2024, 22:00 to Friday, 19 April 2024, 01:00",
        ),
        (
            ["DTSTART;TZID=Europe/London:20240109T173000"],
            "Tuesday, 9 January 2024, 17:30",
        ),
    ],
)
def test_when_it_is(tmp_path: Path, times: list[str], when: str) -> None:
    assert read(tmp_path, event(*times, "SUMMARY:A")) == f"## A\n\nWhen: {when}"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=WEEKLY;BYDAY=TU,TH", "every week on Tuesday, Thursday"),
        ("FREQ=DAILY;INTERVAL=2;COUNT=5", "every 2 days 5 times"),
        ("FREQ=YEARLY;UNTIL=20301231T000000Z", "every year until Tuesday, 31 December 2030"),
        ("FREQ=HOURLY", "FREQ=HOURLY"),
    ],
)
def test_how_often_it_is(tmp_path: Path, rule: str, words: str) -> None:
    text = read(tmp_path, event("DTSTART:20240109T173000", f"RRULE:{rule}", "SUMMARY:A"))
    assert text.endswith(f"\n\nRepeats: {words}")


def test_tasks_are_read_too(tmp_path: Path) -> None:
    task = "VTODO\nSUMMARY:Tax\nDUE:20240131T120000\nSTATUS:NEEDS-ACTION\nEND:VTODO\n"
    due = "Due: Wednesday, 31 January 2024, 12:00"
    assert read(tmp_path, task) == f"## Tax\n\n{due}\n\nStatus: Needs-action"


def test_broken_lines_cost_no_event(tmp_path: Path) -> None:
    text = read(tmp_path, event("DTSTART:soon", "no field", "SUMMARY:A"), event("SUMMARY:B"))
    assert "## A" in text
    assert text.endswith("## B")


def test_a_calendar_without_events_is_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptyFile):
        read(tmp_path)


def test_it_is_told_by_what_it_begins_with(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\ufeffBEGIN:VCALENDAR\n")
    assert sniff(path, name="a.txt") is FileKind.CALENDAR
