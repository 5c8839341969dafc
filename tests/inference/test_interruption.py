"""Ctrl-C while a model is loaded."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.llama.interruption import heeding_interrupts
from inference.llama.model import Model
from inference.request import ModelLoadError


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Tests that a script starts in the background ignore Ctrl-C, and these three failed there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_it_is_told_at_the_end_of_the_block() -> None:
    """It was raised in the callback that takes llama.cpp's log, and lost there."""
    done = []

    def interrupted() -> None:
        with heeding_interrupts():
            signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.model
def test_it_ends_the_loading(llm_path: Path) -> None:
    def interrupted() -> None:
        with heeding_interrupts():
            signal.raise_signal(signal.SIGINT)
            with pytest.raises(ModelLoadError):
                Model(llm_path)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    Model(llm_path).close()  # the next one is loaded


def test_a_handler_of_the_program_s_own_stays() -> None:
    told: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: told.append(number))
    try:
        with heeding_interrupts():
            signal.raise_signal(signal.SIGINT)
        assert told == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_changes_nothing() -> None:
    seen: list[object] = []

    def load() -> None:
        with heeding_interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=load)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
