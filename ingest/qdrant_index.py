"""A library's index in Qdrant; the only file that talks to it.

Two collections named for the library's identity: its passages, which LangChain's QdrantVectorStore
reads as they are, and one point that says what is there. Qdrant has no transactions: a change is
announced, made and noted as made, and what was announced and not noted is taken out by the next
one. Processes on one library make changes one after the other by a lock in its folder.

The API key is the password of the address (https://:KEY@host:6333); no message repeats it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import numpy as np
from filelock import FileLock
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from ingest.errors import SharedIndexConflict, SharedIndexError, SharedIndexUnavailable
from ingest.library_contents import ChunkSpan, LibraryContents
from ingest.records import ChunkIds, FloatMatrix, StoredChunk
from ingest.shared_index import Change, ServedIndex, ServedPassages, storable

P = ParamSpec("P")
T = TypeVar("T")

_FORMAT = 1
_TIMEOUT_SECONDS = 60
_STATE_POINT = 1
_IDS_A_PAGE = 10_000
_POINTS_A_REQUEST = 500  # Qdrant takes 32 MB: vectors as JSON, of up to 2,000 dimensions, and texts
_LOCK = "shared.lock"
# Points that a search in the graph keeps in view, when they are more than k.
_LEAST_IN_VIEW = 200


class QdrantServer:
    """One library's collections on one server. Thread-safe; see ingest.shared_index.IndexServer.

    folder: of the library's index, for the lock. client: None makes one for the address.
    Raises SharedIndexUnavailable for an address that is none.
    """

    def __init__(
        self, address: str, library_id: str, folder: Path, *, client: QdrantClient | None = None
    ) -> None:
        self._library_id = library_id
        self._host = _shown(address)
        self.collection = f"paperlight_{library_id}"
        self._state_collection = f"{self.collection}_state"
        self._lock_path = folder / _LOCK
        self._client = client or _client(address)

    @property
    def place(self) -> str:
        """Host and collection."""
        return f"The shared index on {self._host} (collection {self.collection})"

    # --- what is there ------------------------------------------------------------------------

    def fingerprint(self) -> str | None:
        """Of the contents; None where there is nothing of this library."""
        state = self._state(["fingerprint"])
        return None if state is None else str(state["fingerprint"])

    def read(self) -> ServedIndex | None:
        """What it has; None where there is nothing of this library."""
        state = self._state()
        return None if state is None else self._served(state)

    def _served(self, state: Mapping[str, Any]) -> ServedIndex:
        if (state.get("library_id"), state.get("format")) != (self._library_id, _FORMAT):
            raise SharedIndexConflict(
                f"{self.place} was made by another version of this program or belongs to another"
                " library; delete its two collections, or use another server."
            )
        contents = LibraryContents(_spans(state["documents"]), int(state["last_chunk_id"]))
        return ServedIndex(str(state["embedder"]), int(state["dimensions"]), contents)

    def ids(self) -> ChunkIds:
        """The ids of all passages, ascending."""
        found: list[int] = []
        offset: Any = None
        while True:
            points, offset = self._ask(
                self._client.scroll,
                self.collection,
                limit=_IDS_A_PAGE,
                offset=offset,
                with_payload=False,
                with_vectors=False,
            )
            found += [int(point.id) for point in points]
            if offset is None:
                return np.array(sorted(found), dtype=np.int64)

    def passages(self, ids: ChunkIds) -> ServedPassages:
        """Of these, those that are there."""
        points = []
        for batch in _batches(ids.tolist()):
            points += self._ask(
                self._client.retrieve,
                self.collection,
                batch,
                with_payload=True,
                with_vectors=True,
            )
        points.sort(key=lambda point: int(point.id))
        payloads = [point.payload or {} for point in points]
        return ServedPassages(
            np.array([point.id for point in points], dtype=np.int64),
            [(payload.get("metadata") or {}).get("document_id", "") for payload in payloads],
            [payload.get("page_content", "") for payload in payloads],
            np.array([point.vector for point in points], dtype=np.float32),
        )

    # --- changes ------------------------------------------------------------------------------

    def create(self, embedder: str, dimensions: int) -> None:
        """Make empty collections, unless they are there."""
        with self._locked():
            if self._state(["fingerprint"]) is not None:
                return
            if not self._is_ours():
                self._ask(self._client.create_collection, self._state_collection, vectors_config={})
            # One that was not finished, or that lost what was known of it.
            self._ask(self._client.delete_collection, self.collection)
            cosine = models.VectorParams(size=dimensions, distance=models.Distance.COSINE)
            self._ask(self._client.create_collection, self.collection, vectors_config=cosine)
            empty = ServedIndex(embedder, dimensions, LibraryContents({}, 0))
            self._note(empty, unfinished={})

    def apply(self, change: Change, *, expected: str) -> bool:
        """Make a change; False, and nothing done, where the fingerprint is not the expected one."""
        with self._locked():
            state = self._state()
            if state is None or state["fingerprint"] != expected:
                return False
            served = self._served(state)
            self._note(served, unfinished={**_spans(state["unfinished"]), **change.added})
            gone = [*_spans(state["unfinished"]).values(), *change.removed.values()]
            for batch in _batches([chunk_id for span in gone for chunk_id in span.ids]):
                chosen = models.PointIdsList(points=list(batch))
                self._ask(self._client.delete, self.collection, chosen, wait=True)
            points = [
                models.PointStruct(
                    id=chunk.chunk_id, vector=vector.tolist(), payload=_payload(chunk)
                )
                for chunk, vector in zip(change.chunks, change.vectors, strict=True)
            ]
            for some in _batches(points):
                self._ask(self._client.upsert, self.collection, some, wait=True)
            after = ServedIndex(served.embedder, served.dimensions, change.contents)
            self._note(after, unfinished={})
            return True

    def adapt(self, count: int) -> bool:  # noqa: ARG002 (Qdrant sees to it itself)
        """Nothing: Qdrant makes its graph by itself."""
        return False

    def drop(self) -> None:
        """Delete both collections."""
        with self._locked():
            if self._is_ours():
                for collection in (self.collection, self._state_collection):
                    self._ask(self._client.delete_collection, collection)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _is_ours(self) -> bool:
        """Whether there is anything of this library; the collection of state is made first.

        Raises SharedIndexConflict where there is only a collection of passages.
        """
        if self._ask(self._client.collection_exists, self._state_collection):
            return True
        if self._ask(self._client.collection_exists, self.collection):
            raise SharedIndexConflict(
                f"{self.place} cannot be made: there is a collection of that name that is not ours;"
                " delete it, or use another server."
            )
        return False

    def _note(self, served: ServedIndex, *, unfinished: Mapping[str, ChunkSpan]) -> None:
        """Say what is there. unfinished: documents of which there may be passages."""
        payload = {
            "library_id": self._library_id,
            "format": _FORMAT,
            "embedder": served.embedder,
            "dimensions": served.dimensions,
            "last_chunk_id": served.contents.last_chunk_id,
            "fingerprint": served.contents.fingerprint,
            "documents": _plain(served.contents.spans),
            "unfinished": _plain(unfinished),
        }
        point = models.PointStruct(id=_STATE_POINT, vector={}, payload=payload)
        self._ask(self._client.upsert, self._state_collection, [point], wait=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change of this library at a time: of this process and of the others."""
        try:
            self._lock_path.parent.mkdir(parents=True, exist_ok=True)
            held = FileLock(self._lock_path).acquire()  # of this one's own: threads wait too
        except OSError as error:
            raise SharedIndexUnavailable(
                f"{self.place} lacks what is new in this library, and may be changed only by who"
                " may write to the library's folder."
            ) from error
        with held:
            yield

    # --- searching ----------------------------------------------------------------------------

    def search(
        self, query: FloatMatrix, k: int, *, allowed: ChunkIds | None
    ) -> list[tuple[int, float]]:
        """(chunk id, cosine), best first; see IndexServer.search."""
        chosen = (
            None
            if allowed is None
            else models.Filter(must=[models.HasIdCondition(has_id=allowed.tolist())])
        )
        found = self._ask(
            self._client.query_points,
            self.collection,
            query=query.tolist(),
            query_filter=chosen,
            limit=k,
            search_params=models.SearchParams(hnsw_ef=max(_LEAST_IN_VIEW, 2 * k)),
            with_payload=False,
        )
        hits = [(int(point.id), min(1.0, max(-1.0, point.score))) for point in found.points]
        return sorted(hits, key=lambda hit: (-hit[1], hit[0]))

    # --- asking -------------------------------------------------------------------------------

    def _state(self, fields: list[str] | None = None) -> Mapping[str, Any] | None:
        """The payload of the one point of state; None where there is none."""
        try:
            points = self._client.retrieve(
                self._state_collection, [_STATE_POINT], with_payload=fields or True
            )
        except UnexpectedResponse as error:
            if error.status_code == 404:
                return None
            raise self._unavailable(error) from error
        except ApiException as error:
            raise self._unavailable(error) from error
        except ValueError:  # as the client's own local mode says it
            if self._ask(self._client.collection_exists, self._state_collection):
                raise
            return None
        return points[0].payload if points else None

    def _ask(self, ask: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
        """Raises SharedIndexUnavailable in place of the client's errors."""
        try:
            return ask(*given, **named)
        except ApiException as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: ApiException) -> SharedIndexError:
        if isinstance(error, UnexpectedResponse):
            if error.status_code == 404:
                return SharedIndexConflict(
                    f"{self.place} is not complete any more; `paperlight doctor` makes it anew."
                )
            reason = f"does not answer as it should ({error.status_code} {error.reason_phrase})"
            if error.status_code in (401, 403):
                reason = "refuses: the API key is the address's password, https://:KEY@host:6333"
        else:
            reason = "cannot be reached"
        return SharedIndexUnavailable(
            f"{self.place} {reason}. The library itself is as it should be; the index catches up"
            " with it when it is next asked."
        )


def _payload(chunk: StoredChunk) -> dict[str, Any]:
    """As LangChain's QdrantVectorStore writes it."""
    return {
        "page_content": storable(chunk.text),
        "metadata": {
            "chunk_id": chunk.chunk_id,
            "document_id": chunk.document_id,
            "document_name": storable(chunk.document_name),
            "document_path": storable(chunk.document_path),
            "collection": storable(chunk.collection),
            "page": chunk.page_number,
            "page_index": chunk.page_index,
            "start": chunk.start,
            "end": chunk.end,
            "heading": storable(chunk.heading),
        },
    }


def _plain(spans: Mapping[str, ChunkSpan]) -> dict[str, list[int]]:
    return {key: [span.first_chunk_id, span.count] for key, span in spans.items()}


def _spans(plain: Mapping[str, list[int]]) -> dict[str, ChunkSpan]:
    return {key: ChunkSpan(first, count) for key, (first, count) in plain.items()}


def _batches(items: list[T]) -> Iterable[list[T]]:
    return (
        items[start : start + _POINTS_A_REQUEST]
        for start in range(0, len(items), _POINTS_A_REQUEST)
    )


def _client(address: str) -> QdrantClient:
    parts = _split(address)
    key = unquote(parts.password or "") or None
    url = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return QdrantClient(url=url, api_key=key, timeout=_TIMEOUT_SECONDS, check_compatibility=False)


def _shown(address: str) -> str:
    """Host and port."""
    return _split(address).netloc.rpartition("@")[2]


def _split(address: str) -> SplitResult:
    """Raises SharedIndexUnavailable, which does not repeat the address."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # raises where it is no number
    except ValueError:
        parts = None
    if parts is None or not parts.hostname or "@" in parts.path:
        raise SharedIndexUnavailable(
            "The address of the shared index cannot be read; it is written"
            " https://:API-KEY@host:6333, and what is special in a key (@ : / ? # %) as %40 %3A"
            " %2F %3F %23 %25."
        )
    return parts
