"""What a form's fields want, and the values of that sort in a text; worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from rag.extraction_schema import SchemaField
from rag.field_kinds import FieldKind, WantedKind, kind_of, typed_values

NUMBER = {"type": "number"}
INTEGER = {"type": "integer"}
STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("name", "schema", "description", "kind", "unit"),
    [
        ("monthly_rent", NUMBER, "", FieldKind.MONEY, ""),
        ("totalAmount", NUMBER, "", FieldKind.MONEY, ""),
        ("term_months", INTEGER, "", FieldKind.MEASURE, "month"),
        ("height", INTEGER, "height in metres", FieldKind.MEASURE, "metre"),
        ("vat_rate", NUMBER, "", FieldKind.PERCENT, ""),
        ("built", INTEGER, "year in which it was built", FieldKind.YEAR, ""),
        ("floors", INTEGER, "", FieldKind.NUMBER, ""),
        ("due", {"type": "string", "format": "date"}, "", FieldKind.DATE, ""),
        ("e_mail", STRING, "", FieldKind.EMAIL, ""),
        ("account", STRING, "IBAN of the seller", FieldKind.IBAN, ""),
        ("mobile", STRING, "", FieldKind.PHONE, ""),
        ("orderNumber", STRING, "", FieldKind.IDENTIFIER, ""),
        ("notice_period", STRING, "", FieldKind.DURATION, ""),
        ("paid", {"type": "boolean"}, "", FieldKind.TRUTH, ""),
        ("state", {"enum": ["new", "old"]}, "", FieldKind.CHOICE, ""),
        ("landlord", STRING, "", FieldKind.TEXT, ""),
    ],
)
def test_a_field_says_what_it_wants(
    name: str, schema: dict[str, Any], description: str, kind: FieldKind, unit: str
) -> None:
    assert kind_of(SchemaField((name,), schema, description)) == WantedKind(kind, unit)


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
