"""How a module of ours is run in a process of its own, and what it does there. Starts nothing."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO

# It imports what this process would, and never from the folder it happens to be started in.
_START = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " runpy.run_module(sys.argv[2], run_name='__main__', alter_sys=True)"
)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line for a module; it finds its arguments at the end of sys.argv."""
    paths = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
    return [sys.executable, "-P", "-c", _START, paths, module, *arguments]


def take_stdout() -> BinaryIO:
    """What a parent reads, for this process alone: whatever a parser prints goes to stderr."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def keep_imports() -> None:
    """Spare this process's garbage collections what was imported, which stays until it ends."""
    gc.freeze()


def set_alarm(seconds: float) -> None:
    """End this process after so many seconds, even inside a C library; 0 for never.

    Does nothing on Windows, which has no alarm.
    """
    if hasattr(signal, "alarm"):
        signal.alarm(int(seconds) + 1 if seconds else 0)
