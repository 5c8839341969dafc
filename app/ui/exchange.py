"""One question and its answer in the making, in a thread of its own; knows no Streamlit.

A Streamlit rerun ends the script run that it interrupts, so an answer may not live in one. An
`Exchange` is kept in the session's state; every rerun only looks at its `progress`. It ends by
itself, by `stop()`, or when nobody watches it any more.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from app.ui.wording import sentence
from rag.results import Answer, AnswerEvent, AnswerStage, Citation, Hit, Turn

AnswerStream = Callable[[threading.Event], Iterator[AnswerEvent]]

# A browser that reconnects (a lid opened, flaky wireless) is back within a few seconds; one that
# was closed should not keep the engine busy for longer than that.
WATCH_INTERVAL_SECONDS = 1.0
UNWATCHED_LIMIT = 4


class Stage(Enum):
    """Where an exchange stands."""

    SEARCHING = "searching"
    READING = "reading"
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self in {Stage.DONE, Stage.STOPPED, Stage.FAILED}


@dataclass(frozen=True, slots=True)
class Progress:
    """What there is of an answer at one moment.

    text: what was streamed; the final text once there is an `answer`.
    error: one sentence, for Stage.FAILED.
    """

    stage: Stage = Stage.SEARCHING
    text: str = ""
    passages: tuple[Hit, ...] = ()
    citations: tuple[Citation, ...] = ()
    answer: Answer | None = None
    error: str = ""


class Exchange:
    """A question being answered, or answered. Thread-safe.

    stream: starts the answer; given the event that stops it.
    watched: asked about once a second while the answer is written; when it has said False
        UNWATCHED_LIMIT times in a row, the answer is stopped.
    """

    def __init__(
        self, question: str, stream: AnswerStream, *, watched: Callable[[], bool] = lambda: True
    ) -> None:
        self.id = uuid.uuid4().hex  # the browser tells by it which it has shown
        self.question = question
        self._stream = stream
        self._watched = watched
        self._cancel = threading.Event()
        self._finished = threading.Event()
        self._progress = Progress()

    def start(self) -> Exchange:
        """Begin to answer, and return at once."""
        threading.Thread(target=self._answer, name="page-answer", daemon=True).start()
        threading.Thread(target=self._watch, name="page-watch", daemon=True).start()
        return self

    def stop(self) -> None:
        """Have the search and the engine stop; `progress` says STOPPED once they have."""
        self._cancel.set()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for the end; False if it did not come in time."""
        return self._finished.wait(timeout_seconds)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._cancel.is_set()

    @property
    def progress(self) -> Progress:
        """A consistent view of what there is now."""
        return self._progress  # one reference, replaced whole by the answering thread alone

    def _answer(self) -> None:
        try:
            for event in self._stream(self._cancel):
                self._progress = advance(self._progress, event)
            self._progress = close(self._progress, stopped=self._cancel.is_set())
        except Exception as error:  # the thread's boundary: the reader must hear of any failure
            if self._cancel.is_set():
                self._progress = close(self._progress, stopped=True)
            else:
                self._progress = replace(self._progress, stage=Stage.FAILED, error=sentence(error))
        finally:
            self._finished.set()

    def _watch(self) -> None:
        misses = 0
        while misses < UNWATCHED_LIMIT and not self._finished.wait(WATCH_INTERVAL_SECONDS):
            misses = 0 if self._watched() else misses + 1
        self._cancel.set()


def advance(progress: Progress, event: AnswerEvent) -> Progress:
    """The progress after one more event: pure."""
    match event.stage:
        case AnswerStage.RETRIEVED:
            return replace(progress, stage=Stage.READING, passages=event.passages)
        case AnswerStage.TOKEN:
            return replace(progress, stage=Stage.WRITING, text=progress.text + event.text)
        case AnswerStage.CITATION:
            added = (event.citation,) if event.citation is not None else ()
            return replace(progress, citations=progress.citations + added)
        case AnswerStage.DONE:
            answer = event.answer
            if answer is None:
                return progress
            return Progress(
                stage=Stage.STOPPED if answer.cancelled else Stage.DONE,
                text=answer.text,
                passages=answer.passages or progress.passages,
                citations=answer.citations,
                answer=answer,
            )


def close(progress: Progress, *, stopped: bool) -> Progress:
    """The progress once the events have ended, with or without a DONE: pure."""
    if progress.stage.finished:
        return progress
    if stopped:
        return replace(progress, stage=Stage.STOPPED)
    return replace(
        progress,
        stage=Stage.FAILED,
        error="The answer ended early; ask again, and see the server's log if it happens twice.",
    )


def turns(exchanges: Sequence[Exchange]) -> list[Turn]:
    """The conversation so far, oldest first, for a follow-up question."""
    finished = [(e.question, e.progress) for e in exchanges]
    return [
        Turn(question=question, answer=progress.text)
        for question, progress in finished
        if progress.stage in {Stage.DONE, Stage.STOPPED} and progress.text
    ]
