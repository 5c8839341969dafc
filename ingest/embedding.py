"""Texts -> unit vectors, by a sentence-transformers model in a local folder.

Importing this module and making an embedder loads nothing: counting tokens reads the tokenizer
(10 ms), and the first embedding loads the model (call `warm_up` early). On a CPU that is the model
as converted for OpenVINO, several times faster than PyTorch, which is then not imported at all;
PyTorch computes on a GPU, and what cannot be converted. Both give vectors that may stand in one
index. Nothing is ever fetched. It knows nothing of documents, chunks or the store.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from langchain_core.embeddings import Embeddings

from ingest.converted_models import NotConvertible, converted_model
from ingest.embedding_batches import Collector, Piece, batches, cut, unit_rows
from ingest.embedding_model import EmbedderNotFound, EmbeddingModel, TextKind
from ingest.records import FloatMatrix
from ingest.torch_runtime import TorchRuntime, has_gpu

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["EmbedderNotFound", "EmbeddingRuntime", "SentenceEmbedder"]

logger = logging.getLogger(__name__)

# Tokenized and sorted by length together; more gains nothing and takes memory.
_TEXTS_SORTED = 1024

# Told the positions of texts whose vectors are computed; what it raises ends the embedding.
OnBatch = Callable[[Sequence[int]], None]


class EmbeddingRuntime(Protocol):
    """What computes vectors.

    name: for people. batch_tokens: most tokens, padding counted, that it wants in a batch.
    batches_at_once: how many batches it computes side by side.
    """

    @property
    def name(self) -> str: ...

    @property
    def batch_tokens(self) -> int: ...

    @property
    def batches_at_once(self) -> int: ...

    def encode(
        self, batches: Iterable[Sequence[Piece]], kind: TextKind
    ) -> Iterator[FloatMatrix]: ...

    @property
    def has_token_vectors(self) -> bool: ...

    def encode_tokens(
        self, batches: Iterable[Sequence[Piece]], kind: TextKind
    ) -> Iterator[tuple[FloatMatrix, Iterable[FloatMatrix]]]: ...


class SentenceEmbedder(Embeddings):
    """A sentence-transformers model as LangChain Embeddings. Thread-safe, lazy.

    model_path: a folder as SentenceTransformer.save makes it. converted: where converted models
    are kept; None computes with PyTorch, whatever there is. device: PyTorch's name of where to
    compute; None takes a GPU where there is one. threads: CPU threads; None takes one a physical
    core. Raises EmbedderNotFound if the folder is not there.
    """

    def __init__(
        self,
        model_path: Path | str,
        *,
        converted: Path | None = None,
        device: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.model_path = Path(model_path)
        self._description = EmbeddingModel(self.model_path)
        self._converted = converted
        self._device = device
        self._threads = threads
        self._load_lock = threading.Lock()
        self._loaded: EmbeddingRuntime | None = None

    # --- what it is ---------------------------------------------------------------------------

    @property
    def identity(self) -> str:
        """Name, dimensions and a digest of weights, tokenizer and pooling.

        Two embedders with the same identity give vectors that can be compared, wherever the model
        lies and whatever computes them.
        """
        return self._description.identity

    @cached_property
    def dimensions(self) -> int:
        """Width of the vectors."""
        return self._description.dimensions or self.embed_queries(["width"]).shape[1]

    @cached_property
    def max_tokens(self) -> int:
        """The longest text, in tokens, that is read at once; special tokens are not counted."""
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        return self._description.max_ids - special

    @property
    def runtime(self) -> str:
        """What computes, for people; loads the model."""
        return self._runtime().name

    # --- what it does -------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Load the model now, so that the first embedding is fast."""
        self.embed_queries(["warm up"])

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted."""
        # The batch form leaves out where each token stands, which is half of the work.
        return len(self._tokenizer.encode_batch_fast([text], add_special_tokens=False)[0])

    def embed_passages(
        self, texts: Sequence[str], *, on_batch: OnBatch | None = None
    ) -> FloatMatrix:
        """(n, dim) float32 unit vectors of passages, in the order given.

        A text beyond `max_tokens` is read in windows, whose vectors are averaged.
        on_batch: told after each batch which texts are done; what it raises ends the embedding.
        """
        return self._embed(texts, TextKind.PASSAGE, on_batch)

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dim) float32 unit vectors of questions, in the order given; as `embed_passages`."""
        return self._embed(texts, TextKind.QUERY, None)

    def embed_tokens(
        self, texts: Sequence[str], kind: TextKind
    ) -> tuple[FloatMatrix, list[FloatMatrix]]:
        """The vectors of texts and those of their tokens, computed at once.

        The first is that of `embed_passages` or `embed_queries`. For each text (n, dim) float32,
        unit vectors of its n tokens as they are in the text; special tokens are left out, and n is
        0 where the model has vectors of whole texts only.
        """
        runtime = self._runtime()
        if not texts or not runtime.has_token_vectors:
            nothing = np.empty((0, self.dimensions), dtype=np.float32)
            return self._embed(texts, kind, None), [nothing for _ in texts]
        prompt, tokenizer = self._description.prompt(kind), self._tokenizer
        pieces = list(
            cut(texts, tokenizer=tokenizer, prompt=prompt, max_ids=self._description.max_ids)
        )
        special = [i for i, t in tokenizer.get_added_tokens_decoder().items() if t.special]
        found: dict[int, FloatMatrix] = {}
        collector = Collector(pieces, texts=len(texts), dimensions=self.dimensions)
        made = batches(pieces, runtime.batch_tokens, at_once=runtime.batches_at_once)
        for batch, (whole, tokens) in zip(made, runtime.encode_tokens(made, kind), strict=True):
            collector.take(batch, whole)
            for piece, vectors in zip(batch, tokens, strict=True):
                of_text = vectors[: len(piece.ids)][~np.isin(piece.ids, special)]
                found[id(piece)] = unit_rows(of_text)
        rows: list[list[FloatMatrix]] = [[] for _ in texts]
        for piece in pieces:
            rows[piece.row].append(found[id(piece)])
        return collector.vectors(), [np.concatenate(parts) for parts in rows]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of embed_passages."""
        return cast("list[list[float]]", self.embed_passages(texts).tolist())

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of embed_queries, for one question."""
        return cast("list[float]", self.embed_queries([text])[0].tolist())

    def _embed(self, texts: Sequence[str], kind: TextKind, on_batch: OnBatch | None) -> FloatMatrix:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        return embed(
            texts,
            kind,
            model=self._description,
            tokenizer=self._tokenizer,
            runtime=self._runtime(),
            on_batch=on_batch,
        )

    # --- loading ------------------------------------------------------------------------------

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        if self._description.has_tokenizer_file:
            return self._description.tokenizer()
        runtime = self._runtime()
        if isinstance(runtime, TorchRuntime):
            return runtime.tokenizer()
        return self._description.tokenizer()  # raises: names the file

    def _runtime(self) -> EmbeddingRuntime:
        if self._loaded is None:
            with self._load_lock:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded

    def _load(self) -> EmbeddingRuntime:
        if self._converted is not None:
            if self._device not in (None, "cpu") or (self._device is None and has_gpu()):
                logger.info("Embeddings are computed by PyTorch, on a GPU.")
            else:
                try:
                    return self._load_converted(self._converted)
                except NotConvertible as error:
                    logger.warning("Embeddings are computed by PyTorch, slowly: %s", error)
        return TorchRuntime(self.model_path, device=self._device, threads=self._threads)

    def _load_converted(self, folder: Path) -> EmbeddingRuntime:
        """Raises NotConvertible."""
        if not self._description.has_tokenizer_file:
            raise NotConvertible("the model has no tokenizer.json.")
        try:
            from ingest.openvino_runtime import OpenVinoRuntime, processor
        except ImportError as error:
            raise NotConvertible(f"OpenVINO cannot be loaded: {error}.") from error
        found = converted_model(self._description, folder, processor=processor())
        try:
            return OpenVinoRuntime(
                found.folder,
                precision=found.precision,
                pad_id=self._description.pad_id,
                threads=self._threads,
            )
        except RuntimeError as error:
            raise NotConvertible(f"OpenVINO cannot load it: {error}") from error


def embed(
    texts: Sequence[str],
    kind: TextKind,
    *,
    model: EmbeddingModel,
    tokenizer: Tokenizer,
    runtime: EmbeddingRuntime,
    on_batch: OnBatch | None = None,
) -> FloatMatrix:
    """(n, dim) float32 unit vectors of texts, in the order given; n is 1 or more.

    In batches of like length; see `SentenceEmbedder.embed_passages`.
    """
    parts: list[FloatMatrix] = []
    remaining = iter(texts)
    first = 0
    while some := list(islice(remaining, _TEXTS_SORTED)):
        pieces = list(
            cut(some, tokenizer=tokenizer, prompt=model.prompt(kind), max_ids=model.max_ids)
        )
        collector: Collector | None = None
        made = batches(pieces, runtime.batch_tokens, at_once=runtime.batches_at_once)
        for batch, vectors in zip(made, runtime.encode(made, kind), strict=True):
            collector = collector or Collector(pieces, texts=len(some), dimensions=vectors.shape[1])
            complete = collector.take(batch, vectors)
            if on_batch is not None:
                on_batch([first + row for row in complete])
        assert collector is not None, "every text has a piece"
        parts.append(collector.vectors())
        first += len(some)
    return np.concatenate(parts)
