"""The process that reads hostile files: one request on stdin, its answer on stdout, then the next.

Ends when stdin does, whatever it is doing, and by the system's own alarm where the interpreter
cannot see that. Its messages (ingest.messages):

    <- {"path", "name", "limits", "silent_seconds", "ocr_languages", "password", "cores",
        "unpack_to"}
    -> {"alive": pages read}                      any number of these, then one of
    -> {"members": [name, ...]}                   of an archive, written to "<unpack_to>0" and on
    -> {"document": {"title", "media_type", "pages":
        [[number or null, text, read by OCR, [[start, end, level] of a heading, ...]], ...]}}
    -> {"error": a child of UnreadableFile, "message"}
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path
from typing import IO

from ingest.child_process import keep_imports, set_alarm, take_stdout
from ingest.errors import FileTooLarge, UnreadableFile
from ingest.loaders import LoadLimits, load, unpack
from ingest.messages import Message, read_message, write_message

_ALARM_GRACE_SECONDS = 30  # the parent's own limit comes first while there is a parent
_ALIVE_EVERY_SECONDS = 1.0


def main() -> None:
    """Serve until stdin ends."""
    os.environ["OMP_THREAD_LIMIT"] = "1"  # of OCR: pages side by side use the cores better
    answers = take_stdout()
    keep_imports()
    requests: queue.SimpleQueue[Message] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(sys.stdin.buffer, requests), daemon=True).start()
    while True:
        request = requests.get()
        alarm_seconds = request["silent_seconds"] + _ALARM_GRACE_SECONDS
        set_alarm(alarm_seconds)
        _limit_memory(int(request["limits"]["max_memory_bytes"]))
        write_message(answers, answer(request, _alive(answers, alarm_seconds)))
        set_alarm(0)


def answer(request: Message, alive: Callable[[int], None]) -> Message:
    """Read the file of a request; whatever is wrong with it is part of the answer."""
    limits = LoadLimits(**request["limits"])
    path, name = Path(request["path"]), request["name"]
    try:
        if request["unpack_to"]:
            target = Path(request["unpack_to"])
            members = unpack(path, name=name, target=target, limits=limits, alive=alive)
            if members is not None:
                return {"members": members}
        document = load(
            path,
            name=name,
            limits=limits,
            password=request["password"],
            ocr_languages=request["ocr_languages"],
            cores=request["cores"],
            alive=alive,
        )
    except UnreadableFile as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": FileTooLarge.__name__, "message": memory_reason(limits)}
    pages = [astuple(page) for page in document.pages]
    return {
        "document": {"title": document.title, "media_type": document.media_type, "pages": pages}
    }


def memory_reason(limits: LoadLimits) -> str:
    """Why a file that needs too much memory is left out."""
    return (
        f"needs more than {limits.max_memory_bytes / 1e9:.1f} GB of memory to be read; split it"
        " into smaller files."
    )


def _receive(stream: IO[bytes], requests: queue.SimpleQueue[Message]) -> None:
    while (request := read_message(stream)) is not None:
        requests.put(request)
    _end_with_children()


def _end_with_children() -> None:
    """End now, with the OCR that may be running: this process leads its own group."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _alive(answers: IO[bytes], alarm_seconds: float) -> Callable[[int], None]:
    last = time.monotonic()

    def alive(pages: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _ALIVE_EVERY_SECONDS:
            last = now
            set_alarm(alarm_seconds)
            write_message(answers, {"alive": pages})

    return alive


def _limit_memory(largest: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; time and output are limited there too
        return
    for kind, value in ((resource.RLIMIT_AS, largest), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        try:
            resource.setrlimit(
                kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard)
            )
        except (ValueError, OSError):  # macOS refuses some
            continue


if __name__ == "__main__":
    main()
