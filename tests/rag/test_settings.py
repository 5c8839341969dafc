from __future__ import annotations

import pytest

from rag.settings import Settings


def test_hops_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was a choice of two numbers, and "2" from the environment was neither."""
    monkeypatch.setenv("PAPERLIGHT_HOPS", "2")
    assert Settings().hops == 2
