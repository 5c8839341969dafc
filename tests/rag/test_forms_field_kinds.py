"""What a form's fields want, by their schemas and their names."""

from __future__ import annotations

from typing import Any

import pytest

from rag.extraction_schema import SchemaField
from rag.forms.field_kinds import FieldKind, WantedKind, kind_of
from tests.rag.forms import INTEGER, NUMBER, STRING


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
