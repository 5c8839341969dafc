"""Models from the Hugging Face hub: a short catalogue, and a download that can be interrupted.

The hub says the size and SHA-256 of a file before it is fetched (`get_hf_file_metadata`). What
was fetched so far stays in a `.part` file named after that digest, and the next attempt asks for
the rest by a Range request, also in another process. (huggingface_hub's own `hf_hub_download`
gave this up in 1.x: it starts a killed download from zero.) Nothing is kept whose digest differs.
`HF_ENDPOINT`, `HF_TOKEN` and proxies are the hub library's business and are honoured by it.
"""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inference.model_files import (
    FetchProgress,
    ModelFetchError,
    ProgressCallback,
    describe_file,
    ignore_progress,
    is_intact,
    locked,
    read_manifest,
    record_files,
    require_space,
    sha256_of,
)

if TYPE_CHECKING:
    from huggingface_hub import HfFileMetadata

GIGABYTE = 10**9
# Weights, a tenth for compute buffers, and the KV cache of a few thousand tokens.
WORKING_MEMORY_BYTES = 3 * GIGABYTE // 2
# Above this a CPU reads a prompt slower than a person waits; measured at 1.5B: 5.9 s to the first
# token of a three-passage prompt on 2 cores.
MOST_PARAMETERS_ON_CPU = 4_500_000_000
ATTEMPTS = 5
RETRY_WAIT_SECONDS = 1.0
TIMEOUT_SECONDS = 30.0  # without a byte
SHA256 = re.compile(r"[0-9a-f]{64}")
PART_OF = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf$)")


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """An instruct model that answers well from passages.

    size_bytes: of the file, about; the hub's own figure is used when fetching.
    licence: the publisher's name for it; some of them restrict use.
    """

    name: str
    repository: str
    file: str
    parameters: int
    size_bytes: int
    licence: str

    @property
    def memory_bytes(self) -> int:
        """Memory (of the GPU, or of the machine) to run it with a context of about 8k tokens."""
        return self.size_bytes * 11 // 10 + WORKING_MEMORY_BYTES


# Smallest first. Names and files as on the hub; licences as the publishers state them.
CATALOGUE = (
    CatalogueEntry(
        "qwen2.5-0.5b-instruct",
        "bartowski/Qwen2.5-0.5B-Instruct-GGUF",
        "Qwen2.5-0.5B-Instruct-Q8_0.gguf",
        494_000_000,
        531_000_000,
        "Apache-2.0",
    ),
    CatalogueEntry(
        "llama-3.2-1b-instruct",
        "bartowski/Llama-3.2-1B-Instruct-GGUF",
        "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
        1_236_000_000,
        808_000_000,
        "Llama 3.2 Community",
    ),
    CatalogueEntry(
        "qwen2.5-1.5b-instruct",
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1_544_000_000,
        1_117_000_000,
        "Apache-2.0",
    ),
    CatalogueEntry(
        "llama-3.2-3b-instruct",
        "bartowski/Llama-3.2-3B-Instruct-GGUF",
        "Llama-3.2-3B-Instruct-Q4_K_M.gguf",
        3_213_000_000,
        2_019_000_000,
        "Llama 3.2 Community",
    ),
    CatalogueEntry(
        "gemma-3-4b-it",
        "bartowski/google_gemma-3-4b-it-GGUF",
        "google_gemma-3-4b-it-Q4_K_M.gguf",
        3_880_000_000,
        2_490_000_000,
        "Gemma",
    ),
    CatalogueEntry(
        "qwen3-4b-instruct",
        "unsloth/Qwen3-4B-Instruct-2507-GGUF",
        "Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
        4_022_000_000,
        2_497_000_000,
        "Apache-2.0",
    ),
    CatalogueEntry(
        "qwen2.5-7b-instruct",
        "bartowski/Qwen2.5-7B-Instruct-GGUF",
        "Qwen2.5-7B-Instruct-Q4_K_M.gguf",
        7_616_000_000,
        4_683_000_000,
        "Apache-2.0",
    ),
    CatalogueEntry(
        "llama-3.1-8b-instruct",
        "bartowski/Meta-Llama-3.1-8B-Instruct-GGUF",
        "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf",
        8_030_000_000,
        4_921_000_000,
        "Llama 3.1 Community",
    ),
    CatalogueEntry(
        "gemma-3-12b-it",
        "bartowski/google_gemma-3-12b-it-GGUF",
        "google_gemma-3-12b-it-Q4_K_M.gguf",
        11_766_000_000,
        7_301_000_000,
        "Gemma",
    ),
    CatalogueEntry(
        "qwen2.5-14b-instruct",
        "bartowski/Qwen2.5-14B-Instruct-GGUF",
        "Qwen2.5-14B-Instruct-Q4_K_M.gguf",
        14_770_000_000,
        8_988_000_000,
        "Apache-2.0",
    ),
    CatalogueEntry(
        "qwen2.5-32b-instruct",
        "bartowski/Qwen2.5-32B-Instruct-GGUF",
        "Qwen2.5-32B-Instruct-Q4_K_M.gguf",
        32_764_000_000,
        19_851_000_000,
        "Apache-2.0",
    ),
)


def recommend(memory_bytes: int, *, gpu: bool = False) -> CatalogueEntry | None:
    """The largest freely licensed catalogue model that fits, or None if none does.

    memory_bytes: free memory of the GPU if `gpu`, else of the machine. Without a GPU the size is
    also limited by patience: reading the prompt is the cost there.
    """
    fitting = [
        entry
        for entry in CATALOGUE
        if entry.licence == "Apache-2.0"
        and entry.memory_bytes <= memory_bytes
        and (gpu or entry.parameters <= MOST_PARAMETERS_ON_CPU)
    ]
    return max(fitting, key=lambda entry: entry.parameters, default=None)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file on the hub. path: inside the repository, with "/"."""

    repository: str
    path: str

    @property
    def file_name(self) -> str:
        """The name it gets on this machine: never a path."""
        return self.path.rpartition("/")[2]

    @property
    def origin(self) -> str:
        """The same reference as text; `parse_hub_name` reads it."""
        return f"hf:{self.repository}/{self.path}"

    def parts(self) -> Iterator[HubFile]:
        """Itself, or every part of a model that is split over files, in order."""
        match = PART_OF.search(self.path)
        if match is None:
            yield self
            return
        start, end = match.span()
        for number in range(1, int(match[2]) + 1):
            part = f"{self.path[:start]}-{number:05}-of-{match[2]}{self.path[end:]}"
            yield HubFile(self.repository, part)


# One path component of the hub: no "..", nothing hidden, no backslash.
PATH_COMPONENT = r"(?!\.)[A-Za-z0-9._-]+"
_HUB_NAME = re.compile(
    rf"hf:({PATH_COMPONENT}/{PATH_COMPONENT})/((?:{PATH_COMPONENT}/)*{PATH_COMPONENT}\.gguf)"
)


def parse_hub_name(name: str) -> HubFile | None:
    """The hub file that a catalogue name or "hf:owner/repository/file.gguf" stands for, or None.

    Raises ModelFetchError if it starts with "hf:" and is not of that form.
    """
    for entry in CATALOGUE:
        if name.casefold() == entry.name:
            return HubFile(entry.repository, entry.file)
    if not name.startswith("hf:"):
        return None
    match = _HUB_NAME.fullmatch(name)
    if match is None:
        raise ModelFetchError(
            f"{name!r} does not name a model file; write hf:owner/repository/file.gguf"
        )
    return HubFile(match[1], match[2])


def pull_file(
    file: HubFile,
    models_path: Path,
    progress: ProgressCallback | None = None,
    *,
    endpoint: str | None = None,
    retry_wait_seconds: float = RETRY_WAIT_SECONDS,
) -> Path:
    """Fetch a hub file into the models folder, or go on where an earlier attempt ended.

    endpoint: None takes HF_ENDPOINT, else the public hub.
    Returns the path to load; a file that is there and intact is not asked for again.
    Raises ModelFetchError.
    """
    report = progress or ignore_progress
    with locked(models_path, report):
        for part in file.parts():
            target = models_path / part.file_name
            record = read_manifest(models_path).get(part.file_name)
            if target.exists() and (record is None or record.origin != part.origin):
                origin = record.origin if record else "somewhere else"
                raise ModelFetchError(
                    f"{target} is there already and came from {origin}; move or rename it first"
                )
            if not is_intact(target, record):
                fetch_file(
                    part,
                    target,
                    report,
                    endpoint=endpoint,
                    retry_wait_seconds=retry_wait_seconds,
                )
    return models_path / next(file.parts()).file_name


def fetch_file(
    file: HubFile,
    target: Path,
    report: ProgressCallback,
    *,
    endpoint: str | None = None,
    retry_wait_seconds: float = RETRY_WAIT_SECONDS,
) -> None:
    """Fetch one file to its place, or go on where an earlier attempt ended. Raises ModelFetchError.

    Needs the lock of the models folder; the folder of `target` keeps the file's record.
    """
    _Download(file, target, report, endpoint, retry_wait_seconds).run()


class _Download:
    """One file's way from the hub to its place."""

    def __init__(
        self,
        file: HubFile,
        target: Path,
        report: ProgressCallback,
        endpoint: str | None,
        retry_wait_seconds: float,
    ) -> None:
        self._file = file
        self._target = target
        self._report = report
        self._endpoint = endpoint
        self._retry_wait_seconds = retry_wait_seconds

    def run(self) -> None:
        """Ask, fetch what is missing, check, move into place, record."""
        import httpx
        from huggingface_hub import hf_hub_url
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        url = hf_hub_url(self._file.repository, self._file.path, endpoint=self._endpoint)
        try:
            metadata = self._ask(url)
            part = self._part_path(metadata)
            self._fetch(url, part, metadata.size)
            digest = self._check(part, metadata)
            part.replace(self._target)
            for outdated in self._target.parent.glob(f".{glob.escape(self._target.name)}.*.part"):
                outdated.unlink()
            record = describe_file(self._target, sha256=digest, origin=self._file.origin)
            record_files(self._target.parent, {self._target.name: record})
        except (HfHubHTTPError, OfflineModeIsEnabled, httpx.HTTPError, OSError) as error:
            raise ModelFetchError(hub_failure(self._file.origin, error)) from error

    def _ask(self, url: str) -> HfFileMetadata:
        from huggingface_hub import get_hf_file_metadata

        self._report(FetchProgress(f"Asking for {self._file.file_name}", 0, None))
        return get_hf_file_metadata(url, endpoint=self._endpoint)

    def _part_path(self, metadata: HfFileMetadata) -> Path:
        """Named after the content, so that a file that changed on the hub starts afresh."""
        etag = re.sub(r"[^0-9A-Za-z]", "", metadata.etag or "")[:16]
        part = self._target.with_name(f".{self._target.name}.{etag}.part")
        if not etag:  # nothing tells whether the file is still the same
            part.unlink(missing_ok=True)
        return part

    def _fetch(self, url: str, part: Path, size_bytes: int | None) -> None:
        """Fetch until complete; a cut connection is tried again while it brings new bytes."""
        import httpx

        attempts_left = ATTEMPTS
        while True:
            before = part.stat().st_size if part.exists() else 0
            if size_bytes is not None:
                if before == size_bytes:
                    return
                if before > size_bytes:  # not the beginning of this file
                    part.unlink()
                    before = 0
                require_space(part.parent, size_bytes - before)
            try:
                self._fetch_rest(url, part, before, size_bytes)
                return
            except (httpx.TransportError, httpx.StreamError):
                gained = (part.stat().st_size if part.exists() else 0) > before
                attempts_left = ATTEMPTS if gained else attempts_left - 1
                if attempts_left <= 0:
                    raise
                time.sleep(self._retry_wait_seconds)

    def _fetch_rest(self, url: str, part: Path, have: int, size_bytes: int | None) -> None:
        """One request for everything from byte `have` on."""
        from huggingface_hub import get_session

        # Documented as public, but not marked so for type checkers.
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            hf_raise_for_status,
        )

        # Identity: a compressed reply could be neither resumed nor counted.
        headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        what = f"Fetching {self._file.file_name}"
        # Redirects are followed by the client, which keeps the token from other hosts.
        with get_session().stream(
            "GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_SECONDS
        ) as reply:
            hf_raise_for_status(reply)
            if have and reply.status_code != 206:  # the server sends everything again
                have = 0
            with part.open("ab" if have else "wb") as out:
                done = have
                # As it arrives: a fixed block size would lose the unfinished block of a cut line.
                for block in reply.iter_bytes():
                    out.write(block)
                    done += len(block)
                    self._report(FetchProgress(what, done, size_bytes))

    def _check(self, part: Path, metadata: HfFileMetadata) -> str:
        """The digest of the finished part. Raises ModelFetchError and removes it if it is wrong."""
        total = part.stat().st_size
        what = f"Checking {self._file.file_name}"
        digest = sha256_of(part, lambda done: self._report(FetchProgress(what, done, total)))
        with part.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
        expected = metadata.etag or ""
        if self._target.suffix == ".gguf" and not is_gguf:
            problem = "it is not a GGUF file"
        elif SHA256.fullmatch(expected) and digest != expected:
            problem = f"its SHA-256 is {digest}, the hub says {expected}"
        elif metadata.size is not None and total != metadata.size:
            problem = f"it has {total} bytes, the hub says {metadata.size}"
        else:
            return digest
        part.unlink()
        raise ModelFetchError(
            f"{self._file.origin} was fetched and thrown away: {problem}; fetch it again"
        )


def hub_failure(name: str, error: Exception) -> str:
    """What went wrong at the hub, and what to do. name: of the file or repository, for people."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        RepositoryNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return (
            f"{name} asks for its licence to be accepted: do that on its page on the hub, "
            "then log in with `hf auth login` and try again"
        )
    if isinstance(error, EntryNotFoundError | RepositoryNotFoundError):
        return f"{name} is not on the hub; check the name"
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return (
        f"{name} could not be fetched: {reason}; check the network and try again: what was "
        "fetched so far is kept"
    )
