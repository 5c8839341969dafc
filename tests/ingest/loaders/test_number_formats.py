from __future__ import annotations

import datetime

import pytest

from ingest.loaders.number_formats import time_text, writer_of

DAY = datetime.date(2024, 3, 5)
ACCOUNTING = '_($* #,##0.00_);_($* \\(#,##0.00\\);_($* "-"??_);_(@_)'


def shown(code: str, value: object) -> object:
    writer = writer_of(code)
    return value if writer is None else writer(value)


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("0.0%", 0.125, "12.5%"),
        ("0%", 0.285, "29%"),  # times 100 it is 28.499999999999996
        ("0.00", 1.005, "1.01"),  # as a float it is a little less
        ("0.00", -2.675, "-2.68"),
        ("#,##0", 1234567.4, "1,234,567"),
        ('"$"#,##0.00', 1200.0, "$1,200.00"),
        ("$#,##0.00", -3.5, "-$3.50"),
        ('#,##0.00\\ "€"', 1234.5, "1,234.50 €"),
        ("#,##0.00\\ [$€-407];[Red]\\-#,##0.00\\ [$€-407]", -2.0, "-2.00 €"),
        ("[$CHF-807] #,##0.00", 12.0, "CHF 12.00"),
        (ACCOUNTING, 1200.0, "$1,200.00"),
        (ACCOUNTING, -1200.0, "$(1,200.00)"),
        ("00000", 1234.0, "01234"),
        ("0.##", 1.5, "1.5"),
        ('0.0,,"M"', 12_345_678.0, "12.3M"),
        ('0 "days"', 3.0, "3 days"),
        ("\\1\\.00", 7.0, "1.07"),  # numbers of sections, in a file that somebody sent
        ('General" kg"', 2.5, "2.5 kg"),
        ("+0.0%;-0.0%", -0.1, "-10.0%"),
    ],
)
def test_a_figure_is_written_as_its_cell_shows_it(code: str, value: float, text: str) -> None:
    assert shown(code, value) == text


@pytest.mark.parametrize("code", [ACCOUNTING, "0.00;;", '0.00;-0.00;"none"'])
def test_a_zero_that_is_shown_as_a_dash_stays_a_figure(code: str) -> None:
    """A mean of the rows would leave it out."""
    assert str(shown(code, 0.0)).lstrip("$") == "0.00"


@pytest.mark.parametrize(
    "code",
    [
        *("General", "@", "", "# ?/?", "0.00E+00", "000-00-0000", ";;;", "[h]:mm", '"yes";"no"'),
        "[<=9999999]###-####;(###) ###-####",
        *("0" * 400, "0." + "0" * 200, "0" + "%" * 200, "0" + "," * 200),
    ],
)
def test_what_no_format_is_known_for_stays_as_it_is(code: str) -> None:
    assert shown(code, 5551234.0) == 5551234.0


@pytest.mark.parametrize("value", ["text", True, 7, None, 1e15, float("nan")])
def test_only_figures_are_written(value: object) -> None:
    assert shown("0.00%", value) is value


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("mmm yyyy", "Mar 2024"),
        ("mmm\\-yy", "Mar-2024"),  # of "Mar-24" nobody could tell that it is a year
        ("d-mmm-yy", "5-Mar-2024"),
        ("mmmm", "March 2024"),
        ("[$-409]mmmm d, yyyy;@", "March 5, 2024"),
        ("dddd, mmmm dd, yyyy", "Tuesday, March 05, 2024"),
        ("yyyy", "2024"),
        ("mm/yyyy", "2024-03"),
    ],
)
def test_a_date_is_written_with_the_month_that_its_cell_names(code: str, text: str) -> None:
    """A month stood there as its first day: "2024-03-01" is not what anybody asks for."""
    assert shown(code, DAY) == text


@pytest.mark.parametrize(
    "code", ["d/m/yyyy", "m/d/yy h:mm", "[$-407]d. mmmm yyyy", "d-mmm", "0.00", "ddd", "mmmmm"]
)
def test_other_dates_stay_dates(code: str) -> None:
    assert shown(code, DAY) is DAY


def test_times_and_durations() -> None:
    assert time_text(datetime.time(8, 30)) == "08:30"
    assert time_text(datetime.time(8, 30, 5)) == "08:30:05"
    # It was "1 day, 2:29:59.942000".
    assert time_text(datetime.timedelta(days=1, seconds=8999, microseconds=942_000)) == "26:30:00"
    assert time_text(datetime.timedelta(minutes=-90)) == "-1:30:00"
