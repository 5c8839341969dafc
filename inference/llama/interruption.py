"""Ctrl-C while llama.cpp loads a model.

Python runs a signal's handler in whatever Python code is run next. While a model is loaded that is
the callback that takes llama.cpp's log, and what is raised in there is lost.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import llama_cpp

_interrupted = threading.Event()


@llama_cpp.llama_progress_callback  # type: ignore[untyped-decorator]
def goes_on(_progress: float, _user_data: object) -> bool:
    """Whether a model is to be loaded further: llama.cpp asks now and then."""
    return not _interrupted.is_set()


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Have Ctrl-C end the loading of a model; raises KeyboardInterrupt at the end of the block.

    Nothing is changed where Ctrl-C raises none: in other threads than the main one, and where the
    program has a handler of its own.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    _interrupted.clear()
    signal.signal(signal.SIGINT, lambda *_: _interrupted.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if _interrupted.is_set():
            _interrupted.clear()
            raise KeyboardInterrupt
