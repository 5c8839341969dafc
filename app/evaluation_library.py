"""The library of an evaluation set: its texts embedded, or its files added, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from app.command_options import Options
from app.terminal import ingest_progress

if TYPE_CHECKING:
    from ingest.embedding import SentenceEmbedder
    from rag.retrieval_evaluation import Corpus


def filled_folder(options: Options, home: Path, chosen: Corpus, embedder: SentenceEmbedder) -> Path:
    """The folder below `home` of a library that has everything of a set; says how far it is."""
    from ingest.store import Store
    from rag.library import Library
    from rag.retrieval_evaluation import library_folder, store_entries

    folder = library_folder(home, chosen, embedder.identity)
    if chosen.files:
        with (
            Library.open(folder, settings=options.settings()) as filled,
            ingest_progress("Loading the models") as progress,
        ):
            filled.resume(progress)
            filled.add(list(chosen.files), progress=progress)

    def told(done: int) -> None:
        options.terminal.note(f"{chosen.name}: {done} of {len(chosen.entries)} embedded")

    with Store(folder / "library.db") as store:
        store_entries(store, chosen.entries, embedder, progress=told)
    return folder
