"""The only fakes of the test suite: small, deterministic stand-ins for models."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from inference.model_description import ModelDescription
from inference.request import (
    FinishReason,
    InferenceError,
    Message,
    Prompt,
    Request,
    TokenEvent,
    TokenLogprob,
    Usage,
)
from inference.service import ServiceState
from ingest.embedding_model import TextKind
from rag.generator import Caller
from rag.library import Library
from rag.library_parts import LibraryParts
from rag.settings import Settings

_WORD = re.compile(r"\w+|[^\w\s]")


class HashedWordsEmbedder:
    """Vectors of hashed word counts: texts that share words are alike, in every run the same.

    Satisfies the protocols of the pipeline, the index and the retriever. A token is a word or a
    punctuation mark. on_batch: called with the texts of each batch before they are embedded, so
    that a test can wait, cancel or fail at a known point.
    """

    def __init__(
        self,
        *,
        dimensions: int = 64,
        max_tokens: int = 254,
        identity: str = "hashed-words",
        on_batch: Callable[[Sequence[str]], None] | None = None,
        batch_size: int = 16,
    ) -> None:
        self.dimensions = dimensions
        self.max_tokens = max_tokens
        self.identity = identity
        self.runtime = "hashing"
        self.model_path = Path(identity)
        self._on_batch = on_batch
        self._batch_size = batch_size

    def count_tokens(self, text: str) -> int:
        return len(_WORD.findall(text))

    def warm_up(self) -> None:
        pass

    def embed_passages(
        self, texts: Sequence[str], *, on_batch: Callable[[Sequence[int]], None] | None = None
    ) -> npt.NDArray[np.float32]:
        for start in range(0, len(texts), self._batch_size):
            rows = range(start, min(start + self._batch_size, len(texts)))
            if self._on_batch is not None:
                self._on_batch([texts[row] for row in rows])
            if on_batch is not None:
                on_batch(rows)
        return self._embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self._embed(texts)

    def embed_tokens(
        self, texts: Sequence[str], kind: TextKind
    ) -> tuple[npt.NDArray[np.float32], list[npt.NDArray[np.float32]]]:
        whole = self.embed_queries(texts) if kind is TextKind.QUERY else self.embed_passages(texts)
        return whole, [self._embed(_WORD.findall(text)) for text in texts]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in row] for row in self.embed_passages(texts)]

    def embed_query(self, text: str) -> list[float]:
        return [float(x) for x in self._embed([text])[0]]

    def _embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in _WORD.findall(text.lower()):
                digest = hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest()
                row[int.from_bytes(digest[:4], "little") % self.dimensions] += 1.0
            row[0] += 1e-3  # a text without words is a unit vector too
        lengths: npt.NDArray[np.float32] = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / lengths).astype(np.float32)


@dataclass(frozen=True, slots=True)
class FakeModelFacts:
    """As much of a model's description as answering asks for."""

    parameters: int


class WordTokenizer:
    """A token is a word or a punctuation mark."""

    def count(self, text: str) -> int:
        return len(_WORD.findall(text))


class ScriptedStream:
    """A completion whose pieces are known; records that it was cancelled.

    With hold, the stream says nothing more after the pieces until it is cancelled.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        prompt_tokens: int,
        *,
        hold: bool,
        first: TokenLogprob | None = None,
    ) -> None:
        self._pieces = list(pieces)
        self._first = first
        self._sent = 0
        self._hold = hold
        self._prompt_tokens = prompt_tokens
        self.cancelled = threading.Event()
        self.ended = False

    @property
    def usage(self) -> Usage | None:
        if not self.ended:
            return None
        return Usage(self._prompt_tokens, 0, self._sent, 0.0, 0.0, 0.0)

    def next_event(self, timeout_seconds: float) -> TokenEvent | None:
        if self.ended:
            return None
        if self.cancelled.is_set():
            self.ended = True
            return TokenEvent("", FinishReason.CANCELLED)
        if self._pieces:
            self._sent += 1
            first = self._first if self._sent == 1 else None
            return TokenEvent(self._pieces.pop(0), logprobs=(first,) if first else ())
        if self._hold and not self.cancelled.wait(timeout_seconds):
            return None
        self.ended = True
        reason = FinishReason.CANCELLED if self.cancelled.is_set() else FinishReason.STOP
        return TokenEvent("", reason)

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        if not self.ended:
            self.cancel()


def yes_against_no(log_odds: float) -> TokenLogprob:
    """The first token of a judge who is so sure of "yes"."""
    return TokenLogprob("yes", -1.0, (("yes", -1.0), ("no", -1.0 - log_odds)))


class ScriptedGenerator:
    """A chat model that says what it is told to. Satisfies rag.answer.Generator.

    reply: the completion, or a function of the prompt's messages. copies: what a request that may
    only copy gets instead; None is the first phrase or text that it allows. first: a prompt's
    messages -> the probabilities of the completion's first token. Its requests, conversations and
    streams can be looked at afterwards. Tokens are words; no two prompts share a token, which
    is how a request is told from those that other threads encode meanwhile.
    """

    def __init__(
        self,
        reply: str | Callable[[Sequence[Message]], str],
        *,
        context_tokens: int = 4096,
        parameters: int = 7_000_000_000,
        copies: str | None = None,
        first: Callable[[Sequence[Message]], TokenLogprob] | None = None,
        hold: bool = False,
        refuse: InferenceError | None = None,
    ) -> None:
        self._copies = copies
        self._first = first
        self._reply = reply if callable(reply) else lambda _: reply
        self._hold = hold
        self._refuse = refuse
        self.model_name = "scripted"
        self.model: FakeModelFacts | ModelDescription = FakeModelFacts(parameters)
        self.keeps_passages = False
        self.context_tokens = context_tokens
        self.tokenizer = WordTokenizer()
        self.conversations: list[list[Message]] = []
        self.requests: list[Request] = []
        self.streams: list[ScriptedStream] = []
        self._encoded: dict[int, list[Message]] = {}
        self._lock = threading.Lock()
        self._next_token = 0

    def encode_chat(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        answer_start: str = "",
    ) -> Prompt:
        length = sum(self.tokenizer.count(message.text) + 4 for message in messages)
        length += self.tokenizer.count(answer_start)
        with self._lock:
            first = self._next_token
            self._next_token += length
            self._encoded[first] = list(messages)
        return Prompt(tuple(range(first, first + length)))

    def submit(self, request: Request) -> ScriptedStream:
        if self._refuse is not None:
            raise self._refuse
        messages = self._encoded[request.prompt.tokens[0]]
        self.conversations.append(messages)
        self.requests.append(request)
        pieces = self._pieces(self._reply(messages), request)
        first = self._first(messages) if self._first is not None else None
        stream = ScriptedStream(pieces, len(request.prompt.tokens), hold=self._hold, first=first)
        self.streams.append(stream)
        return stream

    def _pieces(self, reply: str, request: Request) -> list[str]:
        constraint = request.sampling.verbatim
        if constraint is not None:
            first = (*constraint.phrases, *constraint.texts)[0]
            reply = first if self._copies is None else self._copies
        return re.findall(r"\s*\S+", reply)

    def close(self) -> None:
        for stream in self.streams:
            stream.cancel()


class ReadableStream(ScriptedStream):
    """A scripted completion that is read as `inference.service.TokenStream` is."""

    finish_reason: FinishReason | None = None

    def __iter__(self) -> Iterator[TokenEvent]:
        return self

    def __next__(self) -> TokenEvent:
        while not self.ended:
            event = self.next_event(1.0)
            if event is not None:
                self.finish_reason = event.finish_reason
                return event
        raise StopIteration

    def text(self) -> str:
        return "".join(event.text for event in self)


class ScriptedService(ScriptedGenerator):
    """A scripted model behind the whole face of `InferenceService`.

    submitted: released once a submitted request, for tests that wait for them.
    """

    state = ServiceState.RUNNING
    devices: tuple[str, ...] = ()

    def __init__(self, reply: str, *, hold: bool = False, refuse: InferenceError | None = None):
        super().__init__(reply, hold=hold, refuse=refuse)
        self._reply_text = reply
        self.model = ModelDescription(
            name="scripted",
            path=Path("scripted.gguf"),
            architecture="none",
            parameters=7_000_000_000,
            quantization="none",
            size_bytes=0,
            trained_context_tokens=4096,
            layers=0,
            kv_bytes_per_token=0.0,
        )
        self.submitted = threading.Semaphore(0)

    def encode(self, text: str) -> Prompt:
        return Prompt(tuple(range(self.tokenizer.count(text))))

    def submit(self, request: Request) -> ReadableStream:
        if self._refuse is not None:
            raise self._refuse
        pieces = self._pieces(self._reply_text, request)
        stream = ReadableStream(pieces, len(request.prompt.tokens), hold=self._hold)
        self.requests.append(request)
        self.streams.append(stream)
        self.submitted.release()
        return stream

    def metrics(self) -> dict[str, float]:
        return {
            "requests_running": sum(not stream.ended for stream in self.streams),
            "gpu_layers": 0,
            "model_layers": 31,
            "threads": 2,
        }


class ModellessLibrary(Library):
    """A real library whose models are fakes. service: called when the language model is loaded."""

    def __init__(
        self, path: Path, settings: Settings, service: Callable[[], ScriptedGenerator]
    ) -> None:
        super().__init__(_ModellessParts(path, settings, service))


class _ModellessParts(LibraryParts):
    def __init__(
        self, path: Path, settings: Settings, service: Callable[[], ScriptedGenerator]
    ) -> None:
        self._make_service = service
        super().__init__(path, settings)

    def _load_embedder(self) -> Any:
        return HashedWordsEmbedder()

    def _load_generator(self) -> Any:
        return self._make_service()


class TableReranker:
    """Finds in a passage what a table says it is worth; keeps what it was asked."""

    def __init__(
        self,
        worth: dict[str, float],
        *,
        share: float = 1.0,
        failure: Exception | None = None,
        cancelled: bool = False,
    ) -> None:
        self.share = share
        self.asked: list[tuple[str, list[str], Caller]] = []
        self._worth = worth
        self._failure = failure
        self._cancelled = cancelled

    def warm_up(self) -> None:
        pass

    def relevances(
        self, question: str, passages: Sequence[str], caller: Caller
    ) -> list[float] | None:
        self.asked.append((question, list(passages), caller))
        if self._failure is not None:
            raise self._failure
        if self._cancelled:
            return None
        return [next(w for key, w in self._worth.items() if key in text) for text in passages]
