"""Tables whose columns are named as the properties of a list's objects -> that list. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from rag.evidence import Evidence
from rag.extraction_schema import SchemaField
from rag.forms.asked_field import AskedField, terms_of
from rag.forms.findings import LABEL, Scalar, StatedField
from rag.forms.labelled_lines import label_terms, lines_of
from rag.forms.read_value import read_value
from rag.sentences import is_row
from rag.tables.cells import cells_of
from rag.tables.summable import says_total
from rag.windows import Window

# What the column with the things of a table is called.
_NAMES_OF_ROWS = terms_of("item description article product service bezeichnung leistung")


@dataclass(frozen=True, slots=True)
class _Row:
    cells: list[str]
    window: Window


def table_records(items: Mapping[str, Any], evidence: Evidence) -> Iterator[StatedField]:
    """The lists that the tables of all passages are. items: the schema of each object."""
    properties = {
        name: AskedField(SchemaField((name,), inner, str(inner.get("description", ""))))
        for name, inner in items["properties"].items()
        if isinstance(inner, Mapping)
    }
    needed = set(items.get("required", ())) & set(properties)
    for rows in _tables(evidence):
        for number, header in enumerate(rows):
            columns = _columns(header.cells, properties)
            # Two columns that are alike are a table of the list; one may be of any.
            if needed <= set(columns) and len(columns) >= max(2, len(properties) / 2):
                below = _records(rows[number + 1 :], len(header.cells), columns)
                yield from _list_of(below, columns, properties, evidence)
                break


def _list_of(
    rows: Sequence[_Row],
    columns: Mapping[str, int],
    properties: Mapping[str, AskedField],
    evidence: Evidence,
) -> Iterator[StatedField]:
    """The rows as objects, as far as they are of the properties' kinds."""
    scalars: list[Scalar] = []
    values: list[dict[str, Any]] = []
    for row in rows:
        read = {
            name: read_value(properties[name], row.cells[at])
            for name, at in columns.items()
            if at < len(row.cells)
        }
        stated = {name: value for name, value in read.items() if value is not None}
        if not stated:
            break
        quote = evidence.quote(row.window)
        place = f"[{len(values)}]"
        scalars += [Scalar(f"{place}.{name}", value, quote) for name, value in stated.items()]
        values.append({name: stated.get(name) for name in properties})
    if values:
        yield StatedField(values, tuple(scalars), LABEL + len(columns))


def _records(rows: Sequence[_Row], width: int, columns: Mapping[str, int]) -> list[_Row]:
    """The rows down to the first that sums them up, or that is wider than the header."""
    end = next(
        (at for at, row in enumerate(rows) if len(row.cells) > width or _ends(row.cells, columns)),
        len(rows),
    )
    return list(rows[:end])


def _ends(cells: Sequence[str], columns: Mapping[str, int]) -> bool:
    """Whether a row ends a table: "Total |  |  | 12.90"."""
    filled = [cell for cell in cells if cell]
    return len(filled) < 2 or says_total(filled[0]) or (len(filled) == 2 and len(columns) > 2)


def _tables(evidence: Evidence) -> Iterator[list[_Row]]:
    """Rows that follow one another, without the lines that only rule them off."""
    for passage in range(len(evidence.passages)):
        lines = lines_of(evidence, passage)
        for are_rows, run in groupby(lines, key=lambda window: is_row(window.text)):
            if are_rows:
                rows = [_Row(cells_of(window.text), window) for window in run]
                yield [row for row in rows if any(cell.strip("-: ") for cell in row.cells)]


def _columns(cells: Sequence[str], properties: Mapping[str, AskedField]) -> dict[str, int]:
    """Property -> the column that is called so; the same column is no two properties'."""
    named = [label_terms(cell) for cell in cells]
    found: dict[str, int] = {}
    for fits in (_is_called, _may_be_called):
        for name, asked in properties.items():
            taken = found.values()
            fitting = [
                at for at, terms in enumerate(named) if at not in taken and fits(terms, asked)
            ]
            if name not in found and len(fitting) == 1:
                found[name] = fitting[0]
    return found


def _is_called(terms: frozenset[str], asked: AskedField) -> bool:
    """Whether a column has the property's name."""
    return bool(terms) and terms == asked.own


def _may_be_called(terms: frozenset[str], asked: AskedField) -> bool:
    """Whether a column's name and a property's say the same, or one says more."""
    if not terms:
        return False
    if asked.own <= _NAMES_OF_ROWS and terms <= _NAMES_OF_ROWS:
        return True
    return bool(terms & asked.named) and (terms <= asked.named or asked.own <= terms)
