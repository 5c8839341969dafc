"""What stands after a label of a field, against worked examples."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rag.forms import DATE, INVOICE, NUMBER, STRING, stated


@pytest.mark.parametrize(
    ("name", "schema", "value"),
    [
        ("invoice_number", STRING, "BW-2231"),
        ("invoice_date", DATE, "2026-03-14"),
        ("due_date", DATE, "2026-04-13"),
        ("customer_name", STRING, "Oakfield Dental Practice"),
        ("subtotal", NUMBER, 310),
        ("vat_rate", NUMBER, 20),
        ("total", NUMBER, 372),
        ("currency", {"enum": ["EUR", "GBP"]}, "GBP"),
        ("discount", NUMBER, None),
        ("delivery_date", DATE, None),
        ("order_number", STRING, None),
    ],
)
def test_what_stands_after_a_label_is_read(name: str, schema: dict[str, Any], value: Any) -> None:
    assert stated(INVOICE, name, schema) == value


def test_columns_set_with_spaces_or_dots_are_labels_too() -> None:
    text = "Quotation Q-1187            Date: 06/18/2026\n\nGuttering ....... $460.00\n\nOther\n"
    assert stated(text, "guttering", NUMBER, "price of the guttering") == 460
    assert stated(text, "date", DATE) == "2026-06-18"
