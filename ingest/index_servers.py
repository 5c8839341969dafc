"""Which kind of server an address is of; its client is imported only when it is asked for."""

from __future__ import annotations

from pathlib import Path

from ingest.errors import SharedIndexUnavailable
from ingest.shared_index import IndexServer

POSTGRES_SCHEMES = ("postgresql", "postgres")
QDRANT_SCHEMES = ("http", "https")


def index_server(address: str, library_id: str, folder: Path) -> IndexServer:
    """The place of a library's index at an address; nothing is asked of it yet.

    address: postgresql://... or the http(s)://... of a Qdrant server; may hold a password.
    folder: of the library's index.
    Raises SharedIndexUnavailable where the package for it is not installed, or for another scheme.
    """
    scheme = address.partition("://")[0]
    try:
        if scheme in POSTGRES_SCHEMES:
            from ingest.postgres_index import PostgresServer

            return PostgresServer(address, library_id)
        if scheme in QDRANT_SCHEMES:
            from ingest.qdrant_index import QdrantServer

            return QdrantServer(address, library_id, folder)
    except ModuleNotFoundError as error:
        raise SharedIndexUnavailable(
            f"A shared index needs the package {error.name}: pip install 'paperlight[shared]'."
        ) from error
    raise SharedIndexUnavailable(
        "The address of the shared index begins with postgresql:// or, for Qdrant, with http:// or"
        " https://; leave it empty for the index in the library's folder."
    )
