"""The Python API: one library of documents, its models, and everything that is asked of them.

Opening is cheap; models load when they are first needed (rag/library_parts.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from inference.models import ProgressCallback as FetchCallback
from inference.request import Priority
from ingest.documents import Page
from ingest.errors import PasswordNeeded
from ingest.library_archive import Contents, export_library, import_library
from ingest.library_archive import Progress as ArchiveProgress
from ingest.outcomes import AddReport
from ingest.pipeline import Ingestor
from ingest.progress import ProgressCallback
from ingest.records import DocumentRecord
from ingest.search_filter import SearchFilter, combined
from ingest.shared_index import SharedIndex
from rag.citations import Unsupported
from rag.doctor import DoctorReport
from rag.errors import InvalidQuestion
from rag.extraction import Extraction
from rag.feedback import FeedbackStore
from rag.generator import Caller
from rag.library_parts import DATABASE, EXAMPLES, LibraryParts
from rag.part_checks import check_parts
from rag.prompts import LabelledPassage
from rag.reranking import Reranker
from rag.results import Answer, AnswerEvent, AnswerStage, Hit, Turn
from rag.settings import MOST_QUESTION_CHARS, Settings
from rag.summary import Summary
from rag.warming import warm_passages

if TYPE_CHECKING:
    from inference.service import GenerationService
    from ingest.embedding import SentenceEmbedder
    from rag.retriever import Retriever


class Library:
    """A folder of documents that can be asked. Thread-safe; close it, or use it in a `with`.

    Make one with `Library.open`. Errors are those of ingest.errors, inference.request and
    rag.errors; after `close` every call raises LibraryClosed.
    """

    _parts_type: type[LibraryParts] = LibraryParts  # another has fakes in place of the models

    def __init__(self, parts: LibraryParts) -> None:
        self.path = parts.path
        self.settings = parts.settings
        self._parts = parts

    @classmethod
    def open(
        cls,
        path: Path | str | None = None,
        *,
        settings: Settings | None = None,
        engine_process: bool = False,
    ) -> Library:
        """Open a library, made if it is not there; loads no model.

        path: its folder; None takes the one of the settings. settings: None reads the environment.
        engine_process: run the language model in a process of its own, so that a crash of it costs
            the answers under way only; for programs that run for long.
        Raises LibraryDamaged, LibraryTooNew.
        """
        settings = settings or Settings()
        folder = (settings.library_path if path is None else Path(path)).expanduser().absolute()
        return cls(cls._parts_type(folder, settings, engine_process=engine_process))

    @staticmethod
    def is_at(path: Path | str) -> bool:
        """Whether a folder has a library in it, which `open` would not have to make."""
        return (Path(path).expanduser() / DATABASE).is_file()

    @property
    def fetch_progress(self) -> FetchCallback | None:
        """Told of models that are fetched, from several threads."""
        return self._parts.fetch_progress

    @fetch_progress.setter
    def fetch_progress(self, progress: FetchCallback | None) -> None:
        self._parts.fetch_progress = progress

    # --- documents ----------------------------------------------------------------------------

    def add(
        self,
        paths: Sequence[Path | str] | Path | str,
        *,
        collection: str | None = None,
        password: str = "",
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> AddReport:
        """Add files and folders; each file has an outcome in the report. See Ingestor.add."""
        return self._ready_ingestor().add(
            paths, collection=collection, password=password, progress=progress, cancel=cancel
        )

    def add_bytes(
        self,
        name: str,
        data: bytes | BinaryIO,
        *,
        collection: str | None = None,
        password: str = "",
        progress: ProgressCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> AddReport:
        """Add one upload. name: as its sender gave it. See Ingestor.add_bytes."""
        return self._ready_ingestor().add_bytes(
            name,
            data,
            collection=collection,
            password=password,
            progress=progress,
            cancel=cancel,
        )

    def resume(
        self,
        progress: ProgressCallback | None = None,
        *,
        cancel: threading.Event | None = None,
    ) -> AddReport:
        """Take up files that a killed process left unfinished; cheap when there are none."""
        if not self._opened.store.pending():
            return AddReport(())
        return self._ready_ingestor().resume(progress=progress, cancel=cancel)

    def remove(self, *document_ids: str) -> None:
        """Take documents out, their vectors included: all of them or none.

        Many at once take hardly longer than one. Raises DocumentNotFound.
        """
        self._opened.store.remove(*document_ids)
        # The saved index must not keep what the documents' vectors tell.
        self._parts.synced_index().save()

    def documents(
        self, collection: str | None = None, *, filter: SearchFilter | None = None
    ) -> list[DocumentRecord]:
        """The documents of a collection and of a filter, or all, in the order they were added.

        Raises InvalidFilter if the filter names a document that is not there.
        """
        return self._opened.store.documents(combined(collection, filter))

    def document(self, document_id: str) -> DocumentRecord:
        """One document. Raises DocumentNotFound."""
        return self._opened.store.document(document_id)

    def collections(self) -> list[str]:
        """The names of all collections that have documents, sorted."""
        return self._opened.store.collections()

    def page(self, document_id: str, page_index: int) -> Page:
        """A page's text. page_index: 0-based. Raises DocumentNotFound, PageNotFound."""
        return self._opened.store.page(document_id, page_index)

    def render_page(
        self,
        document_id: str,
        page_number: int,
        *,
        scale: float = 1.5,
        highlight: tuple[int, int] | None = None,
    ) -> bytes | None:
        """A page as PNG; None where there is no picture of it: no PDF, an attachment of one, no
        original kept, or one that only its password opens, which is kept nowhere.

        page_number: 1-based. highlight: [start, end) in the page's text.
        Raises DocumentNotFound, PageNotFound.
        """
        store = self._opened.store
        original = store.original(document_id)
        if original is None or store.document(document_id).media_type != "application/pdf":
            return None
        from ingest.rendering import render_page  # PDFium is needed by nobody else here

        page = store.page(document_id, page_number - 1)
        if page.number is None:
            return None
        try:
            return render_page(
                original, page.number, scale=scale, text=page.text, highlight=highlight
            )
        except PasswordNeeded:
            return None

    # --- questions ----------------------------------------------------------------------------

    # A question may be asked of some documents only: of one collection by its name, or of those
    # that a filter leaves; both given, of those that fit both. InvalidFilter is raised where that
    # makes no sense, or where a document that is named is not there.

    def search(
        self,
        query: str,
        *,
        k: int = 10,
        collection: str | None = None,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
    ) -> list[Hit]:
        """The k passages that fit a query best, best first; none once `cancel` was set.

        Raises InvalidQuestion.
        """
        _check_length(query)
        return self._opened.search.search(
            query, k, filter=combined(collection, filter), caller=Caller(cancel=cancel)
        )

    def nearest_texts(self, query: str, *, k: int = 4) -> list[str]:
        """The k chunks nearest in meaning alone, nearest first: what a usual vector search is."""
        store = self._opened.store
        if self._parts.is_empty:
            return []
        vector = self._parts.vectors.get().query(query)[None, :]
        found = self._parts.synced_index().search(vector, k)[0]
        chunks = {chunk.chunk_id: chunk.text for chunk in store.chunks([i for i, _ in found])}
        return [chunks[chunk_id] for chunk_id, _ in found if chunk_id in chunks]

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] | None = None,
        collection: str | None = None,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
        client: str = "",
        priority: Priority = Priority.INTERACTIVE,
    ) -> Answer:
        """The answer to a question, cited. history: the conversation before it, oldest first."""
        events = self.stream(
            question,
            history=history,
            collection=collection,
            filter=filter,
            cancel=cancel,
            client=client,
            priority=priority,
        )
        return _last_answer(events)

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Turn] | None = None,
        collection: str | None = None,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
        client: str = "",
        priority: Priority = Priority.INTERACTIVE,
    ) -> Iterator[AnswerEvent]:
        """The steps of an answer: retrieved, token*, citation*, done.

        Closing the iterator, or setting `cancel`, stops the search or the engine. client: who
        asks, for fairness between callers.
        """
        parts = self._opened
        _check_length(question)
        if not parts.is_empty:
            parts.generator.get_soon()  # the model loads while the passages are looked for
        yield from parts.answerer.get().stream(
            question,
            history=history or (),
            filter=combined(collection, filter),
            cancel=cancel,
            client=client,
            priority=priority,
        )

    def batch(
        self,
        questions: Sequence[str],
        *,
        collection: str | None = None,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
    ) -> list[Answer]:
        """The answers to many questions, in their order; interactive questions go first.

        After `cancel` the answers under way end early and the rest are empty, marked cancelled.
        """
        outcomes = self.batch_outcomes(
            questions, collection=collection, filter=filter, cancel=cancel
        )
        with closing(outcomes):
            return [_answer_of(outcome) for outcome in outcomes]

    def batch_outcomes(
        self,
        questions: Sequence[str],
        *,
        collection: str | None = None,
        filter: SearchFilter | None = None,
        cancel: threading.Event | None = None,
    ) -> Generator[Answer | Exception, None, None]:
        """As `batch`, but each answer as it comes, in their order, or why there is none.

        Whoever ends this before its end sets `cancel` by that, so that nothing goes on unseen.
        """
        chosen = combined(collection, filter)
        stop = cancel or threading.Event()

        def outcome(question: str) -> Answer | Exception:
            try:
                return self.ask(question, filter=chosen, cancel=stop, priority=Priority.BATCH)
            except Exception as error:  # a thread's boundary: it is given to whoever waits
                return error

        workers = self._opened.requests_at_once
        with ThreadPoolExecutor(workers, thread_name_prefix="paperlight-batch") as pool:
            try:
                yield from pool.map(outcome, questions)
            except BaseException:
                stop.set()
                raise

    def extract(
        self,
        schema: Mapping[str, Any],
        instruction: str = "",
        *,
        collection: str | None = None,
        filter: SearchFilter | None = None,
        unsupported: Unsupported | None = None,
        cancel: threading.Event | None = None,
        progress: Callable[[int, int], None] | None = None,
        client: str = "",
    ) -> Extraction:
        """What the documents say, in the form of a JSON schema, each value with its place.

        schema: of an object; null is allowed for every field, for the documents may not say.
        See Extractor.extract.
        """
        return self._opened.extractor.get().extract(
            schema,
            instruction,
            filter=combined(collection, filter),
            unsupported=unsupported,
            cancel=cancel,
            progress=progress,
            client=client,
        )

    def summarize(
        self,
        document_id: str,
        *,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
        client: str = "",
    ) -> Summary:
        """What a document says, in short and cited; long ones are read in parts, side by side.

        See Summarizer.summarize.
        """
        self._opened.store.document(document_id)  # before a model is loaded for nothing
        return self._parts.summarizer().summarize(
            document_id, progress=progress, cancel=cancel, client=client
        )

    # --- parts --------------------------------------------------------------------------------

    @property
    def generator(self) -> GenerationService:
        """The language model's service; loaded now if it was not."""
        return self._opened.generator.get()

    @property
    def feedback(self) -> FeedbackStore:
        """What readers think of the answers, and what is learned from it."""
        return self._opened.feedback

    @property
    def retriever(self) -> Retriever:
        """The search as a LangChain retriever."""
        from rag.retriever import Retriever  # LangChain loads slowly and few need it

        return Retriever(searcher=self._opened.search, k=self.settings.passages)

    @property
    def embedder(self) -> SentenceEmbedder:
        """The embedding model as LangChain Embeddings; its weights load when first used."""
        return self._opened.embedder.get()

    @property
    def reranker(self) -> Reranker | None:
        """What puts the best candidates into order, loaded now if it was not; None: nothing does.

        Raises RerankerNotFound, ModelFetchError.
        """
        return self._opened.reranker()

    def warm_up(self, progress: FetchCallback | None = None) -> None:
        """Load both models, side by side, and the index.

        progress: told of models that are fetched, from several threads.
        Raises what loading raises.
        """
        parts = self._opened
        if progress is not None:
            parts.fetch_progress = progress
        with ThreadPoolExecutor(2, thread_name_prefix="paperlight-warm") as pool:
            engine, search = pool.submit(parts.generator.get), pool.submit(parts.warm_search)
            engine.result()
            search.result()

    def warm_passages(
        self,
        *,
        collection: str | None = None,
        filter: SearchFilter | None = None,
        progress: Callable[[int, int], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> int:
        """Compute the passage blocks of the documents that are chosen, or of all, ahead of
        questions.

        progress: told passages done and passages in all. Returns how many were computed or found;
        computed ones outlive this process where `block_disk_mb` allows.
        Raises PassageBlocksUnused where this model or these settings would not use them, and
        InvalidFilter.
        """
        store = self._opened.store
        documents = store.documents(combined(collection, filter))
        passages = [
            LabelledPassage(record.name, None, chunk.text)
            for record in documents
            for chunk in store.document_chunks(record.document_id)
        ]
        return warm_passages(self.generator, passages, progress=progress, cancel=cancel)

    def doctor(self, *, repair: bool = True) -> DoctorReport:
        """Check folder, database, index, models and devices; mend what can be derived."""
        return check_parts(self._opened, repair=repair)

    # --- as one file --------------------------------------------------------------------------

    def export(
        self,
        archive: Path | str,
        *,
        overwrite: bool = False,
        progress: ArchiveProgress | None = None,
    ) -> Contents:
        """Write the library of this instant into one file, while others may change it.

        Raises LibraryArchiveError.
        """
        return export_library(
            self._opened.store,
            Path(archive).expanduser(),
            own_files=(EXAMPLES,),
            overwrite=overwrite,
            progress=progress,
        )

    @staticmethod
    def import_archive(
        archive: Path | str, path: Path | str, *, progress: ArchiveProgress | None = None
    ) -> Contents:
        """Make a library of an exported file at a folder that is empty or not there.

        Raises LibraryArchiveError.
        """
        return import_library(
            Path(archive).expanduser(),
            Path(path).expanduser(),
            database=DATABASE,
            own_files=(EXAMPLES,),
            progress=progress,
        )

    # --- lifecycle ----------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the engine and close the store. Idempotent; answers under way end with an error."""
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _opened(self) -> LibraryParts:
        """The parts. Raises LibraryClosed."""
        self._parts.require_open()
        return self._parts

    def _ready_ingestor(self) -> Ingestor:
        """What adds files, once it is sure that they will be found."""
        ingestor = self._opened.ingestor.get()
        index = self._parts.index.get()
        if isinstance(index, SharedIndex):
            index.require_current(self._parts.store)
        return ingestor


def _check_length(question: str) -> None:
    """Whoever asks: a search ends between its stages only, and a long question's take long."""
    if len(question) > MOST_QUESTION_CHARS:
        raise InvalidQuestion(
            f"The question has {len(question):,} characters, more than {MOST_QUESTION_CHARS:,};"
            " ask a shorter one."
        )


def _last_answer(events: Iterator[AnswerEvent]) -> Answer:
    for event in events:
        if event.stage is AnswerStage.DONE and event.answer is not None:
            return event.answer
    raise AssertionError("a stream ends with its answer")


def _answer_of(outcome: Answer | Exception) -> Answer:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
