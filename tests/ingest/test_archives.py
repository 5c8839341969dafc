"""An archive is a folder of files: each is a document of its own, and goes with its archive."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ingest.documents import Chunk, Document, Page
from ingest.extraction import ExtractionWorkers, UnpackedArchive
from ingest.health import check_library
from ingest.loaders import LoadLimits
from ingest.outcomes import AddReport, Outcome
from ingest.pipeline import Ingestor
from ingest.progress import Progress, Stage
from ingest.records import NewDocument
from ingest.rendering import render_page
from ingest.search_filter import SearchFilter
from ingest.settings import IngestSettings
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder
from tests.ingest.documents import put
from tests.ingest.files import write_pdf, zip_bytes

ROOT = Path(__file__).parents[2]
# Enough for a file to be embedded and stored by itself, before the next one.
MANY_WORDS = 2000


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder / "reports.zip"


def pdf(*pages: Sequence[str], password: str = "") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return write_pdf(Path(folder) / "a.pdf", pages, password=password).read_bytes()


def write(archive: Path, members: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return archive


def outcomes(report: AddReport, archive: Path) -> dict[str, str]:
    return {file.path.removeprefix(str(archive)): file.outcome.value for file in report.files}


def names(store: Store) -> list[str]:
    return sorted(document.name for document in store.documents())


def assert_sound(store: Store, index: VectorIndex) -> None:
    """Nothing is left of what is gone, and nothing is missing of what is there."""
    index.sync(store)
    assert [
        check.detail for check in check_library(store, index, repair=False) if not check.ok
    ] == []
    assert list(store.originals.staged()) == []
    assert store.pending() == []


# --- what becomes of an archive -------------------------------------------------------------------


def test_each_file_in_an_archive_is_a_document_with_its_own_pages_and_pictures(
    ingestor: Ingestor, store: Store, index: VectorIndex, archive: Path
) -> None:
    """All were pages of one document, without numbers and pictures, and cited by the archive."""
    report = pdf(["Foxes run fast."], ["Dogs sleep long."])
    write(archive, {"2024/report.pdf": report, "notes.md": b"# Notes\n\nCats climb."})
    added = ingestor.add([archive])
    assert outcomes(added, archive) == {"/2024/report.pdf": "added", "/notes.md": "added"}
    first, second = added.files
    assert (first.pages, second.pages) == (2, 1)
    record = store.document(first.document_id)
    assert (record.name, record.path) == (
        "reports.zip/2024/report.pdf", f"{archive}/2024/report.pdf",
    )  # fmt: skip
    assert (record.media_type, record.byte_size) == ("application/pdf", len(report))
    assert record.sha256 == hashlib.sha256(report).hexdigest()
    ((found, _),) = store.search_keywords("sleeping dogs", 5)
    (chunk,) = store.chunks([found])
    assert (chunk.document_name, chunk.page_number) == (record.name, 2)
    original = store.original(first.document_id)
    assert original is not None
    assert original.read_bytes() == report
    assert render_page(original, 2, text=chunk.text).startswith(b"\x89PNG")
    assert sorted(path.rpartition(".")[2] for path in store.originals.all()) == ["md", "pdf"]
    assert_sound(store, index)


def test_an_uploaded_archive_is_its_files_too(ingestor: Ingestor, store: Store) -> None:
    data = zip_bytes(**{"a.txt": b"First words.", "b.txt": b"Second words."})
    report = ingestor.add_bytes("C:\\docs\\all.zip", data, collection="mail")
    assert [(file.path, file.outcome.value) for file in report.files] == [
        ("all.zip/a.txt", "added"),
        ("all.zip/b.txt", "added"),
    ]
    assert [(d.path, d.collection) for d in store.documents()] == [
        ("upload:all.zip/a.txt", "mail"),
        ("upload:all.zip/b.txt", "mail"),
    ]
    assert list(store.originals.staged()) == []


def test_a_bad_file_in_an_archive_costs_itself_only_and_is_named(
    ingestor: Ingestor, store: Store, index: VectorIndex, archive: Path
) -> None:
    inner = zip_bytes(**{"deep.txt": b"Deep words."})
    write(
        archive,
        {
            "a.pdf": b"%PDF-1.7 rubbish",
            "b.zip": inner,
            "c.bin": bytes(range(256)) * 9,
            "d.txt": b"",
            "__MACOSX/d.txt": b"Left by a system.",
            ".hidden": b"Words.",
        },
    )
    report = ingestor.add([archive])
    assert outcomes(report, archive) == {
        "/a.pdf": "skipped", "/b.zip": "added", "/c.bin": "skipped", "/d.txt": "skipped",
    }  # fmt: skip
    assert report.files[0].reason.startswith("reports.zip/a.pdf is damaged")
    # An archive in an archive is one document, as before.
    (document,) = store.documents()
    assert [page.text for page in store.pages(document.document_id)] == [
        "# deep.txt\n\nDeep words."
    ]
    assert_sound(store, index)


def test_names_in_an_archive_lead_nowhere_and_are_told_apart(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    written = [
        "../../evil.txt",
        "/etc/evil.txt",
        "..\\evil.txt",
        "evil.txt",
        "a\x1b\n.txt",
        "../..",
    ]
    with zipfile.ZipFile(archive, "w") as file:
        for number, name in enumerate(written):
            file.writestr(name, f"Words of number {number}.")
    ingestor.add([archive])
    assert names(store) == [
        "reports.zip/a__.txt",
        "reports.zip/etc/evil.txt",
        "reports.zip/evil (2).txt",
        "reports.zip/evil (3).txt",
        "reports.zip/evil.txt",
        "reports.zip/file 6",
    ]
    assert list(archive.parent.parent.rglob("*evil*")) == []


def test_without_originals_the_files_are_read_and_not_kept(
    store: Store, index: VectorIndex, archive: Path, fake_embedder: HashedWordsEmbedder
) -> None:
    settings = IngestSettings(keep_originals=False)
    Ingestor(store, index, fake_embedder, settings=settings).add(
        [write(archive, {"a.txt": b"Words."})]
    )
    assert names(store) == ["reports.zip/a.txt"]
    assert list(store.originals.all()) == []
    assert_sound(store, index)


# --- limits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "limits", "reason"),
    [
        ({"a.txt": bytes(5_000_000)}, LoadLimits(max_unpacked_bytes=1_000_000), "unpacks to 5 MB"),
        ({"a.txt": bytes(20_000_000)}, LoadLimits(), "unpacks to a thousand times its size"),
        (
            {"a.txt": b"words " * 1000, "b.txt": b"other " * 1000},
            LoadLimits(max_characters=8_000),
            "has more than 8,000 characters of text in its files",
        ),
        ({"__MACOSX/a.txt": b"x"}, LoadLimits(), "has no files in it"),
    ],
    ids=["size", "bomb", "characters", "nothing"],
)
def test_an_archive_beyond_a_limit_is_refused_as_a_whole(
    store: Store, index: VectorIndex, archive: Path, fake_embedder: HashedWordsEmbedder,
    members: dict[str, bytes], limits: LoadLimits, reason: str,
) -> None:  # fmt: skip
    settings = IngestSettings(limits=limits)
    report = Ingestor(store, index, fake_embedder, settings=settings).add([write(archive, members)])
    (file,) = report.files
    assert file.outcome is Outcome.SKIPPED
    assert reason in file.reason
    assert store.documents() == []
    assert list(store.originals.staged()) == []
    assert store.pending() == []


def test_an_encrypted_or_damaged_archive_is_named(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    data = bytearray(zip_bytes(**{"a.txt": b"Some words of a file."}))
    data[40] ^= 0xFF  # in the compressed bytes
    archive.write_bytes(bytes(data))
    (file,) = ingestor.add([archive]).files
    assert file.reason.startswith("reports.zip ")
    encrypted = bytearray(zip_bytes(**{"a.txt": b"Words."}))
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(bytes(encrypted))
    (file,) = ingestor.add([archive]).files
    assert file.reason == "reports.zip is encrypted; unpack it and add the files in it."
    assert list(store.originals.staged()) == []


def test_a_worker_unpacks_beside_where_it_is_told_and_reads_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zip_bytes(**{"..__x.txt": b"Words.", "b.pdf": b"%PDF-1.7 rubbish"}))
    room = tmp_path / "room" / "owner.1."
    room.parent.mkdir()
    with ExtractionWorkers(LoadLimits()) as workers:
        found = workers.read_or_unpack(path, name="a.zip", unpack_to=room)
        assert isinstance(found, UnpackedArchive)
        assert found.names == ("../x.txt", "b.pdf")
        assert [each.read_bytes() for each in found.paths] == [b"Words.", b"%PDF-1.7 rubbish"]
        assert sorted(room.parent.iterdir()) == sorted(found.paths)
        text = tmp_path / "a.txt"
        text.write_text("Plain words.")
        read = workers.read_or_unpack(text, name="a.txt", unpack_to=room)
        assert read == workers.read(text, name="a.txt")


# --- again ----------------------------------------------------------------------------------------


def test_the_same_archive_again_changes_nothing(
    ingestor: Ingestor, store: Store, index: VectorIndex, archive: Path
) -> None:
    write(archive, {"a.txt": b"First words.", "b.txt": b"Second words."})
    first = ingestor.add([archive])
    generation = store.generation
    again = ingestor.add([archive])
    assert outcomes(again, archive) == {"/a.txt": "unchanged", "/b.txt": "unchanged"}
    assert [f.document_id for f in again.files] == [f.document_id for f in first.files]
    assert store.generation == generation
    assert_sound(store, index)


def test_a_newer_archive_replaces_adds_and_takes_out_its_files(
    ingestor: Ingestor, store: Store, index: VectorIndex, archive: Path
) -> None:
    old = {"same.txt": b"Same words.", "changed.txt": b"Old words.", "gone.txt": b"Zanzibar words."}
    ingestor.add([write(archive, old)])
    put(store, "Of another file.", name="other.txt", source=f"{archive}0/gone.txt")
    put(store, "Of another collection.", source=f"{archive}/gone.txt", collection="other")
    new = {"same.txt": b"Same words.", "changed.txt": b"New words.", "added.txt": b"More words."}
    report = ingestor.add([write(archive, new)])
    assert outcomes(report, archive) == {
        "/same.txt": "unchanged", "/changed.txt": "replaced", "/added.txt": "added",
    }  # fmt: skip
    assert names(store) == [
        "a.txt", "other.txt",  # whose paths only look like it
        "reports.zip/added.txt", "reports.zip/changed.txt", "reports.zip/same.txt",
    ]  # fmt: skip
    assert store.search_keywords("zanzibar old", 5) == []
    assert_sound(store, index)
    for path in store.path.parent.rglob("*"):
        if path.is_file():
            assert b"zanzibar" not in path.read_bytes().lower(), path.name


def test_a_file_that_became_unreadable_leaves_its_older_version(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    ingestor.add([write(archive, {"a.txt": b"Good words.", "b.txt": b"Other words."})])
    report = ingestor.add([write(archive, {"a.txt": bytes(range(256)), "b.txt": b"Other words."})])
    assert outcomes(report, archive) == {"/a.txt": "skipped", "/b.txt": "unchanged"}
    assert len(store.search_keywords("good", 5)) == 1
    archive.write_bytes(b"PK\x03\x04 damaged")
    ingestor.add([archive])
    assert len(store.documents()) == 2


def test_an_archive_that_was_stored_as_one_document_is_read_again_into_its_files(
    ingestor: Ingestor, store: Store, index: VectorIndex, archive: Path
) -> None:
    """As libraries of before have them."""
    write(archive, {"a.txt": b"First words."})
    content = archive.read_bytes()
    text = "# a.txt\n\nFirst words."
    chunk = Chunk(0, 0, len(text), text)
    store.put(
        NewDocument(
            name=archive.name,
            source=str(archive),
            collection="default",
            sha256=hashlib.sha256(content).hexdigest(),
            byte_size=len(content),
            document=Document("", "application/zip", (Page(None, text),)),
            chunks=[chunk],
            vectors=HashedWordsEmbedder().embed_passages([text]),
        ),
        embedder="hashed-words",
    )
    assert outcomes(ingestor.add([archive]), archive) == {"/a.txt": "added"}
    assert names(store) == ["reports.zip/a.txt"]
    assert_sound(store, index)


def test_a_file_that_needs_a_password_is_opened_by_adding_the_archive_with_it(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    members = {"open.txt": b"Open words.", "locked.pdf": pdf(["Secret words."], password="sesame")}
    write(archive, members)
    report = ingestor.add([archive])
    assert outcomes(report, archive) == {"/open.txt": "added", "/locked.pdf": "skipped"}
    assert [file.needs_password for file in report.files] == [False, True]
    report = ingestor.add([archive], password="sesame")
    assert outcomes(report, archive) == {"/open.txt": "unchanged", "/locked.pdf": "added"}


def test_files_of_an_archive_that_are_in_the_library_are_not_stored_twice(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    plain = archive.with_name("plain.txt")
    plain.write_bytes(b"Same words.")
    ingestor.add([plain])
    write(archive, {"a.txt": b"Same words.", "b.txt": b"Twin words.", "c.txt": b"Twin words."})
    report = ingestor.add([archive])
    assert outcomes(report, archive) == {
        "/a.txt": "unchanged", "/b.txt": "added", "/c.txt": "unchanged",
    }  # fmt: skip
    assert str(plain) in report.files[0].reason
    assert f"{archive}/b.txt" in report.files[2].reason


def test_a_file_that_has_another_name_in_the_newer_archive_is_not_lost(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    """Its twin of the old name is what goes out."""
    ingestor.add([write(archive, {"old.txt": b"Same words.", "b.txt": b"Other words."})])
    report = ingestor.add([write(archive, {"new.txt": b"Same words.", "b.txt": b"Other words."})])
    assert outcomes(report, archive) == {"/new.txt": "added", "/b.txt": "unchanged"}
    assert names(store) == ["reports.zip/b.txt", "reports.zip/new.txt"]


def test_what_is_in_an_archive_stands_for_no_file_elsewhere(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    """Or that file would be gone when the archive no longer has its twin."""
    ingestor.add([write(archive, {"a.txt": b"Same words."})])
    plain, other = archive.with_name("plain.txt"), archive.with_name("other.zip")
    plain.write_bytes(b"Same words.")
    report = ingestor.add([plain, write(other, {"c.txt": b"Same words."})])
    assert [file.outcome for file in report.files] == [Outcome.ADDED, Outcome.UNCHANGED]
    assert str(plain) in report.files[1].reason
    ingestor.add([write(archive, {"d.txt": b"New words."})])
    assert names(store) == ["plain.txt", "reports.zip/d.txt"]


# --- which documents ------------------------------------------------------------------------------


def test_an_archives_name_or_path_means_all_that_came_out_of_it(
    ingestor: Ingestor, store: Store, archive: Path
) -> None:
    write(archive, {"2024/a.txt": b"First words.", "b.txt": b"Second words."})
    ingestor.add([archive])
    put(store, "Other words.", name="other.txt")
    for name in ("Reports.zip", str(archive), f"{archive}/*", "reports.zip/*"):
        left = store.documents(SearchFilter(documents=[name]))
        assert [d.name for d in left] == ["reports.zip/2024/a.txt", "reports.zip/b.txt"], name
    (left_one,) = store.documents(SearchFilter(documents=["reports.zip/2024/a.txt"]))
    assert left_one.name == "reports.zip/2024/a.txt"
    assert dict(store.document_names())[left_one.document_id] == "a.txt"


# --- progress, cancel, interruption ---------------------------------------------------------------


def test_progress_tells_each_file_of_an_archive(ingestor: Ingestor, archive: Path) -> None:
    write(archive, {"a.txt": b"First words. " * 1000, "b.txt": b"", "c.txt": b"Third words."})
    plain = archive.with_name("z.txt")
    plain.write_text("Plain words." * 100)  # smaller files are taken first
    seen: list[Progress] = []
    report = ingestor.add([archive, plain], progress=seen.append)
    done = [p for p in seen if p.stage is Stage.DONE]
    assert [p.outcome for p in done] == list(report.files)
    assert [(p.file_index, p.file_count) for p in done] == [(1, 2)] * 3 + [(2, 2)]
    total = archive.stat().st_size + plain.stat().st_size
    assert [p.bytes_done for p in done] == [0, 0, archive.stat().st_size, total]
    assert {p.bytes_total for p in seen} == {total}
    assert "reports.zip/c.txt" in {p.name for p in seen}


def test_cancel_in_an_archive_keeps_what_is_stored_and_takes_nothing_out(
    store: Store, index: VectorIndex, archive: Path
) -> None:
    cancel = threading.Event()

    def on_batch(texts: Sequence[str]) -> None:
        if any("second" in text for text in texts):
            cancel.set()

    ingestor = Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch))
    ingestor.add([write(archive, {"gone.txt": b"Older words."})])
    many = {
        "a.txt": b"The first file. " * MANY_WORDS,
        "b.txt": b"The second file. " * MANY_WORDS,
        "c.txt": b"The third file.",
    }
    report = ingestor.add([write(archive, many)], cancel=cancel)
    assert report.cancelled
    assert outcomes(report, archive) == {"/a.txt": "added"}
    assert names(store) == ["reports.zip/a.txt", "reports.zip/gone.txt"]
    assert_sound(store, index)


KILLED = """
import os, sys
from pathlib import Path
from ingest.pipeline import Ingestor
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.fakes import HashedWordsEmbedder

library, archive = map(Path, sys.argv[1:])

def on_batch(texts):
    if any("third" in text for text in texts):  # the first is stored, the second about to be
        os.kill(os.getpid(), 9)

with Store(library) as store:
    index = VectorIndex(library.parent / "index", 64)
    Ingestor(store, index, HashedWordsEmbedder(on_batch=on_batch)).add([archive])
"""


def test_resume_goes_on_with_an_archive_that_a_killed_process_was_adding(
    ingestor: Ingestor, store: Store, index: VectorIndex, archive: Path
) -> None:
    ingestor.add([write(archive, {"gone.txt": b"Older words."})])
    many = {
        "a.txt": b"The first file. " * MANY_WORDS,
        "b.txt": b"The second file. " * MANY_WORDS,
        "c.txt": b"The third file. " * MANY_WORDS,
    }
    write(archive, many)
    command = [sys.executable, "-c", KILLED, str(store.path), str(archive)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9
    left = set(names(store)) - {"reports.zip/b.txt"}
    assert left == {"reports.zip/a.txt", "reports.zip/gone.txt"}
    found = outcomes(ingestor.resume(), archive)
    assert (found["/a.txt"], found["/c.txt"]) == ("unchanged", "added")
    assert found["/b.txt"] in {"unchanged", "added"}
    assert names(store) == ["reports.zip/a.txt", "reports.zip/b.txt", "reports.zip/c.txt"]
    store.tidy()
    assert_sound(store, index)
