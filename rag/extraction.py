"""A JSON schema and documents -> valid JSON, each value with the place that it was found at.

Every field is looked up by itself, in the passages that are found for it. What stands there under
its name, or in a sentence that says it, is read by code (rag.forms). Only for the others a model
is asked, unless it is one that is not trusted to write (rag.reading): one field at a time, which
even small ones do better than twenty; of dates, numbers and addresses it may only choose one that
the passages have. What it gives is not believed until it is found in a passage.

A form is of one document where one states at least half of the fields that any does: the due date
of another invoice is not this one's.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from inference.request import Priority, Prompt, Request, SamplingParams
from ingest.search_filter import SearchFilter
from rag.answer import PageSource, Search
from rag.citations import Unsupported
from rag.context import merge_adjacent
from rag.errors import InvalidSchema
from rag.evidence import Evidence, Quote
from rag.extraction_schema import SchemaField, assembled, fields_of
from rag.extracts import Extract, find_extracts
from rag.forms.choices import may_be_value, values_to_choose_from
from rag.forms.filled_field import ExtractedValue, FilledField, extracted_values, judged
from rag.forms.findings import StatedField
from rag.forms.prompt import field_prompt, most_tokens, question_of
from rag.forms.stated_fields import find_stated
from rag.generator import Caller, Generator, complete
from rag.reading import Reading, focused, reading_for
from rag.results import AnswerUsage, Citation, Hit
from rag.sentence_fit import SentenceEmbedder
from rag.sentences import Span, is_row
from rag.steps import Steps
from rag.value_support import find_support

MOST_INSTRUCTION_CHARS = 4000
_MOST_CHARACTERS = 60_000  # of a document that is read whole for what no search finds


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the documents say, in the form of the schema.

    data: all fields in the schema's order; None where the documents do not say.
    values: every scalar that the model gave, in that order, those that were not kept too.
    failed: field -> why it has no value although the model gave one.
    """

    data: dict[str, Any]
    values: tuple[ExtractedValue, ...]
    failed: Mapping[str, str]
    usage: AnswerUsage
    total_seconds: float
    model: str
    cancelled: bool = False

    @property
    def citations(self) -> dict[str, Citation]:
        """Path -> its place, of what was found."""
        return {each.path: each.citation for each in self.values if each.citation is not None}


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """The passages that were found for a field, and what they state of it, best first."""

    passages: tuple[Hit, ...] = ()
    stated: tuple[StatedField, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    """One form in the making: what its fields share."""

    generator: Generator
    reading: Reading
    unsupported: Unsupported
    instruction: str
    filter: SearchFilter | None
    cancel: threading.Event
    client: str

    @property
    def caller(self) -> Caller:
        return Caller(Priority.BATCH, self.client, self.cancel)


class Extractor:
    """Fills in schemas from what `search` finds. Thread-safe.

    generator: called when the model is needed. grammar: JSON schema, as JSON -> the grammar that
    a value is decoded by; raises InvalidRequest for what it cannot express.
    embedder: gives what compares sentences with a field; without it words alone are compared.
    """

    def __init__(
        self,
        search: Search,
        generator: Callable[[], Generator],
        *,
        grammar: Callable[[str], str],
        pages: PageSource,
        embedder: Callable[[], SentenceEmbedder] | None = None,
        passages: int = 4,
        fields_at_once: int = 8,
        reading: Reading | None = None,
        unsupported: Unsupported = Unsupported.DROP,
    ) -> None:
        self._search = search
        self._generator = generator
        self._grammar = grammar
        self._pages = pages
        self._embedder = embedder
        self._passages = passages
        self._fields_at_once = fields_at_once
        self._reading = reading
        self._unsupported = unsupported

    def extract(
        self,
        schema: object,
        instruction: str = "",
        *,
        filter: SearchFilter | None = None,
        unsupported: Unsupported | None = None,
        cancel: threading.Event | None = None,
        progress: Callable[[int, int], None] | None = None,
        client: str = "",
    ) -> Extraction:
        """The documents' values for the fields of a schema.

        instruction: what the values are of ("the invoice of March"), where that is not clear.
        unsupported: what becomes of a value that no passage has: DROP makes it null, KEEP leaves
            it, not supported; None does as this extractor does.
        progress: told fields done and fields in all, from several threads.
        Raises InvalidSchema; InvalidRequest for a schema that makes no grammar.
        """
        started = time.monotonic()
        fields = self._fields(schema, instruction)
        generator = self._generator()
        reading = self._reading or reading_for(generator.model.parameters)
        job = _Job(
            generator=generator,
            reading=reading,
            unsupported=unsupported or self._unsupported,
            instruction=instruction,
            filter=filter,
            cancel=cancel or threading.Event(),
            client=client,
        )
        found = self._fill_all(job, fields, Steps(progress, len(fields)))
        return Extraction(
            data=assembled([(each.field, each.value) for each in found]),
            values=tuple(extracted_values(found)),
            failed={each.field.name: each.failure for each in found if each.failure},
            usage=sum((each.usage for each in found), AnswerUsage()),
            total_seconds=time.monotonic() - started,
            model=generator.model_name,
            cancelled=job.cancel.is_set(),
        )

    def _fields(self, schema: object, instruction: str) -> list[SchemaField]:
        """The fields of a schema that a model could be asked for. Raises as extract does."""
        if len(instruction) > MOST_INSTRUCTION_CHARS:
            raise InvalidSchema(
                f"the instruction is longer than {MOST_INSTRUCTION_CHARS:,} characters"
            )
        fields = fields_of(schema)
        for field in fields:
            self._grammar(json.dumps(field.nullable))
        return fields

    def _fill_all(self, job: _Job, fields: list[SchemaField], steps: Steps) -> list[FilledField]:
        """All fields, side by side; of one document where the form is of one."""

        def fill(field: SchemaField, looked_up: _LookedUp) -> FilledField:
            found = self._fill(job, field, looked_up)
            steps.finish_one()
            return found

        with ThreadPoolExecutor(self._fields_at_once, thread_name_prefix="extract") as pool:
            looked_up = list(pool.map(partial(self._look_up, job), fields))
            if home := _home(looked_up):
                job = replace(job, filter=SearchFilter(documents=[home]))
                looked_up = self._with_whole_document(
                    job, fields, list(pool.map(partial(self._look_up, job), fields))
                )
            return list(pool.map(fill, fields, looked_up))

    def _look_up(self, job: _Job, field: SchemaField) -> _LookedUp:
        """The passages for a field, and what they state of it."""
        if job.cancel.is_set():
            return _LookedUp()
        question = question_of(field, job.instruction)
        hits = self._search.search(question, self._passages, filter=job.filter, caller=job.caller)
        passages = tuple(merge_adjacent(hits, self._page_text))
        if field.schema.get("type") == "array":
            passages = tuple(map(self._with_all_rows, passages))
        evidence = Evidence(passages, question=question)
        stated = find_stated(field, evidence, instruction=job.instruction)
        return _LookedUp(passages, tuple(stated))

    def _with_whole_document(
        self, job: _Job, fields: Sequence[SchemaField], looked_up: Sequence[_LookedUp]
    ) -> list[_LookedUp]:
        """The same; of fields that no passage states, what any page of their document does.

        Who the parties of a contract are stands where it opens, and few searches find that.
        """
        known = next((hit for each in looked_up for hit in each.passages), None)
        missing = [field for field, each in zip(fields, looked_up, strict=True) if not each.stated]
        pages = self._pages_of(known) if known is not None and missing else ()
        if not pages or job.cancel.is_set():
            return list(looked_up)
        evidence = Evidence(pages)
        stated = {
            field.name: tuple(find_stated(field, evidence, instruction=job.instruction))
            for field in missing
        }
        return [
            _LookedUp(pages, found) if (found := stated.get(field.name)) else each
            for field, each in zip(fields, looked_up, strict=True)
        ]

    def _pages_of(self, hit: Hit) -> tuple[Hit, ...]:
        """All pages of a passage's document; none of a long one."""
        pages: list[Hit] = []
        size = 0
        with suppress(LookupError):  # after the last one
            while size <= _MOST_CHARACTERS:
                page = self._pages.page(hit.document_id, len(pages))
                size += len(page.text)
                pages.append(
                    replace(
                        hit,
                        page=page.number,
                        page_index=len(pages),
                        start=0,
                        end=len(page.text),
                        text=page.text,
                        heading="",
                        sections=(),
                        read_by_ocr=page.read_by_ocr,
                    )
                )
        return tuple(pages) if size <= _MOST_CHARACTERS else ()

    def _fill(self, job: _Job, field: SchemaField, looked_up: _LookedUp) -> FilledField:
        """One field, as the passages state it, or else as the model reads them."""
        nothing = FilledField(field, None, (), looked_up.passages, AnswerUsage())
        for stated in looked_up.stated:
            scalars = tuple((field.name + s.place, s.value, s.quote) for s in stated.scalars)
            if all(self._stands(quote) for _, _, quote in scalars):
                return replace(nothing, value=stated.value, scalars=scalars)
        if job.cancel.is_set() or not looked_up.passages or not job.reading.writes:
            return nothing
        question = question_of(field, job.instruction)
        shown = self._shown(job, question, looked_up.passages)
        prompt, given = field_prompt(job.generator, question, shown, most_tokens(field))
        # What the model was not shown supports nothing that it says.
        evidence = Evidence(given, question=question)
        choices = values_to_choose_from(field, evidence)
        if choices == []:
            return nothing
        request = self._request(job, field, prompt, choices)
        draft = complete(job.generator, request, job.cancel)
        if draft.cancelled:
            return replace(nothing, usage=draft.used)
        extracts = find_extracts(question, evidence, embedder=self._embedder_for(question))
        supported = partial(self._support, field, evidence, extracts, job.reading.value_fit)
        return judged(
            replace(nothing, passages=given, usage=draft.used),
            draft.text,
            supported,
            drops=job.unsupported is Unsupported.DROP,
        )

    def _shown(self, job: _Job, question: str, passages: tuple[Hit, ...]) -> Sequence[Hit]:
        """What of the passages a model of this size is shown."""
        if not job.reading.focus:
            return passages
        evidence = Evidence(passages, question=question)
        extracts = find_extracts(question, evidence, embedder=self._embedder_for(question))
        return focused(evidence, extracts, job.reading.focus)

    def _request(
        self, job: _Job, field: SchemaField, prompt: Prompt, choices: list[Any] | None
    ) -> Request:
        """What asks the model for a value of the schema, or for one of the choices, or null."""
        asked_for = field.nullable if choices is None else {"enum": [*choices, None]}
        grammar = self._grammar(json.dumps(asked_for))
        sampling = SamplingParams(max_tokens=most_tokens(field), grammar=grammar)
        return Request(prompt, sampling, priority=Priority.BATCH, client=job.client)

    def _embedder_for(self, question: str) -> SentenceEmbedder | None:
        """What compares sentences with a question; None in a language that it does not know."""
        if self._embedder is None or not self._search.knows_language(question):
            return None
        return self._embedder()

    def _support(
        self,
        field: SchemaField,
        evidence: Evidence,
        extracts: Sequence[Extract],
        least_fit: float,
        value: object,
    ) -> Quote | None:
        """The sentence that states a value of the field, where its document still says it."""
        if isinstance(value, str) and not field.is_inferred and not may_be_value(field, value):
            return None
        quote = find_support(
            value, evidence, extracts, is_inferred=field.is_inferred, least_fit=least_fit
        )
        return quote if quote is not None and self._stands(quote) else None

    def _with_all_rows(self, hit: Hit) -> Hit:
        """The passage with the rows before and after it: a part of a table is no list of all."""
        try:
            text = self._page_text(hit.document_id, hit.page_index)
        except LookupError:  # removed meanwhile
            return hit
        span = _all_rows(text, hit.start, hit.end)
        return replace(hit, start=span.start, end=span.end, text=text[span.start : span.end])

    def _page_text(self, document_id: str, page_index: int) -> str:
        return self._pages.page(document_id, page_index).text

    def _stands(self, quote: Quote) -> bool:
        """Whether the document still says it: it may have been removed meanwhile."""
        try:
            text = self._page_text(quote.document_id, quote.page_index)
        except LookupError:
            return False
        return text[quote.start : quote.end] == quote.text


def _all_rows(text: str, start: int, end: int) -> Span:
    """The span of a text, and the rows of tables that go on from it on either side."""
    for line in reversed(text[:start].splitlines(keepends=True)):
        if not is_row(line):
            break
        start -= len(line)
    for line in text[end:].splitlines(keepends=True):
        begun = text[:end].rpartition("\n")[2]  # of the line that the span ends in
        if not is_row(begun + line) and (begun + line).strip():
            break
        end += len(line)
    return Span(start, end)


def _home(looked_up: Sequence[_LookedUp]) -> str | None:
    """The document that a form is of; None where its fields are of several, or of none."""
    found = {hit.document_id for each in looked_up for hit in each.passages}
    if len(found) == 1:
        return found.pop()
    scores: defaultdict[str, float] = defaultdict(float)
    fields: Counter[str] = Counter()  # that each document states
    for each in looked_up:
        for stated in each.stated:
            scores[stated.document_id] += stated.score
            fields[stated.document_id] += 1
    best = max(scores, key=lambda document_id: scores[document_id], default=None)
    stated_at_all = sum(bool(each.stated) for each in looked_up)
    if best is None or fields[best] < 2 or 2 * fields[best] < stated_at_all:
        return None
    return best
