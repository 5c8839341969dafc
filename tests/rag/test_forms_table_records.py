"""Tables read as the list of objects that a form wants."""

from __future__ import annotations

from rag.evidence import Evidence
from rag.extraction_schema import fields_of
from rag.forms.stated_fields import find_stated
from tests.rag.forms import INTEGER, INVOICE, NUMBER, STRING
from tests.rag.passages import make_hit


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
