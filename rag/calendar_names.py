"""The names of months and days, in the languages whose dates are understood; all in lower case."""

from __future__ import annotations

_MONTHS = (
    """january february march april may june july august september october november december"""
)
_WEEKDAYS = "monday tuesday wednesday thursday friday saturday sunday"
_GERMAN = "januar februar märz april mai juni juli august september oktober november dezember"
_FRENCH = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
_SPANISH = (
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
)

MONTHS = tuple(_MONTHS.split())  # of the year in turn, as the others
SHORT_MONTHS = tuple(month[:3] for month in MONTHS)
WEEKDAYS = tuple(_WEEKDAYS.split())
GERMAN_MONTHS = tuple(_GERMAN.split())
FRENCH_MONTHS = tuple(_FRENCH.split())
SPANISH_MONTHS = tuple(_SPANISH.split())
