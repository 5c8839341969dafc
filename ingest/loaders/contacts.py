"""VCF -> text: each contact under a heading, the fields in lines with labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from ingest.documents import Document
from ingest.loaders.characters import one_line
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.vobjects import (
    Fields,
    plain_day,
    read_objects,
    sections_document,
    value_of,
)

_LABELS = {
    "nickname": "Nickname",
    "org": "Organisation",
    "title": "Position",
    "role": "Role",
    "tel": "Telephone number",
    "email": "E-mail address",
    "adr": "Address",
    "bday": "Birthday",
    "anniversary": "Anniversary",
    "url": "Web page",
    "note": "Note",
}
_SAYS_NOTHING = frozenset({"voice", "internet", "pref", "x-internet"})  # of the kinds of a field


def load_contacts(path: Path, reading: Reading) -> Document:
    """Read a file of contacts. Raises CorruptFile, EmptyFile, FileTooLarge."""
    cards = (card.contents for card in read_objects(path, reading))
    sections = ["\n\n".join(_lines(fields)) for fields in cards]
    return sections_document(sections, FileKind.CONTACTS, reading)


def _lines(fields: Fields) -> Iterator[str]:
    name = value_of(fields, "fn") or value_of(fields, "n") or value_of(fields, "org")
    yield f"## {name or 'Without a name'}"
    for key, label in _LABELS.items():
        for field in fields.get(key, ()):
            if value := _value(key, field.value):
                yield f"{label}{_kinds(field)}: {value}"


def _kinds(field: Any) -> str:
    """Which of several it is, in brackets: " (home)"."""
    stated = [*field.params.get("TYPE", ()), *getattr(field, "singletonparams", ())]
    kinds = [kind.lower() for each in stated for kind in each.split(",")]
    told = dict.fromkeys(kind for kind in kinds if kind not in _SAYS_NOTHING)
    return f" ({', '.join(told)})" if told else ""


def _value(key: str, value: Any) -> str:
    if key == "adr":
        street = ", ".join(str(part) for part in (value.box, value.extended, value.street) if part)
        town = " ".join(str(part) for part in (value.code, value.city) if part)
        parts = (street, town, value.region, value.country)
        return one_line(", ".join(str(part) for part in parts if part))
    if isinstance(value, list):  # of an organisation, its departments
        return one_line(", ".join(str(part) for part in value if part))
    if key in ("bday", "anniversary"):
        with suppress(ValueError):
            return plain_day(date.fromisoformat(str(value)[:10]))
    return one_line(str(value)).removeprefix("tel:")
