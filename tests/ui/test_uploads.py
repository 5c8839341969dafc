"""Uploaded files on their way into the library."""

from __future__ import annotations

import threading

import pytest

from app.counts import counted
from app.ui.uploads import (
    UploadedDocument,
    UploadJob,
    UploadProgress,
    UploadState,
    describe_progress,
    describe_report,
)
from app.ui.wording import GENERIC
from ingest.errors import FileTooLarge
from ingest.outcomes import AddReport, FileOutcome, Outcome
from ingest.progress import Progress, ProgressCallback, Stage

WAIT_SECONDS = 10.0
FILES = [UploadedDocument("a.pdf", b"a"), UploadedDocument("b.pdf", b"b")]


def report(outcome: Outcome, reason: str = "") -> AddReport:
    return AddReport((FileOutcome("a.pdf", outcome, reason, "d", pages=2, chunks=1),))


@pytest.mark.parametrize(
    ("outcome", "reason", "state", "detail"),
    [
        (Outcome.ADDED, "", UploadState.DONE, "Added: 2 pages, 1 passage"),
        (Outcome.REPLACED, "", UploadState.DONE, "Replaced: 2 pages, 1 passage"),
        (Outcome.UNCHANGED, "", UploadState.DONE, "Already in the library"),
        (Outcome.UNCHANGED, "Same as b.pdf.", UploadState.DONE, "Same as b.pdf."),
        (Outcome.SKIPPED, "It is encrypted.", UploadState.SKIPPED, "It is encrypted."),
    ],
    ids=["added", "replaced", "unchanged", "unchanged-with-reason", "skipped"],
)
def test_every_outcome_is_told(
    outcome: Outcome, reason: str, state: UploadState, detail: str
) -> None:
    assert describe_report("a.pdf", report(outcome, reason)) == UploadProgress(
        "a.pdf", state, detail
    )


def test_of_an_archive_it_is_told_what_became_of_its_files() -> None:
    added = FileOutcome("a.zip/b.pdf", Outcome.ADDED, "", "d", pages=2, chunks=1)
    known = FileOutcome("a.zip/c.pdf", Outcome.UNCHANGED, "", "e", pages=1, chunks=1)
    locked = FileOutcome(
        "a.zip/d.pdf", Outcome.SKIPPED, "a.zip/d.pdf is encrypted.", needs_password=True
    )
    for files, told in (
        ((added, known, added), ("Done", "2 added, 1 unchanged", False)),
        ((added, locked), ("Done", "1 added, 1 skipped. a.zip/d.pdf is encrypted.", True)),
        ((locked, locked), ("Skipped", "2 skipped. a.zip/d.pdf is encrypted.", True)),
    ):
        state, detail, needs_password = told
        assert describe_report("a.zip", AddReport(files)) == UploadProgress(
            "a.zip", UploadState(state.lower()), detail, needs_password
        )


def test_progress_names_pages_and_passages_while_embedding() -> None:
    reading = Progress(Stage.READING, 1, 1, "a.pdf", "a.pdf")
    embedding = Progress(
        Stage.EMBEDDING, 1, 1, "a.pdf", "a.pdf", pages=1, chunks=1200, chunks_embedded=32
    )
    assert describe_progress(reading) == "Reading"
    assert describe_progress(embedding) == "1 page · 32 of 1,200 passages"


def test_one_file_that_fails_does_not_lose_the_others() -> None:
    def add(name: str, data: bytes, *, password: str, progress: ProgressCallback) -> AddReport:
        if name == "a.pdf":
            raise FileTooLarge("a.pdf is larger than 1 MB.")
        return report(Outcome.ADDED)

    job = UploadJob(FILES, add).start()
    assert job.wait(WAIT_SECONDS)
    assert [(file.name, file.state) for file in job.files] == [
        ("a.pdf", UploadState.SKIPPED),
        ("b.pdf", UploadState.DONE),
    ]
    assert job.files[0].detail == "a.pdf is larger than 1 MB."


def test_a_fault_is_not_shown_with_its_inner_workings() -> None:
    def add(name: str, data: bytes, *, password: str, progress: ProgressCallback) -> AddReport:
        raise RuntimeError("secret")

    job = UploadJob(FILES[:1], add).start()
    assert job.wait(WAIT_SECONDS)
    assert job.files[0].detail == GENERIC


def test_files_wait_their_turn_and_report_their_progress() -> None:
    embedding, go_on = threading.Event(), threading.Event()

    def add(name: str, data: bytes, *, password: str, progress: ProgressCallback) -> AddReport:
        progress(Progress(Stage.STORING, 1, 1, name, name))
        embedding.set()
        assert go_on.wait(WAIT_SECONDS)
        return report(Outcome.ADDED)

    job = UploadJob(FILES, add).start()
    assert embedding.wait(WAIT_SECONDS)
    assert not job.finished
    assert [(file.state, file.detail) for file in job.files] == [
        (UploadState.WORKING, "Storing"),
        (UploadState.WAITING, "Waiting"),
    ]
    go_on.set()
    assert job.wait(WAIT_SECONDS)


class LockedFiles:
    """Adds files that open with the right password only; remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, bytes, str]] = []

    def __call__(
        self, name: str, data: bytes, *, password: str, progress: ProgressCallback
    ) -> AddReport:
        self.given.append((name, data, password))
        if password == "open sesame":
            return report(Outcome.ADDED)
        reason = f"{name} needs a password."
        return AddReport((FileOutcome(name, Outcome.SKIPPED, reason, needs_password=True),))


def test_a_file_that_needs_a_password_can_be_tried_with_one_until_it_opens() -> None:
    add = LockedFiles()
    job = UploadJob(FILES, add).start()
    assert job.wait(WAIT_SECONDS)
    assert [file.needs_password for file in job.files] == [True, True]
    for password, state in (("guess", UploadState.SKIPPED), ("open sesame", UploadState.DONE)):
        job.unlock(1, password)
        assert job.wait(WAIT_SECONDS)
        assert job.files[1].state is state
    assert job.files[0].needs_password  # still
    assert add.given[2:] == [("b.pdf", b"b", "guess"), ("b.pdf", b"b", "open sesame")]
    job.unlock(1, "open sesame")  # it is in the library: its bytes are gone from here
    job.unlock(7, "open sesame")
    assert job.finished
    assert len(add.given) == 4


def test_a_password_stays_nowhere_in_the_upload() -> None:
    job = UploadJob(FILES, LockedFiles()).start()
    assert job.wait(WAIT_SECONDS)
    job.unlock(0, "guess")
    assert job.wait(WAIT_SECONDS)
    assert "guess" not in repr(vars(job)) + repr(job.files)


def test_nothing_is_tried_while_files_are_being_added() -> None:
    begun, go_on = threading.Event(), threading.Event()
    passwords: list[str] = []

    def add(name: str, data: bytes, *, password: str, progress: ProgressCallback) -> AddReport:
        passwords.append(password)
        begun.set()
        assert go_on.wait(WAIT_SECONDS)
        return report(Outcome.ADDED)

    job = UploadJob(FILES[:1], add).start()
    assert begun.wait(WAIT_SECONDS)
    job.unlock(0, "guess")
    go_on.set()
    assert job.wait(WAIT_SECONDS)
    assert passwords == [""]


def test_numbers_are_counted_as_a_reader_would() -> None:
    assert [counted(n, "page") for n in (0, 1, 2000)] == ["0 pages", "1 page", "2,000 pages"]
