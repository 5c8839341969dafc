"""`paperlight models`: which language models there are, here and on the hub."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from app.as_json import as_json as as_plain
from app.command_options import JsonOption, options_of
from app.terminal import fetch_progress, size_text

models = typer.Typer(help="List and fetch language models.", no_args_is_help=True)


@models.command("list")
def list_models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List models that are here, and good ones that can be fetched."""
    options = options_of(context)
    folder = options.settings().models_path
    from inference.models import CATALOGUE, available_models

    here = available_models(folder)
    if options.as_json:
        catalogue = [as_plain(entry) | {"memory_bytes": entry.memory_bytes} for entry in CATALOGUE]
        found = [as_plain(model) for model in here]
        options.terminal.result({"here": found, "catalogue": catalogue})
        return
    rows = [(model.name, size_text(model.size_bytes), "", "is here") for model in here]
    rows += [
        (
            entry.name,
            size_text(entry.size_bytes),
            size_text(entry.memory_bytes),
            f"paperlight models pull {entry.name}",
        )
        for entry in CATALOGUE
    ]
    heads = ("name", "size of file", "needs memory", "how to get it")
    options.terminal.table(heads, rows, has_plain_heads=True)


@models.command("pull")
def pull_model(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A listed name, or hf:owner/repository/file.gguf.")],
    as_json: JsonOption = False,
) -> None:
    """Fetch a model from the Hugging Face hub; goes on where an earlier attempt ended.

    One that is here already stays as it is.
    """
    options = options_of(context)
    folder = options.settings().models_path
    from inference.models import resolve_model

    path = resolve_model(name, folder, fetch_progress())
    if options.as_json:
        options.terminal.result({"name": path.stem, "path": str(path)})
    else:
        options.terminal.say(f"{path}\nUse it with: paperlight --model {shlex.quote(name)} serve")
