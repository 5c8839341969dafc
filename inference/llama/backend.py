"""llama.cpp's start in this process, its log, and the last error that it told."""

from __future__ import annotations

import ctypes
import logging
from functools import lru_cache

import llama_cpp

logger = logging.getLogger(__name__)

_last_error_line = ""


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _log_to_python(level: int, text: bytes, _user_data: ctypes.c_void_p) -> None:
    """llama.cpp's log: warnings to our logger, the last error kept for `ModelLoadError`."""
    global _last_error_line
    if level < 2:  # GGML_LOG_LEVEL_INFO and below: loading alone prints hundreds of lines
        return
    line = text.decode("utf-8", "replace").strip()
    if level == 3:
        _last_error_line = line
    if line and level in (2, 3):
        logger.log(logging.DEBUG if level == 2 else logging.INFO, "%s", line)


@lru_cache(maxsize=1)
def start_backend() -> None:
    """Initialise llama.cpp once a process, when a model is first needed and not at import."""
    llama_cpp.llama_log_set(_log_to_python, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()


def last_error() -> str:
    """Why the last call failed, as llama.cpp's log has it."""
    return _last_error_line or "llama.cpp gave no reason"
