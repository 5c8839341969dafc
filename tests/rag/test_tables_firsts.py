"""Which row of a table is the first or the last in time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.tables.firsts import first_or_last
from tests.rag.passages import make_hit, told

TRAINS = (
    "Departs | Arrives | Destination | Platform | Operator\n"
    "06:12 | 08:05 | York | 3 | Northline\n09:20 | 11:20 | Leeds | 2 | Northline\n"
    "11:05 | 12:58 | York | 3 | Northline\n15:40 | 17:26 | York | 1 | Transpen\n"
    "22:35 | 00:41 | Leeds | 2 | Transpen"
)
BUSES = (
    "Bus | Leaves Market Square | Hospital\n17a | 6.40 am | 6.55 am\n17b | 9.25 am | 9.40 am\n"
    "17c | 12.10 pm | 12.26 pm\n17d | 5.45 pm | 6.05 pm"
)
INVOICES = (
    "Invoice | Customer | Issued | Due | Status\n2026-01 | Miller Ltd | 2026-01-09 | 2026-02-08"
    " | paid\n2026-02 | Cobalt SA | 2026-02-17 | 2026-03-19 | open\n"
    "2026-03 | Miller Ltd | 2026-03-02 | 2026-03-15 | open"
)
MEETINGS = (
    "Date | Start | Meeting | Room\n9 March 2026 | 16:30 | Board | Oak\n"
    "3 March 2026 | 14:00 | Supplier call | Elm\n5 March 2026 | 11:00 | Design | Oak\n"
    "5 March 2026 | 9:00 | Budget | Elm"
)
STAFF = (
    "ID | Name | Start date\nE-1 | Clara Voss | 1 March 2014\nE-2 | Jonas Beck | 12 January 2009"
)
APPLIANCES = "Appliance | Bought on\nOven | 21/09/2019\nFridge | 03/11/2021\nDryer | 07/06/2024"
COURSES = (
    "Course no. | Course | Starts\n201 | Pottery | 19 January 2026\n202 | First aid | 3 March 2026"
    "\n203 | Tango | 12 January 2026"
)


def ask(question: str, *pages: str, name: str = "trains.csv") -> tuple[str, str, list[str]] | None:
    """The answer, its short form and its quotations, which are looked up on the pages."""
    hit = replace(make_hit(pages[0]), document_name=name)
    return told(first_or_last(question, [hit], lambda _, page: pages[page]), pages)


def test_the_answer_names_the_time_and_the_others_and_cites_each() -> None:
    """Any train was quoted, for none of them says that it is the last."""
    assert ask("When is the last train to York?", TRAINS) == (
        "The last, Destination York: 15:40 [1]. The others: 11:05 [2]; 06:12 [3].",
        "15:40",
        [TRAINS.splitlines()[4], TRAINS.splitlines()[3], TRAINS.splitlines()[1]],
    )


def test_what_the_file_is_called_is_still_asked_of_its_rows() -> None:
    """Of "trains_to_york.csv" the last train of all was taken, which goes to Leeds."""
    found = ask("When is the last train to York?", TRAINS, name="trains_to_york.csv")
    assert found is not None
    assert found[1] == "15:40"


@pytest.mark.parametrize(
    ("question", "text", "short"),
    [
        ("What is the earliest train to Leeds?", TRAINS, "09:20"),
        ("When is the first train to York after 9?", TRAINS, "11:05"),
        ("When is the next train after 11:05?", TRAINS, "15:40"),
        ("When is the last train to York before noon?", TRAINS, "11:05"),
        ("Which platform does the last train to York leave from?", TRAINS, "1"),
        ("When does the last bus leave Market Square?", BUSES, "5.45 pm"),  # not 12.10
        ("What is the latest departure from Market Square?", BUSES, "5.45 pm"),
        ("Which bus is the first to reach the hospital?", BUSES, "17a"),
        ("Which is the oldest invoice?", INVOICES, "2026-01"),  # as it was issued
        ("Which is the oldest open invoice?", INVOICES, "2026-02"),
        ("Which open invoice is due first?", INVOICES, "2026-03"),
        ("Which invoice of Miller was issued last?", INVOICES, "2026-03"),
        ("Which meeting is next after 3 March?", MEETINGS, "Budget"),  # the first of two that day
        ("What is the first meeting in the Oak room?", MEETINGS, "Design"),
        ("When is the last meeting?", MEETINGS, "9 March 2026"),
        ("Who started first?", STAFF, "Jonas Beck"),
        ("Who is the newest employee?", STAFF, "Clara Voss"),
        ("What is the oldest appliance?", APPLIANCES, "Oven"),  # 21/09: the day comes first
        ("Which course starts first?", COURSES, "Tango"),
    ],
)
def test_times_and_dates_are_compared(question: str, text: str, short: str) -> None:
    found = ask(question, text, name="trains_and_buses.csv")
    assert found is not None
    assert found[1] == short


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("When is the next train to York?", TRAINS),  # of now, which nobody knows
        ("What is the latest arrival?", TRAINS),  # at 00:41, of the next day
        ("When is the last train to Hull?", TRAINS),
        ("When is the second train to York?", TRAINS),
        ("When is the last tram to York?", TRAINS),
        ("When is the first train after 5?", TRAINS),  # in the morning, or in the afternoon
        ("When is the last train that is not to York?", TRAINS),
        ("When was the last year of Transpen?", TRAINS),
        ("When does First aid start?", COURSES),
        ("Who is the oldest employee?", STAFF),  # by birth
        ("Who started first?", COURSES),  # courses are no people
        ("What comes first?", INVOICES),
        ("When is the last bus?", "Bus | Leaves\nA | 8:15\nB | 12:10\nC | 5:45\nD | 9:30"),
        ("Which was bought last?", "Thing | Bought\nA | 3/4/2024\nB | 4/3/2024"),
        ("Which was bought last?", "Thing | Bought\nA | 28 December\nB | 3 January"),
        (
            "Which was bought last?",
            "Thing | Bought\nA | 3 May 2024\nB | 3 May 2024\nC | 1 May 2024",
        ),
        ("Which was bought last?", "Thing | Bought\nA | 3 May 2024\nB | unknown\nC | 1 May 2024"),
        ("Which runner was first?", "Runner | Time\nA | 2:19\nB | 2:21"),
    ],
)
def test_what_a_table_does_not_tell_for_certain_is_left_to_others(question: str, text: str) -> None:
    assert ask(question, text) is None


@given(
    st.lists(st.integers(4 * 60, 23 * 60), min_size=2, max_size=12, unique=True),
    st.booleans(),
)
def test_the_first_and_the_last_of_any_times_are_right(minutes: list[int], first: bool) -> None:
    minutes = [*minutes, 23 * 60 + 30]  # of 24 hours, for certain
    times = [f"{minute // 60:02}:{minute % 60:02}" for minute in minutes]
    text = "\n".join(["Train | Departs", *(f"T{n}x | {time}" for n, time in enumerate(times))])
    found = ask(f"When does the {'first' if first else 'last'} train leave?", text)
    assert found is not None
    assert found[1] == (min(times) if first else max(times))


@given(st.lists(st.text("ab1:0 |.-/\n", max_size=60), min_size=1, max_size=3))
def test_of_any_text_what_is_cited_stands_there(pages: list[str]) -> None:
    ask("Which a is the first b?", *pages)
