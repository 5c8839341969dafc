"""A JSON schema -> the fields to look up one by one, and their values -> one document again.

Pure. The schema is a stranger's: references are followed inside it only, nothing is fetched, and
its regular expressions are left to the grammar, which cannot be made to run for ever. Any field
may be null, whatever the schema says: the documents may not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from rag.errors import InvalidSchema

MOST_FIELDS = 100
_DEEPEST = 32  # of JSON; an object within an object takes three levels
_MOST_NODES = 5000  # after references were replaced by what they refer to
_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\W]+")
_UNCHECKED = ("pattern", "patternProperties")
# Forms that a text seldom has, and that jsonschema checks only with further packages.
_UNREAD_FORMATS = ("date-time", "time", "duration", "uuid")
_UNBOUNDED = re.compile(r"(?<!\\)[*+]|\{\d*,\}")
_MOST_UNBOUNDED = 2


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A property that is looked up by itself: a scalar, or a list with all it holds.

    path: names from the outermost object down to it. schema: of its value, null excluded.
    description: of it and of the objects around it, outermost first.
    """

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    description: str

    @property
    def name(self) -> str:
        """The path as it is written, "address.city"."""
        return ".".join(self.path)

    @property
    def words(self) -> str:
        """The path as words to search for, "address city"."""
        return " ".join(part for name in self.path for part in words_of(name))

    @property
    def nullable(self) -> dict[str, Any]:
        """The schema of what is decoded: a value, or null."""
        return {"anyOf": [dict(self.schema), {"type": "null"}]}

    @property
    def is_inferred(self) -> bool:
        """Whether a value need not stand in a text word for word: yes or no, or a choice."""
        return "boolean" in _types(self.schema) or "enum" in self.schema or "const" in self.schema

    def accepts(self, value: Any) -> bool:
        """Whether a value, in which any member may be null, is what the schema asks for."""
        if value is None:
            return True
        checked = Draft202012Validator(
            _with_nulls(self.schema), format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        return bool(checked.is_valid(value))

    def allows_as_it_stands(self, value: Any) -> bool:
        """Whether a value that no grammar has shaped is what the schema asks for.

        Patterns are checked as far as that cannot take long; what has others is no such value.
        """
        patterns = list(_patterns_in(self.schema))
        if patterns and (not isinstance(value, str) or any(map(_may_take_long, patterns))):
            return False
        follows = all(re.search(pattern, value) for pattern in patterns)
        return follows and self.schema.get("format") not in _UNREAD_FORMATS and self.accepts(value)


def words_of(name: str) -> list[str]:
    """The words of a property's name, in lower case: "shipToCity" has three."""
    return [word.lower() for word in _WORD_BORDER.split(name) if word]


def fields_of(schema: object) -> list[SchemaField]:
    """The fields of a schema, in its order. Raises InvalidSchema, saying what cannot be."""
    if not isinstance(schema, Mapping):
        raise InvalidSchema(f"a JSON schema is an object, and this is {_kind(schema)}")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = ".".join(str(part) for part in error.absolute_path) or "the schema"
        raise InvalidSchema(f"{place} is no JSON schema: {error.message[:300]}") from error
    except RecursionError as error:
        raise InvalidSchema(f"the schema is nested deeper than {_DEEPEST} levels") from error
    resolved = _Resolver(schema).resolved(schema, depth=0)
    if not isinstance(resolved.get("properties"), Mapping) or not resolved["properties"]:
        raise InvalidSchema(
            'the schema must describe an object with at least one property: {"type": "object",'
            ' "properties": {"invoice_number": {"type": "string"}}}'
        )
    fields = list(_fields_under(resolved, (), ()))
    if len(fields) > MOST_FIELDS:
        raise InvalidSchema(
            f"the schema has {len(fields)} fields, and each is looked up by itself: at most"
            f" {MOST_FIELDS} are allowed"
        )
    return fields


def assembled(values: Sequence[tuple[SchemaField, Any]]) -> dict[str, Any]:
    """The document of these fields, in their order."""
    document: dict[str, Any] = {}
    for field, value in values:
        place = document
        for name in field.path[:-1]:
            place = place.setdefault(name, {})
        place[field.path[-1]] = value
    return document


class _Resolver:
    """Puts what a schema refers to in the place of its references."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def resolved(self, part: Any, *, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise InvalidSchema("the schema is too large once its references are followed")
        if depth > _DEEPEST:
            raise InvalidSchema(
                f"the schema is nested deeper than {_DEEPEST} levels, or refers to itself: what may"
                " go on for ever cannot be looked up"
            )
        if isinstance(part, Mapping):
            if "$ref" in part:
                rest = {name: value for name, value in part.items() if name != "$ref"}
                return self.resolved({**self._target(part["$ref"]), **rest}, depth=depth + 1)
            return _without_null(
                {
                    name: self.resolved(value, depth=depth + 1)
                    for name, value in part.items()
                    if name not in ("$defs", "definitions")
                }
            )
        if isinstance(part, list):
            return [self.resolved(each, depth=depth) for each in part]
        return part

    def _target(self, reference: object) -> Mapping[str, Any]:
        target: Any = self._root
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise InvalidSchema(f"$ref {reference!r} leads out of the schema; put what it means in")
        for name in reference[2:].split("/"):
            name = name.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, Mapping) else None
        if not isinstance(target, Mapping):
            raise InvalidSchema(f"$ref {reference!r} names nothing in the schema")
        return target


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without the null that is allowed everywhere anyway: {"anyOf": [X, null]} is X."""
    for name in ("anyOf", "oneOf"):
        choices = schema.get(name)
        if isinstance(choices, list) and {"type": "null"} in choices:
            left = [choice for choice in choices if choice != {"type": "null"}]
            rest = {key: value for key, value in schema.items() if key != name}
            schema = {**left[0], **rest} if len(left) == 1 else {**rest, name: left}
    types = schema.get("type")
    if isinstance(types, list) and "null" in types and len(types) > 1:
        left = [each for each in types if each != "null"]
        schema = {**schema, "type": left[0] if len(left) == 1 else left}
    return schema


def _fields_under(
    schema: Mapping[str, Any], path: tuple[str, ...], described: tuple[str, ...]
) -> list[SchemaField]:
    found = []
    for name, inner in schema["properties"].items():
        if not isinstance(inner, Mapping):  # true and false are schemas too
            raise InvalidSchema(f"{'.'.join((*path, name))} has no type; give it one")
        below = (*path, name)
        said = (*described, *filter(None, [str(inner.get("description", ""))]))
        if isinstance(inner.get("properties"), Mapping) and inner["properties"]:
            found += _fields_under(inner, below, said)
        elif not _types(inner):
            raise InvalidSchema(f"{'.'.join(below)} has no type; give it one")
        else:
            found.append(SchemaField(below, inner, " ".join(said)))
    return found


def _patterns_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        for name, inner in schema.items():
            if name == "pattern" and isinstance(inner, str):
                yield inner
            else:
                yield from _patterns_in(inner)
    elif isinstance(schema, list):
        for each in schema:
            yield from _patterns_in(each)


def _may_take_long(pattern: str) -> bool:
    """Whether a backtracking match may: repeated groups, or many parts of any length."""
    return "(" in pattern or len(_UNBOUNDED.findall(pattern)) > _MOST_UNBOUNDED


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The types that a value may have, as far as the schema tells."""
    types = schema.get("type")
    found = {types} if isinstance(types, str) else set(types or ())
    for name in ("anyOf", "oneOf", "allOf"):
        for choice in schema.get(name, ()):
            found |= _types(choice) if isinstance(choice, Mapping) else set()
    named = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else [])]
    found |= {_kind(value) for value in named}
    return found


def _kind(value: object) -> str:
    kinds: tuple[tuple[type, str], ...] = (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
        (Mapping, "object"),
    )
    return next((name for type_, name in kinds if isinstance(value, type_)), "null")


def _with_nulls(schema: Any) -> Any:
    """The schema with null allowed for every member of an object, and without its patterns."""
    if isinstance(schema, list):
        return [_with_nulls(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    changed = {name: _with_nulls(value) for name, value in schema.items() if name not in _UNCHECKED}
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        changed["properties"] = {
            name: {"anyOf": [_with_nulls(inner), {"type": "null"}]}
            for name, inner in properties.items()
        }
    return changed
