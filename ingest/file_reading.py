"""File -> chunks, by a worker process: the text of one file, or of each file in an archive.

What is the matter with a file that was unpacked becomes its outcome; what is the matter with the
file itself is raised, and nothing that was copied or unpacked for it stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ingest.chunking import CONTEXT_TOKENS, chunk_document, passage_text
from ingest.documents import Chunk, Document
from ingest.errors import EmptyFile, FileTooLarge, UnreadableFile
from ingest.extraction import ExtractionWorkers, ReadOptions, UnpackedArchive
from ingest.known_files import ToRead, look_up
from ingest.loaders.limits import MEGABYTE, RAISE_BYTES, RAISE_CHARACTERS
from ingest.naming import member_names, name_in_archive
from ingest.originals import Fingerprint, fingerprint
from ingest.outcomes import FILE_ERRORS, FileOutcome, skipped
from ingest.records import DocumentRecord, PendingFile
from ingest.settings import IngestSettings
from ingest.store import Store

_MIN_CHUNK_TOKENS = 32


class PassageTokens(Protocol):
    """What reading needs of an embedder: how its passages are cut."""

    @property
    def max_tokens(self) -> int: ...

    def count_tokens(self, text: str) -> int: ...


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file whose text is there.

    staged: the copy that was read, where there is one. passages: what is embedded for each chunk.
    moved_from: the document of these bytes whose place this one takes; see ToRead.
    """

    file: PendingFile
    staged: Path | None
    content: Fingerprint
    document: Document
    chunks: Sequence[Chunk]
    passages: Sequence[str]
    moved_from: DocumentRecord | None = None


@dataclass(frozen=True, slots=True)
class ReadArchive:
    """The files of an archive, read or with their outcomes. sources: of all of them."""

    file: PendingFile
    members: Sequence[ReadFile | FileOutcome]
    sources: frozenset[str]


ReadResult = ReadFile | FileOutcome | ReadArchive


class FileReader:
    """Reads the files of one addition. Thread-safe: as many at once as threads ask.

    password: for files that are encrypted.
    """

    def __init__(
        self, store: Store, tokens: PassageTokens, settings: IngestSettings, *, password: str
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._settings = settings
        self._options = ReadOptions(password=password, ocr_languages=settings.ocr_languages)
        self._workers = ExtractionWorkers(settings.limits, cores=settings.cores)
        self._pages: dict[str, int] = {}

    def close(self) -> None:
        """End the workers: what is being read raises UnreadableFile."""
        self._workers.close()

    def pages_read(self, name: str) -> int:
        """How many pages were read so far of the file of this name, or of the files in it."""
        return self._pages.get(name, 0)

    def discard(self, result: ReadResult) -> None:
        """Delete the copies that were read; what is kept of them has a place of its own."""
        for each in result.members if isinstance(result, ReadArchive) else (result,):
            if isinstance(each, ReadFile) and each.staged is not None:
                self._store.originals.discard(each.staged)

    def read(self, file: PendingFile) -> ReadResult:
        """The chunks of a file, or of each file in an archive, or the outcome of one whose bytes
        are in the library already.
        """
        self._check_size(file)
        known = look_up(self._store, file, fingerprint(file.path))
        if isinstance(known, FileOutcome):
            return known
        file = known.file
        room = self._store.originals.room(owner=file.owner)
        staged, content = self._secure(file)
        try:
            # What is read below is the copy, so that it cannot change meanwhile.
            found = self._read_or_unpack(staged or file.path, file.name, room)
            if staged is None and fingerprint(file.path) != content:
                raise UnreadableFile("changed while it was read; add it again.")
            if isinstance(found, Document):
                return self._chunked(known, staged, content, found)
            archive = self._read_members(file, found)
        except BaseException:
            self._store.originals.discard_all(room)
            if staged is not None:
                self._store.originals.discard(staged)
            raise
        if staged is not None and not file.staged:  # an upload stays until it is not pending
            self._store.originals.discard(staged)
        return archive

    def _chunked(
        self, known: ToRead, staged: Path | None, content: Fingerprint, document: Document
    ) -> ReadFile:
        """Raises EmptyFile."""
        file = known.file
        chunks = chunk_document(
            document,
            count_tokens=self._tokens.count_tokens,
            max_tokens=self._chunk_tokens(),
        )
        if not chunks:
            raise EmptyFile("has no text in it.")
        passages = [self._passage_text(file, document, chunk) for chunk in chunks]
        return ReadFile(file, staged, content, document, chunks, passages, known.moved_from)

    def _read_members(self, archive: PendingFile, unpacked: UnpackedArchive) -> ReadArchive:
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
        members: list[ReadFile | FileOutcome] = []
        characters, most = 0, self._settings.limits.max_characters
        for file in files:
            member = self._read_member(file, sources, shown_as=archive.name)
            if isinstance(member, ReadFile):
                characters += sum(len(page.text) for page in member.document.pages)
                if characters > most:
                    raise FileTooLarge(
                        f"has more than {most:,} characters of text in its files; split it into"
                        f" smaller archives, or {RAISE_CHARACTERS}."
                    )
            members.append(member)
        return ReadArchive(archive, members, sources)

    def _read_member(
        self, file: PendingFile, beside: Collection[str], *, shown_as: str
    ) -> ReadFile | FileOutcome:
        """A file of an archive; whatever is wrong with it becomes its outcome.

        An archive in an archive is one document. beside: as in `look_up`. shown_as: whose
        progress its pages are.
        """
        result: ReadFile | FileOutcome
        try:
            content = fingerprint(file.path)
            known = look_up(self._store, file, content, beside)
            if isinstance(known, ToRead):
                document = self._document(file.path, known.file.name, shown_as)
                result = self._chunked(known, file.path, content, document)
            else:
                result = known
        except FILE_ERRORS as error:
            result = skipped(file, error)
        if isinstance(result, FileOutcome):
            self._store.originals.discard(file.path)
        return result

    def _check_size(self, file: PendingFile) -> None:
        """Refuse what is far too large before its bytes are read and copied."""
        size = file.path.stat().st_size
        largest = self._settings.limits.max_bytes
        if size > largest:
            raise FileTooLarge(
                f"is {size / MEGABYTE:,.0f} MB, more than {largest / MEGABYTE:,.0f} MB; split it"
                f" into smaller files, or {RAISE_BYTES}."
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
        room = self._tokens.max_tokens - CONTEXT_TOKENS
        return max(_MIN_CHUNK_TOKENS, min(self._settings.chunk_tokens, room))

    def _passage_text(self, file: PendingFile, document: Document, chunk: Chunk) -> str:
        return passage_text(
            chunk.text,
            name=file.name,
            title=document.title,
            heading=chunk.heading,
            page_number=document.pages[chunk.page_index].number,
            count_tokens=self._tokens.count_tokens,
        )

    def _document(self, path: Path, name: str, shown_as: str) -> Document:
        """The text of a file. Raises UnreadableFile.

        shown_as: the name of the file whose progress its pages are.
        """
        return self._workers.read(
            path, name=name, options=self._options, alive=self._alive(shown_as)
        )

    def _read_or_unpack(self, path: Path, name: str, room: Path) -> Document | UnpackedArchive:
        """The same, or the files of an archive, unpacked to `room`."""
        return self._workers.read_or_unpack(
            path, name=name, unpack_to=room, options=self._options, alive=self._alive(name)
        )

    def _alive(self, name: str) -> Callable[[int], None]:
        pages = self._pages
        return lambda count: pages.__setitem__(name, count)
