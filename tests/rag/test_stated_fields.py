"""Where passages state a form's fields: labels, tables and sentences, against worked examples."""

from __future__ import annotations

from typing import Any

import pytest

from rag.evidence import Evidence
from rag.extraction_schema import SchemaField, fields_of
from rag.stated_fields import find_stated, values_to_choose_from
from tests.rag.passages import make_hit

DATE = {"type": "string", "format": "date"}
NUMBER = {"type": "number"}
INTEGER = {"type": "integer"}
STRING = {"type": "string"}
TRUTH = {"type": "boolean"}
INVOICE = (
    "Invoice\n\nBill to: Oakfield Dental Practice, 3 Church Lane, Truro\n\n"
    "Invoice number: BW-2231\nInvoice date: 14 March 2026\nDue date: 13 April 2026\n\n"
    "| Description | Quantity | Unit price | Amount |\n| --- | --- | --- | --- |\n"
    "| Boiler service | 1 | £180.00 | £180.00 |\n| Valve | 4 | £32.50 | £130.00 |\n"
    "| Total |  |  | £310.00 |\n\n"
    "Subtotal: £310.00\nVAT (20%): £62.00\nTotal due: £372.00\n"
)
LEASE = (
    "This agreement is made between Marta Lindqvist (the Landlord) and Tomas Okafor and Priya Raman"
    " (the Tenants). The lease begins on 1 March 2026 and runs for 24 months. The rent is £1,450"
    " per month, and notice is three months. Keeping pets in the flat is not permitted. The"
    " managing agent is Forth Lettings, who can be reached at repairs@forth.example."
)


def stated(text: str, name: str, schema: dict[str, Any], description: str = "") -> Any:
    field = SchemaField((name,), schema, description)
    found = find_stated(field, Evidence([make_hit(text)]))
    return found[0].value if found else None


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


@pytest.mark.parametrize(
    ("name", "schema", "description", "value"),
    [
        ("landlord", STRING, "", "Marta Lindqvist"),
        ("tenants", {"type": "array", "items": STRING}, "", ["Tomas Okafor", "Priya Raman"]),
        ("start_date", DATE, "", "2026-03-01"),
        ("monthly_rent", NUMBER, "", 1450),  # a small model said "6 months"
        ("yearly_rent", NUMBER, "", None),
        ("lease_months", INTEGER, "", 24),
        ("notice_period", STRING, "", "three months"),
        ("pets_allowed", TRUTH, "", False),
        ("managing_agent", STRING, "", "Forth Lettings"),
        ("agent_email", STRING, "", "repairs@forth.example"),
        ("end_date", DATE, "", None),
        ("deposit", NUMBER, "", None),
        ("smoking_allowed", TRUTH, "", None),
    ],
)
def test_what_a_sentence_says_is_read(
    name: str, schema: dict[str, Any], description: str, value: Any
) -> None:
    assert stated(LEASE, name, schema, description) == value


def test_a_table_is_a_list_of_objects_with_a_place_for_each_cell() -> None:
    schema = {
        "properties": {
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"unitPrice": NUMBER, "item": STRING, "qty": INTEGER},
                },
            }
        }
    }
    (field,) = fields_of(schema)
    (found,) = find_stated(field, Evidence([make_hit(INVOICE)]))
    assert found.value == [
        {"item": "Boiler service", "qty": 1, "unitPrice": 180},
        {"item": "Valve", "qty": 4, "unitPrice": 32.5},
    ]
    assert [(scalar.place, scalar.quote.text) for scalar in found.scalars][-1] == (
        "[1].item",
        "| Valve | 4 | £32.50 | £130.00 |",
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Driving licence: yes (category B)", True),
        ("Driving licence | no", False),
        ("A driving licence is required only if asked for.", None),
        ("Do you have a driving licence?", None),
    ],
)
def test_yes_and_no_are_read_where_they_are_said(text: str, value: bool | None) -> None:
    assert stated(f"Application\n\n{text}\n", "driving_licence", TRUTH) is value


def test_two_values_that_fit_as_well_are_none() -> None:
    """Of the plot rent "from £42 to £48" nobody knows by rule which one is meant."""
    text = "The annual plot rent was raised from £42 to £48."
    assert stated(text, "plot_rent", NUMBER) is None


def test_columns_set_with_spaces_or_dots_are_labels_too() -> None:
    text = "Quotation Q-1187            Date: 06/18/2026\n\nGuttering ....... $460.00\n\nOther\n"
    assert stated(text, "guttering", NUMBER, "price of the guttering") == 460
    assert stated(text, "date", DATE) == "2026-06-18"


@pytest.mark.parametrize("pattern", ["^X", "(a+)+$"], ids=["other", "may take long"])
def test_a_value_that_does_not_follow_its_pattern_is_not_taken(pattern: str) -> None:
    assert stated(INVOICE, "invoice_number", STRING | {"pattern": pattern}) is None
    assert stated(INVOICE, "invoice_number", STRING | {"pattern": "^BW-\\d{4}$"}) == "BW-2231"


def test_a_time_is_no_moment() -> None:
    """17:42 of a receipt was given for a date-time, which jsonschema did not check."""
    text = "Receipt\n\nTime: 17:42\n"
    assert stated(text, "time", STRING | {"format": "date-time"}) is None


def test_the_document_that_the_instruction_is_about_comes_first() -> None:
    passages = [
        make_hit("Invoice for Elm House\n\nTotal: 12.00\n", document="a.txt"),
        make_hit("Invoice for Birch Farm\n\nTotal: 75.50\n", document="b.txt", chunk_id=2),
    ]
    field = SchemaField(("total",), NUMBER, "")
    found = find_stated(field, Evidence(passages), instruction="the Birch Farm invoice")
    assert [each.value for each in found] == [75.5, 12]


def test_a_model_may_choose_what_stands_beside_a_word_of_the_field() -> None:
    field = SchemaField(("end_date",), DATE, "Day the work ends")
    text = "The work takes until 4 or 9 July.\n\nWork may end on 11 July 2026. Sent 2 May 2026."
    assert values_to_choose_from(field, Evidence([make_hit(text)])) == ["2026-07-11"]
    assert values_to_choose_from(field, Evidence([make_hit("Valid until 31 July 2026.")])) == []
    assert values_to_choose_from(field, Evidence([make_hit("Work starts on 7 July 2026.")])) == []
    assert values_to_choose_from(SchemaField(("who",), STRING, ""), Evidence([])) is None
