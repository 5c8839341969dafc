from __future__ import annotations

from pathlib import Path

import pytest

from ingest.loaders.limits import RAISE_BYTES, RAISE_CHARACTERS
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedService


def test_hops_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was a choice of two numbers, and "2" from the environment was neither."""
    monkeypatch.setenv("PAPERLIGHT_HOPS", "2")
    assert Settings().hops == 2


def test_the_limits_that_messages_name_can_be_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPERLIGHT_MAX_FILE_MB", "1")
    monkeypatch.setenv("PAPERLIGHT_MAX_FILE_CHARACTERS", "1000")
    (tmp_path / "a.txt").write_text("word " * 1000)
    (tmp_path / "b.txt").write_text("word " * 400_000)
    for name in (RAISE_BYTES, RAISE_CHARACTERS):
        assert name.removeprefix("raise PAPERLIGHT_").lower() in Settings.model_fields
    with ModellessLibrary(tmp_path / "library", Settings(), lambda: ScriptedService("")) as library:
        files = library.add([tmp_path / "a.txt", tmp_path / "b.txt"]).files
    assert "more than 1,000 characters" in files[0].reason
    assert "is 2 MB, more than 1 MB" in files[1].reason
