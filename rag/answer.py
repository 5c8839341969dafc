"""Question -> events of a cited answer: retrieve, fit, generate, ground.

Knows the generator and the retriever only as the protocols below; `inference.request` is plain
data that both sides share. One Answerer serves any number of threads at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Protocol

from inference.request import (
    FinishReason,
    Message,
    Priority,
    Prompt,
    Request,
    SamplingParams,
    TokenEvent,
    TokenLogprob,
    Usage,
)
from ingest.documents import Page
from rag.citations import without_markers
from rag.context import FittedPrompt, fit_prompt, merge_adjacent, smaller
from rag.contradictions import with_contradictions
from rag.conversation import standalone_question
from rag.errors import ContextTooSmall, InvalidQuestion
from rag.evidence import Evidence
from rag.extracts import Extract, SentenceSimilarity, find_extracts
from rag.grounding import Grounded, ground, refusal
from rag.prompts import DEFAULT_TEMPLATE, Example, Template, build_messages, labelled
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
from rag.sentences import sentence_spans
from rag.short_answer import read_short_answer, short_answer_messages, short_answer_sampling

# How soon a set `cancel` is seen while the model is silent (computing the prompt).
_CANCEL_POLL_SECONDS = 0.02
_SHORTEST_REPEAT = 12  # "Yes." may come twice
_STOP = ("\nQuestion:", "\nPassages:", "\n\n\n")


class TokenStream(Protocol):
    """One completion in the making."""

    @property
    def ended(self) -> bool:
        """True once the last event was read."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What the completion cost; None until it has ended."""
        ...

    def next_event(self, timeout_seconds: float) -> TokenEvent | None:
        """The next event, or None when there is none in time or the stream has ended."""
        ...

    def cancel(self) -> None:
        """Stop generating; an event with FinishReason.CANCELLED follows."""
        ...

    def close(self) -> None:
        """Cancel unless the end was read."""
        ...


class ModelFacts(Protocol):
    """What is known of the model behind a generator."""

    @property
    def parameters(self) -> int:
        """How many weights it has; 0 where that is not known."""
        ...


class TokenCounter(Protocol):
    """The generator's own tokenizer."""

    def count(self, text: str) -> int:
        """How many tokens the text has, as data."""
        ...


class Generator(Protocol):
    """A chat model behind a queue, e.g. inference.service.InferenceService."""

    @property
    def model_name(self) -> str:
        """A short name to show."""
        ...

    @property
    def model(self) -> ModelFacts:
        """Facts of the model."""
        ...

    @property
    def context_tokens(self) -> int:
        """Most tokens of one request, prompt and completion together."""
        ...

    @property
    def tokenizer(self) -> TokenCounter:
        """Counts tokens; usable from any thread."""
        ...

    def encode_chat(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = True
    ) -> Prompt:
        """Tokens of a conversation."""
        ...

    def submit(self, request: Request) -> TokenStream:
        """Queue a request; returns at once."""
        ...


class Search(Protocol):
    """What finds passages, e.g. rag.search.HybridSearch."""

    def search(self, query: str, k: int, *, collection: str | None = None) -> list[Hit]:
        """The k best passages, best first."""
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


@dataclass(frozen=True, slots=True)
class AnswerOptions:
    """How answers are made.

    passages: most put before the model. examples: few-shot examples, as far as they fit.
    reading: None chooses by the size of the model. short: also pick the few words that answer.
    """

    passages: int = 4
    examples: int = 1
    max_answer_tokens: int = 192
    template: Template = DEFAULT_TEMPLATE
    thresholds: RelevanceThresholds = field(default_factory=RelevanceThresholds)
    reading: Reading | None = None
    short: bool = True


@dataclass(slots=True)
class _Draft:
    """What the model has said so far, and when. first: its first token, where that was asked for.

    used: what every completion of the answer has cost.
    """

    pieces: list[str] = field(default_factory=list)
    first_token_at: float | None = None
    first: TokenLogprob | None = None
    cancelled: bool = False
    used: AnswerUsage = field(default_factory=AnswerUsage)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class _Case:
    """One question, what was found for it, and what follows from that, made when needed.

    asked: the question as one that stands alone. comparable: the dense similarities mean
    something. started, retrieved: time.monotonic() of the question and of its passages.
    """

    def __init__(
        self,
        *,
        question: str,
        asked: str,
        history: Sequence[Turn],
        passages: Sequence[Hit],
        comparable: bool,
        similarity: SentenceSimilarity | None,
        started: float,
        retrieved: float,
    ) -> None:
        self.question = question
        self.asked = asked
        self.history = history
        self.comparable = comparable
        self.started = started
        self.retrieved = retrieved
        self._similarity = similarity
        self.keep_only(passages)

    def keep_only(self, passages: Sequence[Hit]) -> None:
        """Forget the other passages."""
        self.passages = list(passages)
        self.evidence = Evidence(self.passages, question=self.asked)
        self._extracts: list[Extract] | None = None

    def extracts(self) -> list[Extract]:
        """The sentences of the passages as answers, best first; embeds them on the first call."""
        if self._extracts is None:
            self._extracts = find_extracts(self.asked, self.evidence, similarity=self._similarity)
        return self._extracts

    def best_fit(self) -> float:
        """How well the best sentence fits the question; 0 when there is none."""
        extracts = self.extracts()
        return extracts[0].fit if extracts else 0.0


class Answerer:
    """Answers questions from what `search` finds.

    generator: called when an answer needs the model, so that a library opens cheaply.
    similarity: compares sentences with the question; without it words alone are compared.
    """

    def __init__(
        self,
        search: Search,
        generator: Callable[[], Generator],
        *,
        pages: PageSource,
        examples: ExamplePicker | None = None,
        similarity: SentenceSimilarity | None = None,
        options: AnswerOptions | None = None,
    ) -> None:
        self._search = search
        self._generator = generator
        self._pages = pages
        self._examples = examples
        self._similarity = similarity
        self._options = options or AnswerOptions()

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        collection: str | None = None,
        cancel: threading.Event | None = None,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
    ) -> Iterator[AnswerEvent]:
        """RETRIEVED, TOKEN..., CITATION..., DONE. Closing the iterator stops the engine.

        cancel: set from any thread; the answer then ends with what there is.
        Raises InvalidQuestion before anything is done, and the generator's InferenceError.
        """
        case = self._open_case(question, history, collection)
        yield AnswerEvent(AnswerStage.RETRIEVED, passages=tuple(case.passages))
        if not self._may_answer(case):
            yield _done(case, refusal(case.passages), _Draft())
            return
        generator = self._generator()
        reading = self._options.reading or reading_for(generator.model.parameters)
        if reading.least_fit > 0.0 and case.best_fit() < reading.least_fit:
            yield _done(case, refusal(case.passages), _Draft(), model=generator.model_name)
            return
        prompt = self._prompt(generator, case, reading)
        draft = _Draft()
        sampling = SamplingParams(max_tokens=self._options.max_answer_tokens, stop=_STOP)
        request = Request(prompt, sampling, priority=priority, client=client)
        yield from _generate(generator, request, draft, cancel)
        grounded = self._grounded(case, draft, reading)
        short = ""
        if grounded.citations and self._options.short:
            short = self._short_answer(generator, case, grounded, request, draft, cancel)
        contradicted = with_contradictions(grounded, case.evidence, short=short)
        if all(self._resolves(citation) for citation in contradicted.citations):
            grounded = contradicted
        for citation in grounded.citations:
            yield AnswerEvent(AnswerStage.CITATION, citation=citation)
        yield _done(case, grounded, draft, model=generator.model_name, short=short)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        collection: str | None = None,
        cancel: threading.Event | None = None,
        priority: Priority = Priority.INTERACTIVE,
        client: str = "",
    ) -> Answer:
        """The whole answer at once; see `stream`."""
        events = self.stream(
            question,
            history=history,
            collection=collection,
            cancel=cancel,
            priority=priority,
            client=client,
        )
        for event in events:
            if event.answer is not None:
                return event.answer
        raise AssertionError("a stream ends with its answer")

    def _open_case(self, question: str, history: Sequence[Turn], collection: str | None) -> _Case:
        """Find the passages for a question."""
        started = time.monotonic()
        question = question.strip()
        if not question:
            raise InvalidQuestion("The question is empty; ask something.")
        asked = standalone_question(question, history)
        hits = self._search.search(asked, self._options.passages, collection=collection)
        passages = merge_adjacent(hits, self._page_text)
        comparable = bool(passages) and self._search.knows_language(asked)
        return _Case(
            question=question,
            asked=asked,
            history=history,
            passages=passages,
            comparable=comparable,
            similarity=self._similarity if comparable else None,
            started=started,
            retrieved=time.monotonic(),
        )

    def _may_answer(self, case: _Case) -> bool:
        """Whether any passage is near enough to bother the model."""
        texts = [f"{hit.document_name}\n{hit.heading}\n{hit.text}" for hit in case.passages]
        if asks_for_another(case.asked, texts):
            return False
        return any(
            is_relevant(
                hit,
                case.evidence.question_coverage_by(index),
                self._options.thresholds,
                dense_is_reliable=case.comparable,
            )
            for index, hit in enumerate(case.passages)
        )

    def _prompt(self, generator: Generator, case: _Case, reading: Reading) -> Prompt:
        """The largest prompt that leaves room for the answer, checked by its real token count.

        A reader of whole passages can be supported by what it was shown only, so the case is cut
        down to that.
        """
        options = self._options
        limit = generator.context_tokens - options.max_answer_tokens
        examples = self._examples.pick(case.asked, options.examples) if self._examples else []
        fitted: FittedPrompt | None = fit_prompt(
            case.question,
            focused(case.passages, case.extracts()) if reading.focus else case.passages,
            count_tokens=generator.tokenizer.count,
            prompt_tokens=limit,
            examples=examples,
            history=[replace(turn, answer=without_markers(turn.answer)) for turn in case.history],
            template=options.template,
        )
        while fitted is not None:
            messages = build_messages(
                case.question,
                [labelled(hit) for hit in fitted.passages],
                examples=fitted.examples,
                history=fitted.history,
                template=options.template,
            )
            prompt = generator.encode_chat(messages)
            if len(prompt.tokens) <= limit:
                if not reading.focus:
                    case.keep_only(fitted.passages)
                return prompt
            fitted = smaller(fitted)
        raise ContextTooSmall(
            f"The shortest prompt for this question is longer than the {limit} tokens that the "
            "model's context leaves; raise context_tokens or ask a shorter question."
        )

    def _grounded(self, case: _Case, draft: _Draft, reading: Reading) -> Grounded:
        if draft.cancelled:
            return Grounded(without_markers(draft.text), (), refused=False)
        grounded = ground(draft.text, case.evidence, case.extracts(), reading=reading)
        if all(self._resolves(citation) for citation in grounded.citations):
            return grounded
        # A document was removed or replaced while the model spoke: what it said of it is void.
        case.keep_only([hit for hit in case.passages if self._is_current(hit)])
        return refusal(case.passages)

    def _short_answer(
        self,
        generator: Generator,
        case: _Case,
        grounded: Grounded,
        request: Request,
        draft: _Draft,
        cancel: threading.Event | None,
    ) -> str:
        """The words of the cited sentences that answer; "" where the model finds none there."""
        quotes = list(dict.fromkeys(citation.quote for citation in grounded.citations))
        prompt = generator.encode_chat(short_answer_messages(case.asked, quotes))
        sampling = short_answer_sampling(quotes)
        said = _Draft(used=draft.used)
        for _ in _generate(
            generator, replace(request, prompt=prompt, sampling=sampling), said, cancel
        ):
            pass  # it is shown when it stands
        draft.used = said.used
        return "" if said.cancelled else read_short_answer(said.text, said.first).text

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


def _done(
    case: _Case, grounded: Grounded, draft: _Draft, *, model: str = "", short: str = ""
) -> AnswerEvent:
    now = time.monotonic()
    answer = Answer(
        question=case.question,
        text=grounded.text,
        refused=grounded.refused,
        passages=tuple(case.passages),
        citations=grounded.citations,
        usage=draft.used,
        timings=AnswerTimings(
            retrieval_seconds=case.retrieved - case.started,
            first_token_seconds=(draft.first_token_at or now) - case.started,
            total_seconds=now - case.started,
        ),
        model=model,
        cancelled=draft.cancelled,
        short=short,
    )
    return AnswerEvent(AnswerStage.DONE, answer=answer)


def repeats_itself(text: str) -> bool:
    """Whether a text ends with a sentence that it has had before, word for word."""
    spans = sentence_spans(text)
    if len(spans) < 2 or not text.rstrip().endswith((".", "!", "?", "。")):
        return False
    last = text[spans[-1].start : spans[-1].end]
    return len(last) > _SHORTEST_REPEAT and any(
        text[span.start : span.end] == last for span in spans[:-1]
    )


def _generate(
    generator: Generator, request: Request, draft: _Draft, cancel: threading.Event | None
) -> Iterator[AnswerEvent]:
    """Stream a completion into `draft`; leaving early, for whatever reason, stops the engine."""
    with closing(generator.submit(request)) as stream:
        while not stream.ended:
            if cancel is not None and cancel.is_set() and not draft.cancelled:
                draft.cancelled = True
                stream.cancel()
            event = stream.next_event(_CANCEL_POLL_SECONDS)
            if event is None:
                continue
            if event.finish_reason is FinishReason.CANCELLED:
                draft.cancelled = True
            if draft.first is None and event.logprobs:
                draft.first = event.logprobs[0]
            if event.text and not draft.cancelled:
                if draft.first_token_at is None:
                    draft.first_token_at = time.monotonic()
                draft.pieces.append(event.text)
                yield AnswerEvent(AnswerStage.TOKEN, text=event.text)
                if repeats_itself(draft.text):
                    break  # greedy decoding never leaves a loop; leaving here stops the engine
        if stream.usage is not None:
            draft.used = _sum(draft.used, stream.usage)


def _sum(used: AnswerUsage, usage: Usage) -> AnswerUsage:
    return AnswerUsage(
        used.prompt_tokens + usage.prompt_tokens,
        used.cached_tokens + usage.cached_tokens,
        used.completion_tokens + usage.completion_tokens,
    )
