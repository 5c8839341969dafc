from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from ingest.originals import Originals, fingerprint


def test_a_staged_file_is_what_was_read(tmp_path: Path) -> None:
    data = b"some bytes" * 300_000
    path, found = Originals(tmp_path).stage(io.BytesIO(data))
    assert path.read_bytes() == data
    assert (found.sha256, found.byte_size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert fingerprint(path) == found


def test_a_stream_that_fails_leaves_nothing(tmp_path: Path) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("gone")

    originals = Originals(tmp_path)
    with pytest.raises(OSError, match="gone"):
        originals.stage(Failing())
    assert list(originals.staged()) == []


def test_a_staged_file_is_discarded_by_its_whole_path_where_the_library_has_a_relative_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    originals = Originals(Path("library"))
    staged, _ = originals.stage(io.BytesIO(b"bytes"))
    originals.discard(staged.absolute())
    assert not list(originals.staged())


def test_a_file_outside_the_staging_folder_is_never_discarded(tmp_path: Path) -> None:
    users = tmp_path / "users.txt"
    users.write_text("mine")
    Originals(tmp_path / "library").discard(users)
    assert users.exists()
