"""What passages state of a field of a form, best first. Pure.

No model reads. A value is of the field's kind and stands beside words of the field: after its
label ("Total due: £768.00", "Weight | 2.4 kg"), under its column, or in a sentence that says what
it is ("The harbour master is Ines Calloway."). Where two values fit as well as each other none is
taken: a wrong value is worse than none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rag.evidence import Evidence
from rag.extraction_schema import SchemaField
from rag.forms.asked_field import AskedField, terms_of
from rag.forms.findings import StatedField, stated_scalar
from rag.forms.labelled_lines import label_score, labelled_lines
from rag.forms.listed_values import listed_values
from rag.forms.read_value import read_value
from rag.forms.sentence_values import values_of_sentences
from rag.forms.table_records import table_records

# For a document that has all words of the instruction: about as much as a label says of a field,
# so that a document that the instruction names comes before one whose labels fit better.
_INSTRUCTION = 2.0


def find_stated(
    field: SchemaField, evidence: Evidence, *, instruction: str = ""
) -> list[StatedField]:
    """What the passages state of a field, best first, at most one of each document."""
    asked = AskedField(field, instruction)
    found: dict[str, list[StatedField]] = defaultdict(list)
    for each in _candidates(asked, evidence):
        if field.allows_as_it_stands(each.value):
            found[each.document_id].append(each)
    best = [chosen for each in found.values() if (chosen := _unambiguous(each)) is not None]
    preferred = [
        replace(each, score=each.score + _INSTRUCTION * _meant(asked, evidence, each.document_id))
        for each in best
    ]
    return sorted(preferred, key=lambda each: -each.score)


def _candidates(asked: AskedField, evidence: Evidence) -> Iterator[StatedField]:
    schema = asked.field.schema
    if schema.get("type") != "array":
        yield from _values_of_lines(asked, evidence)
        yield from values_of_sentences(asked, evidence)
        return
    items = schema.get("items")
    if isinstance(items, Mapping) and isinstance(items.get("properties"), Mapping):
        yield from table_records(items, evidence)
    elif isinstance(items, Mapping):
        yield from listed_values(asked, items, evidence)


def _values_of_lines(asked: AskedField, evidence: Evidence) -> Iterator[StatedField]:
    """What lines whose labels name the field have after them."""
    for line in labelled_lines(evidence):
        if score := label_score(asked, line, evidence):
            value = read_value(asked, line.value, line.label)
            yield from stated_scalar(evidence, line.window, value, score)


def _unambiguous(found: Sequence[StatedField]) -> StatedField | None:
    """The best of one document, of lists the longest; None where another value fits as well."""
    top = max(each.score for each in found)
    best = [each for each in found if each.score == top]
    if isinstance(best[0].value, list):
        return max(best, key=lambda each: len(each.value))
    return best[0] if all(each.value == best[0].value for each in best) else None


def _meant(asked: AskedField, evidence: Evidence, document_id: str) -> float:
    """The share of the instruction's words that a document has."""
    if not asked.instruction:
        return 0.0
    own = terms_of(
        "\n".join(
            f"{hit.text} {hit.heading} {hit.document_name.replace('_', ' ')}"
            for hit in evidence.passages
            if hit.document_id == document_id
        )
    )
    return len(asked.instruction & own) / len(asked.instruction)
