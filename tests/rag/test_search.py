from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ingest.documents import Chunk, Document, Page
from ingest.errors import InvalidFilter
from ingest.records import NewDocument
from ingest.search_filter import SearchFilter
from ingest.store import Store
from ingest.vector_index import VectorIndex
from rag.fusion import DENSE_WEIGHT
from rag.glossary import Glossary
from rag.retriever import Retriever
from rag.search import HybridSearch
from rag.vectors import CachedEmbedder
from tests.fakes import HashedWordsEmbedder

BRIDGE = "The Tamber bridge was opened on 4 May 1922."
RULES = "Visitors may park behind the library on Sundays."
SALES = "In 2020 the orchard yielded 13 tonnes of apples."

Put = Callable[..., str]


@pytest.fixture
def put(store: Store, fake_embedder: HashedWordsEmbedder) -> Put:
    """Stores a document of one page a passage."""

    def put_document(name: str, *passages: str, collection: str = "default") -> str:
        pages = tuple(Page(number, text) for number, text in enumerate(passages, start=1))
        chunks = [
            Chunk(index, 0, len(text), text, heading="Chapter")
            for index, text in enumerate(passages)
        ]
        new = NewDocument(
            name=name,
            source=f"/documents/{name}",
            collection=collection,
            sha256=(name.encode().hex() + "0" * 64)[:64],
            byte_size=1,
            document=Document("", "text/plain", pages),
            chunks=chunks,
            vectors=fake_embedder.embed_passages(passages),
        )
        return store.put(new, embedder=fake_embedder.identity).document_id

    return put_document


@pytest.fixture
def search(store: Store, fake_embedder: HashedWordsEmbedder, tmp_path: Path) -> HybridSearch:
    index = VectorIndex(tmp_path / "index", fake_embedder.dimensions)
    cached = CachedEmbedder(fake_embedder)

    def synced() -> VectorIndex:
        index.sync(store)
        return index

    return HybridSearch(store, synced, lambda: cached)


def test_a_hit_says_where_it_is_and_why(search: HybridSearch, put: Put, store: Store) -> None:
    document_id = put("town.txt", RULES, BRIDGE)
    hit = search.search("When was the Tamber bridge opened?", 3)[0]
    assert (hit.document_id, hit.document_name, hit.page, hit.page_index) == (
        document_id, "town.txt", 2, 1,
    )  # fmt: skip
    assert store.page(document_id, 1).text[hit.start : hit.end] == hit.text == BRIDGE
    assert hit.heading == "Chapter"
    assert hit.reason.startswith("has “Tamber”, “bridge”, “opened”; meaning 0.")


def test_a_search_that_nobody_waits_for_any_more_ends_between_its_stages(
    store: Store,
    put: Put,
    fake_embedder: HashedWordsEmbedder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader who had left kept the search at it to its end."""
    put("town.txt", RULES, BRIDGE)
    index = VectorIndex(tmp_path / "index", fake_embedder.dimensions)
    cancel = threading.Event()

    def synced() -> VectorIndex:
        index.sync(store)
        cancel.set()  # while the candidates are looked for
        return index

    monkeypatch.setattr(Store, "chunks", None)  # who reads passages now calls None
    cached = CachedEmbedder(fake_embedder)
    leaving = HybridSearch(store, synced, lambda: cached)
    assert leaving.search("When was the Tamber bridge opened?", 3, cancel=cancel) == []


def test_what_the_documents_call_it_is_looked_for_too(
    store: Store, put: Put, fake_embedder: HashedWordsEmbedder, tmp_path: Path
) -> None:
    """ "Capital expenditures" stand in a statement of cash flows, which never says so."""
    put("report.txt", "Purchases of property, plant and equipment | (1,577)", RULES, BRIDGE)
    put("words.txt", "The pot lid is to be wiped with a wet cloth.")
    index = VectorIndex(tmp_path / "index", fake_embedder.dimensions)

    def synced() -> VectorIndex:
        index.sync(store)
        return index

    cached = CachedEmbedder(fake_embedder)
    own = HybridSearch(
        store, synced, lambda: cached, glossary=Glossary({"splash guard": "pot lid"})
    )
    assert own.search("How high was capex?", 1)[0].text.startswith("Purchases of property")
    assert own.search("How is the splash guard cleaned?", 1)[0].text.startswith("The pot lid")


def test_dense_similarity_is_the_cosine_of_question_and_passage(
    search: HybridSearch, put: Put, fake_embedder: HashedWordsEmbedder
) -> None:
    put("town.txt", RULES, BRIDGE, SALES)
    question = "What did the orchard yield in 2020?"
    query = np.array(fake_embedder.embed_query(question))
    for hit in search.search(question, 3):
        expected = float(np.dot(query, fake_embedder.embed_passages([hit.text])[0]))
        assert hit.dense_similarity == pytest.approx(expected, abs=1e-5)


def test_a_word_that_only_one_passage_has_brings_it_to_the_top(
    search: HybridSearch, put: Put
) -> None:
    put("town.txt", RULES, BRIDGE, SALES)
    hits = search.search("orchard", 3)
    assert hits[0].text == SALES
    assert hits[0].keyword_similarity is not None
    assert all(hit.keyword_similarity is None for hit in hits[1:])
    assert [hit.similarity for hit in hits] == sorted((h.similarity for h in hits), reverse=True)


def test_only_the_collection_is_searched(search: HybridSearch, put: Put) -> None:
    put("one.txt", BRIDGE, collection="one")
    put("two.txt", SALES, collection="two")
    assert [
        hit.text for hit in search.search("Tamber bridge", 5, filter=SearchFilter(collection="two"))
    ] == [SALES]
    assert search.search("Tamber bridge", 5, filter=SearchFilter(collection="none")) == []


def test_copies_of_a_passage_take_one_place(search: HybridSearch, put: Put) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        put(name, BRIDGE)
    put("d.txt", SALES)
    hits = search.search("When was the Tamber bridge opened?", 2)
    assert [hit.text for hit in hits] == [BRIDGE, SALES]


def test_a_removed_document_is_found_no_more(search: HybridSearch, put: Put, store: Store) -> None:
    document_id = put("town.txt", BRIDGE)
    assert search.search("Tamber bridge", 5)
    store.remove(document_id)
    assert search.search("Tamber bridge", 5) == []


@pytest.mark.parametrize(("query", "k"), [("", 5), (" \n", 5), ("bridge", 0)])
def test_a_search_for_nothing_finds_nothing(
    search: HybridSearch, put: Put, query: str, k: int
) -> None:
    put("town.txt", BRIDGE)
    assert search.search(query, k) == []


def test_an_empty_library_is_searched_without_a_model(store: Store) -> None:
    def never() -> CachedEmbedder:
        raise AssertionError("the embedder was loaded")

    def no_index() -> VectorIndex:
        raise AssertionError("the index was opened")

    assert HybridSearch(store, no_index, never).search("Tamber bridge", 5) == []


@pytest.mark.parametrize("query", ['"bridge" AND (', "NEAR/3 *", "a' OR 1=1 --", "\u0000", "🌉"])
def test_queries_are_text_not_syntax(search: HybridSearch, put: Put, query: str) -> None:
    put("town.txt", BRIDGE)
    assert len(search.search(query, 5)) == 1


def test_the_language_is_known_by_the_length_of_its_tokens(search: HybridSearch) -> None:
    assert search.knows_language("When was the bridge opened?")
    assert not search.knows_language("? ! . , ;")  # one token a character
    assert DENSE_WEIGHT > 0


def test_the_retriever_gives_langchain_documents(search: HybridSearch, put: Put) -> None:
    put("town.txt", RULES, BRIDGE)
    retriever = Retriever(searcher=search, k=1)
    (document,) = retriever.invoke("When was the Tamber bridge opened?")
    assert document.page_content == BRIDGE
    assert document.metadata["source"] == "/documents/town.txt"
    assert document.metadata["page"] == 2
    assert (document.metadata["start"], document.metadata["end"]) == (0, len(BRIDGE))
    assert [hit.text for hit in retriever.search("library", 1)] == [RULES]


def test_the_passage_that_has_the_words_together_comes_first(
    search: HybridSearch, put: Put
) -> None:
    apart = "The stone lies far from any river or road, and so does the old bridge."
    together = "From the old stone bridge any river or road lies far, and so it does."
    put("town.txt", apart, together)
    assert search.search("stone bridge", 2)[0].text == together


def test_the_passage_with_a_sentence_that_answers_comes_first(
    search: HybridSearch, put: Put
) -> None:
    """A passage of many things is far from a question, however well one sentence answers it."""
    wordy = "Of the mill of Corran. The mill of Corran, when built. Corran and the mill."
    answering = (
        "Corran lies on the river Eln and has four hundred people. Wool was its trade. The mill of "
        "Corran was built in 1788. Two roads meet in the market, where there are six inns."
    )
    put("wordy.txt", wordy)
    put("answering.txt", answering)
    hits = search.search("When was the mill of Corran built?", 2)
    assert [hit.document_name for hit in hits] == ["answering.txt", "wordy.txt"]


def test_a_document_that_the_question_names_comes_first(search: HybridSearch, put: Put) -> None:
    for year in (2018, 2019, 2020, 2021):
        put(f"ORCHARD_{year}_REPORT.txt", f"The yield was {year % 7} tonnes.", RULES)
    hit = search.search("What was the yield in the Orchard report of 2020?", 4)[0]
    assert hit.document_name == "ORCHARD_2020_REPORT.txt"
    assert hit.reason.endswith("the question names its document")


def test_a_document_that_a_good_passage_names_comes_behind_it(
    search: HybridSearch, put: Put
) -> None:
    put("Tamber bridge.txt", "The Tamber bridge was designed by the engineer Mira Holt.")
    put("Mira Holt.txt", "She was born at Ferrow in 1881 and died in 1950.")
    for number in range(8):
        put(f"note {number}.txt", f"Somebody was born in town number {number}.")
    hits = search.search("Where was the designer of the Tamber bridge born?", 3)
    assert [hit.document_name for hit in hits[:2]] == ["Tamber bridge.txt", "Mira Holt.txt"]
    assert hits[1].reason.endswith("a passage above names its document")


def test_documents_of_another_collection_are_not_brought_in_by_name(
    search: HybridSearch, put: Put
) -> None:
    put("Tamber bridge.txt", "The Tamber bridge was designed by Mira Holt.", collection="one")
    put("Mira Holt.txt", "She was born at Ferrow in 1881.", collection="two")
    hits = search.search(
        "Where was Mira Holt, who made the Tamber bridge, born?",
        5,
        filter=SearchFilter(collection="one"),
    )
    assert [hit.document_name for hit in hits] == ["Tamber bridge.txt"]


@pytest.mark.parametrize(
    "chosen",
    [
        SearchFilter(documents=["Tamber bridge.txt", "note 1.txt"]),
        SearchFilter(documents=["*.txt"], collection="two"),
        SearchFilter(types=["text"], collection="one"),
    ],
    ids=str,
)
def test_names_and_links_bring_in_nothing_that_the_filter_leaves_out(
    search: HybridSearch, put: Put, store: Store, chosen: SearchFilter
) -> None:
    put("Tamber bridge.txt", "The Tamber bridge was designed by Mira Holt.", collection="one")
    put("Mira Holt.txt", "She was born at Ferrow in 1881.", collection="two")
    for number in range(4):
        put(f"note {number}.txt", f"The Tamber flows by town {number}.", collection="two")
    left = {record.document_id for record in store.documents(chosen)}
    hits = search.search("Where was Mira Holt of the Tamber bridge born?", 50, filter=chosen)
    assert {hit.document_id for hit in hits} == left  # each passage is a candidate, and no other


def test_a_topic_is_found_by_the_words_of_the_best_passages_too(
    search: HybridSearch,
    put: Put,
    fake_embedder: HashedWordsEmbedder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = (
        "effects of chamber pressure and nozzle shape on thrust during long burning tests of small"
        " solid fuel rocket motors"
    )
    other = "Visitors parked their chamber carts, said Holt."
    put("a.txt", other)
    like = "Grain erosion grew with chamber loads, said Ferrow."  # as the best passages say it
    put("b.txt", like)
    for number in range(3):
        put(f"note {number}.txt", f"Note {number} is of hay.")
        put(
            f"motor {number}.txt",
            f"Test {number} of small rocket motors: nozzle, thrust, fuel. {like} {like}",
        )
    moved = {hit.text: hit for hit in search.search(topic, 20)}
    monkeypatch.setattr("rag.search._FEEDBACK_SHARE", 0.0)
    as_asked = {hit.text: hit for hit in search.search(topic, 20)}
    ahead = as_asked[like].similarity - as_asked[other].similarity
    assert moved[like].similarity - moved[other].similarity > ahead
    # What is said of a passage is its likeness to the question as it was asked.
    cosine = float(
        np.dot(fake_embedder.embed_query(topic), fake_embedder.embed_passages([like])[0])
    )
    assert moved[like].dense_similarity == pytest.approx(cosine, abs=1e-5)
    assert as_asked[like].dense_similarity == pytest.approx(cosine, abs=1e-5)


def test_a_fact_that_is_said_once_is_worth_as_much_as_one_that_is_said_again_and_again(
    search: HybridSearch, put: Put
) -> None:
    put("ships.txt", "The Alder sank off Ferrow in 1911.")
    put("gales.txt", "Ferrow, Ferrow, Ferrow: where each gale of Ferrow came from.")
    for number in range(6):
        put(f"note {number}.txt", f"Note {number} is of hay.")
    assert search.search("Which ship sank off Ferrow?", 1)[0].document_name == "ships.txt"


def test_what_a_good_passage_leads_to_need_not_have_the_tokens_that_led_there(
    search: HybridSearch, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("Tamber bridge.txt", "The designer of the Tamber bridge was Mira Holt.")
    put("Mira Holt.txt", "She came to the world at Ferrow.")
    put("trains.txt", "Of the place where a designer of the Tamber trains was born there is a map.")
    for number in range(12):
        put(f"note {number}.txt", f"Note {number} is of hay and of the place of a barn.")
    question = "In which place was the designer of the Tamber bridge born?"

    def gap() -> float:
        found = {hit.document_name: hit.similarity for hit in search.search(question, 15)}
        return found["Tamber bridge.txt"] - found["Mira Holt.txt"]

    with_tokens = gap()
    monkeypatch.setattr("rag.search._TOKEN_BONUS", 0.0)
    assert with_tokens <= gap() + 1e-6


def test_the_retriever_filters(search: HybridSearch, put: Put) -> None:
    put("one.txt", BRIDGE, collection="one")
    put("two.txt", SALES, collection="two")

    def found(**fields: object) -> list[str]:
        retriever = Retriever(searcher=search, **fields)
        return [document.page_content for document in retriever.invoke("Tamber bridge")]

    assert found(collection="two") == [SALES]
    assert found(filter=SearchFilter(documents=["one.txt"])) == [BRIDGE]
    assert found(collection="two", filter=SearchFilter(documents=["one.txt"])) == []
    with pytest.raises(InvalidFilter, match="No document is called"):
        found(filter=SearchFilter(documents=["three.txt"]))
