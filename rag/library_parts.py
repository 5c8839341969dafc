"""What a library is made of, and how: each part is made when it is first needed, once.

The place where the parts are put together: store and index from ingest, the engine from inference,
search and answers from this package. Opening is cheap; models load when somebody asks for them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from inference.engine_config import EngineConfig
from inference.hub_folders import is_hub_repository, pull_folder
from inference.models import ProgressCallback as FetchCallback
from inference.models import bundled_embedder, resolve_model
from ingest.errors import EmbedderMismatch
from ingest.index_servers import index_server
from ingest.loaders import LoadLimits
from ingest.pipeline import Ingestor
from ingest.settings import IngestSettings
from ingest.shared_index import SharedIndex
from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.accounts.calculation import AccountsReader
from rag.answer import Answerer, AnswerOptions
from rag.assembled_search import assembled_search
from rag.citations import Unsupported
from rag.cross_encoder import CrossEncoderReranker
from rag.errors import LibraryClosed
from rag.examples import ExampleStore, bundled_examples, load_examples
from rag.extraction import Extractor
from rag.feedback import FeedbackStore
from rag.glossary import Glossary
from rag.language_model_reranker import LanguageModelReranker
from rag.lazy import Lazy
from rag.reranking import Reranker
from rag.settings import Settings
from rag.summary import Summarizer
from rag.vectors import CachedEmbedder

if TYPE_CHECKING:
    from inference.service import GenerationService
    from ingest.embedding import SentenceEmbedder

LANGUAGE_MODEL = "llm"  # as the reranker's name
DATABASE = "library.db"  # in the library's folder
_INDEX_FOLDER = "index"
_CONVERTED_FOLDER = "converted"  # of the models folder
EXAMPLES = "examples.json"  # of the user's own, beside it
_BLOCKS_FOLDER = "blocks"
# Questions of a batch that are under way at once: enough to keep every sequence of the engine
# busy while others are being searched for or grounded.
_BATCH_QUESTIONS_PER_SEQUENCE = 2


class LibraryParts:
    """The parts of one library. Thread-safe; `close` ends them in order.

    engine_process: run the language model in a process of its own.
    fetch_progress: told of models that are fetched, from several threads.
    Raises LibraryDamaged, LibraryTooNew; what making a part raises, its `get` raises.
    """

    def __init__(self, path: Path, settings: Settings, *, engine_process: bool = False) -> None:
        self.path = path
        self.settings = settings
        self._engine_process = engine_process
        self.fetch_progress: FetchCallback | None = None
        self._closed = False
        self.store = Store(path / DATABASE)
        self.feedback = FeedbackStore(self.store.path, self.store)
        self.embedder: Lazy[SentenceEmbedder] = Lazy(self._load_embedder)
        self.vectors = Lazy(lambda: CachedEmbedder(self.embedder.get()))
        self.index: Lazy[VectorIndex | SharedIndex] = Lazy(self._make_index)
        self.ingestor = Lazy(self._make_ingestor)
        self.generator: Lazy[GenerationService] = Lazy(self._load_generator)
        self.answerer = Lazy(self._make_answerer)
        self.extractor = Lazy(self._make_extractor)
        self._reranker: Lazy[Reranker] = Lazy(self._load_reranker)
        self.accounts = (
            AccountsReader(self.store.pages, self.store.documents)
            if settings.calculations
            else None
        )
        self.search = assembled_search(
            self.store,
            self.synced_index,
            self.vectors.get,
            glossary=Glossary(settings.glossary),
            hops=settings.hops,
            accounts=self.accounts,
            reranker=self._reranker.get if settings.reranker else None,
            candidates=settings.rerank_candidates,
        )

    # --- state --------------------------------------------------------------------------------

    def require_open(self) -> None:
        """Raises LibraryClosed after `close`."""
        if self._closed:
            raise LibraryClosed(f"The library {self.path} is closed; open it again.")

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever added; then no model is needed to find nothing."""
        return self.store.embedder is None

    @property
    def requests_at_once(self) -> int:
        """How many requests of a batch are worth having under way."""
        return _BATCH_QUESTIONS_PER_SEQUENCE * self.settings.max_sequences

    def synced_index(self) -> VectorIndex | SharedIndex:
        """The index, caught up with the store."""
        index = self.index.get()
        index.sync(self.store)
        return index

    def reranker(self) -> Reranker | None:
        """What puts the best candidates into order; None: nothing does.

        Raises RerankerNotFound, ModelFetchError.
        """
        return self._reranker.get() if self.settings.reranker else None

    def gpus(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Devices that layers can be offloaded to, and those of the machine that cannot be used."""
        from inference.llama.gpus import gpu_devices, unused_gpus  # llama.cpp's library loads here

        return gpu_devices(), unused_gpus()

    def warm_search(self) -> None:
        """Load what a search needs."""
        self.embedder.get().warm_up()
        if (reranker := self.reranker()) is not None:
            reranker.warm_up()
        if not self.is_empty:
            self.synced_index()

    def close(self) -> None:
        """Stop the engine and close index and store. Idempotent."""
        if self._closed:
            return
        self._closed = True
        generator = self.generator.take()
        if generator is not None:
            generator.close()
        index = self.index.take()
        if index is not None:
            index.close()
        self.feedback.close()
        self.store.close()

    # --- making -------------------------------------------------------------------------------

    def summarizer(self) -> Summarizer:
        """What summarizes documents."""
        return Summarizer(
            self.store,
            self.generator.get,
            self.vectors.get,
            parts_at_once=self.requests_at_once,
            unsupported=Unsupported(self.settings.unsupported),
        )

    def _load_embedder(self) -> SentenceEmbedder:
        from ingest.embedding import SentenceEmbedder  # LangChain loads slowly

        models = self.settings.models_path
        with_torch = self.settings.embedding_runtime == "torch"
        embedder = SentenceEmbedder(
            self._embedder_path(), converted=None if with_torch else models / _CONVERTED_FOLDER
        )
        bound = self.store.embedder
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
        if name == LANGUAGE_MODEL:
            return LanguageModelReranker(self.generator.get)
        inside, path = models / name, Path(name).expanduser()
        if path.name == name and inside.is_dir():
            return CrossEncoderReranker(inside)
        if not path.is_dir() and is_hub_repository(name):
            return CrossEncoderReranker(pull_folder(name, models, self.fetch_progress))
        return CrossEncoderReranker(path)

    def _load_generator(self) -> GenerationService:
        from inference.service import InferenceService  # llama.cpp's library loads here
        from inference.supervised import SupervisedService

        self.require_open()
        settings = self.settings
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
        bound = self.store.embedder
        dimensions = bound[1] if bound is not None else self.embedder.get().dimensions
        local = VectorIndex(self.path / _INDEX_FOLDER, dimensions)
        address = self.settings.index.get_secret_value()
        if not address:
            return local
        shared = SharedIndex(index_server(address, self.store.library_id, local.folder))
        with suppress(OSError):  # a read-only library
            local.discard()  # nobody would take out of its files what is deleted from now on
        return shared

    def _make_ingestor(self) -> Ingestor:
        return Ingestor(
            self.store,
            self.index.get(),
            self.embedder.get(),
            settings=IngestSettings(
                keep_originals=self.settings.keep_originals,
                ocr_languages=self.settings.ocr_languages,
                limits=LoadLimits(
                    max_bytes=self.settings.max_file_mb << 20,
                    max_characters=self.settings.max_file_characters,
                ),
            ),
        )

    def _make_answerer(self) -> Answerer:
        settings = self.settings
        return Answerer(
            self.search,
            self.generator.get,
            pages=self.store,
            examples=self._load_examples(),
            embedder=self.vectors.get,
            accounts=self.accounts,
            summarize=self.summarizer().summarize,
            options=AnswerOptions(
                passages=settings.passages,
                examples=settings.examples,
                max_answer_tokens=settings.max_answer_tokens,
                least_confidence=settings.least_confidence,
                unsupported=Unsupported(settings.unsupported),
            ),
        )

    def _make_extractor(self) -> Extractor:
        from inference.llama.grammar import json_schema_grammar  # llama.cpp's library loads here

        return Extractor(
            self.search,
            self.generator.get,
            grammar=json_schema_grammar,
            pages=self.store,
            embedder=self.vectors.get,
            passages=self.settings.passages,
            fields_at_once=self.requests_at_once,
            unsupported=Unsupported(self.settings.unsupported),
        )

    def _load_examples(self) -> ExampleStore:
        own = self.path / EXAMPLES
        examples = bundled_examples() + (load_examples(own) if own.is_file() else ())
        return ExampleStore(examples, self.vectors.get, learned=self.feedback.examples)
