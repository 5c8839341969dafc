from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import DimensionMismatch
from ingest.records import ChunkIds, FloatMatrix
from ingest.store import Store
from ingest.vector_index import VectorIndex
from tests.ingest.documents import new_document, put

DIM = 24


class Vectors:
    """A store's table of vectors, by itself.

    subjects: so many directions that vectors scatter around, as those of passages do; 0 for none.
    """

    def __init__(
        self, count: int = 0, *, seed: int = 0, library_id: str = "library", subjects: int = 0
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.subjects = 2 * self.random.normal(size=(subjects, DIM))
        self.rows: dict[int, npt.NDArray[np.float32]] = {}
        self.generation = 0
        self.library_id = library_id
        self.next_id = 1
        self.read: list[int] = []
        self.add(count)

    def some(self) -> npt.NDArray[np.float64]:
        """A vector of any length, like the others."""
        row = self.random.normal(size=DIM)
        return row + self.random.choice(self.subjects) if len(self.subjects) else row

    def add(self, count: int) -> None:
        for _ in range(count):
            row = self.some().astype(np.float32)
            self.rows[self.next_id] = row / np.float32(np.linalg.norm(row))
            self.next_id += 1
        self.generation += 1

    def remove(self, *ids: int) -> None:
        for chunk_id in ids:
            del self.rows[chunk_id]
        self.generation += 1

    def snapshot(self) -> tuple[int, ChunkIds]:
        return self.generation, np.array(sorted(self.rows), dtype=np.int64)

    def added_after(self, chunk_id: int) -> tuple[int, int, ChunkIds]:
        generation, ids = self.snapshot()
        return generation, len(ids), ids[ids > chunk_id]

    def vectors(self, chunk_ids: object) -> tuple[ChunkIds, FloatMatrix]:
        ids = [int(i) for i in chunk_ids if int(i) in self.rows]  # type: ignore[attr-defined]
        self.read += ids
        matrix = np.array([self.rows[i] for i in ids], dtype=np.float32).reshape(len(ids), DIM)
        return np.array(ids, dtype=np.int64), matrix

    def nearest(
        self, query: FloatMatrix, k: int, allowed: list[int] | None = None
    ) -> list[tuple[int, float]]:
        """By brute force in double precision."""
        ids = sorted(self.rows if allowed is None else set(allowed) & set(self.rows))
        unit = query.astype(np.float64) / np.linalg.norm(query.astype(np.float64))
        cosines = [(i, float(self.rows[i].astype(np.float64) @ unit)) for i in ids]
        return sorted(cosines, key=lambda pair: -pair[1])[:k]

    def cosine(self, chunk_id: int, query: FloatMatrix) -> float:
        return dict(self.nearest(query, len(self.rows)))[chunk_id]


def assert_same(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> None:
    assert [i for i, _ in found] == [i for i, _ in expected]
    assert [c for _, c in found] == pytest.approx([c for _, c in expected], abs=1e-5)


def test_search_agrees_with_brute_force_for_queries_of_any_length(tmp_path: Path) -> None:
    source = Vectors(500)
    index = VectorIndex(tmp_path, DIM)
    index.sync(source)
    queries = (7.5 * source.random.normal(size=(20, DIM))).astype(np.float32)  # not unit vectors
    for query, found in zip(queries, index.search(queries, 10), strict=True):
        assert_same(found, source.nearest(query, 10))


def test_only_allowed_ids_are_found_and_k_of_them(tmp_path: Path) -> None:
    source = Vectors(300)
    index = VectorIndex(tmp_path, DIM)
    index.sync(source)
    allowed = [3, 50, 51, 52, 299, 10_000]
    query = source.random.normal(size=(1, DIM)).astype(np.float32)
    (found,) = index.search(query, 4, allowed=allowed)
    assert_same(found, source.nearest(query[0], 4, allowed))
    assert len(index.search(query, 50, allowed=allowed)[0]) == 5
    assert index.search(query, 5, allowed=[]) == [[]]


def test_additions_and_removals_are_caught_up_with(tmp_path: Path) -> None:
    source = Vectors(100)
    index = VectorIndex(tmp_path, DIM)
    assert index.sync(source)
    assert not index.sync(source)
    source.remove(1, 50, 100)
    source.add(5)
    source.read.clear()
    assert index.sync(source)
    assert source.read == [101, 102, 103, 104, 105]  # only what is new is read
    assert index.ids().tolist() == sorted(source.rows)
    query = source.random.normal(size=(1, DIM)).astype(np.float32)
    assert_same(index.search(query, 9)[0], source.nearest(query[0], 9))


def test_a_saved_index_is_not_read_from_the_store_again(tmp_path: Path) -> None:
    source = Vectors(50)
    index = VectorIndex(tmp_path, DIM)
    index.sync(source)
    index.save()
    source.add(2)
    source.read.clear()
    again = VectorIndex(tmp_path, DIM)
    again.sync(source)
    assert source.read == [51, 52]
    assert again.ids().tolist() == [*index.ids().tolist(), 51, 52]


def damage_truncate(folder: Path) -> None:
    (path,) = folder.glob("*.faiss")
    path.write_bytes(path.read_bytes()[:-100])


def damage_flip(folder: Path) -> None:
    (path,) = folder.glob("*.faiss")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def damage_missing(folder: Path) -> None:
    (path,) = folder.glob("*.faiss")
    path.unlink()


def damage_manifest(folder: Path) -> None:
    (folder / "index.json").write_text("{")


def damage_manifest_path(folder: Path) -> None:
    manifest = json.loads((folder / "index.json").read_text())
    manifest["index"]["files"][0]["name"] = "../../etc/passwd"
    (folder / "index.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage",
    [damage_truncate, damage_flip, damage_missing, damage_manifest, damage_manifest_path],
)
def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: object) -> None:
    source = Vectors(50)
    index = VectorIndex(tmp_path, DIM)
    index.sync(source)
    index.save()
    damage(tmp_path)  # type: ignore[operator]
    again = VectorIndex(tmp_path, DIM)
    again.sync(source)
    assert again.ids().tolist() == sorted(source.rows)
    again.save()
    assert len(list(tmp_path.glob("*.faiss"))) == 1


def test_the_index_of_another_library_is_not_used(tmp_path: Path) -> None:
    theirs = Vectors(50, seed=1, library_id="theirs")
    index = VectorIndex(tmp_path, DIM)
    index.sync(theirs)
    index.save()
    ours = Vectors(50, seed=2, library_id="ours")
    again = VectorIndex(tmp_path, DIM)
    again.sync(ours)
    query = ours.random.normal(size=(1, DIM)).astype(np.float32)
    assert_same(again.search(query, 5)[0], ours.nearest(query[0], 5))


def test_saving_replaces_the_old_file(tmp_path: Path) -> None:
    source = Vectors(10)
    index = VectorIndex(tmp_path, DIM)
    for _ in range(3):
        source.add(1)
        index.sync(source)
        index.save()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".faiss", ".json"]


def test_vectors_of_another_width_are_refused(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path, 7)
    with pytest.raises(DimensionMismatch, match=r"\(n, 7\)"):
        index.sync(Vectors(3))
    with pytest.raises(DimensionMismatch, match=r"\(n, 7\), got shape \(2, 9\)"):
        index.search(np.zeros((2, 9), dtype=np.float32), 1)


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path, DIM)
    query = np.ones((2, DIM), dtype=np.float32)
    assert index.search(query, 3) == [[], []]
    index.sync(Vectors())
    assert index.search(query, 3) == [[], []]


def test_a_query_of_zeros_is_answered(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path, DIM)
    index.sync(Vectors(5))
    (found,) = index.search(np.zeros((1, DIM), dtype=np.float32), 3)
    assert [cosine for _, cosine in found] == [0.0, 0.0, 0.0]


def test_searches_go_on_while_the_index_grows(tmp_path: Path) -> None:
    source = Vectors(200)
    index = VectorIndex(tmp_path, DIM)
    index.sync(source)
    stop = threading.Event()
    failures: list[BaseException] = []

    def search() -> None:
        query = np.ones((1, DIM), dtype=np.float32)
        try:
            while not stop.is_set():
                (found,) = index.search(query, 20)
                assert len(found) == 20
                cosines = [cosine for _, cosine in found]
                assert cosines == sorted(cosines, reverse=True)
        except BaseException as error:  # the thread's boundary
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for step in range(30):
        source.add(20)
        source.remove(step + 1)
        index.sync(source)
        index.save()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert index.ids().tolist() == sorted(source.rows)


def test_the_store_is_a_source(store: Store, tmp_path: Path) -> None:
    document_id = put(store, "apples\n\npears")
    index = VectorIndex(tmp_path / "index", 64)
    index.sync(store)
    query = new_document("pears").vectors
    best = index.search(query, 1)[0][0]
    assert best[1] == pytest.approx(1.0, abs=1e-6)
    assert store.chunks([best[0]])[0].text == "pears"
    store.remove(document_id)
    index.sync(store)
    assert len(index) == 0


# --- a large library ------------------------------------------------------------------------------

FLAT_UP_TO = 300  # a quantizer's byte has 256 values to learn


def assert_sound(index: VectorIndex, source: Vectors, *, seed: int) -> None:
    """What must hold of every kind of index, whatever it approximates."""
    assert index.ids().tolist() == sorted(source.rows)
    query = np.random.default_rng(seed).normal(size=(1, DIM)).astype(np.float32)
    (found,) = index.search(query, 10)
    assert len(found) == min(10, len(source.rows))
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)
    for chunk_id, cosine in found:
        assert cosine == pytest.approx(source.cosine(chunk_id, query[0]), abs=1e-3)
    few = sorted(source.rows)[::7]  # few are compared one by one, so nothing is approximate
    (found,) = index.search(query, 5, allowed=few)
    expected = source.nearest(query[0], 5, few)
    assert [c for _, c in found] == pytest.approx([c for _, c in expected], abs=1e-3)


def kind_saved(folder: Path) -> str:
    return str(json.loads((folder / "index.json").read_text())["index"]["kind"])


def large_index(folder: Path, source: Vectors) -> VectorIndex:
    index = VectorIndex(folder, DIM, flat_up_to=FLAT_UP_TO)
    assert index.adapt(source)
    index.save()
    assert kind_saved(folder) == "quantized"
    return index


def test_a_large_library_finds_nearly_what_brute_force_finds(tmp_path: Path) -> None:
    source = Vectors(3000, subjects=100)
    index = large_index(tmp_path, source)
    queries = np.array([source.some() for _ in range(50)], dtype=np.float32)  # not unit vectors
    agreed = sum(
        len({i for i, _ in found} & {i for i, _ in source.nearest(query, 10)})
        for query, found in zip(queries, index.search(queries, 10), strict=True)
    )
    assert agreed >= 0.98 * 500
    assert_sound(index, source, seed=0)


def test_every_vector_can_be_asked_for(tmp_path: Path) -> None:
    source = Vectors(600)
    index = large_index(tmp_path, source)
    query = source.random.normal(size=(1, DIM)).astype(np.float32)
    (found,) = index.search(query, 10_000)
    assert sorted(i for i, _ in found) == sorted(source.rows)


def test_many_allowed_ids_are_searched_by_their_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.quantized_index._COMPARED_ONE_BY_ONE", 10)
    source = Vectors(3000)
    index = large_index(tmp_path, source)
    for allowed in (list(range(1, 31)), list(range(2, 3000, 2)), [*range(900, 1500), 99_999]):
        query = source.random.normal(size=(1, DIM)).astype(np.float32)
        (found,) = index.search(query, 20, allowed=allowed)
        assert len(found) == 20
        assert {i for i, _ in found} <= set(allowed)
        expected = {i for i, _ in source.nearest(query[0], 20, allowed)}
        assert len({i for i, _ in found} & expected) >= 18


def test_growth_and_shrinking_change_the_kind_of_index(tmp_path: Path) -> None:
    source = Vectors(FLAT_UP_TO)
    index = VectorIndex(tmp_path, DIM, flat_up_to=FLAT_UP_TO)
    assert not index.adapt(source)
    index.save()
    assert kind_saved(tmp_path) == "flat"
    source.add(1)
    index.sync(source)  # searching alone trains nothing
    index.save()
    assert kind_saved(tmp_path) == "flat"
    assert index.adapt(source)
    assert not index.adapt(source)
    index.save()
    assert kind_saved(tmp_path) == "quantized"
    source.remove(*range(1, 100))
    assert not index.adapt(source)  # around the bound it stays as it is
    assert_sound(index, source, seed=1)
    source.remove(*range(100, 200))
    assert index.adapt(source)
    index.save()
    assert kind_saved(tmp_path) == "flat"
    assert_sound(index, source, seed=2)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_index_that_has_grown_much_is_trained_anew(tmp_path: Path) -> None:
    source = Vectors(400)
    index = large_index(tmp_path, source)
    source.add(1100)
    assert not index.adapt(source)
    source.add(101)
    assert index.adapt(source)
    assert_sound(index, source, seed=3)


def test_a_saved_large_index_is_not_read_from_the_store_again(tmp_path: Path) -> None:
    source = Vectors(500)
    large_index(tmp_path, source)
    source.add(2)
    source.remove(7)
    source.read.clear()
    again = VectorIndex(tmp_path, DIM, flat_up_to=FLAT_UP_TO)
    again.sync(source)
    assert source.read == [501, 502]
    assert_sound(again, source, seed=4)


def test_a_deleted_vector_is_in_no_file(tmp_path: Path) -> None:
    source = Vectors(500)
    index = large_index(tmp_path, source)
    deleted = source.rows[250].astype(np.float16).tobytes()
    assert any(deleted in path.read_bytes() for path in tmp_path.iterdir())
    source.remove(250)
    index.sync(source)
    index.save()
    assert not any(deleted in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".lists", ".ids", ".rows"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "missing"])
def test_a_damaged_file_of_a_large_index_is_made_anew(
    tmp_path: Path, suffix: str, damage: str
) -> None:
    source = Vectors(500)
    index = large_index(tmp_path, source)
    assert not index.is_damaged()
    (path,) = tmp_path.glob(f"*{suffix}")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-100] if damage == "cut" else data)
    assert index.is_damaged()
    again = VectorIndex(tmp_path, DIM, flat_up_to=FLAT_UP_TO)
    again.sync(source)
    assert_sound(again, source, seed=5)
    again.adapt(source)
    again.save()
    assert not again.is_damaged()
    assert len(list(tmp_path.iterdir())) == 4


def test_what_a_killed_process_left_is_deleted(tmp_path: Path) -> None:
    source = Vectors(500)
    index = large_index(tmp_path, source)
    (tmp_path / "vectors-0123.rows").write_bytes(b"half a block")
    source.add(1)
    index.sync(source)
    index.save()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_store_that_was_put_back_is_followed(tmp_path: Path) -> None:
    """A backup without the last passages, then one of an earlier time with some of them."""
    source = Vectors(500)
    index = large_index(tmp_path, source)
    lost = {i: source.rows.pop(i) for i in (10, 11, 490)}
    source.generation += 1
    index.sync(source)
    assert_sound(index, source, seed=6)
    source.rows |= lost
    source.generation += 1
    index.sync(source)
    assert_sound(index, source, seed=7)


def test_searches_go_on_while_another_kind_is_made(tmp_path: Path) -> None:
    source = Vectors(400)
    index = VectorIndex(tmp_path, DIM, flat_up_to=FLAT_UP_TO)
    index.sync(source)
    found: list[int] = []
    read = source.vectors

    def read_and_search(chunk_ids: object) -> tuple[ChunkIds, FloatMatrix]:
        # As another thread would, in the midst of it; a lock that is held would not let it pass.
        query = np.ones((1, DIM), dtype=np.float32)
        thread = threading.Thread(target=lambda: found.append(len(index.search(query, 9)[0])))
        thread.start()
        thread.join()
        return read(chunk_ids)

    source.vectors = read_and_search  # type: ignore[method-assign]
    assert index.adapt(source)
    assert found == [9, 9]  # reading the sample, and reading all


Step = tuple[str, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "remove", "adapt", "save", "open"]), st.integers(0, 250)
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=25, deadline=None)
@given(start=st.integers(200, 700), steps=steps)
def test_additions_deletions_and_changes_of_kind_in_any_order(
    start: int, steps: list[Step]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Vectors(start, seed=start)
        index = VectorIndex(folder, DIM, flat_up_to=FLAT_UP_TO)
        index.adapt(source)
        for number, (step, size) in enumerate(steps):
            match step:
                case "add":
                    source.add(size)
                case "remove":
                    ids = sorted(source.rows)
                    source.remove(*source.random.choice(ids, min(size, len(ids)), replace=False))
                case "adapt":
                    index.adapt(source)
                case "save":
                    index.save()
                case "open":
                    index = VectorIndex(folder, DIM, flat_up_to=FLAT_UP_TO)
            index.sync(source)
            assert_sound(index, source, seed=number)
