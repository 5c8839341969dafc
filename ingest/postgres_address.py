"""The address of a PostgreSQL database: read as libpq reads it, its secrets in no message.

Password and all else that the address leaves open come from where libpq looks for them
(PGPASSWORD, ~/.pgpass); no message repeats the address.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ingest.errors import SharedIndexUnavailable


@dataclass(frozen=True, slots=True, repr=False)  # a repr would have the password in it
class PostgresAddress:
    """What an address says. parameters: libpq's, by name; the password is one of them."""

    parameters: dict[str, Any]
    _secrets: tuple[str, ...]

    @classmethod
    def parse(cls, address: str) -> Self:
        """Of postgresql://user:password@host:port/database?options.

        Raises SharedIndexUnavailable for an address that is none.
        """
        try:
            parameters = conninfo_to_dict(address)
        except psycopg.Error:  # its message repeats parts of the address
            raise _unreadable() from None
        if not _is_unambiguous(parameters):
            raise _unreadable()
        return cls(parameters, _secrets(address, parameters))

    @property
    def host(self) -> str:
        """Its host, to show."""
        return self.parameters.get("host") or "PostgreSQL's default host"

    @property
    def database(self) -> str:
        """Its database, to show."""
        return self.parameters.get("dbname") or "its default database"

    def without_secrets(self, text: str) -> str:
        """What a server said, fit for a message."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _unreadable() -> SharedIndexUnavailable:
    return SharedIndexUnavailable(
        "The address of the shared index cannot be read; it is written"
        " postgresql://user:password@host:port/database, and what is special in a name or password"
        " (@ : / ? # %) as %40 %3A %2F %3F %23 %25."
    )


def _is_unambiguous(parameters: dict[str, Any]) -> bool:
    """Whether no part of a password can have got into what messages show.

    libpq reads a password with @ or / in it as half a host, a port or a database.
    """
    shown = f"{parameters.get('host') or ''}{parameters.get('dbname') or ''}"
    port = str(parameters.get("port") or "")
    return "@" not in shown and port.replace(",", "").isdecimal() == bool(port)


def _secrets(address: str, parameters: dict[str, Any]) -> tuple[str, ...]:
    """What no message may repeat: the password, as it is and as it was written."""
    written = [str(parameters.get(key) or "") for key in ("password", "sslpassword")]
    with suppress(ValueError):
        written.append(urlsplit(address).password or "")
    return tuple(secret for secret in written if secret)
