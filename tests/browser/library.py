"""The data folder of a server under test: models shared with all, documents of its own."""

from __future__ import annotations

from pathlib import Path

from rag.settings import Settings


def make_home(folder: Path, *, samples: bool = False) -> Path:
    """A PAPERLIGHT_HOME whose models were fetched once for everyone.

    samples: have the server add the sample documents; else the library stays empty.
    """
    home = folder / "home"
    (home / "library").mkdir(parents=True)
    if not samples:
        (home / "library" / "samples-added").touch()  # says that they were offered before
    models = Settings().models_path.absolute()
    models.mkdir(parents=True, exist_ok=True)
    (home / "models").symlink_to(models)
    return home
