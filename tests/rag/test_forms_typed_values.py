"""The values of a sort in a text, as forms have them; worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from rag.forms.field_kinds import FieldKind, WantedKind
from rag.forms.typed_values import typed_values


@pytest.mark.parametrize(
    ("text", "wanted", "values"),
    [
        ("The rent is £1,450 for 6 months from 1 May 2026.", WantedKind(FieldKind.MONEY), [1450]),
        ("Gesamt: 3.205,86 €", WantedKind(FieldKind.MONEY), [3205.86]),
        ("a notice of three months", WantedKind(FieldKind.MEASURE, "month"), [3]),
        ("2.4 kg and 6 m", WantedKind(FieldKind.MEASURE, "metre"), [6]),
        ("VAT (20%): £128.00", WantedKind(FieldKind.PERCENT), [20]),
        ("$4.2 million", WantedKind(FieldKind.MONEY), [4_200_000]),
        ("revision 3, November 2025", WantedKind(FieldKind.NUMBER), [3]),
        ("built in 1874, 41 metres tall", WantedKind(FieldKind.YEAR), [1874]),
        ("03.06.2026", WantedKind(FieldKind.DATE), ["2026-06-03"]),
        ("12. März 2026", WantedKind(FieldKind.DATE), ["2026-03-12"]),
        ("06/18/2026", WantedKind(FieldKind.DATE), ["2026-06-18"]),
        ("on 14 March 2026", WantedKind(FieldKind.DATE), ["2026-03-14"]),
        ("write to a.b@c.example.", WantedKind(FieldKind.EMAIL), ["a.b@c.example"]),
        ("Call (503) 555-0147.", WantedKind(FieldKind.PHONE), ["(503) 555-0147"]),
        (
            "to IBAN GB29 NWBK 6016 1331 9268 19.",
            WantedKind(FieldKind.IBAN),
            ["GB29 NWBK 6016 1331 9268 19"],
        ),
        ("notice of two months", WantedKind(FieldKind.DURATION), ["two months"]),
    ],
)
def test_values_are_read_as_a_form_has_them(
    text: str, wanted: WantedKind, values: list[Any]
) -> None:
    assert [each.value for each in typed_values(text, wanted)] == values


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("03/04/2026", WantedKind(FieldKind.DATE)),  # in March or in April
        ("between 8 and 10 June 2026", WantedKind(FieldKind.DATE)),
        ("31 June 2026", WantedKind(FieldKind.DATE)),
        ("Receipt no. | 004-18833", WantedKind(FieldKind.PHONE)),
        ("6 months", WantedKind(FieldKind.MONEY)),
        ("24 months", WantedKind(FieldKind.MEASURE, "year")),
        ("version 1.2.3", WantedKind(FieldKind.NUMBER)),
    ],
)
def test_what_only_looks_like_one_is_none(text: str, wanted: WantedKind) -> None:
    assert typed_values(text, wanted) == []


def test_a_number_of_400_digits_is_none() -> None:
    """It is no float, and ended the whole form with an OverflowError."""
    text = f"{'9' * 400} and 12"
    assert [each.value for each in typed_values(text, WantedKind(FieldKind.NUMBER))] == [12]
