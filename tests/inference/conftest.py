"""The bundled model, fetched once into the settings' models folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from inference.models import bundled_llm
from rag.settings import Settings


@pytest.fixture(scope="session")
def llm_path() -> Path:
    """The bundled GGUF, converted for the CPU."""
    return bundled_llm(Settings().models_path)
