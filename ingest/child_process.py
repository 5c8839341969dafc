"""How a module of ours is run in a process of its own. Starts nothing itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

# It imports what this process would, and never from the folder it happens to be started in.
_START = (
    "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]);"
    " runpy.run_module(sys.argv[2], run_name='__main__', alter_sys=True)"
)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command line for a module; it finds its arguments at the end of sys.argv."""
    paths = json.dumps([str(Path(entry).absolute()) for entry in sys.path])
    return [sys.executable, "-P", "-c", _START, paths, module, *arguments]
