"""Which of the values that stand there is a field's."""

from __future__ import annotations

import pytest

from rag.evidence import Evidence
from rag.extraction_schema import SchemaField
from rag.forms.stated_fields import find_stated
from tests.rag.forms import DATE, INVOICE, NUMBER, STRING, stated
from tests.rag.passages import make_hit


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


def test_a_line_of_more_than_a_thousand_characters_states_no_value() -> None:
    """Looking for dates takes time with the square of it: 2 seconds for 20,000 characters."""
    assert stated(f"Note\n\nDate: 3 May 2026 {'|1' * 450}\n", "date", DATE) == "2026-05-03"
    assert stated(f"Note\n\nDate: 3 May 2026 {'|1' * 10_000}\n", "date", DATE) is None
