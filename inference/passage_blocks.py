"""KV state of passages, kept to be placed into later prompts.

A block is the state of one passage's tokens, computed behind what stands before the first passage
of any prompt (its *context*) and nothing else. Its identity covers all that its values depend on:
the model's file, the adapters, the type of the cache, the context and the passage. Kept in memory
up to a budget and, where a folder is given, on disk. A file that is damaged, cut off or of another
identity is removed.

Knows nothing of llama.cpp: a state is bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

_MAGIC = b"paperlight-kv-1\n"
_DIGEST_BYTES = 32


class BlockStore:
    """Saved blocks by identity. Thread-safe.

    model_identity: names everything of the model that a state depends on.
    memory_bytes: budget in RAM; the least recently used block goes first.
    folder: where blocks are kept for later runs, or None. disk_bytes: budget there.
    """

    def __init__(
        self,
        model_identity: str,
        *,
        memory_bytes: int,
        folder: Path | None = None,
        disk_bytes: int = 0,
    ) -> None:
        self._model_identity = model_identity.encode()
        self._memory_bytes = memory_bytes
        self._folder = folder if disk_bytes > 0 else None
        self._disk_bytes = disk_bytes
        self._blocks: OrderedDict[str, bytes] = OrderedDict()
        self._held_bytes = 0
        self._lock = threading.Lock()

    def identity(self, context: Sequence[int], passage: Sequence[int]) -> str:
        """The name of the block of `passage` behind `context` (token ids)."""
        digest = hashlib.sha256(self._model_identity)
        for tokens in (context, passage):
            data = np.asarray(tokens, dtype="<i4").tobytes()
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.hexdigest()

    def __contains__(self, identity: str) -> bool:
        with self._lock:
            if identity in self._blocks:
                return True
        return self._folder is not None and self._path(identity).is_file()

    def get(self, identity: str) -> bytes | None:
        """A block's state, or None where there is none that can be trusted."""
        with self._lock:
            state = self._blocks.get(identity)
            if state is not None:
                self._blocks.move_to_end(identity)
                return state
        state = self._read(identity)
        if state is not None:
            self._keep(identity, state)
        return state

    def put(self, identity: str, state: bytes) -> None:
        """Keep a block. A disk that is full costs the copy on disk only."""
        self._keep(identity, state)
        if self._folder is not None:
            try:
                self._write(identity, state)
            except OSError as error:
                logger.warning("a passage block could not be saved: %s", error)

    def _keep(self, identity: str, state: bytes) -> None:
        if len(state) > self._memory_bytes:  # all others would go for it, and then it would too
            return
        with self._lock:
            self._held_bytes -= len(self._blocks.pop(identity, b""))
            self._blocks[identity] = state
            self._held_bytes += len(state)
            while self._held_bytes > self._memory_bytes:
                _, dropped = self._blocks.popitem(last=False)
                self._held_bytes -= len(dropped)

    # --- disk ---------------------------------------------------------------------------------

    def _path(self, identity: str) -> Path:
        assert self._folder is not None
        return self._folder / identity[:2] / f"{identity}.kv"

    def _read(self, identity: str) -> bytes | None:
        if self._folder is None:
            return None
        path = self._path(identity)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        start = len(_MAGIC) + _DIGEST_BYTES
        state = data[start:]
        if data[:start] != _MAGIC + _checksum(identity, state):
            logger.warning("removing the damaged passage block %s", path.name)
            path.unlink(missing_ok=True)  # or it would count as there and never be built again
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the time of use orders what `_make_space` removes
        return state

    def _write(self, identity: str, state: bytes) -> None:
        if len(state) > self._disk_bytes:
            return
        path = self._path(identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._make_space(len(state))
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            try:
                file.write(_MAGIC + _checksum(identity, state) + state)
                file.close()
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def _make_space(self, needed: int) -> None:
        """Remove the files that were used longest ago until there is room in the budget.

        What a killed process had begun to write is one of them, under a name that nobody asks for.
        """
        assert self._folder is not None
        files = []
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # another process has just renamed it
                facts = path.stat()
                files.append((facts.st_mtime, facts.st_size, path))
        held = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if held + needed <= self._disk_bytes:
                return
            path.unlink(missing_ok=True)
            held -= size


def _checksum(identity: str, state: bytes) -> bytes:
    return hashlib.sha256(identity.encode() + state).digest()
