from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pypdf
import pytest

import rag
from inference.request import Priority, QueueFull
from ingest.documents import Page
from ingest.errors import DocumentNotFound, EmbedderMismatch, InvalidFilter
from rag.errors import LibraryClosed
from rag.library import Library
from rag.library_parts import LibraryParts
from rag.refusal import REFUSAL
from rag.results import AnswerStage
from rag.settings import CHECKOUT, Settings
from tests.fakes import HashedWordsEmbedder, ScriptedGenerator
from tests.ingest.files import NEEDS_TESSERACT, write_pdf, write_picture

BRIDGE = "Work on the Tamber bridge began in 1911. The Tamber bridge was opened on 4 May 1922."
RULES = "Visitors may park behind the library on Sundays."
QUESTION = "When was the Tamber bridge opened?"
RIGHT = "The Tamber bridge was opened on 4 May 1922 [1]."


class FakeParts(LibraryParts):
    """Parts of a library with fakes in place of its models."""

    embedder_identity = "hashed-words"
    reply = RIGHT
    hold = False

    def _load_embedder(self) -> Any:
        return HashedWordsEmbedder(dimensions=256, identity=self.embedder_identity)

    def _load_generator(self) -> Any:
        return ScriptedGenerator(self.reply, hold=self.hold)


class FakeLibrary(Library):
    """A library with fakes in place of its models."""

    _parts_type = FakeParts

    @property
    def scripted(self) -> ScriptedGenerator:
        return cast(ScriptedGenerator, self.generator)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "town.txt").write_text(BRIDGE, "utf-8")
    (folder / "rules.md").write_text(RULES, "utf-8")
    return folder


@pytest.fixture
def library(settings: Settings, files: Path) -> Iterator[FakeLibrary]:
    with FakeLibrary.open(settings=settings) as library:
        assert isinstance(library, FakeLibrary)
        library.add(files)
        yield library


def test_what_was_added_is_listed_searched_and_answered(library: FakeLibrary, files: Path) -> None:
    assert sorted(record.name for record in library.documents()) == ["rules.md", "town.txt"]
    assert library.search(QUESTION, k=1)[0].document_name == "town.txt"
    answer = library.ask(QUESTION)
    assert answer.text == RIGHT
    (citation,) = answer.citations
    page = library.page(citation.document_id, citation.page_index)
    assert page.text[citation.start : citation.end] == citation.quote
    assert citation.document_path == str(files / "town.txt")


def test_adding_reports_each_file(library: FakeLibrary, files: Path) -> None:
    (files / "new.txt").write_text("The ferry left at nine.", "utf-8")
    report = library.add([files, files / "missing.txt"])
    outcomes = {Path(file.path).name: file.outcome.value for file in report.files}
    assert outcomes == {
        "town.txt": "unchanged",
        "rules.md": "unchanged",
        "new.txt": "added",
        "missing.txt": "skipped",
    }


def test_an_upload_is_found_in_its_collection_only(library: FakeLibrary) -> None:
    library.add_bytes("../../ferry.txt", b"The ferry left at nine.", collection="harbour")
    assert library.collections() == ["default", "harbour"]
    (hit,) = library.search("When did the ferry leave?", collection="harbour")
    assert hit.document_name == "ferry.txt"
    assert hit.document_path == "upload:ferry.txt"


def test_a_question_is_asked_of_the_documents_that_a_filter_leaves(library: FakeLibrary) -> None:
    rules = rag.SearchFilter(documents=["rules.md"])
    assert [record.name for record in library.documents(filter=rules)] == ["rules.md"]
    asked = [
        library.ask(QUESTION, filter=rules),
        *library.batch([QUESTION] * 2, filter=rules),
        *(event.answer for event in library.stream(QUESTION, filter=rules) if event.answer),
    ]
    names = {passage.document_name for answer in asked for passage in answer.passages}
    assert (len(asked), names) == (4, {"rules.md"})
    assert library.search(QUESTION, collection="default", filter=rules)
    assert library.search(QUESTION, collection="other", filter=rules) == []
    nothing = library.ask(QUESTION, collection="other", filter=rules)
    assert nothing.refused
    assert "The filter leaves no passages" in nothing.text
    for ask in (library.search, library.ask):
        with pytest.raises(InvalidFilter, match="No document is called 'absent'"):
            ask(QUESTION, filter=rag.SearchFilter(documents=["absent"]))


@NEEDS_TESSERACT
def test_what_was_read_by_ocr_says_so_beside_its_text(library: FakeLibrary, tmp_path: Path) -> None:
    """The text said so itself: "[Read by OCR]" could be quoted, and was found by its words."""
    sentence = RIGHT.replace(" [1]", "")
    (file,) = library.add(write_picture(tmp_path / "plaque.png", sentence)).files
    assert library.page(file.document_id, 0) == Page(1, sentence, read_by_ocr=True)
    answer = library.ask(QUESTION, filter=rag.SearchFilter(documents=["plaque.png"]))
    assert [(hit.text, hit.read_by_ocr) for hit in answer.passages] == [(sentence, True)]
    assert [(c.quote, c.read_by_ocr) for c in answer.citations] == [(sentence, True)]
    assert not any(citation.read_by_ocr for citation in library.ask(RULES).citations)
    assert library._parts.store.search_keywords("read by OCR", 5) == []


def test_an_encrypted_document_is_asked_and_has_no_picture(
    library: FakeLibrary, tmp_path: Path
) -> None:
    """Its original is kept as it was given and its password is not: opening its citation failed
    with the sentence that it needs a password."""
    path = write_pdf(tmp_path / "plan.pdf", [["The quay is made of granite."]], password="sesame")
    assert library.add(path).files[0].needs_password
    assert not (outcome := library.add(path, password="sesame").files[0]).needs_password
    assert library.search("granite quay", k=1)[0].document_id == outcome.document_id
    assert library.page(outcome.document_id, 0).text == "The quay is made of granite."
    assert library.render_page(outcome.document_id, 1) is None


def test_a_removed_document_leaves_nothing(library: FakeLibrary) -> None:
    document_id = library.search(QUESTION, k=1)[0].document_id
    library.remove(document_id)
    assert [record.name for record in library.documents()] == ["rules.md"]
    assert all(hit.document_id != document_id for hit in library.search(QUESTION))
    with pytest.raises(DocumentNotFound):
        library.page(document_id, 0)
    assert library.ask(QUESTION).citations == ()


def test_what_was_added_is_there_after_reopening(library: FakeLibrary, settings: Settings) -> None:
    library.close()
    with FakeLibrary.open(settings=settings) as reopened:
        assert reopened.search(QUESTION, k=1)[0].document_name == "town.txt"


def test_an_empty_library_refuses_without_models(settings: Settings) -> None:
    with Library.open(settings=settings) as library:
        answer = library.ask(QUESTION)
        assert answer.refused
        assert answer.text.startswith(REFUSAL)
        assert library.search(QUESTION) == []
        parts = library._parts
        assert not parts.generator.is_made
        assert not parts.embedder.is_made
    assert not settings.models_path.exists()


def test_a_stream_ends_with_the_answer(library: FakeLibrary) -> None:
    events = list(library.stream(QUESTION))
    assert events[0].stage is AnswerStage.RETRIEVED
    assert events[-1].answer is not None
    assert events[-1].answer.text == RIGHT


def test_a_batch_keeps_its_order_and_yields_to_others(library: FakeLibrary) -> None:
    questions = [f"When was the Tamber bridge number {i} opened?" for i in range(30)]
    answers = library.batch(questions)
    assert [answer.question for answer in answers] == questions
    assert {request.priority for request in library.scripted.requests} == {Priority.BATCH}


def test_a_cancelled_batch_ends(library: FakeLibrary) -> None:
    cancel = threading.Event()
    cancel.set()
    answers = library.batch([QUESTION] * 3, cancel=cancel)
    assert [answer.cancelled for answer in answers] == [True] * 3


def test_a_batch_that_is_cancelled_while_it_waits_ends_too(library: FakeLibrary) -> None:
    """It ended with the refusal of a full queue, which it had only waited for."""
    library.scripted._refuse = QueueFull("full", 0.0)
    cancel = threading.Event()
    cancel.set()
    answers = library.batch([QUESTION] * 3, cancel=cancel)
    assert [answer.cancelled for answer in answers] == [True] * 3


def test_many_threads_share_one_library(library: FakeLibrary) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(library.ask, [QUESTION] * 24))
    assert {answer.text for answer in answers} == {RIGHT}


def test_warming_up_loads_both_models(library: FakeLibrary, settings: Settings) -> None:
    library.close()
    with FakeLibrary.open(settings=settings) as reopened:
        reopened.warm_up()
        assert reopened._parts.generator.is_made
        assert reopened._parts.embedder.is_made


def test_another_embedder_is_refused(library: FakeLibrary, settings: Settings) -> None:
    library.close()

    class OtherParts(FakeParts):
        embedder_identity = "other"

    class OtherLibrary(FakeLibrary):
        _parts_type = OtherParts

    with (
        OtherLibrary.open(settings=settings) as other,
        pytest.raises(EmbedderMismatch, match="hashed-words"),
    ):
        other.add_bytes("a.txt", b"text")


def test_a_closed_library_says_so(library: FakeLibrary) -> None:
    library.close()
    library.close()
    for call in (lambda: library.ask("?"), library.documents, library.doctor, library.resume):
        with pytest.raises(LibraryClosed, match="open it again"):
            call()


def test_a_question_under_way_at_the_close_is_told_the_same(library: FakeLibrary) -> None:
    """It failed with LibraryDamaged, of the store; only a later question said LibraryClosed."""
    library.add_bytes("a.txt", b"The lighthouse stands on Skerry Point.")
    library._parts.store.close()  # as it is in the midst of `close`, for the other threads
    with pytest.raises(LibraryClosed, match="open it again"):
        library.ask("Where does the lighthouse stand?")


def test_a_users_examples_are_taken(settings: Settings) -> None:
    path = settings.library_path
    path.mkdir(parents=True)
    (path / "examples.json").write_text("nonsense", "utf-8")
    with (
        FakeLibrary.open(settings=settings) as library,
        pytest.raises(ValueError, match=r"examples\.json"),
    ):
        library.ask(QUESTION)


def test_a_text_file_has_no_picture(library: FakeLibrary) -> None:
    assert library.render_page(library.documents()[0].document_id, 1) is None


def test_what_is_attached_to_a_pdf_is_found_and_has_no_picture(
    library: FakeLibrary, tmp_path: Path
) -> None:
    path = write_pdf(tmp_path / "flat.pdf", [["The lease of the flat is attached."]])
    writer = pypdf.PdfWriter(clone_from=path)
    writer.add_attachment("lease.txt", b"The caretaker of the flat is called Osvald Brink.")
    writer.write(path)
    document_id = library.add([path]).files[0].document_id
    hit = library.search("caretaker of the flat")[0]
    assert (hit.document_id, hit.page) == (document_id, None)
    assert "Osvald Brink" in hit.text
    assert library.render_page(document_id, 1) is not None
    assert library.render_page(document_id, 2) is None


def test_nothing_is_left_to_resume(library: FakeLibrary) -> None:
    assert library.resume().files == ()


def test_the_retriever_is_a_langchain_part(library: FakeLibrary) -> None:
    documents = library.retriever.invoke(QUESTION)
    assert documents[0].page_content == BRIDGE


def test_opening_loads_no_model_and_no_heavy_library(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from rag.library import Library\n"
        "started = time.perf_counter()\n"
        f"Library.open({str(tmp_path)!r}).close()\n"
        "heavy = {'torch', 'sentence_transformers', 'langchain_core', 'llama_cpp', 'faiss'}\n"
        "print(sorted(heavy & set(sys.modules)), time.perf_counter() - started)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    loaded, _, seconds = result.stdout.rpartition(" ")
    assert loaded == "[]"
    assert float(seconds) < 0.5  # 5 ms here; generous, since the machine may be busy


def test_the_package_gives_its_names_lazily() -> None:
    assert rag.Library is Library
    assert {name for name in rag.__all__ if getattr(rag, name).__name__ == name} == set(rag.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = rag.nonsense


@pytest.mark.model
def test_the_bundled_models_answer_and_the_doctor_is_content(tmp_path: Path, files: Path) -> None:
    settings = Settings(home=Settings().home)  # its models; the library is this test's own
    with Library.open(tmp_path / "library", settings=settings) as library:
        library.add(files)
        answer = library.ask(QUESTION)
        assert "4 May 1922" in answer.text
        assert answer.citations[0].document_name == "town.txt"
        assert answer.usage.completion_tokens > 0
        assert answer.text == f"{answer.citations[0].quote.rstrip('.')} [1]."
        assert library.ask("Who is the prime minister of Norway?").refused
        checks = {check.name: check for check in library.doctor().checks}
        assert checks.keys() >= {"folder", "space", "database", "index", "language model", "gpu"}
        assert checks["language model"].ok
        assert checks["embedding model"].ok


def test_settings_of_the_hardware_reach_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.service.InferenceService", lambda config: config)
    monkeypatch.setattr("rag.library_parts.resolve_model", lambda *_: tmp_path / "model.gguf")
    for name, value in {
        "GPU_LAYERS": "7",
        "TENSOR_SPLIT": "[1, 3]",
        "MAP_FILE": "false",
        "LOCK_MEMORY": "true",
        "ADAPTERS": '{"style.gguf": 0.5}',
    }.items():
        monkeypatch.setenv(f"PAPERLIGHT_{name}", value)
    library = Library.open(tmp_path / "library", settings=Settings(home=tmp_path))
    config: Any = library._parts._load_generator()
    library.close()
    assert (config.gpu_layers, config.tensor_split) == (7, (1.0, 3.0))
    assert (config.map_file, config.lock_memory) == (False, True)
    assert config.adapters == ((Path("style.gguf"), 0.5),)
