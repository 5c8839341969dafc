"""An answer in the making, in its own thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from app.ui import exchange as module
from app.ui.exchange import Exchange, Progress, Stage, advance, close, turns
from app.ui.wording import GENERIC
from inference.request import QueueFull
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

WAIT_SECONDS = 10.0
HIT = Hit(1, "d", "a.pdf", "/a.pdf", 1, 0, 0, 4, "Text", "", 1.0, 0.5, None)
CITATION = Citation(1, "d", "a.pdf", "/a.pdf", 1, 0, "Text", 0, 4, "So it is.")


def answer(text: str = "So it is. [1]", *, cancelled: bool = False) -> Answer:
    return Answer(
        question="q",
        text=text,
        refused=False,
        passages=(HIT,),
        citations=(CITATION,),
        usage=AnswerUsage(),
        timings=AnswerTimings(),
        model="m",
        cancelled=cancelled,
    )


def done(text: str = "So it is. [1]", *, cancelled: bool = False) -> AnswerEvent:
    return AnswerEvent(AnswerStage.DONE, answer=answer(text, cancelled=cancelled))


def token(text: str) -> AnswerEvent:
    return AnswerEvent(AnswerStage.TOKEN, text=text)


def finished(exchange: Exchange) -> Progress:
    assert exchange.wait(WAIT_SECONDS)
    return exchange.progress


def endless(started: threading.Event) -> module.AnswerStream:
    """Writes one word, then nothing until it is cancelled, as a model busy with a prompt does."""

    def stream(cancel: threading.Event) -> Iterator[AnswerEvent]:
        yield token("So")
        started.set()
        assert cancel.wait(WAIT_SECONDS)
        yield done("So", cancelled=True)

    return stream


def test_an_answer_goes_from_searching_over_reading_and_writing_to_done() -> None:
    stages = [Progress()]
    for event in [
        AnswerEvent(AnswerStage.RETRIEVED, passages=(HIT,)),
        token("So "),
        token("it is."),
        AnswerEvent(AnswerStage.CITATION, citation=CITATION),
        done(),
    ]:
        stages.append(advance(stages[-1], event))
    assert [progress.stage for progress in stages] == [
        Stage.SEARCHING,
        Stage.READING,
        Stage.WRITING,
        Stage.WRITING,
        Stage.WRITING,
        Stage.DONE,
    ]
    assert stages[3].text == "So it is."
    assert stages[4].citations == (CITATION,)


def test_the_final_text_replaces_what_was_streamed() -> None:
    exchange = Exchange("q", lambda _: iter([token("So it is. [7]"), done("So it is.")]))
    assert finished(exchange.start()).text == "So it is."


def test_stop_reaches_the_stream_and_keeps_what_there_was() -> None:
    started = threading.Event()
    exchange = Exchange("q", endless(started)).start()
    assert started.wait(WAIT_SECONDS)
    exchange.stop()
    progress = finished(exchange)
    assert (progress.stage, progress.text) == (Stage.STOPPED, "So")


def test_an_answer_that_nobody_watches_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_INTERVAL_SECONDS", 0.001)
    started = threading.Event()
    exchange = Exchange("q", endless(started), watched=lambda: False).start()
    assert finished(exchange).stage is Stage.STOPPED


def test_a_reader_who_comes_back_in_time_keeps_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_INTERVAL_SECONDS", 0.001)
    looks = iter([False] * (module.UNWATCHED_LIMIT - 1) + [True] * 50)
    seen_enough = threading.Event()

    def watched() -> bool:
        look = next(looks, None)
        if look is None:
            seen_enough.set()
        return look is not False

    def stream(cancel: threading.Event) -> Iterator[AnswerEvent]:
        assert seen_enough.wait(WAIT_SECONDS)
        assert not cancel.is_set()
        yield done()

    assert finished(Exchange("q", stream, watched=watched).start()).stage is Stage.DONE


def test_our_own_errors_are_told_as_they_are() -> None:
    def stream(cancel: threading.Event) -> Iterator[AnswerEvent]:
        raise QueueFull("256 requests wait already; try again in a moment.", 1.0)
        yield

    progress = finished(Exchange("q", stream).start())
    assert progress.stage is Stage.FAILED
    assert progress.error == "256 requests wait already; try again in a moment."


def test_the_inner_workings_of_a_fault_are_logged_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stream(cancel: threading.Event) -> Iterator[AnswerEvent]:
        yield token("So")
        raise KeyError("secret")

    progress = finished(Exchange("q", stream).start())
    assert (progress.stage, progress.error, progress.text) == (Stage.FAILED, GENERIC, "So")
    assert "secret" in caplog.text


def test_a_stream_that_ends_without_an_answer_is_a_failure() -> None:
    assert finished(Exchange("q", lambda _: iter([token("So")])).start()).stage is Stage.FAILED
    assert close(Progress(), stopped=True).stage is Stage.STOPPED


def test_only_what_was_answered_is_the_conversation_so_far() -> None:
    def failing(cancel: threading.Event) -> Iterator[AnswerEvent]:
        raise QueueFull("full", 1.0)
        yield

    exchanges = [
        Exchange("first", lambda _: iter([done("One.")])).start(),
        Exchange("second", failing).start(),
    ]
    for exchange in exchanges:
        finished(exchange)
    assert turns(exchanges) == [Turn("first", "One.")]
