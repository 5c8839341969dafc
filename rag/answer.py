"""Question -> events of a cited answer: retrieve, fit, generate, ground.

Knows the generator and the retriever only as the protocols below; `inference.request` is plain
data that both sides share. One Answerer serves any number of threads at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from inference.request import Priority, Prompt, Request, SamplingParams
from ingest.documents import Page
from ingest.search_filter import SearchFilter
from rag.accounts.calculation import AccountsReader
from rag.accounts.question import mentions_measure
from rag.answer_span import pick_answer
from rag.case import Case, Judged
from rag.citations import Unsupported, without_markers
from rag.context import fit_prompt, merge_adjacent
from rag.contradictions import with_contradictions
from rag.conversation import standalone_question
from rag.document_names import of_named_documents
from rag.errors import ContextTooSmall, InvalidQuestion
from rag.extracts import Extract
from rag.function_words import function_terms, language_of
from rag.generator import Caller, Draft, Generator, Spent, generate, largest_prompt, together
from rag.grounding import Grounded, ground, quoted, refusal, said_so_far, uncertain
from rag.judge import ANSWER_START, judge, judge_messages
from rag.prompts import DEFAULT_TEMPLATE, Example, Template
from rag.question_kind import asks_for_summary
from rag.reading import Reading, focused, reading_for
from rag.refusal import RelevanceThresholds, asks_for_another, is_relevant
from rag.results import (
    Answer,
    AnswerEvent,
    AnswerStage,
    AnswerTimings,
    AnswerUsage,
    Citation,
    Hit,
    Turn,
)
from rag.sentence_fit import SentenceEmbedder
from rag.sentences import is_row
from rag.short_answer import read_short_answer, short_answer_sampling
from rag.spelling import as_spelled, with_their_umlauts
from rag.summary import Summary
from rag.tables.extremes import compare_rows
from rag.tables.firsts import first_or_last
from rag.tables.pairs import compare_pair
from rag.tables.sums import sum_rows
from rag.terms import content_terms, is_unspaced

_STOP = ("\nQuestion:", "\nPassages:", "\n\n\n")
# Of the least confidence: from there on what is refused shows the sentence that comes nearest.
_NEARLY = 0.5
_NOTHING = Grounded("", (), refused=False)  # of who left before there was an answer


class Search(Protocol):
    """What finds passages, e.g. rag.reranking.RerankingSearch."""

    def search(
        self, query: str, k: int, *, filter: SearchFilter | None = None, caller: Caller = ...
    ) -> list[Hit]:
        """The k best passages, best first; none may be found once the caller has left."""
        ...

    def knows_language(self, query: str) -> bool:
        """Whether dense similarities of this query mean anything."""
        ...


class PageSource(Protocol):
    """Where the text of a page is looked up, e.g. ingest.store.Store."""

    def page(self, document_id: str, page_index: int) -> Page:
        """The page; raises LookupError when it is gone."""
        ...


class ExamplePicker(Protocol):
    """Where few-shot examples come from, e.g. rag.examples.ExampleStore."""

    def pick(self, question: str, count: int) -> list[Example]:
        """Up to `count` examples near the question."""
        ...


class Summarize(Protocol):
    """What summarizes a document, e.g. rag.summary.Summarizer.summarize."""

    def __call__(
        self, document_id: str, *, cancel: threading.Event | None, client: str
    ) -> Summary: ...


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How answers are made.

    passages: most put before the model. examples: few-shot examples, as far as they fit.
    reading: None chooses by the size of the model. least_confidence: None takes the reading's.
    unsupported: what becomes of a draft's statements that nothing supports, beside supported ones.
    """

    passages: int = 4
    examples: int = 1
    max_answer_tokens: int = 192
    template: Template = DEFAULT_TEMPLATE
    thresholds: RelevanceThresholds = field(default_factory=RelevanceThresholds)
    reading: Reading | None = None
    least_confidence: float | None = None
    unsupported: Unsupported = Unsupported.DROP


def _told(grounded: Grounded, case: Case) -> Grounded:
    """The same; of a row that is the whole answer, the one cell that is asked for, by its names."""
    if len(grounded.citations) != 1:
        return grounded
    (citation,) = grounded.citations
    if without_markers(grounded.text) != " ".join(citation.quote.split()):
        return grounded  # words of a model's own
    row = case.first_of([citation.quote])
    cell = case.asked_cell(row) if row is not None else None
    if row is None or cell is None or not case.is_only_cell(row, cell):
        return grounded
    text = f"{cell.row}, {cell.column}: {cell.text}"
    if without_markers(text) != text:  # what a document says must not look like a citation
        return grounded
    return replace(
        grounded,
        text=f"{text} [{citation.marker}]",
        citations=(replace(citation, statement=text),),
    )


def _known_to(embedder: SentenceEmbedder) -> Callable[[str], bool]:
    """Whether a word is in the embedder's vocabulary, and not put together of pieces."""
    return lambda word: embedder.count_tokens(word) == 1


def _is_named(passage: Hit, question: str) -> bool:
    """Whether the question has a word of the passage's document or section."""
    names = content_terms(f"{passage.document_name.replace('_', ' ')} {passage.heading}")
    return bool(names & content_terms(question))


class _Asking:
    """How the completions of one answer are asked for."""

    def __init__(self, generator: Generator, caller: Caller) -> None:
        self.generator = generator
        self._caller = caller

    def generate(self, prompt: Prompt, sampling: SamplingParams, draft: Draft) -> Iterator[str]:
        """Stream a completion into `draft`."""
        caller = self._caller
        request = Request(prompt, sampling, priority=caller.priority, client=caller.client)
        return generate(self.generator, request, draft, caller.cancel)

    def judge(self, case: Case, sentences: Sequence[Extract]) -> list[Judged] | None:
        """The sentences with the log-odds that each states the answer; None after a cancel."""
        texts = [case.as_read(extract) for extract in sentences]
        judged = judge(self.generator, case.asked, texts, self._caller)
        if judged is None:
            case.cancelled = True
            return None
        case.spent += judged.spent
        return list(zip(sentences, judged.log_odds, strict=True))

    def read(self, case: Case, texts: Sequence[str], copied: Sequence[str]) -> str:
        """The few words of the texts that answer.

        copied: the parts of the texts that the words may be of. "" where the words only repeat
        the question, and where the reading does not fit the context or was cancelled.
        """
        messages = judge_messages(case.asked, texts)
        prompt = self.generator.encode_chat(messages, answer_start=ANSWER_START)
        sampling = short_answer_sampling(copied)
        if len(prompt.tokens) + sampling.max_tokens > self.generator.context_tokens:
            return ""
        draft = Draft()
        for _ in self.generate(prompt, sampling, draft):
            pass  # it is shown when it stands
        case.spent.append(Spent(prompt, draft.used))
        case.cancelled = draft.cancelled
        return "" if draft.cancelled else read_short_answer(draft.text, case.asked)


class Answerer:
    """Answers questions from what `search` finds.

    generator: called when an answer needs the model, so that a library opens cheaply.
    embedder: gives what compares sentences with the question; without it words alone are compared.
    accounts: answers what statements of account tell, without the model; with it, what compares
        or sums up the rows of a table is not asked of the model either.
    summarize: the summary of a document, for who asks for one.
    """

    def __init__(
        self,
        search: Search,
        generator: Callable[[], Generator],
        *,
        pages: PageSource,
        examples: ExamplePicker | None = None,
        embedder: Callable[[], SentenceEmbedder] | None = None,
        accounts: AccountsReader | None = None,
        summarize: Summarize | None = None,
        options: AnswerOptions | None = None,
    ) -> None:
        self._search = search
        self._generator = generator
        self._pages = pages
        self._examples = examples
        self._embedder = embedder
        self._accounts = accounts
        self._summarize = summarize
        self._options = options or AnswerOptions()

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
    ) -> Iterator[AnswerEvent]:
        """RETRIEVED, TOKEN..., CITATION..., DONE. Closing the iterator stops the engine.

        filter: which documents are looked at. cancel: set from any thread; the answer then ends
        with what there is. Raises InvalidQuestion and InvalidFilter before anything is done, and
        the generator's InferenceError.
        """
        caller = Caller(priority, client, cancel)
        case = self._open_case(question, history, filter, caller)
        yield AnswerEvent(AnswerStage.RETRIEVED, passages=tuple(case.passages))
        if caller.has_left:  # and no model has to be loaded
            yield _done(case, _NOTHING, Draft(cancelled=True), is_judged=False)
            return
        if known := self._calculated(case, filter) or self._summarized(case, caller):
            yield from known
            return
        case.is_not_calculated = mentions_measure(case.asked) and self._has_statements(case)
        if not self._may_answer(case):  # as is known without loading the model
            refused = refusal(case.passages, question=case.asked, filtered=bool(filter))
            yield _done(case, refused, Draft())
            return
        yield from self._answer(case, _Asking(self._generator(), caller))

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
    ) -> Answer:
        """The whole answer at once; see `stream`."""
        events = self.stream(
            question,
            history=history,
            filter=filter,
            cancel=cancel,
            priority=priority,
            client=client,
        )
        for event in events:
            if event.answer is not None:
                return event.answer
        raise AssertionError("a stream ends with its answer")

    def _answer(self, case: Case, asking: _Asking) -> Iterator[AnswerEvent]:
        generator = asking.generator
        reading = self._options.reading or reading_for(
            generator.model.parameters, keeps_passages=generator.keeps_passages
        )
        least = self._options.least_confidence
        least = reading.least_confidence if least is None else least
        if not self._is_sure(case, asking, reading, least):
            found = _NOTHING if case.cancelled else self._unsure(case, least)
            draft = Draft(cancelled=case.cancelled)
            yield _done(case, found, draft, model=generator.model_name)
            return
        draft = Draft()
        if case.chosen and (case.words or reading.focus):
            quotes = [extract.quote for extract in case.chosen]
            grounded = _told(self._current(case, quoted(quotes, case.evidence)), case)
            yield AnswerEvent(AnswerStage.TOKEN, text=grounded.text)
        else:
            prompt, shown = self._prompt(generator, case, reading)
            sampling = SamplingParams(max_tokens=self._options.max_answer_tokens, stop=_STOP)
            for piece in asking.generate(prompt, sampling, draft):
                yield AnswerEvent(AnswerStage.TOKEN, text=piece)
            case.spent.append(Spent(prompt, draft.used))
            grounded = _told(self._grounded(case, draft, reading, shown), case)
        short = ""
        if not draft.cancelled:
            short = self._short(case, grounded, asking if reading.reads else None)
            contradicted = with_contradictions(grounded, case.evidence, short=short)
            if all(self._resolves(citation) for citation in contradicted.citations):
                grounded = contradicted
        for citation in grounded.citations:
            yield AnswerEvent(AnswerStage.CITATION, citation=citation)
        yield _done(case, grounded, draft, model=generator.model_name, short=short)

    def _is_sure(self, case: Case, asking: _Asking, reading: Reading, least: float) -> bool:
        """Whether it is likely enough that the passages answer: at least so.

        A model that reads judges sentences, and reads the words of the chosen one that answer.
        """
        if not reading.reads:
            return case.is_likely(least)
        if best := case.to_choose_from():
            judged = asking.judge(case, best)
            if judged is None:
                return False
            case.choose(judged)
        if not case.is_likely(least):
            return False
        if case.chosen:
            self._read(case, asking)
        return not case.cancelled

    def _unsure(self, case: Case, least: float) -> Grounded:
        """The refusal for what is less likely than `least` to be answered."""
        nearest = case.nearest()
        if nearest is not None and case.is_likely(_NEARLY * least):
            return uncertain(nearest, case.evidence)
        return refusal(case.passages, question=case.asked)

    def _read(self, case: Case, asking: _Asking) -> None:
        """Read the words of the chosen sentence, and choose what is quoted beside it."""
        first = case.chosen[0]
        case.words = asking.read(case, [first.text], [first.quote.text])
        if case.cancelled:
            return
        further = asking.judge(case, case.to_quote_too())
        if further is not None:
            case.quote_too(further)

    def _calculated(self, case: Case, filter: SearchFilter | None) -> list[AnswerEvent]:
        """The rest of an answer that needs no model; [] where it needs one."""
        if self._accounts is None or not case.passages:
            return []
        nearest = [hit.document_id for hit in case.passages]
        found = self._accounts.answer(case.asked, nearest, filter=filter)
        for of_rows in (compare_pair, first_or_last, compare_rows, sum_rows):
            found = found or of_rows(case.asked, case.passages, self._page_text)
        if found is None or not all(self._resolves(citation) for citation in found.citations):
            return []
        draft = Draft()
        draft.first_token_at = time.monotonic()
        grounded = Grounded(found.text, found.citations, refused=False)
        return _at_once(_done(case, grounded, draft, short=found.short, is_judged=False))

    def _summarized(self, case: Case, caller: Caller) -> list[AnswerEvent]:
        """The summary of the document that the nearest passage is of, where one is asked for."""
        if self._summarize is None or not asks_for_summary(case.asked):
            return []
        nearest = next(iter(case.passages), None)
        if nearest is None or not _is_named(nearest, case.asked):
            return []
        summary = self._summarize(nearest.document_id, cancel=caller.cancel, client=caller.client)
        found = Grounded(summary.text, summary.citations, refused=False)
        return _at_once(
            _done(
                case,
                found,
                Draft(cancelled=summary.cancelled),
                model=summary.model,
                is_judged=False,
                usage=summary.usage,
            )
        )

    def _has_statements(self, case: Case) -> bool:
        """Whether a document of the passages has statements of account."""
        accounts = self._accounts
        documents = {hit.document_id for hit in case.passages}
        return accounts is not None and any(map(accounts.has_statements, documents))

    def _open_case(
        self, question: str, history: Sequence[Turn], filter: SearchFilter | None, caller: Caller
    ) -> Case:
        """Find the passages for a question."""
        started = time.monotonic()
        question = question.strip()
        if not question:
            raise InvalidQuestion("The question is empty; ask something.")
        asked = standalone_question(question, history)
        hits = self._search.search(asked, self._options.passages, filter=filter, caller=caller)
        passages = merge_adjacent(of_named_documents(hits, asked), self._page_text)
        comparable = bool(passages) and self._search.knows_language(asked)
        embedder = self._embedder() if self._embedder is not None and comparable else None
        texts = [hit.titled_text for hit in passages]
        if embedder is not None and not function_terms(asked):  # in English
            asked = as_spelled(asked, texts, is_word=_known_to(embedder))
        elif language_of(asked) == "German":
            asked = with_their_umlauts(asked, texts)
        return Case(
            question=question,
            asked=asked,
            history=history,
            passages=passages,
            comparable=comparable,
            embedder=embedder,
            started=started,
            retrieved=time.monotonic(),
        )

    def _may_answer(self, case: Case) -> bool:
        """Whether any passage is near enough for a closer look, or has the very cell."""
        unspaced = is_unspaced(case.asked)
        is_near = any(
            is_relevant(
                hit,
                case.evidence.question_coverage_by(index),
                self._options.thresholds,
                dense_is_reliable=case.comparable,
                unspaced=unspaced,
            )
            for index, hit in enumerate(case.passages)
        )
        if (is_near or case.has_near_sentence()) and not asks_for_another(case.asked, case.texts()):
            return True
        # A passage of many rows is near no question, nor says it "plot" of "18".
        return case.names_any_cell()

    def _prompt(
        self, generator: Generator, case: Case, reading: Reading
    ) -> tuple[Prompt, tuple[Hit, ...]]:
        """The largest prompt that leaves room for the answer, and what of the passages it shows.

        A reader of whole passages can be supported by what it was shown only, so the case is cut
        down to that.
        """
        options = self._options
        limit = generator.context_tokens - options.max_answer_tokens
        examples = self._examples.pick(case.asked, options.examples) if self._examples else []
        fitted = fit_prompt(
            case.question,
            focused(case.evidence, case.extracts(), reading.focus)
            if reading.focus
            else case.passages,
            count_tokens=generator.tokenizer.count,
            prompt_tokens=limit,
            examples=examples,
            history=[replace(turn, answer=without_markers(turn.answer)) for turn in case.history],
            template=options.template,
        )
        largest = largest_prompt(
            generator, case.question, fitted, template=options.template, most_tokens=limit
        )
        if largest is None:
            raise ContextTooSmall(
                f"The shortest prompt for this question is longer than the {limit} tokens that the "
                "model's context leaves; raise context_tokens or ask a shorter question."
            )
        prompt, shown = largest
        if not reading.focus:
            case.keep_only(shown)
        return prompt, shown

    def _grounded(
        self, case: Case, draft: Draft, reading: Reading, shown: Sequence[Hit]
    ) -> Grounded:
        unsupported = self._options.unsupported
        if not draft.cancelled:
            grounded = ground(
                draft.text,
                case.evidence,
                case.extracts(),
                reading=reading,
                unsupported=unsupported,
                shown=shown,
            )
        elif reading.writes:
            grounded = said_so_far(draft.text, case.evidence, unsupported=unsupported, shown=shown)
        else:
            return _NOTHING
        return self._current(case, grounded)

    def _current(self, case: Case, grounded: Grounded) -> Grounded:
        """The same, unless a document was removed or replaced since: what it said is void."""
        if all(self._resolves(citation) for citation in grounded.citations):
            return grounded
        case.keep_only([hit for hit in case.passages if self._is_current(hit)])
        return refusal(case.passages, question=case.asked)

    def _short(self, case: Case, grounded: Grounded, asking: _Asking | None) -> str:
        """The words of the cited sentences that answer; "" where none are found there.

        asking: of a model that can pick them; for others they are picked without one.
        """
        quotes = list(dict.fromkeys(citation.quote for citation in grounded.citations))
        if not quotes:
            return ""
        if _has(without_markers(grounded.text), case.words):  # not, where another cell was told
            return case.words
        if asking is not None and not case.chosen:
            return asking.read(case, quotes, quotes)
        first = case.first_of(quotes)
        if first is not None and (cell := case.asked_cell(first)):
            return cell.text
        best = first.quote.text if first is not None else quotes[0]
        if sum(map(is_row, best.splitlines())) > 1:
            return ""  # who names none of a table's rows is answered by all of it
        return pick_answer(case.asked, " ".join(best.split()))

    def _page_text(self, document_id: str, page_index: int) -> str:
        return self._pages.page(document_id, page_index).text

    def _resolves(self, citation: Citation) -> bool:
        return self._stands(
            citation.document_id, citation.page_index, citation.start, citation.end, citation.quote
        )

    def _is_current(self, hit: Hit) -> bool:
        return self._stands(hit.document_id, hit.page_index, hit.start, hit.end, hit.text)

    def _stands(self, document_id: str, page_index: int, start: int, end: int, text: str) -> bool:
        try:
            return self._page_text(document_id, page_index)[start:end] == text
        except LookupError:
            return False


def _at_once(done: AnswerEvent) -> list[AnswerEvent]:
    """The events of an answer that nobody had to wait for, up to this last one."""
    answer = done.answer
    assert answer is not None
    return [
        AnswerEvent(AnswerStage.TOKEN, text=answer.text),
        *(AnswerEvent(AnswerStage.CITATION, citation=each) for each in answer.citations),
        done,
    ]


def _done(
    case: Case,
    grounded: Grounded,
    draft: Draft,
    *,
    model: str = "",
    short: str = "",
    is_judged: bool = True,
    usage: AnswerUsage | None = None,
) -> AnswerEvent:
    """is_judged: whether the answer is as likely as the passages are to have it.

    usage: None takes that of the case's completions.
    """
    now = time.monotonic()
    answer = Answer(
        question=case.question,
        text=grounded.text,
        refused=grounded.refused,
        passages=tuple(case.passages),
        citations=grounded.citations,
        usage=usage or together(case.spent),
        timings=AnswerTimings(
            retrieval_seconds=case.retrieved - case.started,
            first_token_seconds=(draft.first_token_at or now) - case.started,
            total_seconds=now - case.started,
        ),
        model=model,
        cancelled=draft.cancelled,
        short=short,
        confidence=case.confidence() if is_judged else None,
        asked=case.asked,
    )
    return AnswerEvent(AnswerStage.DONE, answer=answer)


def _has(text: str, words: str) -> bool:
    return bool(words) and words in " ".join(text.split())
