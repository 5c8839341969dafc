"""Files -> store: read, chunk, embed, and store each document in one transaction.

One bad file never stops the others: each file has an outcome, and a skipped one a reason. Files
are read in worker processes and chunked in threads, a few ahead of those that are being embedded;
small ones that are ready are embedded together. They are written down as pending before work on
them begins, so `resume` takes up what a killed process left. An archive is a folder of files: each
file in it becomes a document of its own, called "archive.zip/its name".

It knows no model and no settings of the program: an embedder and plain numbers are given to it.
"""

from __future__ import annotations

import io
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from ingest.chunking import CONTEXT_TOKENS, MAX_TOKENS, chunk_document, passage_text
from ingest.claims import Claim
from ingest.documents import Chunk, Document
from ingest.errors import (
    DiskFull,
    EmptyFile,
    FileTooLarge,
    InvalidCollectionName,
    PasswordNeeded,
    SharedIndexUnavailable,
    UnreadableFile,
)
from ingest.extraction import ExtractionWorkers, ReadOptions, UnpackedArchive
from ingest.loaders import FileKind, LoadLimits
from ingest.naming import (
    archive_of,
    display_name,
    member_names,
    name_in_archive,
    upload_name,
)
from ingest.originals import Fingerprint, fingerprint
from ingest.records import (
    DEFAULT_COLLECTION,
    DocumentRecord,
    FloatMatrix,
    NewDocument,
    PendingFile,
)
from ingest.store import Store

logger = logging.getLogger(__name__)

# A file with this many chunks fills batches by itself; smaller ones are put together until they
# have so many, or until the next file is not yet read.
_LARGE_FILE_CHUNKS = 32
_GROUP_CHUNKS = 128
_SAVE_EVERY_SECONDS = 120.0
_MAX_COLLECTION_CHARACTERS = 100
_UPLOAD = "upload:"  # the beginning of an upload's source
_MIN_CHUNK_TOKENS = 32
_WATCH_CANCEL_SECONDS = 0.1
_MAX_WORKERS = 8  # each document that was read ahead waits in memory
# Small files are read further ahead, so that there are some to be put together.
_SMALL_FILES_AHEAD = 16
_SMALL_FILES_BYTES = 1 << 20


class DerivedIndex(Protocol):
    """What the pipeline needs of an index of the store's vectors; see VectorIndex, SharedIndex."""

    def sync(self, store: Store) -> bool: ...

    def adapt(self, store: Store) -> bool: ...

    def save(self) -> None: ...


class PassageEmbedder(Protocol):
    """What the pipeline needs of an embedder."""

    @property
    def identity(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def count_tokens(self, text: str) -> int: ...

    def embed_passages(
        self, texts: Sequence[str], *, on_batch: Callable[[Sequence[int]], None] | None = None
    ) -> FloatMatrix: ...


class Outcome(StrEnum):
    """What became of a file."""

    ADDED = "added"
    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    SKIPPED = "skipped"


class Stage(StrEnum):
    """What is being done with a file."""

    READING = "reading"
    EMBEDDING = "embedding"
    STORING = "storing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file.

    path: as it was found; for an upload, its name; of a file in an archive, the archive's and its
    name. reason: one sentence, "" where there is nothing to explain. document_id: "" when skipped.
    pages, chunks: of the stored document.
    needs_password: it was skipped because no password, or a wrong one, was given.
    """

    path: str
    outcome: Outcome
    reason: str = ""
    document_id: str = ""
    pages: int = 0
    chunks: int = 0
    needs_password: bool = False


@dataclass(frozen=True, slots=True)
class AddReport:
    """What became of every file, in the order they were taken. cancelled: not all were.

    Instead of an archive that could be unpacked, the files in it.
    """

    files: tuple[FileOutcome, ...]
    cancelled: bool = False

    def count(self, outcome: Outcome) -> int:
        """How many files had this outcome."""
        return sum(file.outcome is outcome for file in self.files)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an add stands.

    file_index: 1-based. name: of the file. pages, chunks: of it, 0 until known. chunks_embedded:
    of `chunks`. bytes_done, bytes_total: of all files, one counted when it is done. Files that
    are embedded together report in turns. The files of an archive have its file_index, and the
    last of them its byte_size.
    outcome: with Stage.DONE only.
    """

    stage: Stage
    file_index: int
    file_count: int
    name: str
    path: str
    byte_size: int = 0
    pages: int = 0
    chunks: int = 0
    chunks_embedded: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    outcome: FileOutcome | None = None


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How files are taken in.

    keep_originals: keep a copy of each file, to show its pages.
    chunk_tokens: most tokens of a chunk, in the embedder's tokens; less where it reads fewer.
    ocr_languages: of Tesseract, joined by "+"; "" reads no pictures.
    workers: processes that read files, at least 1.
    """

    keep_originals: bool = True
    chunk_tokens: int = MAX_TOKENS
    limits: LoadLimits = field(default_factory=LoadLimits)
    ocr_languages: str = "eng"
    workers: int = field(
        default_factory=lambda: min(_MAX_WORKERS, max(1, (os.cpu_count() or 2) - 1))
    )


@dataclass(frozen=True, slots=True)
class _ReadFile:
    """A file whose text is there.

    staged: the copy that was read, where there is one. passages: what is embedded for each chunk.
    """

    file: PendingFile
    staged: Path | None
    content: Fingerprint
    document: Document
    chunks: Sequence[Chunk]
    passages: Sequence[str]


@dataclass(frozen=True, slots=True)
class _ReadArchive:
    """The files of an archive, read or with their outcomes. sources: of all of them."""

    file: PendingFile
    members: Sequence[_ReadFile | FileOutcome]
    sources: frozenset[str]


_Result = _ReadFile | FileOutcome | _ReadArchive


@dataclass(slots=True)
class _Waiting:
    """A file that was read and is to be embedded, or an outcome that waits for those before it."""

    report: _Reporter
    result: _ReadFile | FileOutcome

    @property
    def is_read(self) -> bool:
        """Whether it is to be embedded."""
        return isinstance(self.result, _ReadFile)


class _Cancelled(Exception):
    """The caller's event was set; nothing of the files in hand was stored."""


# What is the matter with one file, and not with the library.
_FILE_ERRORS = (UnreadableFile, OSError, MemoryError)


class Ingestor:
    """Adds files to a store. Thread-safe; adds of several threads and processes may overlap.

    index: caught up and saved as documents come in, so that they are found at once.
    """

    def __init__(
        self,
        store: Store,
        index: DerivedIndex,
        embedder: PassageEmbedder,
        *,
        settings: IngestSettings | None = None,
    ) -> None:
        self._store = store
        self._index = index
        self._embedder = embedder
        self._settings = settings or IngestSettings()

    def add(
        self,
        paths: Sequence[Path | str] | Path | str,
        *,
        collection: str | None = None,
        password: str = "",
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> AddReport:
        """Add files, and every file in folders (hidden ones left out), to a collection.

        password: for files that are encrypted; used now, and kept nowhere.
        A file from the same path replaces its older version; the same bytes under another path
        of the collection are "unchanged". What is no longer in an archive that is added again goes
        out. Never raises for a file; raises EmbedderMismatch and
        InvalidCollectionName and LibraryReadOnly before any work; DiskFull, after which what was
        stored before it stays stored; SharedIndexError at the end, when everything is stored; and
        errors of the database itself.
        """
        collection = _checked_collection(collection)
        self._prepare()
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        with Claim.new(self._store.claims_folder) as claim:
            found = list(_find_files(given, library=self._store.path.parent.resolve()))
            files = [f for f in found if isinstance(f, Path)]
            accepted = iter(self._store.accept([_pending(f, collection, claim) for f in files]))
            work = [f if isinstance(f, FileOutcome) else next(accepted) for f in found]
            return self._run(work, progress, cancel, password)

    def add_bytes(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        collection: str | None = None,
        password: str = "",
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> AddReport:
        """Add an upload: one file, from memory or a binary stream.

        name: as the user's browser gave it; only its last component is kept, and only as data. An
        upload of the same name in the collection is replaced. Otherwise as `add`.
        """
        collection = _checked_collection(collection)
        self._prepare()
        name = upload_name(name)
        stream = io.BytesIO(data) if isinstance(data, bytes | bytearray | memoryview) else data
        with Claim.new(self._store.claims_folder) as claim:
            staged, _ = self._store.originals.stage(stream, owner=claim.owner)
            try:
                (file,) = self._store.accept(
                    [
                        PendingFile(
                            pending_id=0,
                            path=staged.absolute(),
                            staged=True,
                            name=name,
                            source=f"{_UPLOAD}{name}",
                            collection=collection,
                            owner=claim.owner,
                        )
                    ]
                )
                return self._run([file], progress, cancel, password)
            finally:
                self._store.originals.discard(staged)

    def resume(
        self,
        *,
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> AddReport:
        """Take up the files that processes which are gone left unfinished."""
        left: list[PendingFile] = []
        claims: list[Claim] = []
        self._store.require_writable()
        try:
            for owner in dict.fromkeys(file.owner for file in self._store.pending()):
                claim = Claim.take(self._store.claims_folder, owner)
                if claim is not None:
                    claims.append(claim)
            held = {claim.owner for claim in claims}
            left = [file for file in self._store.pending() if file.owner in held]
            if not left:
                return AddReport(())
            self._store.bind_embedder(self._embedder.identity, self._embedder.dimensions)
            try:
                return self._run(list(left), progress, cancel)
            finally:
                for file in left:
                    if file.staged:
                        self._store.originals.discard(file.path)
        finally:
            for claim in claims:
                claim.release()

    def _prepare(self) -> None:
        """See that files can be added at all, and clear away what dead processes left."""
        self._store.require_writable()
        self._store.bind_embedder(self._embedder.identity, self._embedder.dimensions)
        self._store.tidy()

    # --- many files ---------------------------------------------------------------------------

    def _run(
        self,
        work: Sequence[PendingFile | FileOutcome],
        progress: ProgressCallback | None,
        cancel: threading.Event | None,
        password: str = "",
    ) -> AddReport:
        """Work through the files; what is not finished at the end is struck off the pending."""
        sizes = [_size(item) for item in work]
        totals = _Totals(sum(sizes))
        outcomes: list[FileOutcome] = []
        waiting: list[_Waiting] = []
        last_save = time.monotonic()
        reader = _Reader(self._read, work, sizes, self._settings, password)
        try:
            for position, item in enumerate(work):
                if waiting and not reader.is_ready(item):
                    self._finish(waiting, outcomes, cancel)
                report = _Reporter(
                    progress,
                    totals,
                    Progress(
                        stage=Stage.READING,
                        file_index=position + 1,
                        file_count=len(work),
                        name=item.name if isinstance(item, PendingFile) else item.path,
                        path=item.source if isinstance(item, PendingFile) else item.path,
                        byte_size=sizes[position],
                        bytes_total=totals.bytes_total,
                    ),
                )
                result = self._result(item, report, cancel, reader)
                if isinstance(result, _ReadArchive):
                    self._take_archive(result, report, waiting, outcomes, cancel)
                else:
                    self._take(result, report, waiting, outcomes, cancel)
                if time.monotonic() - last_save > _SAVE_EVERY_SECONDS:
                    with _goes_on_without_server():
                        self._index.adapt(self._store)
                        self._index.save()
                    last_save = time.monotonic()
            self._finish(waiting, outcomes, cancel)
        except _Cancelled:
            return AddReport(tuple(outcomes), cancelled=True)
        finally:
            reader.close()
            for left in waiting:
                self._discard(left.result)
            with suppress(DiskFull):  # they stay on the list, for `resume`
                self._store.finish(item for item in work if isinstance(item, PendingFile))
                self._store.tidy()
            self._index.adapt(self._store)
            self._index.save()
        return AddReport(tuple(outcomes))

    def _take(
        self,
        result: _ReadFile | FileOutcome,
        report: _Reporter,
        waiting: list[_Waiting],
        outcomes: list[FileOutcome],
        cancel: threading.Event | None,
        beside: Collection[str] = (),
    ) -> None:
        """Have a file wait for its turn, and embed and store what need not wait longer.

        beside: as in `_known`.
        """
        if not _fits(result, waiting):
            self._finish(waiting, outcomes, cancel)
        waiting.append(_Waiting(report, self._unless_known(result, beside)))
        if _is_complete(waiting):
            self._finish(waiting, outcomes, cancel)

    def _take_archive(
        self,
        archive: _ReadArchive,
        report: _Reporter,
        waiting: list[_Waiting],
        outcomes: list[FileOutcome],
        cancel: threading.Event | None,
    ) -> None:
        """Take the files of an archive; when all are stored, what it no longer has goes out.

        Until then the archive is pending, so that `resume` does what a kill left undone.
        """
        try:
            for member in archive.members:
                name = member.file.name if isinstance(member, _ReadFile) else member.path
                of_member = report.of_member(name, is_last=member is archive.members[-1])
                self._take(member, of_member, waiting, outcomes, cancel, archive.sources)
            self._finish(waiting, outcomes, cancel)
        finally:
            for member in archive.members:
                self._discard(member)
        file = archive.file
        self._store.remove_left_out(file.collection, file.source, archive.sources)

    def _result(
        self,
        item: PendingFile | FileOutcome,
        report: _Reporter,
        cancel: threading.Event | None,
        reader: _Reader,
    ) -> _Result:
        """A file's text; whatever is wrong with the file becomes its outcome."""
        if isinstance(item, FileOutcome):
            return item
        _check(cancel)
        report(Stage.READING)
        result: _Result
        try:
            result = reader.result(item, cancel, report)
        except _FILE_ERRORS as error:
            result = _skipped(item, error)
        if isinstance(result, FileOutcome):
            self._store.finish([item])
        return result

    def _unless_known(
        self, result: _ReadFile | FileOutcome, beside: Collection[str]
    ) -> _ReadFile | FileOutcome:
        """The outcome of a file whose twin was stored since it was read, or the file."""
        if isinstance(result, FileOutcome):
            return result
        known = self._known(result.file, result.content, beside)
        if known is None:
            return result
        self._discard(result)
        self._store.finish([result.file])
        return known

    def _finish(
        self,
        waiting: list[_Waiting],
        outcomes: list[FileOutcome],
        cancel: threading.Event | None,
    ) -> None:
        """Embed and store what waits; its outcomes are added and reported in order."""
        vectors = iter(self._vectors([item for item in waiting if item.is_read], cancel))
        ended: list[tuple[_Reporter, FileOutcome]] = []
        while waiting:
            item = waiting[0]
            result = item.result
            if isinstance(result, _ReadFile):
                outcome = self._store_file(result, next(vectors), item.report)
                self._discard(result)
            else:
                outcome = result
            waiting.pop(0)
            ended.append((item.report, outcome))
        with _goes_on_without_server():
            self._index.sync(self._store)
        for report, outcome in ended:
            outcomes.append(outcome)
            report(Stage.DONE, outcome=outcome)

    def _vectors(
        self, waiting: Sequence[_Waiting], cancel: threading.Event | None
    ) -> list[FloatMatrix | MemoryError]:
        """For each file (chunks, dim) float32, or that it is too large to be embedded."""
        if not waiting:
            return []
        try:
            return list(self._embed(waiting, cancel))
        except MemoryError as error:
            if len(waiting) == 1:
                return [error]
            return [each for item in waiting for each in self._vectors([item], cancel)]

    def _embed(
        self, waiting: Sequence[_Waiting], cancel: threading.Event | None
    ) -> list[FloatMatrix]:
        """Embed the chunks of several files together; (chunks, dim) float32 of each."""
        texts: list[str] = []
        owners: list[int] = []
        for number, item in enumerate(waiting):
            assert isinstance(item.result, _ReadFile)
            texts += item.result.passages
            owners += [number] * len(item.result.passages)
            pages, chunks = len(item.result.document.pages), len(item.result.chunks)
            item.report(Stage.EMBEDDING, pages=pages, chunks=chunks)
        embedded = [0] * len(waiting)

        def on_batch(rows: Sequence[int]) -> None:
            for row in rows:
                embedded[owners[row]] += 1
            for number in sorted({owners[row] for row in rows}):
                waiting[number].report(Stage.EMBEDDING, chunks_embedded=embedded[number])
            _check(cancel)

        _check(cancel)
        vectors = self._embedder.embed_passages(texts, on_batch=on_batch)
        ends = np.cumsum(np.bincount(owners, minlength=len(waiting)))
        return np.split(vectors, ends[:-1])

    def _store_file(
        self, read: _ReadFile, vectors: FloatMatrix | MemoryError, report: _Reporter
    ) -> FileOutcome:
        """Store one file; whatever is wrong with it becomes its outcome."""
        if isinstance(vectors, MemoryError):
            return _skipped(read.file, vectors)
        report(Stage.STORING)
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
                ),
                embedder=self._embedder.identity,
                staged=read.staged if self._settings.keep_originals else None,
                finishes=read.file,
            )
        except _FILE_ERRORS as error:
            return _skipped(read.file, error)  # struck off the pending when the run ends
        outcome = Outcome.REPLACED if result.replaced else Outcome.ADDED
        return FileOutcome(
            path=_shown(read.file),
            outcome=Outcome.UNCHANGED if result.unchanged else outcome,
            document_id=result.document_id,
            pages=len(read.document.pages),
            chunks=len(read.chunks),
        )

    def _discard(self, result: _ReadFile | FileOutcome) -> None:
        """Delete the copy that was read; what is kept of it has a place of its own."""
        if isinstance(result, _ReadFile) and result.staged is not None:
            self._store.originals.discard(result.staged)

    # --- one file -----------------------------------------------------------------------------

    def _read(self, file: PendingFile, reader: _Reader) -> _Result:
        """The chunks of a file, or of each file in an archive, or the outcome of one whose bytes
        are in the library already.
        """
        self._check_size(file)
        if known := self._known(file, fingerprint(file.path)):
            return known
        room = self._store.originals.room(owner=file.owner)
        staged, content = self._secure(file)
        try:
            # What is read below is the copy, so that it cannot change meanwhile.
            found = reader.read_or_unpack(staged or file.path, file.name, room)
            if staged is None and fingerprint(file.path) != content:
                raise UnreadableFile("changed while it was read; add it again.")
            if isinstance(found, Document):
                return self._chunked(file, staged, content, found)
            archive = self._read_members(file, found, reader)
        except BaseException:
            self._store.originals.discard_all(room)
            if staged is not None:
                self._store.originals.discard(staged)
            raise
        if staged is not None and not file.staged:  # an upload stays until it is not pending
            self._store.originals.discard(staged)
        return archive

    def _chunked(
        self, file: PendingFile, staged: Path | None, content: Fingerprint, document: Document
    ) -> _ReadFile:
        """Raises EmptyFile."""
        chunks = chunk_document(
            document,
            count_tokens=self._embedder.count_tokens,
            max_tokens=self._chunk_tokens(),
        )
        if not chunks:
            raise EmptyFile("has no text in it.")
        passages = [self._passage_text(file, document, chunk) for chunk in chunks]
        return _ReadFile(file, staged, content, document, chunks, passages)

    def _read_members(
        self, archive: PendingFile, unpacked: UnpackedArchive, reader: _Reader
    ) -> _ReadArchive:
        """Read the files of an archive. Raises EmptyFile, FileTooLarge: of all of them together."""
        if not unpacked.names:
            raise EmptyFile("has no files in it.")
        files = [
            replace(
                archive,
                pending_id=0,
                path=path.absolute(),
                staged=True,
                name=name_in_archive(archive.name, member),
                source=name_in_archive(archive.source, member),
            )
            for member, path in zip(member_names(unpacked.names), unpacked.paths, strict=True)
        ]
        sources = frozenset(file.source for file in files)
        members: list[_ReadFile | FileOutcome] = []
        characters, most = 0, self._settings.limits.max_characters
        for file in files:
            member = self._read_member(file, reader, sources, shown_as=archive.name)
            if isinstance(member, _ReadFile):
                characters += sum(len(page.text) for page in member.document.pages)
                if characters > most:
                    raise FileTooLarge(
                        f"has more than {most:,} characters of text in its files; split it into"
                        " smaller archives, or raise the limit."
                    )
            members.append(member)
        return _ReadArchive(archive, members, sources)

    def _read_member(
        self, file: PendingFile, reader: _Reader, beside: Collection[str], *, shown_as: str
    ) -> _ReadFile | FileOutcome:
        """A file of an archive; whatever is wrong with it becomes its outcome.

        An archive in an archive is one document. beside: as in `_known`. shown_as: whose progress
        its pages are.
        """
        try:
            content = fingerprint(file.path)
            result = self._known(file, content, beside) or self._chunked(
                file, file.path, content, reader.document(file.path, file.name, shown_as)
            )
        except _FILE_ERRORS as error:
            result = _skipped(file, error)
        if isinstance(result, FileOutcome):
            self._store.originals.discard(file.path)
        return result

    def _check_size(self, file: PendingFile) -> None:
        """Refuse what is far too large before its bytes are read and copied."""
        size = file.path.stat().st_size
        largest = self._settings.limits.max_bytes
        if size > largest:
            raise FileTooLarge(
                f"is {size / 1e6:,.0f} MB, more than {largest / 1e6:,.0f} MB; split it into"
                " smaller files, or raise the limit."
            )

    def _known(
        self, file: PendingFile, content: Fingerprint, beside: Collection[str] = ()
    ) -> FileOutcome | None:
        """The outcome for a file whose bytes the collection holds already.

        beside: the sources of all files in the archive that it came out of. What came out of an
        archive goes with it, and so stands for no file that is not in there.
        """
        same = self._store.find_source(file.collection, file.source)
        if same is not None and _is_whole_archive(same):
            return None
        reason = ""
        if same is None or same.sha256 != content.sha256:
            twins = self._store.find_content(file.collection, content.sha256)
            staying = (
                twin
                for twin in twins
                if archive_of(twin.name, twin.path) is None or twin.path in beside
            )
            same = next(staying, None)
            if same is None:
                return None
            reason = f"{file.name} has the same content as {same.path}, which is in the library."
        return FileOutcome(
            path=_shown(file),
            outcome=Outcome.UNCHANGED,
            reason=reason,
            document_id=same.document_id,
            pages=same.page_count,
            chunks=same.chunk_count,
        )

    def _secure(self, file: PendingFile) -> tuple[Path | None, Fingerprint]:
        """A copy that cannot change while it is read, where one is going to be kept."""
        if file.staged:
            return file.path, fingerprint(file.path)
        if not self._settings.keep_originals:
            return None, fingerprint(file.path)
        with file.path.open("rb") as stream:
            return self._store.originals.stage(stream, owner=file.owner)

    def _chunk_tokens(self) -> int:
        room = self._embedder.max_tokens - CONTEXT_TOKENS
        return max(_MIN_CHUNK_TOKENS, min(self._settings.chunk_tokens, room))

    def _passage_text(self, file: PendingFile, document: Document, chunk: Chunk) -> str:
        return passage_text(
            chunk.text,
            name=file.name,
            title=document.title,
            heading=chunk.heading,
            page_number=document.pages[chunk.page_index].number,
            count_tokens=self._embedder.count_tokens,
        )


def _is_whole_archive(record: DocumentRecord) -> bool:
    """Whether an older version stored an archive as one document; it is read again, file by file.

    An archive in an archive still is one.
    """
    is_archive = record.media_type == FileKind.ZIP.value
    return is_archive and archive_of(record.name, record.path) is None


def _fits(result: _ReadFile | FileOutcome, waiting: Sequence[_Waiting]) -> bool:
    """Whether a file may be embedded together with those that wait."""
    files = [item.result for item in waiting if isinstance(item.result, _ReadFile)]
    if not files or isinstance(result, FileOutcome):
        return True
    # Of two with the same bytes, the second is found to be known once the first is stored.
    alike = any(
        (file.file.collection, file.content.sha256)
        == (result.file.collection, result.content.sha256)
        for file in files
    )
    together = len(result.chunks) + sum(len(file.chunks) for file in files)
    return not alike and len(result.chunks) < _LARGE_FILE_CHUNKS and together <= _GROUP_CHUNKS


def _is_complete(waiting: Sequence[_Waiting]) -> bool:
    """Whether there is nothing to be gained from waiting for another file."""
    sizes = [len(item.result.chunks) for item in waiting if isinstance(item.result, _ReadFile)]
    return not sizes or max(sizes) >= _LARGE_FILE_CHUNKS


class _Reader:
    """Reads the files of one run, in order, at most some ahead of the one that is asked for.

    sizes: of the files of `work`, in bytes.
    """

    def __init__(
        self,
        read: Callable[[PendingFile, _Reader], _Result],
        work: Sequence[PendingFile | FileOutcome],
        sizes: Sequence[int],
        settings: IngestSettings,
        password: str,
    ) -> None:
        self._read = read
        self._waiting = deque(
            (item, size)
            for item, size in zip(work, sizes, strict=True)
            if isinstance(item, PendingFile)
        )
        self._ahead = settings.workers + 1
        self._bytes_ahead: dict[int, int] = {}
        self._options = ReadOptions(password=password, ocr_languages=settings.ocr_languages)
        self._workers = ExtractionWorkers(settings.limits)
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="read")
        self._futures: dict[int, Future[_Result]] = {}
        self._pages: dict[str, int] = {}

    def document(self, path: Path, name: str, shown_as: str) -> Document:
        """The text of a file, by a worker process. Raises UnreadableFile.

        shown_as: the name of the file of `work` whose progress its pages are.
        """
        return self._workers.read(
            path, name=name, options=self._options, alive=self._alive(shown_as)
        )

    def read_or_unpack(self, path: Path, name: str, room: Path) -> Document | UnpackedArchive:
        """The same, or the files of an archive, unpacked to `room`."""
        return self._workers.read_or_unpack(
            path, name=name, unpack_to=room, options=self._options, alive=self._alive(name)
        )

    def _alive(self, name: str) -> Callable[[int], None]:
        pages = self._pages
        return lambda count: pages.__setitem__(name, count)

    def result(
        self, file: PendingFile, cancel: threading.Event | None, report: _Reporter
    ) -> _Result:
        """What `read` made of a file. Raises what it raised, or _Cancelled."""
        self._read_ahead()
        future = self._futures[file.pending_id]
        shown = 0
        while True:
            _check(cancel)
            if wait([future], timeout=_WATCH_CANCEL_SECONDS).done:
                del self._bytes_ahead[file.pending_id]
                return self._futures.pop(file.pending_id).result()
            if (pages := self._pages.get(file.name, 0)) > shown:
                shown = pages
                report(Stage.READING, pages=pages)

    def is_ready(self, item: PendingFile | FileOutcome) -> bool:
        """Whether `result` would return at once."""
        if isinstance(item, FileOutcome):
            return True
        future = self._futures.get(item.pending_id)
        return future is not None and future.done()

    def _read_ahead(self) -> None:
        """Have files read while few or little waits to be asked for."""
        while self._waiting:
            file, size = self._waiting[0]
            small = sum(self._bytes_ahead.values()) + size <= _SMALL_FILES_BYTES
            most = max(self._ahead, _SMALL_FILES_AHEAD if small else 0)
            if len(self._futures) >= most:
                return
            self._waiting.popleft()
            self._bytes_ahead[file.pending_id] = size
            self._futures[file.pending_id] = self._threads.submit(self._read, file, self)

    def close(self) -> None:
        """Stop reading, end the workers, and delete the copies of what nobody asked for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._workers.close()
        self._threads.shutdown(wait=True)
        for future in self._futures.values():
            if future.cancelled() or future.exception() is not None:
                continue
            result = future.result()
            for each in result.members if isinstance(result, _ReadArchive) else (result,):
                if isinstance(each, _ReadFile) and each.staged is not None:
                    with suppress(OSError):
                        each.staged.unlink()
        self._futures.clear()


class _Totals:
    """Bytes of a run's files: all, and of those that are done."""

    def __init__(self, bytes_total: int) -> None:
        self.bytes_total = bytes_total
        self.bytes_done = 0


class _Reporter:
    """Reports one file's progress; keeps what was said before."""

    def __init__(
        self, progress: ProgressCallback | None, totals: _Totals, initial: Progress
    ) -> None:
        self._progress = progress
        self._totals = totals
        self._state = initial

    def of_member(self, name: str, *, is_last: bool) -> _Reporter:
        """Of a file of this archive, whose bytes count when its last file is done."""
        byte_size = self._state.byte_size if is_last else 0
        state = replace(self._state, name=name, pages=0, byte_size=byte_size)
        return _Reporter(self._progress, self._totals, state)

    def __call__(
        self,
        stage: Stage,
        *,
        pages: int | None = None,
        chunks: int | None = None,
        chunks_embedded: int | None = None,
        outcome: FileOutcome | None = None,
    ) -> None:
        state = self._state
        self._totals.bytes_done += state.byte_size if stage is Stage.DONE else 0
        self._state = replace(
            state,
            stage=stage,
            pages=state.pages if pages is None else pages,
            chunks=state.chunks if chunks is None else chunks,
            chunks_embedded=state.chunks_embedded if chunks_embedded is None else chunks_embedded,
            bytes_done=self._totals.bytes_done,
            outcome=outcome,
        )
        if self._progress is not None:
            self._progress(self._state)


def _shown(file: PendingFile) -> str:
    """What an outcome calls a file."""
    if file.source.startswith(_UPLOAD):
        return file.name
    return file.source if file.staged else str(file.path)


def _skipped(file: PendingFile, error: Exception) -> FileOutcome:
    """The outcome of a file that something is wrong with. error: one of _FILE_ERRORS."""
    if isinstance(error, UnreadableFile):
        reason = f"{file.name} {error}"
    elif isinstance(error, OSError):
        reason = f"{file.name} cannot be read: {error.strerror or error}."
    else:
        reason = f"{file.name} needs more memory than there is; split it into smaller files."
    needs_password = isinstance(error, PasswordNeeded)
    return FileOutcome(_shown(file), Outcome.SKIPPED, reason, needs_password=needs_password)


@contextmanager
def _goes_on_without_server() -> Iterator[None]:
    """A server of vectors that is away for a while stops no addition: the end of it catches up."""
    try:
        yield
    except SharedIndexUnavailable as error:
        logger.warning("%s", error)


def _check(cancel: threading.Event | None) -> None:
    if cancel is not None and cancel.is_set():
        raise _Cancelled


def _checked_collection(collection: str | None) -> str:
    """The name to use. Raises InvalidCollectionName."""
    if collection is None:
        return DEFAULT_COLLECTION
    name = collection.strip()
    if not 0 < len(name) <= _MAX_COLLECTION_CHARACTERS or not name.isprintable():
        raise InvalidCollectionName(
            f"A collection's name must be 1 to {_MAX_COLLECTION_CHARACTERS} printable characters,"
            f" got {collection[:120]!r}; choose another."
        )
    return name


def _pending(path: Path, collection: str, claim: Claim) -> PendingFile:
    return PendingFile(
        pending_id=0,
        path=path,
        staged=False,
        name=display_name(path.name),
        source=display_name(str(path), max_characters=4096),
        collection=collection,
        owner=claim.owner,
    )


def _size(item: PendingFile | FileOutcome) -> int:
    try:
        return item.path.stat().st_size if isinstance(item, PendingFile) else 0
    except OSError:
        return 0


# --- finding files ------------------------------------------------------------------------------


_OWN_FILE = "belongs to this library itself and is not added to it."


def _find_files(given: Iterable[Path | str], *, library: Path) -> Iterator[Path | FileOutcome]:
    """Each file once, absolute, folders walked in order of names; outcomes for what is none.

    library: the library's own folder, resolved; nothing in it is taken.
    """
    seen: set[Path] = set()
    for item in given:
        try:
            path = Path(item).expanduser().resolve()
            if path == library or library in path.parents:
                yield _passed_over(path, _OWN_FILE)
                continue
            if path.is_dir():
                candidates: Iterable[Path | FileOutcome] = _walk(path, library)
            elif path.is_file():
                candidates = [path]
            else:
                raise FileNotFoundError
        except (OSError, ValueError, RuntimeError) as error:
            yield _unreadable(str(item), error)
            continue
        for candidate in candidates:
            if isinstance(candidate, FileOutcome):
                yield candidate
            elif candidate not in seen:
                seen.add(candidate)
                yield candidate


def _passed_over(path: Path, why: str) -> FileOutcome:
    shown = display_name(str(path), max_characters=4096)
    return FileOutcome(shown, Outcome.SKIPPED, f"{shown} {why}")


def _unreadable(item: str, error: Exception) -> FileOutcome:
    shown = display_name(item, max_characters=4096)
    exists = not isinstance(error, FileNotFoundError | ValueError)
    reason = (
        f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}."
        if exists
        else f"There is no file or folder {shown}; check the path."
    )
    return FileOutcome(shown, Outcome.SKIPPED, reason)


def _walk(folder: Path, library: Path) -> Iterator[Path | FileOutcome]:
    """Files below a folder, resolved; outcomes for what is passed over, but for hidden names.

    A folder is entered once: links that lead back to one end there. library: as in `_find_files`.
    """
    entered: set[Path] = set()
    waiting = [(folder, folder)]  # as it is found, and resolved
    while waiting:
        found, current = waiting.pop()
        if current == library or library in current.parents:
            yield _passed_over(found, _OWN_FILE)
            continue
        if current in entered:
            yield _passed_over(found, "is a link to a folder that is taken in already.")
            continue
        entered.add(current)
        try:
            with os.scandir(current) as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
        except OSError as error:
            yield _unreadable(str(found), error)
            continue
        folders = []
        for name in names:
            entry = found / name
            try:
                path = (current / name).resolve(strict=True)
                if path.is_dir():
                    folders.append((entry, path))
                elif path.is_file() and library in path.parents:
                    yield _passed_over(entry, _OWN_FILE)
                elif path.is_file():
                    yield path
            except (OSError, RuntimeError):
                yield _passed_over(entry, "leads nowhere, or cannot be looked at.")
        waiting.extend(reversed(folders))
