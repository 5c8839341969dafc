"""What a model may choose from, and what is no value of a field."""

from __future__ import annotations

from rag.evidence import Evidence
from rag.extraction_schema import SchemaField
from rag.forms.choices import may_be_value, values_to_choose_from
from tests.rag.forms import DATE, STRING
from tests.rag.passages import make_hit


def test_a_model_may_choose_what_stands_beside_a_word_of_the_field() -> None:
    field = SchemaField(("end_date",), DATE, "Day the work ends")
    text = "The work takes until 4 or 9 July.\n\nWork may end on 11 July 2026. Sent 2 May 2026."
    assert values_to_choose_from(field, Evidence([make_hit(text)])) == ["2026-07-11"]
    assert values_to_choose_from(field, Evidence([make_hit("Valid until 31 July 2026.")])) == []
    assert values_to_choose_from(field, Evidence([make_hit("Work starts on 7 July 2026.")])) == []
    assert values_to_choose_from(SchemaField(("who",), STRING, ""), Evidence([])) is None


def test_words_that_repeat_the_field_are_no_value() -> None:
    """A small model gave a store's street as its name."""
    name = SchemaField(("store", "name"), STRING, "Name of the store")
    assert not may_be_value(name, "the store")
    assert not may_be_value(name, "Kingsway 88")
    assert may_be_value(name, "Green Basket Market")
