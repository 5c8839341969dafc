from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rag.lazy import Lazy


def test_a_value_is_made_once_however_many_ask() -> None:
    made: list[int] = []
    everyone_asks = threading.Barrier(8)

    def make() -> object:
        made.append(1)
        return object()

    lazy = Lazy(make)

    def ask() -> object:
        everyone_asks.wait()
        return lazy.get()

    with ThreadPoolExecutor(8) as pool:
        values = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
    assert len(made) == 1
    assert all(value is values[0] for value in values)


def test_a_failure_is_raised_and_tried_again() -> None:
    outcomes = [OSError("not there yet"), None]

    def make() -> str:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return "made"

    lazy = Lazy(make)
    with pytest.raises(OSError, match="not there yet"):
        lazy.get()
    assert not lazy.is_made
    assert lazy.get() == "made"


def test_a_taken_value_is_forgotten() -> None:
    lazy = Lazy(lambda: "value")
    assert lazy.take() is None
    assert lazy.get() == "value"
    assert lazy.take() == "value"
    assert not lazy.is_made


def test_a_value_that_is_taken_while_it_is_got_is_no_error() -> None:
    """Closing a library took its model between the look whether it was there and the taking of it:
    a question ended with an IndexError.
    """

    class TakenAfterTheLook(list[str]):
        def __bool__(self) -> bool:
            found = len(self) > 0
            self.clear()
            return found

    lazy = Lazy(lambda: "made again")
    lazy._values = TakenAfterTheLook(["made"])
    assert lazy.get() == "made"


def test_a_value_can_be_begun_in_the_background() -> None:
    begun, finish = threading.Event(), threading.Event()

    def make() -> str:
        begun.set()
        assert finish.wait(10)
        return "made"

    lazy = Lazy(make)
    lazy.get_soon()
    assert begun.wait(10)
    lazy.get_soon()  # does not begin again
    finish.set()
    assert lazy.get() == "made"
