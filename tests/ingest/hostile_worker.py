"""A worker whose loader does what hostile files make parsers do; the file's text says which."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from ingest import extraction_worker
from ingest.documents import Document, Page


def load(path: Path, *, alive: Callable[[int], None], cores: int, **_: object) -> Document:
    match path.read_text():
        case "segfault":
            ctypes.string_at(0)
        case "hang":
            threading.Event().wait()
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            return Document("", "text/plain", (Page(1, str(bytearray(8 << 30))),))
        case "flood":
            return Document("", "text/plain", (Page(1, "x" * (3 << 20)),))
        case "alarm":
            return Document("", "text/plain", (Page(1, f"{signal.alarm(0)} s left"),))
        case "cores":
            return Document("", "text/plain", (Page(1, f"{cores} cores"),))
        case "print":
            os.write(1, b"a parser's own words")
    return Document("", "text/plain", (Page(1, f"read by {os.getpid()}"),))


if __name__ == "__main__":
    extraction_worker.load = load  # type: ignore[assignment]
    extraction_worker.main()
