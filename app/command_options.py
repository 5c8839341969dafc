"""What commands take before or after their names: --library, --model, --json.

Knows no command. The options of one run are kept in its Typer context.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.terminal import Terminal, fetch_progress

if TYPE_CHECKING:
    from rag.library import Library
    from rag.settings import Settings


@dataclass(slots=True)
class Options:
    """The options of one run. library: the folder; None is the settings' own."""

    library: Path | None = None
    model: str | None = None
    as_json: bool = False

    @property
    def terminal(self) -> Terminal:
        """Where results and remarks go."""
        return Terminal(self.as_json)

    def settings(self, **changes: Any) -> Settings:
        """The settings of the environment with the command line's on top; telemetry is off."""
        from rag.settings import Settings, set_environment

        set_environment()
        given = {"model": self.model, **changes}
        return Settings(**{name: value for name, value in given.items() if value is not None})

    @contextmanager
    def open_library(self) -> Iterator[Library]:
        """The library, closed afterwards; models that must be fetched say so."""
        settings = self.settings()
        from rag.library import Library

        with Library.open(self.library, settings=settings) as library:
            library.fetch_progress = fetch_progress()
            yield library


def options_of(context: typer.Context) -> Options:
    """The options of this run."""
    return context.ensure_object(Options)


def _json(context: typer.Context, value: bool) -> bool:
    options_of(context).as_json |= value
    return value


def _library(context: typer.Context, value: Path | None) -> Path | None:
    options = options_of(context)
    options.library = value or options.library
    return value


def _model(context: typer.Context, value: str | None) -> str | None:
    options = options_of(context)
    options.model = value or options.model
    return value


# A callback puts each into the Options, so that commands need not look at them.
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON.", callback=_json)
]
LibraryOption = Annotated[
    Path | None, typer.Option("--library", "-L", help="The library's folder.", callback=_library)
]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", help="GGUF file or model name.", callback=_model)
]
CollectionOption = Annotated[
    str | None, typer.Option("--collection", "-c", help="Only this collection of documents.")
]
