"""Texts -> unit vectors, by a sentence-transformers model in a local folder.

Importing this module and making an embedder loads nothing: counting tokens reads the tokenizer
(10 ms), and only the first embedding imports torch and the model (seconds; call `warm_up` early).
Nothing is ever fetched. It knows nothing of documents, chunks or the store.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from langchain_core.embeddings import Embeddings

from ingest.records import FloatMatrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

_HASH_BYTES = 1 << 22
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_BATCH_SIZE = 32


class EmbedderNotFound(FileNotFoundError):
    """The folder holds no sentence-transformers model; the message says what was looked for."""


class SentenceEmbedder(Embeddings):
    """A sentence-transformers model as LangChain Embeddings. Thread-safe, lazy.

    model_path: a folder as SentenceTransformer.save makes it. device: None picks the best.
    threads: CPU threads of torch; None leaves torch's own choice (one a physical core).
    Raises EmbedderNotFound if the folder is not there.
    """

    def __init__(
        self, model_path: Path | str, *, device: str | None = None, threads: int | None = None
    ) -> None:
        self.model_path = Path(model_path)
        if not (self.model_path / "config.json").is_file():
            raise EmbedderNotFound(
                f"Expected a sentence-transformers model in {self.model_path}, but it has no"
                " config.json; fetch the model again or name its folder."
            )
        self._device = device
        self._threads = threads
        self._load_lock = threading.Lock()
        self._loaded: SentenceTransformer | None = None
        self._tokenizer_lock = threading.Lock()

    # --- what it is ---------------------------------------------------------------------------

    @cached_property
    def identity(self) -> str:
        """Name, dimensions and a digest of weights, tokenizer and pooling.

        Two embedders with the same identity give the same vectors, wherever they lie on disk.
        """
        digest = hashlib.sha256()
        for path in self._defining_files():
            digest.update(path.relative_to(self.model_path).as_posix().encode())
            with path.open("rb") as file:
                while block := file.read(_HASH_BYTES):
                    digest.update(block)
        return f"{self._name()}-{self.dimensions}d-{digest.hexdigest()[:16]}"

    @cached_property
    def dimensions(self) -> int:
        """Width of the vectors."""
        for module in self._modules():
            config = self._json(
                f"{module['path']}/config.json" if module["path"] else "config.json"
            )
            kind = str(module["type"]).rpartition(".")[2]
            if kind == "Dense" and "out_features" in config:
                return int(config["out_features"])
        pooling = self._json("1_Pooling/config.json")
        size = pooling.get("word_embedding_dimension") or self._json("config.json").get(
            "hidden_size"
        )
        return int(size) if size else int(self._model().get_embedding_dimension() or 0)

    @cached_property
    def max_tokens(self) -> int:
        """The longest text, in tokens, that is read whole; special tokens are not counted."""
        stated = self._json("sentence_bert_config.json").get("max_seq_length")
        limit = stated or self._json("config.json").get("max_position_embeddings") or 512
        return int(limit) - self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def _name(self) -> str:
        stated = str(self._json("config.json").get("_name_or_path") or "")
        return stated.rstrip("/").rpartition("/")[2] or self.model_path.name

    def _defining_files(self) -> list[Path]:
        weights = [self.model_path / name for name in _WEIGHTS]
        found = [path for path in weights if path.is_file()][:1]
        names = ("tokenizer.json", "modules.json", "sentence_bert_config.json")
        found += [path for path in (self.model_path / name for name in names) if path.is_file()]
        for module in self._modules():
            folder = self.model_path / str(module["path"])
            if module["path"] and folder.is_dir():
                found += sorted(path for path in folder.iterdir() if path.is_file())
        return found

    def _modules(self) -> list[dict[str, Any]]:
        path = self.model_path / "modules.json"
        if not path.is_file():
            return []
        return cast("list[dict[str, Any]]", json.loads(path.read_text("utf-8")))

    def _json(self, name: str) -> dict[str, Any]:
        path = self.model_path / name
        if not path.is_file():
            return {}
        return cast("dict[str, Any]", json.loads(path.read_text("utf-8")))

    # --- what it does -------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Load the model now, so that the first embedding is fast."""
        self.embed_queries(["warm up"])

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, special tokens not counted."""
        with self._tokenizer_lock:
            return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def embed_passages(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dim) float32 unit vectors of passages, in the order given.

        A text beyond `max_tokens` is cut there by the model; keep below it.
        """
        return self._embed(texts, "encode_document")

    def embed_queries(self, texts: Sequence[str]) -> FloatMatrix:
        """(n, dim) float32 unit vectors of questions, in the order given."""
        return self._embed(texts, "encode_query")

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form of embed_passages."""
        return cast("list[list[float]]", self.embed_passages(texts).tolist())

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of embed_queries, for one question."""
        return cast("list[float]", self.embed_queries([text])[0].tolist())

    def _embed(self, texts: Sequence[str], method: str) -> FloatMatrix:
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        encode = getattr(self._model(), method)
        vectors = encode(
            list(texts),
            batch_size=_BATCH_SIZE,
            show_progress_bar=False,
            convert_to_numpy=True,
            normalize_embeddings=True,
        )
        return np.ascontiguousarray(vectors, dtype=np.float32)

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from tokenizers import Tokenizer

        path = self.model_path / "tokenizer.json"
        if not path.is_file():
            raise EmbedderNotFound(f"Expected {path}, which is missing; fetch the model again.")
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _model(self) -> SentenceTransformer:
        if self._loaded is None:
            with self._load_lock:
                if self._loaded is None:
                    self._loaded = self._load()
        return self._loaded

    def _load(self) -> SentenceTransformer:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as transformers_logging

        # Its bar for reading weights would draw over ours.
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        if self._threads:
            torch.set_num_threads(self._threads)
        return SentenceTransformer(str(self.model_path), device=self._device, local_files_only=True)
