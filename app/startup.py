"""What a server does in the background when it starts: models, samples, unfinished files."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from app.workspace import StartProgress, Workspace
from inference.models import FetchProgress
from ingest.pipeline import Progress
from rag.settings import CHECKOUT

logger = logging.getLogger(__name__)

SAMPLES = CHECKOUT / "data" / "samples"
# Its presence says that the samples were offered: a user who removed them does not get them back.
_SAMPLES_MARK = "samples-added"

Announce = Callable[[str], None]


def start_in_background(workspace: Workspace, announce: Announce) -> threading.Thread:
    """Begin to get ready; `workspace.start` says how far it is. announce: for the terminal."""
    thread = threading.Thread(
        target=_start, args=(workspace, announce), name="paperlight-start", daemon=True
    )
    thread.start()
    return thread


def _start(workspace: Workspace, announce: Announce) -> None:
    try:
        _get_ready(workspace, announce)
    except Exception as error:  # a thread's boundary: page and API show what went wrong
        logger.debug("the start failed", exc_info=True)
        workspace.start.fail(str(error))
        announce(f"Paperlight cannot answer: {error}")
    else:
        workspace.start.finish()
        announce(f"Paperlight is ready at {workspace.settings.address}")


def _get_ready(workspace: Workspace, announce: Announce) -> None:
    library, start = workspace.library, workspace.start
    reporter = _Reporter(start, announce)
    start.tell("Loading the models")
    library.warm_up(reporter.fetching)
    for device in library.generator.devices:
        announce(f"Using {device}")
    # Unfinished work first: what a killed process left was asked for before anything new.
    library.resume(reporter.indexing)
    if _wants_samples(workspace):
        start.tell("Indexing the sample documents")
        library.add(SAMPLES, progress=reporter.indexing)
        _samples_mark(workspace).touch()


def _wants_samples(workspace: Workspace) -> bool:
    """Samples go into the default library only, once, and only while it is empty."""
    library, settings = workspace.library, workspace.settings
    is_default = library.path == settings.library_path.expanduser().absolute()
    unmarked = not _samples_mark(workspace).exists()
    return is_default and unmarked and SAMPLES.is_dir() and not library.documents()


def _samples_mark(workspace: Workspace) -> Path:
    return workspace.library.path / _SAMPLES_MARK


class _Reporter:
    """Turns progress events into the status of the start and into few lines on the terminal."""

    def __init__(self, start: StartProgress, announce: Announce) -> None:
        self._start = start
        self._announce = announce
        self._said: set[str] = set()

    def fetching(self, progress: FetchProgress) -> None:
        fraction = progress.done_bytes / progress.total_bytes if progress.total_bytes else None
        self._start.tell(progress.what, fraction)
        tenth = "" if fraction is None else f" {int(fraction * 10) * 10} %"
        self._say_once(f"{progress.what}{tenth}")

    def indexing(self, progress: Progress) -> None:
        position = f"{progress.file_index}/{progress.file_count}"
        self._start.tell(f"Indexing {progress.name} ({position})", progress_fraction(progress))
        self._say_once(f"Indexing {position} {progress.name}")

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._announce(line)


def progress_fraction(progress: Progress) -> float:
    """How much of an add is done, in [0, 1]: by bytes, and by chunks within a file."""
    within = progress.chunks_embedded / progress.chunks if progress.chunks else 0.0
    done = progress.bytes_done + (0 if progress.outcome else within * progress.byte_size)
    return min(1.0, done / progress.bytes_total) if progress.bytes_total else 0.0
