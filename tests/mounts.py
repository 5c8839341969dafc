"""Folders that cannot be written to, or hold little: mounted, which may need root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that nobody may write to; root may wherever it is not mounted so."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    bind, protect = ["--bind", str(folder)], ["-o", "remount,ro,bind", str(folder)]
    with _mounted(folder, bind, protect, what="a folder"):
        yield


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 3 MiB at an empty folder."""
    options = ["-t", "tmpfs", "-o", "size=3m", "tmpfs"]
    with _mounted(folder, options, what="a small disk"):
        yield


@contextmanager
def _mounted(folder: Path, *steps: Sequence[str], what: str) -> Iterator[None]:
    for options in steps:
        mounted = subprocess.run(
            ["mount", *options, str(folder)], check=False, capture_output=True, text=True
        )
        if mounted.returncode:
            pytest.skip(f"needs the right to mount {what}: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
