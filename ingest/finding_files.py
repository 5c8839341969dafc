"""The files that are meant by some paths: folders walked, links followed once, nothing twice."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ingest.naming import escaped
from ingest.outcomes import FileOutcome, Outcome

_OWN_FILE = "belongs to this library itself and is not added to it."


def find_files(given: Iterable[Path | str], *, library: Path) -> Iterator[Path | FileOutcome]:
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
    shown = escaped(str(path))
    return FileOutcome(shown, Outcome.SKIPPED, f"{shown} {why}")


def _unreadable(item: str, error: Exception) -> FileOutcome:
    shown = escaped(item)
    exists = not isinstance(error, FileNotFoundError | ValueError)
    reason = (
        f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}."
        if exists
        else f"There is no file or folder {shown}; check the path."
    )
    return FileOutcome(shown, Outcome.SKIPPED, reason)


def _walk(folder: Path, library: Path) -> Iterator[Path | FileOutcome]:
    """Files below a folder, resolved; outcomes for what is passed over, but for hidden names.

    A folder is entered once: links that lead back to one end there. library: as in `find_files`.
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
