"""What several commands take: --library, --model, --json, and which documents are meant.

And how a command says that it cannot be done. Knows no command. The options of one run are kept in
its Typer context.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.terminal import Terminal, fetch_progress, one_line

if TYPE_CHECKING:
    from ingest.search_filter import SearchFilter
    from rag.library import Library
    from rag.settings import Settings


class CommandFailed(Exception):
    """A command cannot be done; the message is shown as it is."""


@dataclass(slots=True)
class Options:
    """The options of one run. library: the folder; None is the settings' own.

    chosen: the parts of a SearchFilter that were given, by their names there.
    told: variables that are no settings were named.
    """

    library: Path | None = None
    model: str | None = None
    as_json: bool = False
    chosen: dict[str, Any] = field(default_factory=dict)
    told: bool = False

    @property
    def terminal(self) -> Terminal:
        """Where results and remarks go."""
        return Terminal(self.as_json)

    def settings(self, **changes: Any) -> Settings:
        """The settings of the environment with the command line's on top; telemetry is off.

        Says, once, which variables are named like settings and are none.
        """
        from rag.settings import Settings, set_environment, unknown_settings

        set_environment()
        for sentence in () if self.told else unknown_settings():
            self.terminal.note(f"paperlight: {one_line(sentence)}")
        self.told = True
        given = {"model": self.model, **changes}
        return Settings(**{name: value for name, value in given.items() if value is not None})

    def filter(self) -> SearchFilter:
        """Which documents are meant. Raises InvalidFilter."""
        from ingest.search_filter import SearchFilter, moment

        given = dict(self.chosen)
        for name in given.keys() & {"since", "before"}:
            given[name] = moment(given[name])
        return SearchFilter(**given)

    def opened(self, settings: Settings, **how: Any) -> Library:
        """The library, for the caller to close. how: as Library.open has it.

        Raises CommandFailed where there can be no such folder.
        """
        from rag.library import Library

        folder = self.library or settings.library_path
        try:
            return Library.open(self.library, settings=settings, **how)
        except (FileExistsError, NotADirectoryError) as error:
            named = Path(error.filename)  # or something below the file
            file = next(path for path in (named, *named.parents) if path.exists())
            raise CommandFailed(
                f"{file} is a file and not a folder; give the library's folder"
            ) from error
        except FileNotFoundError as error:  # /proc has no room for folders
            raise CommandFailed(
                f"The library's folder {folder} cannot be made; give another"
            ) from error

    @contextmanager
    def open_library(self, *, may_make: bool = False) -> Iterator[Library]:
        """The library, closed afterwards; models that must be fetched say so.

        may_make: --library may name one that is not there yet, which is made; else a mistyped path
        would become an empty library. Raises CommandFailed, also for an unknown collection.
        """
        settings = self.settings()
        if not may_make and self.library is not None:
            self._require_library(self.library)
        with self.opened(settings) as library:
            library.fetch_progress = fetch_progress()
            self._check_collection(library)
            yield library

    def _require_library(self, folder: Path) -> None:
        from rag.library import Library

        if not Library.is_at(folder) and not folder.is_file():  # of a file, opening it says more
            raise CommandFailed(
                f"There is no library at {folder}; give the folder of yours, or make one there"
                f" with: paperlight -L {folder} add FILE"
            )

    def _check_collection(self, library: Library) -> None:
        """A collection is there while documents are in it; an empty library has none to choose."""
        chosen, known = self.chosen.get("collection"), library.collections()
        if chosen is not None and known and chosen not in known:
            raise CommandFailed(
                f"There is no collection {chosen!r} in this library; it has {', '.join(known)}."
            )

    @contextmanager
    def open_filled_library(self) -> Iterator[Library]:
        """The library, for what needs documents.

        Raises CommandFailed where it has none: its path may be mistyped.
        """
        with self.open_library() as library:
            if not library.collections():
                raise CommandFailed(
                    f"There are no documents in {library.path}; add some with: paperlight add FILE"
                )
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


def _choice(name: str) -> Callable[[typer.Context, Any], Any]:
    """A callback that keeps a part of the filter, where one was given."""

    def keep(context: typer.Context, value: Any) -> Any:
        if value:
            options_of(context).chosen[name] = value
        return value

    return keep


def _documents(context: typer.Context, value: list[str] | None) -> list[str] | None:
    if value:
        options_of(context).chosen["documents"] = [kept_path(name) for name in value]
    return value


def kept_path(name: str) -> str:
    """A path as the library keeps it: whole. A pattern may begin anywhere."""
    return str(Path(name).resolve()) if "/" in name and not name.startswith("*") else name


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
    str | None,
    typer.Option(
        "--collection",
        "-c",
        help="Only this collection of documents.",
        callback=_choice("collection"),
    ),
]
DocumentsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--document",
        "-d",
        help="Only documents of this id, name or path; 'report*.pdf' stands for several. Can be"
        " given again.",
        callback=_documents,
        show_default=False,
    ),
]
TypesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        "-t",
        help="Only this type: pdf, word, email, spreadsheet, html... Can be given again.",
        callback=_choice("types"),
        show_default=False,
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="Only what was added at this date (2026-03-31, in UTC) or later.",
        callback=_choice("since"),
    ),
]
BeforeOption = Annotated[
    str | None,
    typer.Option(
        "--before", help="Only what was added before this date.", callback=_choice("before")
    ),
]
