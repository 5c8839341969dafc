"""A library as one file and back: nothing lost, nothing half, and nothing believed of strangers."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app import cli
from ingest.errors import LibraryArchiveError
from ingest.health import check_library
from ingest.records import PendingFile
from rag.feedback import Rating, judgement_of
from rag.library import Library
from rag.library_parts import DATABASE
from rag.settings import Settings
from tests import mounts
from tests.fakes import ModellessLibrary, ScriptedService

ROOT = Path(__file__).parents[2]
NOTES = (
    "The lighthouse at Port Ellery was built in 1874 and is 41 metres tall.\n\n"
    "The ferry to Grey Island leaves every day at 07:30 and takes 50 minutes.\n"
)
QUESTION = "How tall is the lighthouse at Port Ellery?"
REPLY = "The lighthouse at Port Ellery is 41 metres tall [1]."


def library_at(path: Path) -> ModellessLibrary:
    return ModellessLibrary(path, Settings(), lambda: ScriptedService(REPLY))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A library of three documents, feedback, worked examples, and things that can be derived."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "harbour.txt").write_text(NOTES)
    (files / "tide.md").write_text("# Tides\n\nHigh water is at noon.")
    (files / "crane.txt").write_text("The crane lifts 12 tonnes.")
    with library_at(tmp_path / "source") as library:
        library.add(files)
        answer = library.ask(QUESTION)
        library.feedback.give(judgement_of(answer, Rating.DOWN))
    (tmp_path / "source" / "examples.json").write_text("[]")
    return tmp_path / "source"


@pytest.fixture
def archive(source: Path, tmp_path: Path) -> Path:
    with library_at(source) as library:
        library.export(tmp_path / "library.zip")
    return tmp_path / "library.zip"


def files_below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# --- there and back -----------------------------------------------------------------------------


def test_a_library_is_the_same_after_export_and_import(
    source: Path, archive: Path, tmp_path: Path
) -> None:
    Library.import_archive(archive, tmp_path / "new")
    kept = files_below(source / "originals")
    assert len(kept) == 3
    assert files_below(tmp_path / "new" / "originals") == kept
    assert names(tmp_path / "new") == {DATABASE, "originals", "examples.json"}
    with library_at(source) as old, library_at(tmp_path / "new") as new:
        assert new.documents() == old.documents()
        for query in (QUESTION, "high water", "crane tonnes", "nothing of this"):
            assert new.search(query) == old.search(query)
        assert new.feedback.all() == old.feedback.all() != []
        assert replace(new.ask(QUESTION), timings=None) == replace(old.ask(QUESTION), timings=None)  # type: ignore[arg-type]
        # A second library: on a server's index, the first would be taken for it.
        stores = [library._parts.store for library in (old, new)]
        assert stores[0].library_id != stores[1].library_id
        assert all(check.ok for check in check_library(stores[1], None, repair=False))


def test_files_on_their_way_in_and_originals_that_are_lost_stay_out(
    source: Path, tmp_path: Path
) -> None:
    with library_at(source) as library:
        store = library._parts.store
        lost = next(record for record in library.documents() if record.name == "tide.md")
        original = store.original(lost.document_id)
        assert original is not None
        original.unlink()
        path = tmp_path / "x.txt"
        store.accept([PendingFile(0, path, False, path.name, str(path), "default", "gone")])
        library.export(tmp_path / "library.zip")
        assert len(store.pending()) == 1
    Library.import_archive(tmp_path / "library.zip", tmp_path / "new")
    with library_at(tmp_path / "new") as library:
        store = library._parts.store
        assert store.pending() == []
        assert store.original(lost.document_id) is None
        assert len(library.documents()) == 3
        assert all(check.ok for check in check_library(store, None, repair=False))


def test_a_document_removed_during_the_export_leaves_it_whole(source: Path, tmp_path: Path) -> None:
    """Its original was gone when its turn came."""
    with library_at(source) as library, library_at(source) as other:
        victims = [record.document_id for record in library.documents()]

        def remove_others(_done: int, _total: int) -> None:
            if victims:
                other.remove(*victims)
                victims.clear()

        library.export(tmp_path / "library.zip", progress=remove_others)
        assert library.documents() == []
    Library.import_archive(tmp_path / "library.zip", tmp_path / "new")
    with library_at(tmp_path / "new") as library:
        assert len(library.documents()) == 3
        assert library.search("crane")[0].document_name == "crane.txt"
        kept = [library._parts.store.original(r.document_id) for r in library.documents()]
        assert sum(path is not None for path in kept) == 1


def test_an_export_while_others_write_is_of_one_instant(tmp_path: Path) -> None:
    """No copy has a page without its passages, or a passage without its words and vector."""
    stop = threading.Event()
    with library_at(tmp_path / "source") as library:
        library.add_bytes("first.txt", NOTES.encode())

        def write() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                library.add_bytes(f"{number}.txt", f"Word{number} of a file. ".encode() * 50)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(3):
                library.export(tmp_path / f"{number}.zip")
        finally:
            stop.set()
            writer.join()
    for number in range(3):
        Library.import_archive(tmp_path / f"{number}.zip", tmp_path / str(number))
        with library_at(tmp_path / str(number)) as library:
            store = library._parts.store
            assert all(check.ok for check in check_library(store, None, repair=False))


# --- the commands -------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("PAPERLIGHT_HOME", str(tmp_path / "home"))

    def opened(path: Path | None = None, *, settings: Settings) -> ModellessLibrary:
        return library_at(path or settings.library_path)

    monkeypatch.setattr(Library, "open", opened)
    return lambda *arguments: CliRunner().invoke(cli.app, arguments)


def test_the_commands_say_what_they_did_and_replace_nothing_unasked(
    run: Callable[..., Result], source: Path, tmp_path: Path
) -> None:
    target, new = tmp_path / "library.zip", tmp_path / "new"
    exported = run("-L", str(source), "export", str(target))
    assert exported.exit_code == 0, exported.exception
    assert exported.stdout.startswith(f"exported  {target} (5 files, ")
    before = target.read_bytes()
    refused = run("-L", str(source), "export", str(target))
    assert "is there already; name another file, or replace it with --force" in str(
        refused.exception
    )
    assert target.read_bytes() == before
    assert run("-L", str(source), "export", str(target), "--force").exit_code == 0
    told = json.loads(run("import", str(target), "-L", str(new), "--json").stdout)
    assert (told["path"], told["files"]) == (str(new), 5)
    again = run("-L", str(new), "import", str(target))
    assert "is not empty, and an import replaces nothing" in str(again.exception)
    new_and_empty = tmp_path / "empty"
    new_and_empty.mkdir()
    assert run("-L", str(new_and_empty), "import", str(target)).exit_code == 0
    assert json.loads(run("-L", str(new_and_empty), "list", "--json").stdout)
    absent = run("-L", str(tmp_path / "x"), "import", str(tmp_path / "absent.zip"))
    assert "cannot be read" in str(absent.exception)
    lost = run("-L", str(source), "export", str(tmp_path / "absent" / "x.zip"))
    assert "There is no folder" in str(lost.exception)
    assert not [name for name in names(tmp_path) if name.startswith(".")]


# --- kills and full disks -----------------------------------------------------------------------

ARCHIVE = """
import sys
from pathlib import Path
from rag.library import Library
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedService

what, library, archive, stop_at = sys.argv[1:]
calls = 0

def progress(done, total):
    global calls
    calls += 1
    if calls == int(stop_at):
        print("stopped", flush=True)
        sys.stdin.read()

if what == "export":
    with ModellessLibrary(Path(library), Settings(), lambda: ScriptedService("")) as opened:
        opened.export(archive, progress=progress)
else:
    Library.import_archive(archive, library, progress=progress)
"""


def kill_while(what: str, library: Path, archive: Path, *, at: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ARCHIVE, what, str(library), str(archive), str(at)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "stopped\n"
        process.kill()


@pytest.mark.parametrize("at", [1, 5])
def test_a_killed_export_leaves_no_file_and_the_next_takes_away_what_it_left(
    source: Path, tmp_path: Path, at: int
) -> None:
    before = names(tmp_path)
    kill_while("export", source, tmp_path / "library.zip", at=at)
    assert not (tmp_path / "library.zip").exists()
    with library_at(source) as library:
        library.export(tmp_path / "library.zip")
    assert names(tmp_path) == before | {"library.zip"}
    Library.import_archive(tmp_path / "library.zip", tmp_path / "new")


@pytest.mark.parametrize("at", [1, 5])
def test_a_killed_import_leaves_no_library_and_the_next_takes_away_what_it_left(
    archive: Path, tmp_path: Path, at: int
) -> None:
    before = names(tmp_path)
    kill_while("import", tmp_path / "new", archive, at=at)
    assert not (tmp_path / "new").exists()
    Library.import_archive(archive, tmp_path / "new")
    assert names(tmp_path) == before | {"new"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounts.small_disk(disk):
        yield disk


@pytest.mark.parametrize("kilobytes", [100, 1500, 2900])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    source: Path, tmp_path: Path, small_disk: Path, kilobytes: int
) -> None:
    with library_at(source) as library:
        library.add_bytes("large.txt", b"Many words are in here. " * 80_000)
        (small_disk / "other").write_bytes(b"x" * kilobytes * 1024)
        with pytest.raises(LibraryArchiveError, match=r"^The disk of \S+ is full: free some space"):
            library.export(small_disk / "library.zip")
        assert names(small_disk) == {"other"}
        library.export(tmp_path / "library.zip")
    with pytest.raises(LibraryArchiveError, match=r"^The disk of \S+ is full: free some space"):
        Library.import_archive(tmp_path / "library.zip", small_disk / "new")
    assert names(small_disk) == {"other"}


# --- strangers' archives ------------------------------------------------------------------------

Files = dict[str, bytes]


def read(archive: Path) -> Files:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def write(path: Path, files: Files, *, manifest: dict[str, Any] | None = None) -> Path:
    """An archive whose manifest is right for its files, but for what is given."""
    told = json.loads(files["manifest.json"])
    told["entries"] = [
        {"name": name, "byte_size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in files.items()
        if name != "manifest.json"
    ]
    told |= manifest or {}
    with zipfile.ZipFile(path, "w") as target:
        for name, data in (files | {"manifest.json": json.dumps(told).encode()}).items():
            target.writestr(zipfile.ZipInfo(name), data)
    return path


def refused(archive: Path, tmp_path: Path, why: str) -> None:
    """Importing raises, and nothing anywhere is other than before."""
    before = files_below(tmp_path)
    with pytest.raises(LibraryArchiveError, match=why):
        Library.import_archive(archive, tmp_path / "new")
    assert files_below(tmp_path) == before
    assert not (tmp_path / "new").exists()
    assert not [name for name in names(tmp_path) if name.startswith(".")]


def original_of(files: Files) -> str:
    return next(name for name in files if name.startswith("originals/"))


def test_the_oracle_of_these_tests_writes_what_is_imported(archive: Path, tmp_path: Path) -> None:
    Library.import_archive(write(tmp_path / "same.zip", read(archive)), tmp_path / "new")


@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt",
        "/tmp/outside.txt",
        "originals/../../outside.txt",
        "originals\\..\\..\\outside.txt",
        "originals/ab/../../x.pdf",
        "index/index.faiss",
        "library.db-wal",
        f"originals/ab/{'a' * 64}.pdf",
        f"originals/aa/{'a' * 64}.pdf/x",
    ],
)
def test_a_name_that_no_library_has_is_refused(archive: Path, tmp_path: Path, name: str) -> None:
    hostile = write(tmp_path / "hostile.zip", read(archive) | {name: b"x"})
    refused(hostile, tmp_path, "a library has no|not stored|not the files")


def test_a_link_is_refused(archive: Path, tmp_path: Path) -> None:
    files = read(archive)
    name = original_of(files)
    link = zipfile.ZipInfo(name)
    link.create_system, link.external_attr = 3, 0o120777 << 16
    hostile = tmp_path / "hostile.zip"
    with zipfile.ZipFile(hostile, "w") as target:
        for each, data in files.items():
            target.writestr(link if each == name else zipfile.ZipInfo(each), data)
    refused(hostile, tmp_path, "no file but a link")


def test_bombs_are_refused(archive: Path, tmp_path: Path) -> None:
    files = read(archive)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        for each, data in files.items():
            target.writestr(each, data)
    refused(bomb, tmp_path, "not stored as an export does it|unpack to more than it is")
    # Many entries of one stored body: the directory is written again with each pointing at it.
    with zipfile.ZipFile(bomb, "w") as target:
        target.writestr("manifest.json", files["manifest.json"])
        target.writestr(f"originals/aa/{'a' * 64}.txt", b"x" * 100_000)
        body = target.infolist()[1]
        for number in range(100):
            copy = zipfile.ZipInfo(f"originals/aa/aa{number:062}.txt")
            copy.header_offset, copy.CRC = body.header_offset, body.CRC
            copy.file_size = copy.compress_size = body.file_size
            target.filelist.append(copy)
            target.NameToInfo[copy.filename] = copy
    refused(bomb, tmp_path, "unpack to more than it is")


def test_wrong_bytes_sizes_and_missing_files_are_refused(archive: Path, tmp_path: Path) -> None:
    files = read(archive)
    entries = json.loads(files["manifest.json"])["entries"]
    name = original_of(files)
    hostile = tmp_path / "hostile.zip"
    changed = files | {name: files[name][:-1] + b"?"}
    refused(
        write(hostile, changed, manifest={"entries": entries}), tmp_path, "has not the checksum"
    )
    without = {each: data for each, data in files.items() if each != name}
    told = {"entries": entries}
    refused(write(hostile, without, manifest=told), tmp_path, "not the files that its manifest")
    refused(write(hostile, without), tmp_path, "originals are not those of its documents")
    refused(
        write(hostile, files | {f"originals/aa/{'a' * 64}.txt": b"x"}),
        tmp_path,
        "originals are not those of its documents",
    )
    raw = archive.read_bytes()
    place = raw.index(b"The crane lifts")
    hostile.write_bytes(raw[:place] + b"THE" + raw[place + 3 :])
    refused(hostile, tmp_path, "Bad CRC")
    hostile.write_bytes(raw[: len(raw) // 2])
    refused(hostile, tmp_path, "not what paperlight export writes")


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"version": 2}, "has version 2, but this program reads 1; install the newer"),
        ({"format": "other"}, "not what paperlight export writes"),
        ({"embedder": ["another", 64]}, "vectors are not of the embedder"),
        ({"embedder": 3}, "not what paperlight export writes"),
        ({"entries": [{"name": "library.db"}]}, "not what paperlight export writes"),
        ({"entries": None}, "not what paperlight export writes"),
    ],
)
def test_a_wrong_manifest_is_refused(
    archive: Path, tmp_path: Path, manifest: dict[str, Any], why: str
) -> None:
    refused(write(tmp_path / "hostile.zip", read(archive), manifest=manifest), tmp_path, why)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        (
            "CREATE TRIGGER own AFTER INSERT ON documents BEGIN DELETE FROM pages; END",
            "its database is not as Paperlight makes it",
        ),
        ("CREATE VIEW own AS SELECT 1", "its database is not as Paperlight makes it"),
        ("CREATE TABLE own (x)", "its database is not as Paperlight makes it"),
        ("CREATE INDEX own ON pages (abs(number))", "its database is not as Paperlight makes it"),
        (
            "DROP TRIGGER feedback_goes_with_its_documents",
            "its database is not as Paperlight makes it",
        ),
        (
            "ALTER TABLE documents ADD COLUMN own TEXT DEFAULT 'x'",
            "its database is not as Paperlight makes it",
        ),
        ("PRAGMA user_version = 99", "written by a newer version"),
        ("PRAGMA user_version = 0", "its database is not as Paperlight makes it"),
        ("PRAGMA user_version = -1", "its database is not as Paperlight makes it"),
        ("PRAGMA application_id = 1", "its database is not as Paperlight makes it"),
        (
            "UPDATE documents SET original = '../../../victim.txt' WHERE name = 'crane.txt'",
            "its originals are not those of its documents",
        ),
        ("DELETE FROM pages", "its database is not as Paperlight makes it, or is damaged"),
    ],
)
def test_a_database_that_is_not_a_librarys_is_refused(
    archive: Path, tmp_path: Path, statement: str, why: str
) -> None:
    files = read(archive)
    database = tmp_path / "own.db"
    database.write_bytes(files[DATABASE])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    files[DATABASE] = database.read_bytes()
    (tmp_path / "victim.txt").write_text("Mine.")
    refused(write(tmp_path / "hostile.zip", files), tmp_path, why)


@pytest.mark.parametrize(
    "data", [b"", b"No database at all.", b"SQLite format 3\x00" + b"\x00" * 5000]
)
def test_a_file_that_is_no_database_is_refused(archive: Path, tmp_path: Path, data: bytes) -> None:
    hostile = write(tmp_path / "hostile.zip", read(archive) | {DATABASE: data})
    refused(hostile, tmp_path, "its database is not as Paperlight makes it")


def test_a_damaged_page_of_the_database_is_refused(archive: Path, tmp_path: Path) -> None:
    files = read(archive)
    data = bytearray(files[DATABASE])
    place = data.index(b"The ferry to Grey Island")
    page = place // 4096 * 4096
    data[page : page + 64] = b"\xff" * 64
    hostile = write(tmp_path / "hostile.zip", files | {DATABASE: bytes(data)})
    refused(hostile, tmp_path, "its database is not as Paperlight makes it, or is damaged")


def test_an_older_librarys_file_can_be_imported(archive: Path, tmp_path: Path) -> None:
    """It has the tables of its version, to which those of today are added."""
    files = read(archive)
    database = tmp_path / "own.db"
    database.write_bytes(files[DATABASE])
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("ALTER TABLE chunks DROP COLUMN sections")
        connection.execute("PRAGMA user_version = 4")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    files[DATABASE] = database.read_bytes()
    Library.import_archive(write(tmp_path / "older.zip", files), tmp_path / "new")
    with library_at(tmp_path / "new") as library:
        assert library.search("crane")[0].document_name == "crane.txt"
    shutil.rmtree(tmp_path / "new")
