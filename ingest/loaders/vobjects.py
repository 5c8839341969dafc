"""What calendars (ICS) and contacts (VCF) have in common: objects of fields, read by vobject."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Any

from ingest.documents import Document
from ingest.errors import CorruptFile
from ingest.loaders.characters import clean_text, one_line
from ingest.loaders.encodings import decode
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.loaders.text import check_text_size, text_document

Fields = Mapping[str, Sequence[Any]]  # by name in small letters; of each its values, as vobject's


def read_objects(path: Path, reading: Reading) -> Iterator[Any]:
    """The objects of a file, each with its `contents`. Raises CorruptFile, FileTooLarge."""
    import vobject

    check_text_size(path, reading.limits)
    logging.getLogger("vobject").setLevel(logging.CRITICAL)  # it reports each line that it skips
    text = decode(path.read_bytes())
    try:
        for found in vobject.readComponents(
            text, transform=False, ignoreUnreadable=True, allowQP=True
        ):
            _transform_fields(found)
            yield found
    except (vobject.base.VObjectError, ValueError, LookupError) as error:
        raise CorruptFile("is damaged: its fields cannot be read; export it again.") from error


def _transform_fields(found: Any) -> None:
    """Make days, names and addresses of what fields say; what is none stays a string."""
    for key in found.sortChildKeys():  # zones before what uses them
        for child in found.contents[key]:
            with suppress(Exception):  # a parser before hostile values, whatever it raises
                _transform_fields(child.transformToNative())


def sections_document(sections: Sequence[str], kind: FileKind, reading: Reading) -> Document:
    """A document of sections with marked headings. Raises EmptyFile, FileTooLarge."""
    text = clean_text("\n\n".join(sections))
    reading.budget().spend(text)
    return text_document(text, title="", kind=kind)


def value_of(fields: Fields, name: str) -> str:
    """The first value of a field as one line; "" without one."""
    return next((one_line(str(each.value)) for each in fields.get(name, ())), "")


def day(value: date) -> str:
    """A day as people write it, with its weekday: "Tuesday, 12 March 2024"."""
    return f"{value:%A}, {plain_day(value)}"


def plain_day(value: date) -> str:
    """The same without the weekday."""
    return f"{value.day} {value:%B %Y}"


def clock(value: datetime) -> str:
    """The time of a day: "09:30"."""
    return f"{value:%H:%M}"
