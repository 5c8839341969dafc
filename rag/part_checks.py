"""Whether the parts of a library can be made and work, as the doctor reports it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from inference.request import InferenceError
from ingest.errors import IngestError, SharedIndexError
from ingest.health import Check, check_library
from ingest.shared_index import SharedIndex
from ingest.vector_index import VectorIndex
from rag.doctor import DoctorReport, check_devices, check_folder, describe_hardware
from rag.errors import RerankerNotFound
from rag.library_parts import LANGUAGE_MODEL, LibraryParts

if TYPE_CHECKING:
    from ingest.embedding import SentenceEmbedder


def check_parts(parts: LibraryParts, *, repair: bool) -> DoctorReport:
    """Check folder, database, index, models and devices; loads all of them.

    repair: mend what can be derived.
    """
    checks = check_folder(parts.path)
    embedder, embedder_check = _check_embedder(parts)
    index, index_checks = check_index(parts)
    checks += check_library(parts.store, index, embedder=embedder, repair=repair) + index_checks
    checks += [embedder_check, *_check_reranker(parts), *_check_engine(parts)]
    return DoctorReport(tuple(checks))


def check_index(parts: LibraryParts) -> tuple[VectorIndex | SharedIndex | None, list[Check]]:
    """The index, if there is anything to index and the settings name one that can be used."""
    if parts.is_empty:
        return None, []
    try:
        return parts.index.get(), []
    except SharedIndexError as error:
        return None, [Check("index", False, str(error))]


def _check_embedder(parts: LibraryParts) -> tuple[SentenceEmbedder | None, Check]:
    try:
        embedder = parts.embedder.get()
        embedder.warm_up()
    except (InferenceError, IngestError, OSError) as error:
        return None, Check("embedding model", False, str(error))
    detail = f"{embedder.identity} is computed by {embedder.runtime}."
    return embedder, Check("embedding model", True, detail)


def _check_reranker(parts: LibraryParts) -> list[Check]:
    name = parts.settings.reranker
    try:
        if (reranker := parts.reranker()) is None:
            return []
        reranker.warm_up()
    except (InferenceError, RerankerNotFound, OSError) as error:
        return [Check("reranker", False, str(error))]
    what = "The language model" if name == LANGUAGE_MODEL else name
    candidates = parts.settings.rerank_candidates
    return [Check("reranker", True, f"{what} orders the {candidates} best passages.")]


def _check_engine(parts: LibraryParts) -> list[Check]:
    used, unused = parts.gpus()
    devices = check_devices(used=used, unused=unused, gpu_layers=parts.settings.gpu_layers)
    started = time.monotonic()
    try:
        service = parts.generator.get()
        model = service.model
    except (InferenceError, OSError) as error:
        return [Check("language model", False, str(error)), devices]
    detail = f"{model.name} ({model.parameters / 1e6:,.0f} M parameters, {model.quantization})"
    detail += f" was there after {time.monotonic() - started:.1f} s."
    if devices.ok:
        devices = Check("gpu", True, describe_hardware(service.devices, service.metrics()))
    return [Check("language model", True, detail), devices]
