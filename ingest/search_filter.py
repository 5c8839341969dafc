"""Which documents a search may look at: plain data, checked when it is made. Knows no database."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from fnmatch import translate
from typing import Any

from ingest.errors import InvalidFilter
from ingest.naming import archive_of
from ingest.originals import SUFFIXES

_ONE_TYPE = {suffix.removeprefix("."): (media_type,) for media_type, suffix in SUFFIXES.items()}
_EMAIL = (*_ONE_TYPE["eml"], *_ONE_TYPE["mbox"], *_ONE_TYPE["msg"])
_SPREADSHEETS = (*_ONE_TYPE["xlsx"], *_ONE_TYPE["xls"], *_ONE_TYPE["ods"], *_ONE_TYPE["csv"])
# What people call the kinds of documents, and the media types (of ingest.loaders) that they mean.
TYPE_NAMES: dict[str, tuple[str, ...]] = _ONE_TYPE | {
    "jpeg": _ONE_TYPE["jpg"],
    "tiff": _ONE_TYPE["tif"],
    "markdown": _ONE_TYPE["md"],
    "text": _ONE_TYPE["txt"],
    "email": _EMAIL,
    "calendar": _ONE_TYPE["ics"],
    "contacts": _ONE_TYPE["vcf"],
    "subtitles": _ONE_TYPE["vtt"],
    "srt": _ONE_TYPE["vtt"],
    "mail": _EMAIL,
    "word": (*_ONE_TYPE["docx"], *_ONE_TYPE["odt"], *_ONE_TYPE["rtf"]),
    "excel": (*_ONE_TYPE["xlsx"], *_ONE_TYPE["xls"]),
    "spreadsheet": _SPREADSHEETS,
    "powerpoint": _ONE_TYPE["pptx"],
    "presentation": (*_ONE_TYPE["pptx"], *_ONE_TYPE["odp"]),
    "image": tuple(media_type for media_type in SUFFIXES if media_type.startswith("image/")),
}
_PATTERN_CHARACTERS = re.compile(r"[*?\[]")
_MOST_PATTERNS = 50  # each is compared with the names of all documents
_LONGEST_NAME = 4096  # of a path on Linux
_ID_PREFIX = 4  # characters of a document's id that name it, as on the command line


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFilter:
    """The documents that a search may look at: those that fit every part that is given.

    collection: its name. documents: those that any of these names: an id (or its first four or
        more characters), a file name, a path as it was added, or a pattern of either with * and ?;
        an archive's name or path means the documents that came out of it. Capitals make no
        difference.
    types: any of these kinds, see TYPE_NAMES ("pdf", "email"), or media types as they are.
    since, before: added to the library at this moment or later, and earlier than this one; a date
        is its first moment in UTC, as is a time without a zone.
    Kept in one form (tuples, times in UTC), so that equal filters are equal. Raises InvalidFilter.
    """

    collection: str | None = None
    documents: Sequence[str] = ()
    types: Sequence[str] = ()
    since: date | None = None
    before: date | None = None

    def __post_init__(self) -> None:
        _check_text(self.collection or "")
        self._keep("documents", _checked_names(_as_tuple(self.documents)))
        self._keep("types", _checked_types(_as_tuple(self.types)))
        self._keep("since", _instant(self.since))
        self._keep("before", _instant(self.before))
        if self.since is not None and self.before is not None and self.since >= self.before:
            raise InvalidFilter(
                f"Nothing is both added since {_shown(self.since)} and before"
                f" {_shown(self.before)}; exchange the two dates, or leave one out."
            )

    def _keep(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return self != SearchFilter()

    @property
    def media_types(self) -> tuple[str, ...]:
        """Those that `types` stands for; empty where any is allowed."""
        given = (TYPE_NAMES.get(kind, (kind,)) for kind in self.types)
        return tuple(sorted({media_type for media_types in given for media_type in media_types}))

    def within(self, collection: str | None) -> SearchFilter:
        """This one, of one collection alone. Raises InvalidFilter if it names another."""
        if collection is None or collection == self.collection:
            return self
        if self.collection is not None:
            raise InvalidFilter(
                f"The filter names the collection {self.collection!r}, but {collection!r} is asked"
                " for as well; name one of them."
            )
        return replace(self, collection=collection)


def combined(collection: str | None, search_filter: SearchFilter | None) -> SearchFilter:
    """What `collection=` and `filter=` of one call say together. Raises InvalidFilter."""
    return (search_filter or SearchFilter()).within(collection)


def moment(text: str) -> date:
    """A date or a time as people write it to a program: ISO 8601. Raises InvalidFilter."""
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidFilter(
            f"{text[:100]!r} is not a date; write one like 2026-03-31, or a time like"
            " 2026-03-31T14:00+01:00."
        ) from None


def named_documents(
    names: Sequence[str], documents: Sequence[tuple[str, str, str]]
) -> dict[str, set[str]]:
    """Each of the names -> the ids of the documents that it names; see SearchFilter.documents.

    documents: (document id, file name, path). A name that is also the beginning of an id means the
    documents of that name alone.
    """
    found: dict[str, set[str]] = {name: set() for name in names}
    exact = defaultdict(list)
    for name in names:
        exact[name.casefold()].append(name)
    patterns = [
        (name, re.compile(translate(name.casefold())))
        for name in names
        if _PATTERN_CHARACTERS.search(name)
    ]
    for document_id, file_name, path in documents:
        own = (file_name.casefold(), path.casefold())
        archive = archive_of(*own) or ()
        for name in (n for each in (document_id, *own, *archive) for n in exact.get(each, ())):
            found[name].add(document_id)
        for name, pattern in patterns:
            if any(map(pattern.match, own)):
                found[name].add(document_id)
    for name in (name for name, ids in found.items() if not ids and len(name) >= _ID_PREFIX):
        beginning = name.casefold()
        found[name] = {
            document_id for document_id, _, _ in documents if document_id.startswith(beginning)
        }
    return found


def _as_tuple(given: Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidFilter(f"{text[:100]!r} is no text; write the name as it is shown.") from None


def _checked_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not name.strip() or len(name) > _LONGEST_NAME:
            raise InvalidFilter(
                f"{name[:100]!r} names no document: give an id, a name, a path, or a pattern such"
                " as 'report*.pdf'."
            )
    patterns = sum(_PATTERN_CHARACTERS.search(name) is not None for name in names)
    if patterns > _MOST_PATTERNS:
        raise InvalidFilter(
            f"The filter has {patterns} patterns of names; give at most {_MOST_PATTERNS}, or ids."
        )
    return tuple(sorted(set(names)))


def _checked_types(types: tuple[str, ...]) -> tuple[str, ...]:
    kinds = {kind.strip().casefold().removeprefix(".") for kind in types}
    for kind in sorted(kinds):
        if kind not in TYPE_NAMES and kind not in SUFFIXES:
            raise InvalidFilter(
                f"{kind[:100]!r} is not a type of document; use one of {', '.join(TYPE_NAMES)}."
            )
    return tuple(sorted(kinds))


def _instant(given: date | None) -> datetime | None:
    if given is None:
        return None
    try:
        if not isinstance(given, datetime):
            return datetime.combine(given, time(), UTC)
        return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)
    except OverflowError:
        raise InvalidFilter(f"{given} is beyond all dates; use a later or earlier one.") from None


def _shown(moment: date) -> str:
    return moment.isoformat().removesuffix("T00:00:00+00:00")
