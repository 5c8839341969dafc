"""Dates, times and amounts are compared as what they are, not as the words that they share."""

from __future__ import annotations

import pytest

from rag.stated_values import ValueKind, agreeing, stated_values


def written(text: str) -> list[str]:
    return [text[value.start : value.end] for value in stated_values(text)]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("On Sunday 8 June 2025 and on July 4, 1776", ["Sunday 8 June 2025", "July 4, 1776"]),
        ("raised from £48 to £55 a year from April 2025", ["£48", "£55 a year", "April 2025"]),
        ("from 8.30 am to 3 pm, or at 20:40", ["8.30 am", "3 pm", "20:40"]),
        ("It may march on in the 1940s", []),
        ("about 4.2 million crowns or 38 per cent", ["4.2 million crowns", "38 per cent"]),
        ("Call 0113 555 0101, see section 3 and page 4", []),
        ("a 5,000-litre tank for three years", ["5,000-litre", "three years"]),
        ("am 12. März 2024 um 22 Uhr", ["12. März 2024", "22 Uhr"]),
        ("le 3 mai 2023 et le 1er juin", ["3 mai 2023", "1er juin"]),
        ("el 12 de marzo de 2024", ["12 de marzo de 2024"]),
        ("从2024年3月12日开始", ["2024年3月12日"]),
    ],
)
def test_values_are_found_as_a_whole(text: str, values: list[str]) -> None:
    assert written(text) == values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8 June 2025", "June 8, 2025"),
        ("8 June 2025", "2025-06-08"),
        ("8 June 2025", "June 2025"),
        ("24 months", "two years"),
        ("3 pm", "15:00"),
        ("£1,200", "1200 pounds"),
        ("12. März 2024", "12 March 2024"),
        ("1er août 2024", "2024-08-01"),
        ("15 de junio", "15 June 2025"),
        ("2024年3月12日", "12.3.2024"),
        ("21.10 Uhr", "9:10 pm"),
        ("1.250,00 €", "1250 Euro"),
        ("14.300 euros", "14300 €"),
        ("£85 a month", "£85"),
        ("4.2 million people", "4,213,407 people"),
        ("about 300 leaflets", "298 leaflets"),
    ],
)
def test_these_agree(one: str, other: str) -> None:
    (mine,), (theirs,) = stated_values(one), stated_values(other)
    assert mine.agrees(theirs)
    assert theirs.agrees(mine)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("8 June 2025", "22 June 2025"),
        ("8 June 2025", "8 June 2024"),
        ("10 am", "10 pm"),
        ("£40", "£45"),
        ("37 metres", "52 m"),
    ],
)
def test_these_differ(one: str, other: str) -> None:
    (mine,), (theirs,) = stated_values(one), stated_values(other)
    assert mine.is_comparable(theirs)
    assert not mine.agrees(theirs)


@pytest.mark.parametrize(
    ("one", "other"),
    [("£40", "40 %"), ("£85 a month", "£1,020 a year"), ("3 pm", "3 May"), ("8 June", "2025")],
)
def test_these_cannot_be_compared(one: str, other: str) -> None:
    (mine,), (theirs,) = stated_values(one), stated_values(other)
    assert not mine.is_comparable(theirs)


def test_a_value_agrees_with_any_of_several() -> None:
    (value,) = stated_values("10 am")
    assert value.kind is ValueKind.TIME
    assert agreeing(value, stated_values("from 9 am to 10 am"))
    assert not agreeing(value, stated_values("from 9 am to 11 am"))
