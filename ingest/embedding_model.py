"""What a sentence-transformers folder says of its model, read without loading it.

It knows files and their meaning: digest, width, prompts, tokenizer. It computes no vector.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_HASH_BYTES = 1 << 22
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER = "tokenizer.json"
# Where sentence-transformers looks for a passage's prompt, in its order.
_PASSAGE_PROMPTS = ("document", "passage", "corpus")


class EmbedderNotFound(FileNotFoundError):
    """The folder holds no sentence-transformers model; the message says what was looked for."""


class TextKind(StrEnum):
    """What a text is to the model; some put another prompt before each."""

    QUERY = "query"
    PASSAGE = "passage"


class EmbeddingModel:
    """A sentence-transformers model on disk. Raises EmbedderNotFound if there is none.

    path: a folder as SentenceTransformer.save makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / "config.json").is_file():
            raise EmbedderNotFound(
                f"Expected a sentence-transformers model in {path}, but it has no"
                " config.json; fetch the model again or name its folder."
            )

    @cached_property
    def identity(self) -> str:
        """Name, dimensions and a digest of weights, tokenizer and pooling.

        Two embedders with the same identity give the same vectors, wherever they lie on disk.
        """
        digest = hashlib.sha256()
        for path in self._defining_files():
            digest.update(path.relative_to(self.path).as_posix().encode())
            with path.open("rb") as file:
                while block := file.read(_HASH_BYTES):
                    digest.update(block)
        return f"{self._name()}-{self.dimensions}d-{digest.hexdigest()[:16]}"

    @cached_property
    def dimensions(self) -> int:
        """Width of the vectors; 0 where only the loaded model knows."""
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
        return int(size or 0)

    @cached_property
    def max_ids(self) -> int:
        """The most tokens that are read at once, special ones counted."""
        stated = self._json("sentence_bert_config.json").get("max_seq_length")
        return int(stated or self._json("config.json").get("max_position_embeddings") or 512)

    @cached_property
    def pad_id(self) -> int:
        """The token that fills short rows of a batch; some models count positions by it."""
        return int(self._json("config.json").get("pad_token_id") or 0)

    def prompt(self, kind: TextKind) -> str:
        """What the model wants before a text of this kind; "" for most."""
        prompts = self._json("config_sentence_transformers.json").get("prompts") or {}
        names = (kind.value,) if kind is TextKind.QUERY else _PASSAGE_PROMPTS
        return next((str(prompts[name]) for name in names if prompts.get(name)), "")

    @property
    def has_tokenizer_file(self) -> bool:
        """Whether its tokenizer can be read without the model."""
        return (self.path / _TOKENIZER).is_file()

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, which cuts and pads nothing. Raises EmbedderNotFound."""
        from tokenizers import Tokenizer

        if not self.has_tokenizer_file:
            raise EmbedderNotFound(
                f"Expected {self.path / _TOKENIZER}, which is missing; fetch the model again."
            )
        tokenizer = Tokenizer.from_file(str(self.path / _TOKENIZER))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def _name(self) -> str:
        stated = str(self._json("config.json").get("_name_or_path") or "")
        return stated.rstrip("/").rpartition("/")[2] or self.path.name

    def _defining_files(self) -> Iterator[Path]:
        weights = [self.path / name for name in _WEIGHTS]
        yield from [path for path in weights if path.is_file()][:1]
        names = (_TOKENIZER, "modules.json", "sentence_bert_config.json")
        yield from (path for path in (self.path / name for name in names) if path.is_file())
        for module in self._modules():
            folder = self.path / str(module["path"])
            if module["path"] and folder.is_dir():
                yield from sorted(path for path in folder.iterdir() if path.is_file())

    def _modules(self) -> list[dict[str, Any]]:
        path = self.path / "modules.json"
        if not path.is_file():
            return []
        return cast("list[dict[str, Any]]", json.loads(path.read_text("utf-8")))

    def _json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        if not path.is_file():
            return {}
        return cast("dict[str, Any]", json.loads(path.read_text("utf-8")))
