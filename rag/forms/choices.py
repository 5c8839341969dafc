"""What a model may say of a field: values of its kind that stand beside its words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rag.currencies import MONEY
from rag.evidence import Evidence
from rag.extraction_schema import SchemaField
from rag.forms.asked_field import PERIODS, AskedField, terms_of
from rag.forms.field_kinds import FieldKind
from rag.forms.labelled_lines import LABELLED
from rag.forms.read_value import LONGEST_STATEMENT, ends_in_figure
from rag.forms.sentence_values import leads_in, with_lead_in
from rag.forms.typed_values import typed_values
from rag.sentences import Span, clause_spans
from rag.value_support import numbers_of
from rag.windows import Window

_OF_ANY_WORDS = (FieldKind.CHOICE, FieldKind.TRUTH, FieldKind.TEXT, FieldKind.IDENTIFIER)
_NUMBERS = (FieldKind.MONEY, FieldKind.MEASURE, FieldKind.NUMBER)


def values_to_choose_from(field: SchemaField, evidence: Evidence) -> list[Any] | None:
    """The values of the field's kind beside any word of it; None of kinds that any words may be.

    So no start is given as an end, and no due date as one of delivery, because it is the only one.
    """
    asked = AskedField(field)
    wanted = asked.wanted
    if wanted.kind in _OF_ANY_WORDS or field.schema.get("type") in ("array", "object"):
        return None
    texts = list(_texts_about(asked, evidence))
    if wanted.kind is FieldKind.MONEY:
        texts = [text for text in texts if MONEY.search(text)] or texts
    found: list[Any] = [value.value for text in texts for value in typed_values(text, wanted)]
    if not found and wanted.kind in _NUMBERS:
        found = [number for text in texts for number in numbers_of(text)]
    return [value for value in dict.fromkeys(found) if field.accepts(value)]


def may_be_value(field: SchemaField, value: str) -> bool:
    """Whether words can be a field's value: not where they only repeat its own.

    "school" is not the name of a school, nor is "Kingsway 88" that of a store.
    """
    asked, terms = AskedField(field), terms_of(value)
    if terms and terms <= asked.known:
        return False
    return not (asked.is_name and ends_in_figure(value))


def _texts_about(asked: AskedField, evidence: Evidence) -> Iterator[str]:
    """The clauses of sentences that have any telling word of a field, but of another period."""
    for sentences in evidence.sentences:
        for before, window in with_lead_in(sentences):
            text = " ".join(window.text.split())
            if leads_in(window) or len(text) > LONGEST_STATEMENT:
                continue
            if not _is_about(asked, before, window):
                continue
            for span in clause_spans(text, Span(0, len(text))):
                clause = text[span.start : span.end]
                if not asked.is_of_another_period(clause):
                    yield clause


def _is_about(asked: AskedField, before: str, window: Window) -> bool:
    """Whether the label of a line, or else all of it, has a telling word of the field."""
    label = LABELLED.fullmatch(window.text)
    said = terms_of(label["label"] if label else f"{before} {window.text}")
    telling = asked.known - asked.sort - PERIODS
    return (not telling or bool(telling & said)) and not asked.is_opposite(said)
