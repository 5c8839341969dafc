"""JSON schemas of strangers: what they become, and what is said of those that cannot be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from rag.errors import InvalidSchema
from rag.extraction_schema import assembled, fields_of, words_of


class Address(BaseModel):
    """Where something is."""

    city: str = Field(description="The town")
    zip_code: str | None = None


class Order(BaseModel):
    """As a user of the Python API has one."""

    number: int
    ship_to: Address = Field(alias="shipTo", description="Where it goes")
    lines: list[Address] = []
    paid: bool | None = None


def schema_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_a_pydantic_model_becomes_its_leaves_in_order() -> None:
    fields = fields_of(Order.model_json_schema())
    assert [field.name for field in fields] == [
        "number", "shipTo.city", "shipTo.zip_code", "lines", "paid",
    ]  # fmt: skip
    city = fields[1]
    assert (city.words, city.description) == ("ship to city", "Where it goes The town")
    assert [f.schema["type"] for f in fields] == ["integer", "string", "string", "array", "boolean"]
    assert [field.is_inferred for field in fields] == [False, False, False, False, True]
    assert "$ref" not in str([field.schema for field in fields])


def test_values_come_back_as_one_document() -> None:
    fields = fields_of(Order.model_json_schema())
    values = [7, "Bern", None, [{"city": "Ulm", "zip_code": None}], None]
    assert assembled(list(zip(fields, values, strict=True))) == {
        "number": 7,
        "shipTo": {"city": "Bern", "zip_code": None},
        "lines": [{"city": "Ulm", "zip_code": None}],
        "paid": None,
    }


@pytest.mark.parametrize(
    ("schema", "value", "accepted"),
    [
        ({"type": "integer", "minimum": 3}, 2, False),
        ({"type": "integer", "minimum": 3}, None, True),
        ({"type": "string", "format": "date"}, "yesterday", False),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["one"], False),
        ({"type": "array", "items": schema_of(a={"type": "string"})}, [{"a": None}], True),
        # Left to the grammar: this takes Python's engine longer than the universe will last.
        ({"type": "string", "pattern": "^(a+)+$"}, "a" * 60 + "!", True),
    ],
    ids=["minimum", "null", "date", "too few", "null inside", "pattern"],
)
def test_a_value_is_held_against_the_schema(schema: Any, value: Any, accepted: bool) -> None:
    (field,) = fields_of(schema_of(field=schema))
    assert field.accepts(value) is accepted


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ([], "this is array"),
        ({"type": "string"}, "an object with at least one property"),
        (schema_of(), "an object with at least one property"),
        (schema_of(a={"type": "no such type"}), "is no JSON schema"),
        (schema_of(a={}), "a has no type"),
        (schema_of(a=True), "a has no type"),
        (schema_of(a=schema_of(b={"description": "x"})), "a.b has no type"),
        (schema_of(a={"$ref": "https://127.0.0.1:1/x.json"}), "leads out of the schema"),
        (schema_of(a={"$ref": "#/$defs/absent"}), "names nothing"),
        ({**schema_of(a={"$ref": "#"})}, "leads out of the schema"),
        (
            {**schema_of(a={"$ref": "#/$defs/tree"}), "$defs": {"tree": {"$ref": "#/$defs/tree"}}},
            "refers to itself",
        ),
        (schema_of(**{f"f{i}": {"type": "null"} for i in range(101)}), "101 fields"),
        (
            {
                **schema_of(a={"$ref": "#/$defs/d0"}),
                "$defs": {
                    f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 9} for i in range(9)
                }
                | {"d9": {"type": "string"}},
            },
            "too large|deeper",
        ),
    ],
    ids=[
        "list", "no object", "no properties", "unknown type", "no type", "true", "inner", "remote",
        "dangling", "root", "recursive", "many", "billion laughs",
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_filled_in_says_why(schema: Any, message: str) -> None:
    with pytest.raises(InvalidSchema, match=message):
        fields_of(schema)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shipToCity", ["ship", "to", "city"]),
        ("invoice_number", ["invoice", "number"]),
        ("VAT-ID", ["vat", "id"]),
    ],
)
def test_a_name_is_words_to_search_for(name: str, words: list[str]) -> None:
    assert words_of(name) == words
