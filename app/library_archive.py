"""`paperlight export` and `paperlight import`: a whole library as one file, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.command_options import JsonOption, LibraryOption, Options, options_of
from app.counts import counted
from app.terminal import counted_progress, one_line, size_text

if TYPE_CHECKING:
    from ingest.library_archive import Contents

_MEGABYTE = 1_000_000


def export_library(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write, as in library.zip.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the whole library into one file: documents, originals, feedback.

    What can be made anew, such as the index, stays out. Others may use the library meanwhile.
    """
    options = options_of(context)
    with options.open_filled_library() as opened, counted_progress("MB") as progress:
        contents = opened.export(file, overwrite=force, progress=_megabytes(progress))
    _tell(options, "exported", file, contents)


def import_library(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file that paperlight export wrote.")],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a library of an exported file, in the new or empty folder that --library names.

    The index is made anew when it is first needed.
    """
    from rag.library import Library

    options = options_of(context)
    folder = options.library or options.settings().library_path
    with counted_progress("MB") as progress:
        contents = Library.import_archive(file, folder, progress=_megabytes(progress))
    _tell(options, "imported", folder, contents)


def _megabytes(progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
    return lambda done, total: progress(done // _MEGABYTE, total // _MEGABYTE)


def _tell(options: Options, verb: str, place: Path, contents: Contents) -> None:
    size = sum(entry.byte_size for entry in contents.entries)
    if options.as_json:
        options.terminal.result({"path": str(place), "files": len(contents.entries), "bytes": size})
        return
    files = counted(len(contents.entries), "file")
    options.terminal.say(f"{verb}  {one_line(str(place))} ({files}, {size_text(size)})")
