"""What answering asks of a language model, and how a completion of one is read."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Protocol

from inference.request import (
    FinishReason,
    Message,
    Priority,
    Prompt,
    QueueFull,
    Request,
    TokenEvent,
    TokenLogprob,
    Usage,
)
from rag.context import FittedPrompt, smaller
from rag.prompts import Template, build_messages, labelled
from rag.results import AnswerUsage, Hit
from rag.sentences import sentence_spans

# How soon a set `cancel` is seen while the model is silent (computing the prompt).
_CANCEL_POLL_SECONDS = 0.02
_SHORTEST_REPEAT = 12  # "Yes." may come twice


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a model works.

    client: who asks, for fairness between callers. cancel: set from any thread to end it.
    """

    priority: Priority = Priority.INTERACTIVE
    client: str = ""
    cancel: threading.Event | None = None

    @property
    def has_left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.cancel is not None and self.cancel.is_set()


NOBODY = Caller()


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
    def keeps_passages(self) -> bool:
        """Whether passages of a prompt are computed once and kept."""
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
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        answer_start: str = "",
    ) -> Prompt:
        """Tokens of a conversation. answer_start: what the answer begins with."""
        ...

    def submit(self, request: Request) -> TokenStream:
        """Queue a request; returns at once."""
        ...


@dataclass(frozen=True, slots=True)
class Spent:
    """What one completion has cost, and what it was asked with."""

    prompt: Prompt
    used: AnswerUsage


@dataclass(slots=True)
class Draft:
    """What the model has said so far, and when. first: its first token, where that was asked for.

    used: what it has cost, once it has ended.
    """

    pieces: list[str] = field(default_factory=list)
    first_token_at: float | None = None
    first: TokenLogprob | None = None
    cancelled: bool = False
    used: AnswerUsage = field(default_factory=AnswerUsage)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def largest_prompt(
    generator: Generator,
    question: str,
    fitted: FittedPrompt,
    *,
    template: Template,
    most_tokens: int,
) -> tuple[Prompt, tuple[Hit, ...]] | None:
    """The largest prompt of so many tokens at most, and the passages in it; None where none is.

    fitted: what fits by an estimate; less of it is put in until it does as the model counts.
    """
    left: FittedPrompt | None = fitted
    while left is not None:
        messages = build_messages(
            question,
            [labelled(hit) for hit in left.passages],
            examples=left.examples,
            history=left.history,
            template=template,
        )
        prompt = generator.encode_chat(messages)
        if len(prompt.tokens) <= most_tokens:
            return prompt, left.passages
        left = smaller(left)
    return None


def generate(
    generator: Generator, request: Request, draft: Draft, cancel: threading.Event | None
) -> Iterator[str]:
    """Stream an answer into `draft`; leaving early, for whatever reason, stops the engine.

    It ends where it begins to repeat itself. Waits and raises as `submit` does.
    """
    stream = submit(generator, request, cancel)
    if stream is None:
        draft.cancelled = True
        return
    with closing(stream):
        yield from read_stream(stream, draft, cancel, leaves_loops=True)


def complete(
    generator: Generator,
    request: Request,
    cancel: threading.Event | None,
    *,
    leaves_loops: bool = False,
) -> Draft:
    """A whole completion; after `cancel`, what there is. Waits and raises as `submit` does.

    leaves_loops: end where it begins to repeat itself; JSON may.
    """
    draft = Draft()
    stream = submit(generator, request, cancel)
    if stream is None:
        draft.cancelled = True
        return draft
    with closing(stream):
        for _ in read_stream(stream, draft, cancel, leaves_loops=leaves_loops):
            pass
    return draft


def submit(
    generator: Generator, request: Request, cancel: threading.Event | None
) -> TokenStream | None:
    """Queue a request; one of a batch waits where the line is full, None if `cancel` ends that.

    Raises QueueFull to whoever does not wait, and the engine's InferenceError.
    """
    cancel = cancel or threading.Event()
    while True:
        try:
            return generator.submit(request)
        except QueueFull as error:
            if request.priority is Priority.INTERACTIVE:
                raise
            if cancel.wait(error.retry_after_seconds):
                return None


def read_stream(
    stream: TokenStream,
    draft: Draft,
    cancel: threading.Event | None,
    *,
    leaves_loops: bool = False,
) -> Iterator[str]:
    """Read a completion into `draft` to its end, or until `cancel` is set. Closes nothing.

    leaves_loops: end where it begins to repeat itself, too.
    """
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
            yield event.text
            if leaves_loops and repeats_itself(draft.text):
                break  # greedy decoding never leaves a loop; leaving here stops the engine
    if (usage := stream.usage) is not None:
        draft.used = AnswerUsage(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)


def together(spent: Iterable[Spent]) -> AnswerUsage:
    """What completions have cost, in the order in which they were asked for.

    What a prompt begins with as an earlier one did counts once, as far as it was computed once.
    """
    total = AnswerUsage()
    earlier: list[Prompt] = []
    for each in spent:
        alike = max((_alike(each.prompt, prompt) for prompt in earlier), default=0)
        again = min(alike, each.used.cached_tokens)
        total += each.used + AnswerUsage(-again, -again)
        earlier.append(each.prompt)
    return total


def _alike(one: Prompt, other: Prompt) -> int:
    """How many tokens two prompts begin with alike."""
    pairs = zip(one.tokens, other.tokens, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def repeats_itself(text: str) -> bool:
    """Whether a text ends with a sentence that it has had before, word for word."""
    spans = sentence_spans(text)
    if len(spans) < 2 or not text.rstrip().endswith((".", "!", "?", "。")):
        return False
    last = text[spans[-1].start : spans[-1].end]
    return len(last) > _SHORTEST_REPEAT and any(
        text[span.start : span.end] == last for span in spans[:-1]
    )
