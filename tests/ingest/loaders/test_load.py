from __future__ import annotations

from pathlib import Path

import pytest

import ingest.loaders
from ingest.errors import CorruptFile, FileTooLarge, UnreadableFile
from ingest.loaders import LoadLimits, load


def test_a_missing_file_is_unreadable_with_the_systems_words(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        load(tmp_path / "nothing", name="nothing")


def test_a_file_beyond_the_byte_limit_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 2_000_000)
    with pytest.raises(FileTooLarge, match="is 2 MB, more than 1 MB"):
        load(path, name="a.txt", limits=LoadLimits(max_bytes=1_000_000))


@pytest.mark.parametrize("failure", [ZeroDivisionError(), RecursionError(), AssertionError("x")])
def test_whatever_a_parser_raises_becomes_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(ingest.loaders, "load_text", fail)
    path = tmp_path / "a.txt"
    path.write_text("hello")
    with pytest.raises(CorruptFile) as caught:
        load(path, name="a.txt")
    assert caught.value.__cause__ is failure
