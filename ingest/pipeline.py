"""Files -> store: read, chunk, embed, and store each document in one transaction.

One bad file never stops the others: each file has an outcome, and a skipped one a reason. Files
are read in worker processes and chunked in threads, a few ahead of those that are being embedded;
the smallest come first, and small ones that are ready are embedded together. They are written down
as pending before work on them begins, so `resume` takes up what a killed process left. An archive
is a folder of files: each file in it becomes a document of its own, called "archive.zip/its name".

It knows no model and no settings of the program: an embedder and plain numbers are given to it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from ingest.addition import Addition, DerivedIndex, PassageEmbedder
from ingest.claims import Claim
from ingest.errors import InvalidCollectionName
from ingest.finding_files import find_files
from ingest.naming import display_name, escaped, upload_name
from ingest.outcomes import UPLOAD, AddReport, FileOutcome
from ingest.progress import ProgressCallback
from ingest.records import DEFAULT_COLLECTION, PendingFile
from ingest.settings import IngestSettings
from ingest.store import Store

_MAX_COLLECTION_CHARACTERS = 100


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
        The smallest are taken first; the report is in the order in which they were found.
        A file from the same path replaces its older version; the same bytes under another path
        of the collection are "unchanged", or "moved" where that path has no file any more. What an
        older version of this program read is read again. What is no longer in an archive that is
        added again goes out. Never raises for a file; raises EmbedderMismatch and
        InvalidCollectionName and LibraryReadOnly before any work; DiskFull, after which what was
        stored before it stays stored; SharedIndexError at the end, when everything is stored; and
        errors of the database itself.
        """
        collection = _checked_collection(collection)
        self._prepare()
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        with Claim.new(self._store.claims_folder) as claim:
            found = list(find_files(given, library=self._store.path.parent.resolve()))
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
                            source=f"{UPLOAD}{name}",
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

    def _run(
        self,
        work: Sequence[PendingFile | FileOutcome],
        progress: ProgressCallback | None,
        cancel: threading.Event | None,
        password: str = "",
    ) -> AddReport:
        addition = Addition(
            self._store,
            self._index,
            self._embedder,
            self._settings,
            password=password,
            progress=progress,
            cancel=cancel,
        )
        return addition.run(work)


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
        name=display_name(escaped(path.name)),
        source=escaped(str(path)),
        collection=collection,
        owner=claim.owner,
    )
