"""A process that adds, replaces and removes files until it is killed, and what must be true then.

    python -m tests.ingest.churn LIBRARY DOCS SEED CHANGES

makes CHANGES random changes in the folder DOCS and takes each over into the library, saying on
standard output what it is about to do and that it is done. A change that it said was done must
never be lost; of one that it did not come to the end of, each file is as before or as after.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ingest.errors import DocumentNotFound
from ingest.health import Check, check_library
from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder

ROOT = Path(__file__).parents[2]
DIMENSIONS = 64
_MOST_FILES = 200
_QUERIES = ("amber bridge", "the seventh version of granite", "harbour lamp", "words of 017.txt")
_WORDS = ("amber", "bridge", "granite", "harbour", "lamp", "meadow", "north", "orchard", "pewter")


def text_of(name: str, version: int) -> str:
    """A file's text: the same for the same name and version; one in five has many passages."""
    random_words = random.Random(f"{name} {version}")
    sentences = 400 if random_words.random() < 0.2 else 5
    return f"Words of {name}, version {version}.\n\n" + " ".join(
        f"The {' '.join(random_words.choices(_WORDS, k=6))} {random_words.randrange(1000)}."
        for _ in range(sentences)
    )


# --- the process that is killed -----------------------------------------------------------------


def main(library: Path, docs: Path, seed: str, changes: int) -> None:
    """Make changes until there are enough."""
    with Store(library / "library.sqlite3") as store:
        ingestor = Ingestor(
            store, VectorIndex(library / "index", DIMENSIONS), HashedWordsEmbedder()
        )
        say("ready")
        ingestor.resume()
        choices = random.Random(seed)
        for change in range(changes):
            make_change(store, ingestor, docs, choices, f"{seed}-{change}")
    say("end")


def make_change(
    store: Store, ingestor: Ingestor, docs: Path, choices: random.Random, version: str
) -> None:
    """Write or delete some files and take that over into the library."""
    there = sorted(path.name for path in docs.iterdir())
    kind = choices.choice(("add", "add", "replace", "remove"))
    if kind == "remove" and there:
        name = choices.choice(there)
        say("begin", {name: ""})
        (docs / name).unlink()
        found = store.find_source("default", str(docs / name))
        if found is not None:
            with suppress(DocumentNotFound):
                store.remove(found.document_id)
    else:
        names = (
            there if kind == "replace" and there else [f"{i:03}.txt" for i in range(_MOST_FILES)]
        )
        texts = {
            name: text_of(name, hash_of(f"{version} {name}"))
            for name in choices.sample(names, min(len(names), choices.randint(1, 4)))
        }
        say("begin", {name: sha256(text) for name, text in texts.items()})
        for name, text in texts.items():
            partial = docs.parent / f"{docs.name}.partial"
            partial.write_text(text, "utf-8")
            partial.replace(docs / name)
        ingestor.add([docs / name for name in texts])
    say("done")


def hash_of(text: str) -> int:
    return int(sha256(text)[:6], 16)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def say(word: str, files: dict[str, str] | None = None) -> None:
    print(json.dumps([word, files or {}]), flush=True)


# --- the one who kills it -----------------------------------------------------------------------


@dataclass
class Churn:
    """A folder of files, and a library that processes change with it and are killed at.

    shared: a library that others write to as well; None is one beside the files.
    possible: file name -> digests of the contents it may have in the library; "" is for none.
    """

    folder: Path
    shared: Path | None = None
    possible: dict[str, set[str]] = field(default_factory=dict)
    changes: int = 0

    def __post_init__(self) -> None:
        self.docs.mkdir(parents=True)

    @property
    def library(self) -> Path:
        return self.shared or self.folder / "library"

    @property
    def docs(self) -> Path:
        return self.folder / "docs"

    def start(self, seed: str, changes: int) -> subprocess.Popen[str]:
        """A process that makes so many changes."""
        return subprocess.Popen(
            [
                sys.executable, "-m", "tests.ingest.churn",
                str(self.library), str(self.docs), seed, str(changes),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )  # fmt: skip

    def kill_after(self, seed: str, seconds: float) -> None:
        """Have files changed by a process and kill it so long after it opened the library."""
        with self.start(seed, 1000) as process:
            assert process.stdout is not None
            said = process.stdout.readline()
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
            process.kill()
            self.believe(said + process.stdout.read())
            assert process.wait() == -9, "it ended by itself"

    def believe(self, said: str) -> None:
        """Take in what a process said it did."""
        begun: dict[str, str] = {}
        for line in said.splitlines(keepends=True):
            if not line.endswith("\n"):
                break  # killed while it said this; it had begun nothing
            word, files = json.loads(line)
            if word == "begin":
                begun = files
                for name, digest in begun.items():
                    self.possible.setdefault(name, {""}).add(digest)
            elif word == "done":
                self.possible |= {name: {digest} for name, digest in begun.items()}
                self.changes += 1

    def check(self) -> None:
        """The library opens, holds what it must, and is consistent, before anything is repaired."""
        with Store(self.library / "library.sqlite3") as store:
            ours = [r for r in store.documents() if Path(r.path).parent == self.docs]
            held = {record.name: record for record in ours}
            for name, possible in self.possible.items():
                digest = held[name].sha256 if name in held else ""
                assert digest in possible, f"{name} is not as it was or as it was to be"
            for record in held.values():
                original = store.original(record.document_id)
                assert original is not None, f"the original of {record.name} is lost"
                assert hashlib.sha256(original.read_bytes()).hexdigest() == record.sha256
            assert store.integrity_problems() == []
            assert store.unindexed_chunks() == (0, 0)
            index = VectorIndex(self.library / "index", DIMENSIONS)
            index.sync(store)
            assert index.ids().tolist() == store.chunk_ids().tolist()

    def settle(self) -> None:
        """Bring the library to what the folder holds, as a user would after all that."""
        with Store(self.library / "library.sqlite3") as store:
            index = VectorIndex(self.library / "index", DIMENSIONS)
            ingestor = Ingestor(store, index, HashedWordsEmbedder())
            ingestor.resume()
            ingestor.add(self.docs)
            for record in store.documents():
                if not Path(record.path).exists():
                    store.remove(record.document_id)
            index.sync(store)
            index.save()


def diagnose(library: Path) -> list[Check]:
    """What the doctor finds and does not mend."""
    with Store(library / "library.sqlite3") as store:
        index = VectorIndex(library / "index", DIMENSIONS)
        return check_library(store, index, embedder=HashedWordsEmbedder(), repair=False)


def found_by_search(library: Path, queries: Sequence[str] = _QUERIES) -> list[object]:
    """What queries find, in numbers and words that do not depend on the order of adding.

    Passages alike to 4 decimals are in the order of their names and texts.
    """
    found: list[object] = []
    with Store(library / "library.sqlite3") as store:
        index = VectorIndex(library / "index", DIMENSIONS)
        index.sync(store)
        for query in queries:
            vectors = HashedWordsEmbedder().embed_queries([query])
            for hits in (store.search_keywords(query, 1000), index.search(vectors, 1000)[0]):
                chunks = {c.chunk_id: c for c in store.chunks(chunk_id for chunk_id, _ in hits)}
                found.append(
                    sorted(
                        (-round(value, 4), chunks[chunk_id].document_name, chunks[chunk_id].text)
                        for chunk_id, value in hits
                    )
                )
    return found


def rebuilt(docs: Path, library: Path) -> Path:
    """A library made from nothing with these files."""
    with Store(library / "library.sqlite3") as store:
        Ingestor(store, VectorIndex(library / "index", DIMENSIONS), HashedWordsEmbedder()).add(docs)
    return library


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
