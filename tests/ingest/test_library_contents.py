from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from ingest.library_contents import ChunkSpan, LibraryContents, Relation, relation

EMPTY = LibraryContents({}, 0)
# Each step adds a document of so many passages, or (0) removes the oldest.
HISTORIES = st.lists(st.integers(0, 3), max_size=8)


def changed(contents: LibraryContents, history: list[int], name: str) -> LibraryContents:
    """What a library becomes; its documents are named for who added them and when."""
    for step, count in enumerate(history):
        spans = dict(contents.spans)
        if count:
            spans[f"{name}{step}"] = ChunkSpan(contents.last_chunk_id + 1, count)
            contents = LibraryContents(spans, contents.last_chunk_id + count)
        elif spans:
            del spans[min(spans, key=lambda key: spans[key].first_chunk_id)]
            contents = LibraryContents(spans, contents.last_chunk_id)
    return contents


@given(HISTORIES, HISTORIES)
def test_an_earlier_state_is_behind_and_a_later_one_ahead(
    before: list[int], since: list[int]
) -> None:
    earlier = changed(EMPTY, before, "a")
    later = changed(earlier, since, "b")
    same = earlier.spans == later.spans and earlier.last_chunk_id == later.last_chunk_id
    assert relation(earlier, later) is (Relation.SAME if same else Relation.BEHIND)
    # Of documents that came and went again there is no trace but the ids that were given out.
    assert relation(later, earlier) is (Relation.SAME if same else Relation.AHEAD)


@given(HISTORIES, st.lists(st.integers(1, 3), min_size=1, max_size=4), HISTORIES)
def test_two_copies_that_both_took_documents_in_have_diverged(
    before: list[int], here: list[int], there: list[int]
) -> None:
    common = changed(EMPTY, before, "a")
    one = changed(common, here, "b")
    other = changed(changed(common, [1], "c"), there, "d")
    # Where what a copy took in first is gone again, it is as if the other had done so.
    assume("c0" in other.spans)
    assert relation(one, other) is relation(other, one) is Relation.DIVERGED


def test_a_document_that_came_back_has_other_ids() -> None:
    one = LibraryContents({"a": ChunkSpan(1, 2)}, 2)
    again = LibraryContents({"a": ChunkSpan(3, 2)}, 4)
    assert relation(one, again) is Relation.BEHIND
    assert again.missing_from(one) == {"a": ChunkSpan(3, 2)}
    assert relation(LibraryContents({"a": ChunkSpan(2, 1)}, 2), one) is Relation.DIVERGED


def test_the_fingerprint_knows_contents_and_not_their_order() -> None:
    spans = {"a": ChunkSpan(1, 2), "b": ChunkSpan(3, 1)}
    turned = dict(reversed(spans.items()))
    assert LibraryContents(spans, 3).fingerprint == LibraryContents(turned, 3).fingerprint
    assert LibraryContents(spans, 3).fingerprint != LibraryContents(spans, 4).fingerprint
    assert LibraryContents({}, 3).fingerprint != LibraryContents({}, 0).fingerprint
