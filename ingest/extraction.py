"""Files are read in worker processes, so that a hostile one ends its own reader and nothing else.

A worker that crashes, hangs, or takes too much memory is replaced; the file it was reading gets
an error that says which of these it was. It knows nothing of chunks, embeddings or the store.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from ingest import errors
from ingest.child_process import module_command
from ingest.documents import Document, Heading, Page
from ingest.errors import CorruptFile, FileTooLarge, UnreadableFile
from ingest.extraction_worker import memory_reason
from ingest.loaders.limits import RAISE_CHARACTERS, LoadLimits
from ingest.messages import HEADER, Message, write_message

_MODULE = "ingest.extraction_worker"
_BYTES_PER_CHARACTER = 4
_ROOM_FOR_MARKUP_BYTES = 1 << 20
_OUT_OF_MEMORY = (-6, -9)  # abort() of a C++ allocator; the kernel's own end for who takes too much


class WorkerDied(Exception):
    """The worker's end of the pipe was closed."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader needs to know besides the file.

    password: for encrypted files; never written to disk or a log. ocr_languages: of Tesseract,
    joined by "+"; "" for no OCR.
    """

    password: str = ""
    ocr_languages: str = "eng"


@dataclass(frozen=True, slots=True)
class UnpackedArchive:
    """The files of an archive: their names, as it has them, and where their bytes lie now."""

    names: tuple[str, ...]
    paths: tuple[Path, ...]


class ExtractionWorkers:
    """A few warm worker processes. Thread-safe: each call of `read` has a worker to itself.

    Workers are started when first needed and end with `close`, or with this process.
    cores: that they share; one that begins with a file alone may use them all.
    """

    def __init__(self, limits: LoadLimits, *, cores: int = 1, module: str = _MODULE) -> None:
        self._limits = limits
        self._cores = cores
        self._module = module
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers, busy ones too: their `read` raises UnreadableFile. Repeatable."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.kill()
        for worker in idle:
            worker.end()

    def read(
        self,
        path: Path,
        *,
        name: str,
        options: ReadOptions | None = None,
        alive: Callable[[int], None] | None = None,
    ) -> Document:
        """The text of a file. Raises UnreadableFile or a child of it, as `load` does.

        alive: called about once a second with the pages read so far.
        """
        return _document(self._ask(path, name, options, alive))

    def read_or_unpack(
        self,
        path: Path,
        *,
        name: str,
        unpack_to: Path,
        options: ReadOptions | None = None,
        alive: Callable[[int], None] | None = None,
    ) -> Document | UnpackedArchive:
        """The text of a file, or the files in an archive, none of which is read.

        unpack_to: where these are written: the beginning of their paths, see loaders.unpack. What
        was written before a failure stays there. Otherwise as `read`.
        """
        message = self._ask(path, name, options, alive, unpack_to=str(unpack_to))
        if "members" not in message:
            return _document(message)
        names = tuple(message["members"])
        paths = (unpack_to.with_name(f"{unpack_to.name}{number}") for number in range(len(names)))
        return UnpackedArchive(names, tuple(paths))

    def _ask(
        self,
        path: Path,
        name: str,
        options: ReadOptions | None,
        alive: Callable[[int], None] | None,
        *,
        unpack_to: str = "",
    ) -> Message:
        silent_seconds = self._limits.silent_seconds(path.stat().st_size)
        worker, cores = self._take()
        request = {
            "path": str(path),
            "name": name,
            "limits": asdict(self._limits),
            "silent_seconds": silent_seconds,
            "cores": cores,
            "unpack_to": unpack_to,
            **asdict(options or ReadOptions()),
        }
        try:
            message = worker.ask(request, silent_seconds, self._output_bytes(), alive)
        except BaseException:
            with self._lock:
                self._busy.discard(worker)
            worker.end()
            raise
        self._give_back(worker)
        return message

    def _take(self) -> tuple[_Worker, int]:
        """A worker, and its share of the cores."""
        with self._lock:
            if self._closed:
                raise UnreadableFile("was not read: reading was stopped; add it again.")
            worker = self._idle.pop() if self._idle else _Worker(self._module, self._limits)
            self._busy.add(worker)
            return worker, max(1, self._cores // len(self._busy))

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if not self._closed:
                self._idle.append(worker)
                return
        worker.end()

    def _output_bytes(self) -> int:
        return _BYTES_PER_CHARACTER * self._limits.max_characters + _ROOM_FOR_MARKUP_BYTES


class _Worker:
    """One process and the pipes to it."""

    def __init__(self, module: str, limits: LoadLimits) -> None:
        self._limits = limits
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            module_command(module),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the program; kill() reaches the OCR it started
        )

    def ask(
        self,
        request: Message,
        silent_seconds: float,
        output_bytes: int,
        alive: Callable[[int], None] | None,
    ) -> Message:
        """The worker's answer. Raises UnreadableFile when it dies, hangs or says too much."""
        try:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            write_message(self._process.stdin, request)
            while True:
                message = self._receive(self._process.stdout, silent_seconds, output_bytes)
                if "alive" not in message:
                    return message
                if alive is not None:
                    alive(int(message["alive"]))
        except (WorkerDied, BrokenPipeError, ConnectionError) as error:
            raise self._death() from error

    def _receive(self, stream: IO[bytes], seconds: float, most: int) -> Message:
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            header = stream.read(HEADER.size)
            size = HEADER.unpack(header)[0] if len(header) == HEADER.size else 0
            if size > most:
                raise FileTooLarge(
                    f"gives more than {self._limits.max_characters:,} characters of text; split"
                    f" it into smaller files, or {RAISE_CHARACTERS}."
                )
            data = stream.read(size) if size else b""
        finally:
            timer.cancel()
        if expired.is_set():
            raise FileTooLarge(
                f"made no progress for {seconds:.0f} seconds and was given up; save it in another"
                " format."
            )
        if not size or len(data) < size:
            raise WorkerDied
        message: Message = json.loads(data)
        return message

    def _death(self) -> UnreadableFile:
        """What to say of the file that a worker died of."""
        code = self._process.wait()
        if code in _OUT_OF_MEMORY:
            return CorruptFile(
                f"cannot be read: its reader was ended ({_signal_name(code)}), most likely because"
                f" it {memory_reason(self._limits)}"
            )
        return CorruptFile(
            f"cannot be read: it crashed its reader ({_signal_name(code)}); get a fresh copy, or"
            " save it in another format."
        )

    def kill(self) -> None:
        """End it now, and what it started."""
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def end(self) -> None:
        """End it and let go of its pipes. It holds nothing that a kill could harm."""
        if self._process.poll() is None:
            self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()


def _signal_name(code: int) -> str:
    if code >= 0:
        return f"exit status {code}"
    with suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _document(message: Message) -> Document:
    if "document" in message:
        document = message["document"]
        return Document(
            title=document["title"],
            media_type=document["media_type"],
            pages=tuple(
                Page(number, text, read_by_ocr, tuple(Heading(*each) for each in headings))
                for number, text, read_by_ocr, headings in document["pages"]
            ),
        )
    kind = getattr(errors, message["error"], UnreadableFile)
    raise kind(message["message"])
