"""Uploaded files on their way into the library, in a thread of their own; knows no Streamlit.

Like an answer, an upload outlives the reruns of the page; every rerun looks at `files`. It also
outlives the browser: a document that was handed over is added even if the tab is closed.

A file that needs a password waits for it here, in memory; the password itself is handed on and kept
nowhere.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from app.counts import counted
from app.ui.wording import sentence
from ingest.outcomes import AddReport, Outcome
from ingest.progress import Progress, ProgressCallback, Stage


class AddFile(Protocol):
    """Adds one file and reports its progress; see Library.add_bytes."""

    def __call__(
        self, name: str, data: bytes, *, password: str, progress: ProgressCallback
    ) -> AddReport: ...


class UploadState(Enum):
    """Where an uploaded file stands."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class UploadedDocument:
    """A file as handed over by the browser. name: as the browser gave it, so hostile."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class UploadProgress:
    """Where one file stands.

    detail: what is being done, or what came of it, as one line. needs_password: `unlock` may be
    tried.
    """

    name: str
    state: UploadState = UploadState.WAITING
    detail: str = "Waiting"
    needs_password: bool = False


class UploadJob:
    """Files being added one after the other. Thread-safe."""

    def __init__(self, files: Sequence[UploadedDocument], add: AddFile) -> None:
        self._documents = dict(enumerate(files))  # whose bytes are still needed
        self._add = add
        self._files = [UploadProgress(file.name) for file in files]
        self._finished = threading.Event()

    def start(self) -> UploadJob:
        """Begin to add the files, and return at once."""
        self._begin(list(self._documents), password="")
        return self

    def unlock(self, index: int, password: str) -> None:
        """Begin to add a file again that needs a password, and return at once.

        index: into `files`. Nothing happens if that file needs none, or others are being added.
        """
        if self.finished and index in self._documents:
            self._finished.clear()
            self._begin([index], password=password)

    @property
    def files(self) -> tuple[UploadProgress, ...]:
        """Where each file stands, in the order they were given."""
        return tuple(self._files)

    @property
    def finished(self) -> bool:
        """Whether every file was dealt with."""
        return self._finished.is_set()

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for the end; False if it did not come in time."""
        return self._finished.wait(timeout_seconds)

    def _begin(self, indices: Sequence[int], *, password: str) -> None:
        threading.Thread(
            target=self._run, args=(indices, password), name="page-upload", daemon=True
        ).start()

    def _run(self, indices: Sequence[int], password: str) -> None:
        try:
            for index in indices:
                self._files[index] = self._add_one(index, self._documents[index], password)
        finally:
            for index, file in enumerate(self._files):
                if not file.needs_password:  # the bytes are in the library now, or refused
                    self._documents.pop(index, None)
            self._finished.set()

    def _add_one(self, index: int, file: UploadedDocument, password: str) -> UploadProgress:
        waiting = UploadProgress(file.name)

        def show(progress: Progress) -> None:
            self._files[index] = replace(
                waiting, state=UploadState.WORKING, detail=describe_progress(progress)
            )

        self._files[index] = replace(waiting, state=UploadState.WORKING, detail="Reading")
        try:
            report = self._add(file.name, file.data, password=password, progress=show)
        except Exception as error:  # the thread's boundary: one bad file must not lose the others
            return replace(waiting, state=UploadState.SKIPPED, detail=sentence(error))
        return describe_report(file.name, report)


def describe_progress(progress: Progress) -> str:
    """What is being done, as a line that a reader understands."""
    if progress.stage is not Stage.EMBEDDING:
        return progress.stage.value.capitalize()
    done = f"{progress.chunks_embedded:,} of {counted(progress.chunks, 'passage')}"
    return f"{counted(progress.pages, 'page')} · {done}"


def describe_report(name: str, report: AddReport) -> UploadProgress:
    """What came of one uploaded file, or of all that were in it."""
    if len(report.files) > 1:
        return _describe_archive(name, report)
    file = report.files[0]
    if file.outcome is Outcome.SKIPPED:
        detail = file.reason or "Not added"
        return UploadProgress(name, UploadState.SKIPPED, detail, file.needs_password)
    if file.outcome is Outcome.UNCHANGED:
        return UploadProgress(name, UploadState.DONE, file.reason or "Already in the library")
    verb = "Replaced" if file.outcome is Outcome.REPLACED else "Added"
    counts = f"{counted(file.pages, 'page')}, {counted(file.chunks, 'passage')}"
    return UploadProgress(name, UploadState.DONE, f"{verb}: {counts}")


def _describe_archive(name: str, report: AddReport) -> UploadProgress:
    counts = Counter(file.outcome.value for file in report.files)
    detail = ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items())
    skipped = [file for file in report.files if file.outcome is Outcome.SKIPPED]
    return UploadProgress(
        name,
        UploadState.SKIPPED if len(skipped) == len(report.files) else UploadState.DONE,
        f"{detail}. {skipped[0].reason}" if skipped else detail.capitalize(),
        any(file.needs_password for file in skipped),
    )
