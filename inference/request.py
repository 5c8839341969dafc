"""What a caller hands to the engine and what comes back: plain data, no llama.cpp.

Errors:

    InferenceError
    ├── InvalidRequest      can never be served as it is; the message says what to change
    ├── QueueFull           refused at once; `retry_after_seconds` says when to try again
    ├── DeadlineExceeded    the request's own time limit passed before it was finished
    ├── EngineStopped       the service is closed or its engine died; the message says why
    └── ModelLoadError      the model file cannot be loaded as configured
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum


class InferenceError(Exception):
    """Base of every error that this package raises on purpose."""


class InvalidRequest(InferenceError, ValueError):
    """The request cannot be served as it is; the message says what to change."""


class QueueFull(InferenceError):
    """The waiting line is full; nothing was queued."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class DeadlineExceeded(InferenceError):
    """The request's own deadline passed before it finished."""


class EngineStopped(InferenceError):
    """The service was closed, or its engine died with this request; the message says which."""


class ModelLoadError(InferenceError):
    """The model file is missing, damaged, or cannot be loaded with these settings."""


class Priority(IntEnum):
    """Who waits for whom. Lower is more urgent; an interactive request may preempt a batch one."""

    INTERACTIVE = 0
    BATCH = 1


class FinishReason(Enum):
    """Why a request ended."""

    STOP = "stop"  # the model ended its turn, or a stop string appeared
    LENGTH = "length"  # max_tokens or the context size was reached
    CANCELLED = "cancelled"  # the caller cancelled, or left
    ERROR = "error"  # see TokenStream: the error is raised to the reader


def is_text(text: str) -> bool:
    """Whether UTF-8 can hold it. JSON can spell half a character, a lone surrogate: "\\ud800"."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Verbatim:
    """What a completion is made of: whole words of a text as they stand there, or a phrase.

    texts: copied from, a run of words of one of them. phrases: said whole instead.
    """

    texts: tuple[str, ...]
    phrases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not any(text.strip() for text in (*self.texts, *self.phrases)):
            raise InvalidRequest("verbatim needs a text or a phrase to copy")
        if not all(map(is_text, (*self.texts, *self.phrases))):
            raise InvalidRequest("verbatim holds half a character (a lone surrogate); take it out")


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are chosen. The defaults are greedy and deterministic.

    temperature: >= 0; 0 takes the most probable token and ignores the rest of the sampling fields
        except penalties and logit_bias.
    top_k: 0 switches it off. top_p: (0, 1]. min_p: [0, 1).
    repeat_penalty: > 0, 1 is off (llama.cpp's definition, over the last 64 tokens).
    frequency_penalty, presence_penalty: [-2, 2], 0 is off.
    seed: None draws one.
    max_tokens: >= 1, completion tokens; the context size may end a request sooner.
    stop: the text ends before the first occurrence of any of these; non-empty strings.
    logit_bias: token id -> bias added to its logit; -inf bans it.
    grammar: GBNF text the completion must match, or None.
    verbatim: what the completion must be copied from, or None; not together with a grammar.
    logprobs: report the log-probability of this many most probable alternatives (0..20), or None.
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int | None = None
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    grammar: str | None = None
    verbatim: Verbatim | None = None
    logprobs: int | None = None

    def __post_init__(self) -> None:
        checks = (
            (0.0 <= self.temperature <= 100.0, "temperature must be between 0 and 100"),
            (self.top_k >= 0, "top_k must be 0 (off) or more"),
            (0.0 < self.top_p <= 1.0, "top_p must be above 0 and at most 1"),
            (0.0 <= self.min_p < 1.0, "min_p must be at least 0 and below 1"),
            (self.repeat_penalty > 0.0, "repeat_penalty must be above 0"),
            (-2.0 <= self.frequency_penalty <= 2.0, "frequency_penalty must be in [-2, 2]"),
            (-2.0 <= self.presence_penalty <= 2.0, "presence_penalty must be in [-2, 2]"),
            (self.max_tokens >= 1, "max_tokens must be 1 or more"),
            (all(self.stop), "a stop string must not be empty"),
            (len(self.stop) <= 16, "at most 16 stop strings are allowed"),
            (
                self.grammar is None or self.verbatim is None,
                "a completion follows a grammar or a text, not both",
            ),
            (self.logprobs is None or 0 <= self.logprobs <= 20, "logprobs must be 0 to 20"),
        )
        for holds, message in checks:
            if not holds:  # NaN fails every comparison, so it is refused too
                raise InvalidRequest(message)


@dataclass(frozen=True, slots=True)
class Passage:
    """Document text inside a message: data, whose special tokens are never parsed."""

    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """One chat turn. role: "system", "user" or "assistant".

    content: text, or text and passages in order. Neither kind can forge a chat marker: only the
    model's own template contributes special tokens. A Passage is also a unit of reuse: its KV
    state may be computed once and placed into later prompts.
    """

    role: str
    content: str | Sequence[str | Passage]

    @property
    def text(self) -> str:
        """The content as one string."""
        if isinstance(self.content, str):
            return self.content
        return "".join(p.text if isinstance(p, Passage) else p for p in self.content)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A tokenized prompt.

    passages: half-open token ranges [start, end), in order and disjoint, that hold one Passage
        each; the engine may restore them instead of computing them.
    block_context: the tokens that stand before the first passage when nothing was said or asked
        before: passages are computed behind them to be kept. Where the prompt begins with them,
        the first passage's kept state is exactly what computing it gives. (): keep none.
    """

    tokens: tuple[int, ...]
    passages: tuple[tuple[int, int], ...] = ()
    block_context: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to produce.

    deadline_seconds: from submission; None waits for ever.
    client: who asks, for fairness between callers; "" is one anonymous client.
    """

    prompt: Prompt
    sampling: SamplingParams = SamplingParams()
    priority: Priority = Priority.INTERACTIVE
    deadline_seconds: float | None = None
    client: str = ""


def check_request(request: Request, *, context_tokens: int, vocabulary_size: int) -> None:
    """Raise InvalidRequest for what a model of these sizes can never serve."""
    prompt = request.prompt.tokens
    if not prompt:
        raise InvalidRequest("the prompt is empty")
    if len(prompt) >= context_tokens:
        raise InvalidRequest(
            f"the prompt has {len(prompt)} tokens, but this model serves at most "
            f"{context_tokens - 1}; shorten it or raise context_tokens"
        )
    if min(prompt) < 0 or max(prompt) >= vocabulary_size:
        raise InvalidRequest(f"token ids must be in [0, {vocabulary_size})")
    if any(not 0 <= token < vocabulary_size for token in request.sampling.logit_bias):
        raise InvalidRequest(f"logit_bias names a token outside [0, {vocabulary_size})")


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One sampled token's log-probability (natural log) and its most probable alternatives."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A piece of a completion, in order.

    text: new text, possibly "" (bytes of an unfinished character and possible stop strings are
        held back). The concatenation over all events is the whole completion.
    finish_reason: set on the last event only.
    """

    text: str
    finish_reason: FinishReason | None = None
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What a completion cost.

    prompt_tokens: length of the prompt. cached_tokens: how many of them were reused, not computed.
    completion_tokens: tokens sampled, the end-of-turn token not counted.
    queue_seconds: submission to the first batch it was part of. first_token_seconds: submission
    to the first token. total_seconds: submission to the end.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    queue_seconds: float
    first_token_seconds: float
    total_seconds: float
    drafted_tokens: int = 0
    accepted_draft_tokens: int = 0
