"""The Python API: one library of documents, its models, and everything that is asked of them.

The place where the parts are put together: store and index from ingest, the engine from inference,
search and answers from this package. Opening is cheap; models load when they are first needed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from inference.hub_folders import is_hub_repository, pull_folder
from inference.models import ProgressCallback as FetchCallback
from inference.models import bundled_embedder, resolve_model
from inference.request import InferenceError, Priority, QueueFull
from ingest.documents import Page
from ingest.errors import EmbedderMismatch, IngestError, PasswordNeeded, SharedIndexError
from ingest.health import Check, check_library
from ingest.index_servers import index_server
from ingest.outcomes import AddReport
from ingest.pipeline import Ingestor
from ingest.progress import ProgressCallback
from ingest.records import DocumentRecord
from ingest.search_filter import SearchFilter, combined
from ingest.settings import IngestSettings
from ingest.shared_index import SharedIndex
from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.accounts.calculation import AccountsReader
from rag.answer import Answerer, AnswerOptions
from rag.assembled_search import assembled_search
from rag.citations import Unsupported
from rag.cross_encoder import CrossEncoderReranker
from rag.doctor import DoctorReport, check_devices, check_folder, describe_hardware
from rag.errors import LibraryClosed, RerankerNotFound
from rag.examples import ExampleStore, bundled_examples, load_examples
from rag.extraction import Extraction, Extractor
from rag.feedback import FeedbackStore
from rag.glossary import Glossary
from rag.lazy import Lazy
from rag.passage_judge import LanguageModelReranker
from rag.prompts import LabelledPassage
from rag.reranking import Reranker
from rag.results import Answer, AnswerEvent, AnswerStage, Hit, Turn
from rag.settings import Settings
from rag.summary import Summarizer, Summary
from rag.vectors import CachedEmbedder
from rag.warming import warm_passages

if TYPE_CHECKING:
    from inference.service import GenerationService
    from ingest.embedding import SentenceEmbedder
    from rag.retriever import Retriever

_DATABASE = "library.db"
_INDEX_FOLDER = "index"
_CONVERTED_FOLDER = "converted"  # of the models folder
_EXAMPLES = "examples.json"
_BLOCKS_FOLDER = "blocks"
_LANGUAGE_MODEL = "llm"  # as the reranker's name
# Questions of a batch that are under way at once: enough to keep every sequence of the engine
# busy while others are being searched for or grounded.
_BATCH_QUESTIONS_PER_SEQUENCE = 2


class Library:
    """A folder of documents that can be asked. Thread-safe; close it, or use it in a `with`.

    Make one with `Library.open`. Errors are those of ingest.errors, inference.request and
    rag.errors; after `close` every call raises LibraryClosed.
    """

    def __init__(self, path: Path, settings: Settings, *, engine_process: bool = False) -> None:
        self.path = path
        self.settings = settings
        self._engine_process = engine_process
        self.fetch_progress: FetchCallback | None = None
        self._closed = False
        self._store = Store(path / _DATABASE)
        self._feedback = FeedbackStore(self._store.path, self._store)
        self._embedder: Lazy[SentenceEmbedder] = Lazy(self._load_embedder)
        self._vectors = Lazy(lambda: CachedEmbedder(self._embedder.get()))
        self._index: Lazy[VectorIndex | SharedIndex] = Lazy(self._make_index)
        self._ingestor = Lazy(self._make_ingestor)
        self._generator: Lazy[GenerationService] = Lazy(self._load_generator)
        self._answerer = Lazy(self._make_answerer)
        self._extractor = Lazy(self._make_extractor)
        self._reranker: Lazy[Reranker] = Lazy(self._load_reranker)
        self._accounts = (
            AccountsReader(self._store.pages, self._store.documents)
            if settings.calculations
            else None
        )
        self._search = assembled_search(
            self._store,
            self._synced_index,
            self._vectors.get,
            glossary=Glossary(settings.glossary),
            hops=settings.hops,
            accounts=self._accounts,
            reranker=self._reranker.get if settings.reranker else None,
            candidates=settings.rerank_candidates,
        )

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
        folder = settings.library_path if path is None else Path(path)
        return cls(folder.expanduser().absolute(), settings, engine_process=engine_process)

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
        if not self._opened()._store.pending():
            return AddReport(())
        return self._ready_ingestor().resume(progress=progress, cancel=cancel)

    def remove(self, *document_ids: str) -> None:
        """Take documents out, their vectors included: all of them or none.

        Many at once take hardly longer than one. Raises DocumentNotFound.
        """
        self._opened()._store.remove(*document_ids)
        index = self._synced_index()
        index.save()  # the saved index must not keep what the documents' vectors tell

    def documents(
        self, collection: str | None = None, *, filter: SearchFilter | None = None
    ) -> list[DocumentRecord]:
        """The documents of a collection and of a filter, or all, in the order they were added.

        Raises InvalidFilter if the filter names a document that is not there.
        """
        return self._opened()._store.documents(combined(collection, filter))

    def document(self, document_id: str) -> DocumentRecord:
        """One document. Raises DocumentNotFound."""
        return self._opened()._store.document(document_id)

    def collections(self) -> list[str]:
        """The names of all collections that have documents, sorted."""
        return self._opened()._store.collections()

    def page(self, document_id: str, page_index: int) -> Page:
        """A page's text. page_index: 0-based. Raises DocumentNotFound, PageNotFound."""
        return self._opened()._store.page(document_id, page_index)

    def render_page(
        self,
        document_id: str,
        page_number: int,
        *,
        scale: float = 1.5,
        highlight: tuple[int, int] | None = None,
    ) -> bytes | None:
        """A page as PNG; None where there is no picture of it: no PDF, no original kept, or one
        that only its password opens, which is kept nowhere.

        page_number: 1-based. highlight: [start, end) in the page's text.
        Raises DocumentNotFound, PageNotFound.
        """
        store = self._opened()._store
        original = store.original(document_id)
        if original is None or store.document(document_id).media_type != "application/pdf":
            return None
        from ingest.rendering import render_page  # PDFium is needed by nobody else here

        text = store.page(document_id, page_number - 1).text
        try:
            return render_page(original, page_number, scale=scale, text=text, highlight=highlight)
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
    ) -> list[Hit]:
        """The k passages that fit a query best, best first."""
        return self._opened()._search.search(query, k, filter=combined(collection, filter))

    def nearest_texts(self, query: str, *, k: int = 4) -> list[str]:
        """The k chunks nearest in meaning alone, nearest first: what a usual vector search is."""
        store = self._opened()._store
        if self._is_empty():
            return []
        found = self._synced_index().search(self._vectors.get().query(query)[None, :], k)[0]
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

        Closing the iterator, or setting `cancel`, stops the engine. client: who asks, for
        fairness between callers.
        """
        self._opened()
        if not self._is_empty():
            self._generator.get_soon()  # the model loads while the passages are looked for
        yield from self._answerer.get().stream(
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
        self._opened()
        chosen = combined(collection, filter)
        workers = _BATCH_QUESTIONS_PER_SEQUENCE * self.settings.max_sequences

        def answer(question: str) -> Answer:
            return self._batch_answer(question, chosen, cancel)

        with ThreadPoolExecutor(workers, thread_name_prefix="paperlight-batch") as pool:
            return list(pool.map(answer, questions))

    def _batch_answer(
        self, question: str, filter: SearchFilter, cancel: threading.Event | None
    ) -> Answer:
        """One answer of a batch, which waits where an interactive question would be refused."""
        cancel = cancel or threading.Event()
        while True:
            try:
                events = self.stream(
                    question, filter=filter, cancel=cancel, priority=Priority.BATCH
                )
                return _last_answer(events)
            except QueueFull as error:
                if cancel.wait(error.retry_after_seconds):
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
        self._opened()
        return self._extractor.get().extract(
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
        self._opened()._store.document(document_id)  # before a model is loaded for nothing
        summarizer = Summarizer(
            self._store,
            self._generator.get,
            parts_at_once=_BATCH_QUESTIONS_PER_SEQUENCE * self.settings.max_sequences,
        )
        return summarizer.summarize(document_id, progress=progress, cancel=cancel, client=client)

    # --- parts --------------------------------------------------------------------------------

    @property
    def generator(self) -> GenerationService:
        """The language model's service; loaded now if it was not."""
        return self._opened()._generator.get()

    @property
    def feedback(self) -> FeedbackStore:
        """What readers think of the answers, and what is learned from it."""
        return self._opened()._feedback

    @property
    def retriever(self) -> Retriever:
        """The search as a LangChain retriever."""
        from rag.retriever import Retriever  # LangChain loads slowly and few need it

        return Retriever(searcher=self._opened()._search, k=self.settings.passages)

    @property
    def embedder(self) -> SentenceEmbedder:
        """The embedding model as LangChain Embeddings; its weights load when first used."""
        return self._opened()._embedder.get()

    @property
    def reranker(self) -> Reranker | None:
        """What puts the best candidates into order, loaded now if it was not; None: nothing does.

        Raises RerankerNotFound, ModelFetchError.
        """
        return self._opened()._reranker.get() if self.settings.reranker else None

    @property
    def is_warm(self) -> bool:
        """Whether the models are loaded, so that a question is answered without delay."""
        return self._generator.is_made and self._embedder.is_made

    def warm_up(self, progress: FetchCallback | None = None) -> None:
        """Load both models, side by side, and the index.

        progress: told of models that are fetched, from several threads.
        Raises what loading raises.
        """
        self._opened()
        if progress is not None:
            self.fetch_progress = progress
        with ThreadPoolExecutor(2, thread_name_prefix="paperlight-warm") as pool:
            engine, search = pool.submit(self._generator.get), pool.submit(self._warm_search)
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
        store = self._opened()._store
        documents = store.documents(combined(collection, filter))
        passages = [
            LabelledPassage(record.name, None, chunk.text)
            for record in documents
            for chunk in store.document_chunks(record.document_id)
        ]
        return warm_passages(self.generator, passages, progress=progress, cancel=cancel)

    def doctor(self, *, repair: bool = True) -> DoctorReport:
        """Check folder, database, index, models and devices; mend what can be derived."""
        store = self._opened()._store
        checks = check_folder(self.path)
        embedder, embedder_check = self._check_embedder()
        index, index_checks = self._check_index_settings()
        checks += check_library(store, index, embedder=embedder, repair=repair) + index_checks
        checks += [embedder_check, *self._check_reranker(), *self._check_engine()]
        return DoctorReport(tuple(checks))

    # --- lifecycle ----------------------------------------------------------------------------

    def close(self) -> None:
        """Stop the engine and close the store. Idempotent; answers under way end with an error."""
        if self._closed:
            return
        self._closed = True
        generator = self._generator.take()
        if generator is not None:
            generator.close()
        index = self._index.take()
        if index is not None:
            index.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- making the parts ---------------------------------------------------------------------

    def _opened(self) -> Self:
        if self._closed:
            raise LibraryClosed(f"The library {self.path} is closed; open it again.")
        return self

    def _is_empty(self) -> bool:
        """Whether nothing was ever added; then no model is needed to find nothing."""
        return self._store.embedder is None

    def _load_embedder(self) -> SentenceEmbedder:
        from ingest.embedding import SentenceEmbedder  # LangChain loads slowly

        models = self.settings.models_path
        with_torch = self.settings.embedding_runtime == "torch"
        embedder = SentenceEmbedder(
            self._embedder_path(), converted=None if with_torch else models / _CONVERTED_FOLDER
        )
        bound = self._store.embedder
        if bound is not None and bound != (embedder.identity, embedder.dimensions):
            raise EmbedderMismatch(stored=bound[0], given=embedder.identity)
        return embedder

    def _embedder_path(self) -> Path:
        name, models = self.settings.embedder, self.settings.models_path
        if not name:
            return bundled_embedder(models, self.fetch_progress)
        inside = models / name
        return inside if Path(name).name == name and inside.is_dir() else Path(name).expanduser()

    def _load_reranker(self) -> Reranker:
        name, models = self.settings.reranker, self.settings.models_path
        if name == _LANGUAGE_MODEL:
            return LanguageModelReranker(self._generator.get)
        inside, path = models / name, Path(name).expanduser()
        if path.name == name and inside.is_dir():
            return CrossEncoderReranker(inside)
        if not path.is_dir() and is_hub_repository(name):
            return CrossEncoderReranker(pull_folder(name, models, self.fetch_progress))
        return CrossEncoderReranker(path)

    def _load_generator(self) -> GenerationService:
        from inference.engine import EngineConfig  # llama.cpp's library loads here
        from inference.service import InferenceService
        from inference.supervised import SupervisedService

        settings = self._opened().settings
        model_path = resolve_model(settings.model, settings.models_path, self.fetch_progress)
        service = SupervisedService if self._engine_process else InferenceService
        return service(
            EngineConfig(
                model_path=model_path,
                gpu_layers=settings.gpu_layers,
                tensor_split=settings.tensor_split,
                map_file=settings.map_file,
                lock_memory=settings.lock_memory,
                adapters=tuple(settings.adapters.items()),
                context_tokens=settings.context_tokens,
                max_sequences=settings.max_sequences,
                batch_tokens=settings.batch_tokens,
                threads=settings.threads,
                kv_type=settings.kv_type,
                queue_limit=settings.queue_limit,
                prefix_cache=settings.prefix_cache,
                drafting=settings.drafting,
                passage_blocks=settings.passage_blocks,
                block_memory_bytes=settings.block_memory_mb << 20,
                block_folder=self.path / _BLOCKS_FOLDER,
                block_disk_bytes=settings.block_disk_mb << 20,
            )
        )

    def _make_index(self) -> VectorIndex | SharedIndex:
        bound = self._store.embedder
        dimensions = bound[1] if bound is not None else self._embedder.get().dimensions
        local = VectorIndex(self.path / _INDEX_FOLDER, dimensions)
        address = self.settings.index.get_secret_value()
        if not address:
            return local
        shared = SharedIndex(index_server(address, self._store.library_id, local.folder))
        with suppress(OSError):  # a read-only library
            local.discard()  # nobody would take out of its files what is deleted from now on
        return shared

    def _ready_ingestor(self) -> Ingestor:
        """What adds files, once it is sure that they will be found."""
        ingestor = self._opened()._ingestor.get()
        index = self._index.get()
        if isinstance(index, SharedIndex):
            index.require_current(self._store)
        return ingestor

    def _synced_index(self) -> VectorIndex | SharedIndex:
        index = self._index.get()
        index.sync(self._store)
        return index

    def _make_ingestor(self) -> Ingestor:
        return Ingestor(
            self._store,
            self._index.get(),
            self._embedder.get(),
            settings=IngestSettings(
                keep_originals=self.settings.keep_originals,
                ocr_languages=self.settings.ocr_languages,
            ),
        )

    def _make_answerer(self) -> Answerer:
        settings = self.settings
        return Answerer(
            self._search,
            self._generator.get,
            pages=self._store,
            examples=self._load_examples(),
            similarity=lambda question, texts: self._vectors.get().similarities(question, texts),
            accounts=self._accounts,
            options=AnswerOptions(
                passages=settings.passages,
                examples=settings.examples,
                max_answer_tokens=settings.max_answer_tokens,
                least_confidence=settings.least_confidence,
            ),
        )

    def _make_extractor(self) -> Extractor:
        from inference.llama import json_schema_grammar  # llama.cpp's library loads here

        return Extractor(
            self._search,
            self._generator.get,
            grammar=json_schema_grammar,
            pages=self._store,
            similarity=lambda question, texts: self._vectors.get().similarities(question, texts),
            passages=self.settings.passages,
            fields_at_once=_BATCH_QUESTIONS_PER_SEQUENCE * self.settings.max_sequences,
        )

    def _load_examples(self) -> ExampleStore:
        own = self.path / _EXAMPLES
        examples = bundled_examples() + (load_examples(own) if own.is_file() else ())
        return ExampleStore(examples, self._vectors.get, learned=self._feedback.examples)

    def _warm_search(self) -> None:
        self._embedder.get().warm_up()
        if (reranker := self.reranker) is not None:
            reranker.warm_up()
        if not self._is_empty():
            self._synced_index()

    # --- findings -----------------------------------------------------------------------------

    def _check_index_settings(self) -> tuple[VectorIndex | SharedIndex | None, list[Check]]:
        """The index, if there is anything to index and the settings name one that can be used."""
        if self._is_empty():
            return None, []
        try:
            return self._index.get(), []
        except SharedIndexError as error:
            return None, [Check("index", False, str(error))]

    def _check_embedder(self) -> tuple[SentenceEmbedder | None, Check]:
        try:
            embedder = self._embedder.get()
            embedder.warm_up()
        except (InferenceError, IngestError, OSError) as error:
            return None, Check("embedding model", False, str(error))
        detail = f"{embedder.identity} is computed by {embedder.runtime}."
        return embedder, Check("embedding model", True, detail)

    def _check_reranker(self) -> list[Check]:
        name = self.settings.reranker
        try:
            if (reranker := self.reranker) is None:
                return []
            reranker.warm_up()
        except (InferenceError, RerankerNotFound, OSError) as error:
            return [Check("reranker", False, str(error))]
        what = "The language model" if name == _LANGUAGE_MODEL else name
        candidates = self.settings.rerank_candidates
        return [Check("reranker", True, f"{what} orders the {candidates} best passages.")]

    def _check_engine(self) -> list[Check]:
        from inference.llama import gpu_devices, unused_gpus  # llama.cpp's library loads here

        devices = check_devices(
            used=gpu_devices(), unused=unused_gpus(), gpu_layers=self.settings.gpu_layers
        )
        started = time.monotonic()
        try:
            service = self._generator.get()
            model = service.model
        except (InferenceError, OSError) as error:
            return [Check("language model", False, str(error)), devices]
        detail = f"{model.name} ({model.parameters / 1e6:,.0f} M parameters, {model.quantization})"
        detail += f" was there after {time.monotonic() - started:.1f} s."
        if devices.ok:
            devices = Check("gpu", True, describe_hardware(service.devices, service.metrics()))
        return [Check("language model", True, detail), devices]


def _last_answer(events: Iterator[AnswerEvent]) -> Answer:
    for event in events:
        if event.stage is AnswerStage.DONE and event.answer is not None:
            return event.answer
    raise AssertionError("a stream ends with its answer")
