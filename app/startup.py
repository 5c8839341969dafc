"""What a server does in the background when it starts: models, samples, unfinished files."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from app.workspace import StartProgress, Workspace
from inference.llama.gpus import unused_gpus
from inference.models import FetchProgress
from ingest.errors import DiskFull, LibraryReadOnly
from ingest.progress import Progress
from ingest.storage_failures import named_storage_failures
from rag.doctor import check_devices, describe_hardware
from rag.settings import CHECKOUT

logger = logging.getLogger(__name__)

SAMPLES = CHECKOUT / "data" / "samples"
# Its presence says that the samples were offered: a user who removed them does not get them back.
_SAMPLES_MARK = "samples-added"
# A start that failed is tried again: the network may be back, the model may be there by now.
RETRY_SECONDS = 30.0
_STOP_SECONDS = 5.0

Announce = Callable[[str], None]


class _Stopped(Exception):
    """The server ends before its start has."""


class StartUp:
    """The work of a start, in a thread; `workspace.start` says how far it is.

    announce: called with each line that belongs on the terminal.
    """

    def __init__(self, workspace: Workspace, announce: Announce) -> None:
        self._workspace = workspace
        self._announce = announce
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="paperlight-start", daemon=True)

    def begin(self) -> None:
        """Begin, and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Give up what is not done yet; wait for the thread, but not for ever."""
        self._stopping.set()
        self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        failure = ""
        while not self._stopping.is_set():
            try:
                self._get_ready()
            except _Stopped:
                return
            except Exception as error:  # a thread's boundary: page and API show what went wrong
                if self._stopping.is_set():
                    return
                logger.debug("the start failed", exc_info=True)
                self._workspace.start.fail(str(error))
                if str(error) != failure:
                    failure = str(error)
                    self._announce(f"Paperlight cannot answer: {failure}")
                self._stopping.wait(RETRY_SECONDS)
            else:
                self._finish_what_was_left()
                return

    def _get_ready(self) -> None:
        library, start = self._workspace.library, self._workspace.start
        reporter = _Reporter(start, self._announce, self._stopping)
        start.tell("Loading the models")
        library.warm_up(reporter.fetching)
        self._announce_hardware()
        try:
            self._offer_samples(reporter)
        except (LibraryReadOnly, DiskFull) as error:  # what is in it can be asked all the same
            self._announce(str(error))
        start.finish()
        self._announce(f"Paperlight is ready at {self._workspace.settings.address}")

    def _offer_samples(self, reporter: _Reporter) -> None:
        """Index the samples where they are wanted, and note that they were offered."""
        library = self._workspace.library
        if _wants_samples(self._workspace):
            self._workspace.start.tell("Indexing the sample documents")
            library.add(SAMPLES, progress=reporter.indexing, cancel=self._stopping)
        if self._stopping.is_set():
            raise _Stopped
        with named_storage_failures(library.path):
            _samples_mark(self._workspace).touch()

    def _announce_hardware(self) -> None:
        """What computes, in one line, and loudly what could and does not."""
        library, gpu_layers = self._workspace.library, self._workspace.settings.gpu_layers
        generator = library.generator
        self._announce(describe_hardware(generator.devices, generator.metrics()))
        unused = unused_gpus()
        if unused and gpu_layers != 0:
            self._announce(check_devices(used=(), unused=unused, gpu_layers=gpu_layers).detail)

    def _finish_what_was_left(self) -> None:
        """Take up the files of a killed process. Questions are answered meanwhile."""
        try:
            report = self._workspace.library.resume(cancel=self._stopping)
        except Exception as error:  # a thread's boundary: what is in the library can be asked
            logger.debug("unfinished files were not taken up", exc_info=True)
            if not self._stopping.is_set():
                self._announce(f"Files left by an earlier run could not be taken up: {error}")
            return
        for file in report.files:
            self._announce(f"Taken up again: {file.path} ({file.reason or file.outcome.value})")


def _wants_samples(workspace: Workspace) -> bool:
    """Samples go into the default library only, once, and only where nothing else is."""
    library, settings = workspace.library, workspace.settings
    is_default = library.path == settings.library_path.expanduser().absolute()
    if not is_default or not SAMPLES.is_dir() or _samples_mark(workspace).exists():
        return False
    return all(Path(record.path).is_relative_to(SAMPLES) for record in library.documents())


def _samples_mark(workspace: Workspace) -> Path:
    return workspace.library.path / _SAMPLES_MARK


class _Reporter:
    """Turns progress events into the status of the start and into few lines on the terminal."""

    def __init__(self, start: StartProgress, announce: Announce, stopping: threading.Event) -> None:
        self._start = start
        self._announce = announce
        self._stopping = stopping
        self._said: set[str] = set()

    def fetching(self, progress: FetchProgress) -> None:
        """A step of making a model available; raises to end it where the server ends."""
        if self._stopping.is_set():
            raise _Stopped
        fraction = progress.done_bytes / progress.total_bytes if progress.total_bytes else None
        self._start.tell(progress.what, fraction)
        tenth = "" if fraction is None else f" {int(fraction * 10) * 10} %"
        self._say_once(f"{progress.what}{tenth}")

    def indexing(self, progress: Progress) -> None:
        """A step of adding files."""
        position = f"{progress.file_index}/{progress.file_count}"
        self._start.tell(f"Indexing {progress.name} ({position})", progress.fraction)
        self._say_once(f"Indexing {position} {progress.name}")

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._announce(line)
