"""JSON schemas of strangers: what would make a grammar without end is refused at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inference.llama.grammar import json_schema_grammar
from inference.request import InvalidRequest


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "string", "maxLength": 10**9}, "more than 2000"),
        ({"type": "array", "items": {"type": "null"}, "minItems": 10**7}, "more than 2000"),
        ({"anyOf": [{"type": "string", "pattern": "^a{2,99999999}$"}]}, "more than 2000"),
        ({"properties": {"a": {"minLength": 2001}}}, "more than 2000"),
        (nested(400), "too large or too deep"),
        ({"$ref": "https://127.0.0.1:1/schema.json"}, "not allowed"),
        ({"type": "no such type"}, "cannot be used"),
        ([1, 2], "cannot be used"),
    ],
    ids=["length", "items", "pattern", "inside", "deep", "remote", "type", "list"],
)
def test_a_schema_that_cannot_be_is_refused(schema: Any, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        json_schema_grammar(json.dumps(schema))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^\ud800$"},
        {"enum": ["\ud800"]},
        {"const": ["\udfff"]},
        {"title": "\ud800", "type": "string"},
        {"type": "object", "properties": {"\ud800": {"type": "string"}}},
        {"$ref": "#/\ud800"},
    ],
    ids=["pattern", "enum", "const", "title", "name", "reference"],
)
def test_half_a_character_is_refused_wherever_it_stands(schema: dict[str, Any]) -> None:
    """A pattern with a lone surrogate became a grammar that no UTF-8 holds.

    The engine could not encode it and died of it, and after five such requests it was not started
    again. A reference put it into the message of the refusal, which could then not be sent.
    """
    with pytest.raises(InvalidRequest, match="half a character") as refused:
        json_schema_grammar(json.dumps(schema))
    assert str(refused.value).isascii()


def test_a_usual_schema_becomes_a_grammar() -> None:
    properties = {f"field_{i}": {"type": "string", "maxLength": 100} for i in range(100)}
    assert "root ::=" in json_schema_grammar(json.dumps({"properties": properties}))
