"""What can go wrong while documents come in, as one small tree.

    IngestError
    ├── UnreadableFile          this file's text cannot be had; the message says what to do
    │   ├── UnsupportedFile     a kind of file that is not read
    │   ├── EmptyFile           no bytes, or no text at all
    │   ├── EncryptedFile       it is encrypted
    │   │   └── PasswordNeeded  the right password, given with the file, would open it
    │   ├── CorruptFile         damaged beyond what the parsers can repair
    │   ├── NoTextFile          pictures of text: it needs OCR
    │   └── FileTooLarge        beyond a limit; the message names the limit
    ├── DocumentNotFound        no such document in this library
    ├── PageNotFound            the document has no such page
    ├── EmbedderMismatch        the library's vectors come from another embedding model
    ├── DimensionMismatch       vectors of another width than the index holds
    ├── InvalidCollectionName   a collection name that cannot be used
    ├── InvalidFilter           nothing can be searched with this filter; the message says why
    ├── LibraryClosed           it was used after it was closed
    ├── LibraryDamaged          the database is not one, or is damaged
    ├── LibraryReadOnly         it can be searched, and nothing can be changed in it
    ├── DiskFull                what was stored before is safe; there is no room for more
    ├── LibraryArchiveError     a library cannot become one file, or the file no library
    ├── SharedIndexError        the index on a server; the library itself is safe
    │   ├── SharedIndexUnavailable  the server cannot be reached, or does not do what is asked
    │   └── SharedIndexConflict     what is there belongs to something else
    └── LibraryTooNew           written by a later version of this program

Every message is one sentence that a user can act on. `UnreadableFile` and its children end one
file, never an add of many.
"""

from __future__ import annotations

from pathlib import Path


class IngestError(Exception):
    """Base of every error that this package raises on purpose."""


class UnreadableFile(IngestError):
    """The text of this file cannot be had; the message says why and what to do."""


class UnsupportedFile(UnreadableFile):
    """A kind of file that is not read."""


class EmptyFile(UnreadableFile):
    """Nothing in it."""


class EncryptedFile(UnreadableFile):
    """It is encrypted."""


class PasswordNeeded(EncryptedFile):
    """The right password would open it: of a kind that is read with one."""


class CorruptFile(UnreadableFile):
    """Damaged beyond repair."""


class NoTextFile(UnreadableFile):
    """Its pages are pictures."""


class FileTooLarge(UnreadableFile):
    """Beyond a configured limit."""


class DocumentNotFound(IngestError, LookupError):
    """No document of this library has that id."""

    def __init__(self, document_id: str) -> None:
        super().__init__(
            f"There is no document {document_id!r} in this library; paperlight list shows all."
        )
        self.document_id = document_id


class PageNotFound(IngestError, LookupError):
    """The document has no such page."""

    def __init__(self, document_id: str, page_index: int) -> None:
        super().__init__(f"Document {document_id!r} has no page with index {page_index}.")


class EmbedderMismatch(IngestError):
    """The library was indexed with another embedding model."""

    def __init__(self, *, stored: str, given: str) -> None:
        super().__init__(
            f"This library was indexed with the embedding model {stored}, but {given} is"
            " configured; configure the former, or make a new library for the latter."
        )
        self.stored = stored
        self.given = given


class DimensionMismatch(IngestError, ValueError):
    """Vectors of another width than expected."""

    def __init__(self, *, expected: int, got: tuple[int, ...]) -> None:
        super().__init__(
            f"Expected vectors of shape (n, {expected}), got shape {got}; use the embedding model"
            " that this index was made with."
        )


class InvalidCollectionName(IngestError, ValueError):
    """A collection name is 1 to 100 printable characters."""


class InvalidFilter(IngestError, ValueError):
    """A filter of documents that is meaningless or names what is not there."""


class LibraryClosed(IngestError):
    """The library was closed; open it again."""


class LibraryDamaged(IngestError):
    """The database file is not a Paperlight library or is damaged."""


class LibraryTooNew(IngestError):
    """The database was written by a later version of this program."""


class LibraryReadOnly(IngestError):
    """The library's folder or files may not be written to.

    is_outdated: so that it cannot be searched either: an older version of this program wrote it.
    """

    def __init__(self, folder: Path, *, is_outdated: bool = False) -> None:
        super().__init__(
            f"The library {folder} was written by an older version of this program and is"
            " read-only: open it once with the right to write, which brings it up to date."
            if is_outdated
            else f"The library {folder} is read-only: it can be searched, but nothing can be added"
            " or removed; allow this account to write to the folder, or use another library."
        )


class DiskFull(IngestError):
    """There is no room for what was to be stored; all that was stored before is safe."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"The disk of the library {folder} is full: free some space there and do the same"
            " again; what was stored before is safe."
        )


class LibraryArchiveError(IngestError):
    """An archive cannot be written, or cannot become a library; the message says what to do."""


class SharedIndexError(IngestError):
    """The index on a server cannot be used; the documents are safe in the library."""


class SharedIndexUnavailable(SharedIndexError):
    """The server cannot be reached, lacks something, or refuses; the same may work later."""


class SharedIndexConflict(SharedIndexError):
    """What is on the server does not belong to this library as it is here."""
