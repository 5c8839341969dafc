"""Everything a user can set, in one place; the only reader of the environment.

Each field is an environment variable with the prefix PAPERLIGHT_ (`model` is PAPERLIGHT_MODEL).
A value that cannot work is refused here, with a sentence that says what to do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

CHECKOUT = Path(__file__).resolve().parent.parent
# The longest question that page and API take, in characters: some pages of text pasted into it.
MOST_QUESTION_CHARS = 20_000
_PREFIX = "PAPERLIGHT_"
# What `make` reads, which a shell that exports it hands on to every command.
_NOT_SETTINGS = ("GPU",)


def default_home() -> Path:
    """`data/` in a source checkout, else the user's own data folder."""
    if (CHECKOUT / "pyproject.toml").is_file():
        return CHECKOUT / "data"
    return Path.home() / ".local" / "share" / "paperlight"


def _not_blank(key: SecretStr) -> SecretStr:
    """An empty key would be that of everybody who sends none."""
    if not key.get_secret_value().strip():
        raise PydanticCustomError(
            "blank_key",
            "a key must not be empty; write what callers are to send, or no list for no keys",
        )
    return key


class Settings(BaseSettings):
    """Paperlight's settings. Frozen: pass a changed copy instead of changing one."""

    # Variables of several values are decoded here, where what is no JSON gets a sentence.
    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, enable_decoding=False, frozen=True, extra="ignore"
    )

    home: Path = Field(default_factory=default_home, description="Where library and models live")
    debug: bool = Field(default=False, description="Show tracebacks on the command line")

    # --- models -------------------------------------------------------------------------------
    model: str = Field(
        default="", description="GGUF path or model name; empty takes the bundled model"
    )
    embedder: str = Field(
        default="", description="sentence-transformers folder or name; empty: bundled"
    )
    embedding_runtime: Literal["auto", "torch"] = Field(
        default="auto", description="What computes embeddings; auto: the fastest that is there"
    )

    reranker: str = Field(
        default="",
        description="Puts the best passages into a better order: a cross-encoder's folder, name or "
        "owner/repository on the hub, or llm for the language model; empty: none",
    )

    # --- engine -------------------------------------------------------------------------------
    gpu_layers: int = Field(default=-1, ge=-1, description="Layers on the GPU; -1: all that fit")
    tensor_split: tuple[Annotated[float, Field(ge=0)], ...] = Field(
        default=(),
        description="Each GPU's share of the layers, as JSON; empty: by free memory",
        examples=["[3, 1]"],
    )
    map_file: bool = Field(default=True, description="Map the model's file instead of reading it")
    lock_memory: bool = Field(default=False, description="Keep the model from being swapped out")
    adapters: dict[Path, float] = Field(
        default_factory=dict,
        description="LoRA adapters: GGUF file -> scale, as JSON",
        examples=['{"style.gguf": 0.8}'],
    )
    context_tokens: int = Field(
        default=0, ge=0, le=1 << 20, description="KV cells shared by all requests; 0: chosen"
    )
    max_sequences: int = Field(default=8, ge=1, le=64, description="Requests decoded in one batch")
    batch_tokens: int = Field(default=512, ge=32, le=8192, description="Most tokens in one batch")
    threads: int = Field(
        default=0, ge=0, le=1024, description="CPU threads; 0: one a physical core"
    )
    kv_type: Literal["f16", "q8_0", "q4_0"] = Field(
        default="f16", description="KV cache element type"
    )
    queue_limit: int = Field(default=256, ge=1, description="Requests that may wait")
    prefix_cache: bool = Field(default=True, description="Share prompts' common beginnings")
    drafting: bool = Field(default=True, description="Guess copied tokens from the prompt")
    passage_blocks: bool = Field(
        default=False,
        description="Compute passages once and place them whole into later prompts, for many who "
        "ask about the same documents; else a model of 0.4 to 3 billion weights is shown sentences",
    )
    block_memory_mb: int = Field(default=1024, ge=0, description="RAM for passage blocks")
    block_disk_mb: int = Field(default=4096, ge=0, description="Disk for passage blocks; 0: none")

    # --- retrieval and answering ----------------------------------------------------------------
    passages: int = Field(default=4, ge=1, le=50, description="Passages put before the model")
    rerank_candidates: int = Field(
        default=20, ge=2, le=100, description="Passages that the reranker looks at"
    )
    hops: int = Field(
        default=1,
        ge=1,
        le=2,
        description="2: search again with what the best passages say, for questions that need "
        "several documents; a search takes three to four times as long",
    )
    examples: int = Field(
        default=1, ge=0, le=8, description="Few-shot examples put before the model"
    )
    glossary: dict[str, str] = Field(
        default_factory=dict,
        description="What questions call a thing -> what the documents call it, as JSON",
        examples=['{"AMEX": "American Express"}'],
    )
    calculations: bool = Field(
        default=True,
        description="Answer questions about a company's accounts by looking figures up in its "
        "statements and calculating with them, and which row of a table has the most or the least "
        "by comparing its rows, without the model",
    )
    least_confidence: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Refuse where it is less likely than this that the documents answer; unset: "
        "by model; 0: never",
    )
    unsupported: Literal["drop", "keep"] = Field(
        default="drop",
        description="What becomes of a model's statement that no passage supports, beside others "
        "that are supported, and of such values of forms; keep: it is said to have no source",
    )
    max_answer_tokens: int = Field(default=192, ge=8, le=8192, description="Longest answer")
    # Not checked here, where the message would repeat a password: see ingest.index_servers.
    index: SecretStr = Field(
        default=SecretStr(""),
        description="Where passages are searched by meaning, for many machines to share: "
        "postgresql://… (with pgvector) or the http(s)://… of Qdrant; empty: in the library",
    )
    keep_originals: bool = Field(
        default=True, description="Keep a copy of each file, to show its pages"
    )
    max_file_mb: int = Field(default=1024, ge=1, description="Largest file that is added")
    max_file_characters: int = Field(
        default=20_000_000,
        ge=1000,
        description="Most text of a file that is added; 20 million characters take two CPU cores "
        "most of an hour",
    )
    ocr_languages: str = Field(
        default="eng",
        pattern=r"^$|^[A-Za-z_]{2,20}(\+[A-Za-z_]{2,20})*$",
        description="Tesseract's languages for pictures, as deu+eng; empty: no OCR",
    )

    # --- server -------------------------------------------------------------------------------
    host: str = Field(default="127.0.0.1", description="Address to listen on")
    port: int = Field(default=8501, ge=0, le=65535, description="Port to listen on")
    api_keys: tuple[Annotated[SecretStr, AfterValidator(_not_blank)], ...] = Field(
        default=(),
        description="Keys that the HTTP API accepts, as JSON; with them, the page, which asks for "
        "none, is served on loopback only",
        examples=['["a long secret"]'],
    )
    max_upload_mb: int = Field(
        default=200, ge=1, description="Largest file the page and API accept"
    )

    @field_validator("tensor_split", "adapters", "glossary", "api_keys", mode="before")
    @classmethod
    def _from_json(cls, value: Any, info: ValidationInfo) -> Any:
        """A variable's text is JSON; an empty one sets nothing."""
        if not isinstance(value, str):
            return value
        if not value.strip():
            assert info.field_name is not None
            return cls.model_fields[info.field_name].get_default(call_default_factory=True)
        try:
            return json.loads(value)
        except ValueError:
            raise PydanticCustomError("not_json", "it is not JSON") from None

    @property
    def library_path(self) -> Path:
        """The default library's folder."""
        return self.home / "library"

    @property
    def models_path(self) -> Path:
        """Where fetched and converted models are kept."""
        return self.home / "models"

    @property
    def address(self) -> str:
        """Where the page is, as a browser wants it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def what_is_wrong(error: ValidationError) -> str:
    """One sentence about the first setting that cannot be; what is secret is not repeated."""
    problem = error.errors()[0]
    name = str(problem["loc"][0])  # the rest of it is inside the variable
    field, variable = Settings.model_fields[name], f"{_PREFIX}{name.upper()}"
    given = "" if "SecretStr" in repr(field.annotation) else f"={problem['input']!r}"
    example = f"; write it like {variable}='{field.examples[0]}'" if field.examples else ""
    return f"{variable}{given} cannot be used: {problem['msg']}{example}"


def unknown_settings() -> list[str]:
    """A sentence for each variable that is named like a setting and is none."""
    known = [name.upper() for name in Settings.model_fields]
    sentences = []
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(_PREFIX)  # in any case, as the settings are read
        if name in (variable.upper(), *known, *_NOT_SETTINGS):
            continue
        nearest = get_close_matches(name, known, n=1)
        meant = f"did you mean {_PREFIX}{nearest[0]}?" if nearest else "README.md has a list"
        sentences.append(f"{variable} is no setting; {meant}")
    return sentences


# What third-party packages would otherwise send home, or look up in a cloud, without being asked.
_PRIVATE = {
    "ANONYMIZED_TELEMETRY": "false",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
    "TOKENIZERS_PARALLELISM": "false",
}


def set_environment(values: Mapping[str, str] | None = None) -> None:
    """Switch third-party telemetry off, and set what a package reads from the environment only.

    Called by the program's entry points, before the packages are imported.
    """
    os.environ.update(_PRIVATE)
    os.environ.update(values or {})
