"""One addition: its files are read, embedded in groups, and stored, the smallest first.

So there is soon something to embed beside what is read. Each file has an outcome. While a group is
embedded, the one before is stored, by a thread of its own: a document in one transaction; the index
is caught up after each group. What was not finished when it ends, of its own or by an error, leaves
nothing behind.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from operator import itemgetter
from typing import Protocol

from ingest.embedding_groups import GroupEmbedder, Waiting, fits, has_twin, is_complete, vectors_of
from ingest.errors import DiskFull, SharedIndexUnavailable
from ingest.file_reading import FileReader, PassageTokens, ReadArchive, ReadFile, ReadResult
from ingest.known_files import look_up, moved_reason
from ingest.outcomes import (
    FILE_ERRORS,
    AddReport,
    FileOutcome,
    Outcome,
    shown_name,
    skipped,
)
from ingest.progress import (
    Cancelled,
    Progress,
    ProgressCallback,
    Reporter,
    Stage,
    Totals,
    stop_if,
)
from ingest.reading_ahead import ReadAhead
from ingest.records import FloatMatrix, NewDocument, PendingFile
from ingest.settings import IngestSettings
from ingest.store import Store

logger = logging.getLogger(__name__)

_SAVE_EVERY_SECONDS = 120.0


class DerivedIndex(Protocol):
    """What the pipeline needs of an index of the store's vectors; see VectorIndex, SharedIndex."""

    def sync(self, store: Store) -> bool: ...

    def adapt(self, store: Store) -> bool: ...

    def save(self) -> None: ...


class PassageEmbedder(PassageTokens, GroupEmbedder, Protocol):
    """What an addition needs of an embedder."""

    @property
    def identity(self) -> str: ...

    @property
    def dimensions(self) -> int: ...


class Addition:
    """Files on their way into a store. For one `run`, by one thread.

    password: for files that are encrypted.
    progress: told where it stands. cancel: when it is set, the run ends with what is stored.
    """

    def __init__(
        self,
        store: Store,
        index: DerivedIndex,
        embedder: PassageEmbedder,
        settings: IngestSettings,
        *,
        password: str = "",
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._settings = settings
        self._progress = progress
        self._cancel = cancel
        self._reader = FileReader(store, embedder, settings, password=password)
        self._waiting: list[Waiting] = []
        self._storing: list[Waiting] = []  # the group before; its outcomes are to come
        self._stored: Future[list[FileOutcome]] | None = None
        self._storer = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._outcomes: list[tuple[int, FileOutcome]] = []  # with the place of what was given

    def run(self, work: Sequence[PendingFile | FileOutcome]) -> AddReport:
        """Work through files, and outcomes of what was none; all are struck off the pending.

        The report is in the order of `work`. Raises DiskFull, LibraryReadOnly, SharedIndexError,
        EmbedderMismatch.
        """
        sizes = [_size(item) for item in work]
        order = sorted(range(len(work)), key=sizes.__getitem__)
        reports = self._reporters(work, sizes, order)
        files = [
            (item, sizes[place]) for place in order if isinstance(item := work[place], PendingFile)
        ]
        ahead = ReadAhead(self._reader, files, workers=self._settings.workers)
        last_save = time.monotonic()
        try:
            for place, report in zip(order, reports, strict=True):
                item = work[place]
                if isinstance(item, PendingFile) and not ahead.is_ready(item):
                    self._finish()
                result = self._result(item, report, ahead)
                if isinstance(result, ReadArchive):
                    self._take_archive(result, report)
                else:
                    self._take(result, report)
                if time.monotonic() - last_save > _SAVE_EVERY_SECONDS:
                    with _goes_on_without_server():
                        self._index.adapt(self._store)
                        self._index.save()
                    last_save = time.monotonic()
            self._finish()
        except Cancelled:
            self._end_storing()
            return AddReport(self._outcomes_in_place(), cancelled=True)
        finally:
            ahead.close()
            self._storer.shutdown(wait=True)
            for left in self._waiting:
                self._reader.discard(left.result)
            with suppress(DiskFull):  # they stay on the list, for `resume`
                self._store.finish(file for file, _ in files)
                self._store.tidy()
            self._index.adapt(self._store)
            self._index.save()
        return AddReport(self._outcomes_in_place())

    def _outcomes_in_place(self) -> tuple[FileOutcome, ...]:
        return tuple(outcome for _, outcome in sorted(self._outcomes, key=itemgetter(0)))

    def _reporters(
        self,
        work: Sequence[PendingFile | FileOutcome],
        sizes: Sequence[int],
        order: Sequence[int],
    ) -> list[Reporter]:
        """One for each of `work`, in the order in which it will be worked through."""
        totals = Totals(sum(sizes))
        return [
            Reporter(
                self._progress,
                totals,
                Progress(
                    stage=Stage.READING,
                    file_index=number,
                    file_count=len(work),
                    name=item.name if isinstance(item := work[place], PendingFile) else item.path,
                    path=item.source if isinstance(item, PendingFile) else item.path,
                    byte_size=sizes[place],
                    bytes_total=totals.bytes_total,
                ),
                place=place,
            )
            for number, place in enumerate(order, start=1)
        ]

    def _result(
        self, item: PendingFile | FileOutcome, report: Reporter, ahead: ReadAhead
    ) -> ReadResult:
        """A file's text; whatever is wrong with the file becomes its outcome."""
        if isinstance(item, FileOutcome):
            return item
        stop_if(self._cancel)
        report(Stage.READING)
        result: ReadResult
        try:
            result = ahead.result(item, self._cancel, report)
        except FILE_ERRORS as error:
            result = skipped(item, error)
        if isinstance(result, FileOutcome):
            self._store.finish([item])
        return result

    def _take(
        self, result: ReadFile | FileOutcome, report: Reporter, beside: Collection[str] = ()
    ) -> None:
        """Have a file wait for its turn, and embed and store what need not wait longer.

        beside: as in `look_up`.
        """
        try:
            if has_twin(result, [*self._waiting, *self._storing]):
                self._finish()
            elif not fits(result, self._waiting):
                self._embed()
            result = self._unless_known(result, beside)
        except BaseException:  # it does not wait yet, so that nobody else would discard it
            self._reader.discard(result)
            raise
        self._waiting.append(Waiting(report, result))
        if is_complete(self._waiting):
            self._embed()

    def _take_archive(self, archive: ReadArchive, report: Reporter) -> None:
        """Take the files of an archive; when all are stored, what it no longer has goes out.

        Until then the archive is pending, so that `resume` does what a kill left undone.
        """
        try:
            for member in archive.members:
                name = member.file.name if isinstance(member, ReadFile) else member.path
                of_member = report.of_member(name, is_last=member is archive.members[-1])
                self._take(member, of_member, archive.sources)
            self._finish()
        finally:
            if self._stored is not None:  # it ends early, and some of its files are being stored
                wait([self._stored])
            self._reader.discard(archive)
        file = archive.file
        self._store.remove_left_out(file.collection, file.source, archive.sources)

    def _unless_known(
        self, result: ReadFile | FileOutcome, beside: Collection[str]
    ) -> ReadFile | FileOutcome:
        """The outcome of a file whose twin was stored since it was read, or the file."""
        if isinstance(result, FileOutcome):
            return result
        known = look_up(self._store, result.file, result.content, beside)
        if not isinstance(known, FileOutcome):
            return result
        self._reader.discard(result)
        self._store.finish([result.file])
        return known

    def _finish(self) -> None:
        """Embed and store what waits."""
        if self._waiting:
            self._embed()
        self._end_storing()

    def _embed(self) -> None:
        """Embed what waits, and begin to store it."""
        read = [item for item in self._waiting if item.is_read]
        vectors = vectors_of(self._embedder, read, self._between_batches)
        self._end_storing()
        for item in read:
            item.report(Stage.STORING)
        self._storing, self._waiting = self._waiting, []
        self._stored = self._storer.submit(self._store_group, self._storing, vectors)

    def _between_batches(self) -> None:
        """Tell what is stored by now. Raises Cancelled."""
        if self._stored is not None and self._stored.done():
            self._end_storing()
        stop_if(self._cancel)

    def _end_storing(self) -> None:
        """Wait until the group that is being stored is; its outcomes are reported in order."""
        if self._stored is None:
            return
        group, stored = self._storing, self._stored
        self._storing, self._stored = [], None
        for item, outcome in zip(group, stored.result(), strict=True):
            self._outcomes.append((item.report.place, outcome))
            item.report(Stage.DONE, outcome=outcome)

    def _store_group(
        self, group: Sequence[Waiting], vectors: Sequence[FloatMatrix | MemoryError]
    ) -> list[FileOutcome]:
        """Store a group and have the index follow; the outcome of each of its files."""
        of_file = iter(vectors)
        outcomes = []
        try:
            for item in group:
                result = item.result
                if isinstance(result, ReadFile):
                    result = self._store_file(result, next(of_file))
                outcomes.append(result)
        finally:
            for item in group:
                self._reader.discard(item.result)
        with _goes_on_without_server():
            self._index.sync(self._store)
        return outcomes

    def _store_file(self, read: ReadFile, vectors: FloatMatrix | MemoryError) -> FileOutcome:
        """Store one file; whatever is wrong with it becomes its outcome."""
        if isinstance(vectors, MemoryError):
            return skipped(read.file, vectors)
        try:
            result = self._store.put(
                NewDocument(
                    name=read.file.name,
                    source=read.file.source,
                    collection=read.file.collection,
                    sha256=read.content.sha256,
                    byte_size=read.content.byte_size,
                    document=read.document,
                    chunks=read.chunks,
                    vectors=vectors,
                    moved_from=read.moved_from.document_id if read.moved_from else "",
                ),
                embedder=self._embedder.identity,
                staged=read.staged if self._settings.keep_originals else None,
                finishes=read.file,
            )
        except FILE_ERRORS as error:
            return skipped(read.file, error)  # struck off the pending when the run ends
        outcome = Outcome.REPLACED if result.replaced else Outcome.ADDED
        reason = ""
        if result.read_again:
            reason = f"{read.file.name} had been read by an older version; it was read again."
            if read.moved_from is not None:
                outcome, reason = Outcome.MOVED, moved_reason(read.moved_from)
        return FileOutcome(
            path=shown_name(read.file),
            outcome=Outcome.UNCHANGED if result.unchanged else outcome,
            reason=reason,
            document_id=result.document_id,
            pages=len(read.document.pages),
            chunks=len(read.chunks),
        )


@contextmanager
def _goes_on_without_server() -> Iterator[None]:
    """A server of vectors that is away for a while stops no addition: the end of it catches up."""
    try:
        yield
    except SharedIndexUnavailable as error:
        logger.warning("%s", error)


def _size(item: PendingFile | FileOutcome) -> int:
    try:
        return item.path.stat().st_size if isinstance(item, PendingFile) else 0
    except OSError:
        return 0
