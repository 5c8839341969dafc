"""Is the library sound? Checks the store and everything beside it, and repairs what is derived.

What cannot be derived (a damaged database, a lost page) is reported, never guessed at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ingest.claims import Claim
from ingest.errors import SharedIndexError
from ingest.known_files import is_original_gone
from ingest.store import Store


class EmbedderIdentity(Protocol):
    """What the check needs of an embedder."""

    @property
    def identity(self) -> str: ...

    @property
    def dimensions(self) -> int: ...


class DerivedIndex(Protocol):
    """What the check needs of an index of the store's vectors."""

    def __len__(self) -> int: ...

    def disagreement(self, store: Store) -> str | None: ...

    def discard(self) -> None: ...

    def adapt(self, store: Store) -> bool: ...

    def save(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One finding.

    ok: sound, now that repairs were made. detail: one sentence. repaired: it was not sound before.
    """

    name: str
    ok: bool
    detail: str
    repaired: bool = False


def check_library(
    store: Store,
    index: DerivedIndex | None,
    *,
    embedder: EmbedderIdentity | None = None,
    repair: bool = True,
) -> list[Check]:
    """Check everything, in order of importance; stop after a damaged database.

    index, embedder: None leaves their checks out. repair: mend what is derived from the store,
    and delete files that belong to nothing. Pending files are reported; Ingestor.resume takes
    them up.
    """
    database = _check_database(store)
    if not database.ok:
        return [database]
    checks = [database, _check_chunks(store), _check_keywords(store, repair=repair)]
    if index is not None:
        checks.append(_check_index(store, index, repair=repair))
    if embedder is not None:
        checks.append(_check_embedder(store, embedder))
    checks += [
        _check_originals(store, repair=repair),
        _check_readings(store),
        _check_files(store),
        _check_pending(store),
        _check_leftovers(store, repair=repair),
    ]
    return checks


def _check_database(store: Store) -> Check:
    problems = store.integrity_problems()
    if problems:
        detail = f"The database is damaged ({'; '.join(problems[:3])}): restore it from a backup."
        return Check("database", False, detail)
    return Check("database", True, f"Sound; {len(store.documents()):,} documents.")


def _check_chunks(store: Store) -> Check:
    misplaced = store.misplaced_chunks()
    if misplaced:
        detail = f"{misplaced:,} passages lie outside their page: remove and add their documents."
        return Check("passages", False, detail)
    return Check("passages", True, "Every passage is a span of its page.")


def _check_keywords(store: Store, *, repair: bool) -> Check:
    missing, surplus = store.unindexed_chunks()
    sound = missing == surplus == 0 and store.keyword_index_is_sound()
    good = "Every passage has its words and its vector."
    if sound:
        return Check("keywords", True, good)
    if repair:
        store.rebuild_keywords()
        missing, surplus = store.unindexed_chunks()
        if missing == surplus == 0 and store.keyword_index_is_sound():
            return Check("keywords", True, "Made anew. " + good, repaired=True)
    detail = f"{missing:,} passages lack words or a vector, {surplus:,} words lack a passage."
    return Check("keywords", False, detail)


def _check_index(store: Store, index: DerivedIndex, *, repair: bool) -> Check:
    try:
        problem = index.disagreement(store)
        if problem is None:
            return Check("index", True, f"Agrees with the database; {len(index):,} vectors.")
        if not repair:
            return Check("index", False, problem)
        index.discard()
        index.adapt(store)
        index.save()
        return Check("index", index.disagreement(store) is None, problem, repaired=True)
    except SharedIndexError as error:
        return Check("index", False, str(error))


def _check_embedder(store: Store, embedder: EmbedderIdentity) -> Check:
    bound = store.embedder
    if bound is None or bound == (embedder.identity, embedder.dimensions):
        return Check("embedder", True, f"The vectors were made with {embedder.identity}.")
    detail = (
        f"The vectors were made with {bound[0]}, but {embedder.identity} is configured: configure"
        " the former."
    )
    return Check("embedder", False, detail)


def _check_originals(store: Store, *, repair: bool) -> Check:
    wanted = store.original_files()
    present = set(store.originals.all())
    missing = [document_id for document_id, path in wanted.items() if path not in present]
    orphans = present - set(wanted.values())
    if not missing and not orphans:
        return Check("originals", True, f"{len(wanted):,} kept, none missing.")
    detail = f"{len(missing):,} originals are missing, {len(orphans):,} belong to no document."
    if not repair:
        return Check("originals", False, detail)
    store.delete_orphans(orphans)
    store.forget_originals(missing)
    hint = " Add the missing ones again to see their pages." if missing else ""
    return Check("originals", True, detail + hint, repaired=True)


def _check_readings(store: Store) -> Check:
    """What was read by an older version is sound, though it could be better."""
    outdated = sum(record.is_outdated for record in store.documents())
    if not outdated:
        return Check("readings", True, "Every document was read by this version.")
    detail = (
        f"{outdated:,} documents were read by an older version: add the same files or folders"
        " again, and they are read anew."
    )
    return Check("readings", True, detail)


def _check_files(store: Store) -> Check:
    """Whoever deletes a file may want to keep its document: that is no fault."""
    gone = sum(map(is_original_gone, store.documents()))
    if not gone:
        return Check("files", True, "No document's file is known to be gone.")
    detail = (
        f"{gone:,} documents come from files that are no longer there: paperlight list --gone"
        " shows them, paperlight remove takes them out."
    )
    return Check("files", True, detail)


def _check_pending(store: Store) -> Check:
    owners = [file.owner for file in store.pending()]
    held = {owner for owner in set(owners) if Claim.is_held(store.claims_folder, owner)}
    abandoned = sum(owner not in held for owner in owners)
    if abandoned:
        detail = (
            f"{abandoned:,} files were left unfinished by a process that ended: paperlight add or"
            " serve takes them up."
        )
        return Check("pending", False, detail)
    return Check("pending", True, "No file was left unfinished.")


def _check_leftovers(store: Store, *, repair: bool) -> Check:
    """What killed processes did not come to clear away."""
    left = store.left_behind()
    if not left:
        return Check("staging", True, "Nothing was left behind.")
    detail = f"{left:,} temporary files or traces of deleted documents were left behind."
    if not repair:
        return Check("staging", False, detail)
    store.tidy()
    return Check("staging", True, detail, repaired=True)
