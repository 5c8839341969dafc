"""Forms filled in from documents: by a scripted model, and by the real small one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from inference.request import InvalidRequest, Message
from ingest.search_filter import SearchFilter
from rag.citations import Unsupported
from rag.errors import InvalidSchema
from rag.extraction import Extraction, Extractor
from rag.library import Library
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedGenerator
from tests.rag.passages import FakeSearch, make_hit

HARBOUR = (
    "The lighthouse at Port Ellery was built in 1874 and is 41 metres tall.\n\n"
    "The ferry to Grey Island leaves every day at 07:30 and takes 50 minutes.\n\n"
    "The harbour master is Ines Calloway. Mooring costs 12 crowns a night.\n\n"
    "The harbour sells diesel, ice and fresh water.\n"
)
SCHEMA = {
    "type": "object",
    "properties": {
        "in_charge": {"type": "string", "description": "Who runs the harbour, its master"},
        "lighthouse": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "description": "how far up it goes in metres"},
                "since": {"type": "integer", "description": "year of its first day"},
            },
        },
        "goods": {"type": "array", "items": {"type": "string"}, "description": "goods sold"},
        "phone": {"type": "string", "description": "telephone number"},
    },
}
SAID = {
    "in charge": '"Ines Calloway"',
    "lighthouse size": " 41",
    "lighthouse since": "1974",
    "goods": '["diesel", "petrol", "ice"]',
    "phone": "null",
}

MakeLibrary = Callable[..., ModellessLibrary]


@pytest.fixture
def make_library(tmp_path: Path) -> Iterator[MakeLibrary]:
    made: list[ModellessLibrary] = []

    def make(said: dict[str, str], **generator: Any) -> ModellessLibrary:
        def reply(messages: Sequence[Message]) -> str:
            asked = messages[-1].text.rpartition("Field: ")[2]
            return next(value for name, value in said.items() if asked.startswith(name))

        model = ScriptedGenerator(reply, **generator)
        library = ModellessLibrary(tmp_path / "library", Settings(home=tmp_path), lambda: model)
        library.add_bytes("harbour.txt", HARBOUR.encode())
        made.append(library)
        return library

    yield make
    for library in made:
        library.close()


def citations_resolve(library: Library, found: Extraction) -> bool:
    return all(
        library.page(c.document_id, c.page_index).text[c.start : c.end] == c.quote
        for c in found.citations.values()
    )


def test_every_value_that_is_kept_has_its_place(make_library: MakeLibrary) -> None:
    library = make_library(SAID)
    found = library.extract(SCHEMA)
    assert found.data == {
        "in_charge": "Ines Calloway",
        "lighthouse": {"size": 41, "since": None},
        "goods": ["diesel", "ice"],
        "phone": None,
    }
    assert {path: c.quote for path, c in found.citations.items()} == {
        "in_charge": "The harbour master is Ines Calloway.",
        "lighthouse.size": HARBOUR.split("\n\n")[0],
        "goods[0]": "The harbour sells diesel, ice and fresh water.",
        "goods[1]": "The harbour sells diesel, ice and fresh water.",
    }
    assert citations_resolve(library, found)
    assert [(v.path, v.value) for v in found.values if not v.supported] == [
        ("lighthouse.since", 1974),
        ("goods[]", "petrol"),
    ]
    assert found.failed == {"lighthouse.since": "no passage says it"}
    assert found.citations["goods[0]"].marker == found.citations["goods[1]"].marker


def test_what_no_passage_says_is_kept_and_marked_where_that_is_wanted(
    make_library: MakeLibrary,
) -> None:
    found = make_library(SAID).extract(SCHEMA, unsupported=Unsupported.KEEP)
    assert found.data["lighthouse"] == {"size": 41, "since": 1974}
    assert found.data["goods"] == ["diesel", "petrol", "ice"]
    assert [(v.path, v.supported) for v in found.values if v.path.startswith("goods")] == [
        ("goods[0]", True),
        ("goods[1]", False),
        ("goods[2]", True),
    ]


def test_each_field_is_asked_for_by_itself_under_its_own_grammar(
    make_library: MakeLibrary,
) -> None:
    library = make_library(SAID)
    library.extract(SCHEMA, "the harbour of Port Ellery")
    model: Any = library.generator
    asked = sorted(c[-1].text.rpartition("Field: ")[2] for c in model.conversations)
    assert asked[0] == "goods. goods sold. the harbour of Port Ellery"
    assert len(model.requests) == 4  # no telephone number stands there to choose
    grammars = {request.sampling.grammar for request in model.requests}
    assert all("null" in str(grammar) for grammar in grammars)
    assert len(grammars) == 4  # of text, of a list, of the metres and of the years there are


@pytest.mark.parametrize(
    ("said", "reason"),
    [('"Ines Cal', "did not end in time"), ("null", None), ('"Jonas Weber"', "no passage says it")],
    ids=["cut off", "not said", "not found"],
)
def test_a_field_without_a_value_says_why(
    make_library: MakeLibrary, said: str, reason: str | None
) -> None:
    schema = {"properties": {"in_charge": SCHEMA["properties"]["in_charge"]}}  # type: ignore[index]
    found = make_library({"in charge": said}).extract(schema)
    assert found.data == {"in_charge": None}
    assert (reason is None and not found.failed) or reason in found.failed["in_charge"]  # type: ignore[operator]


def test_a_list_of_objects_keeps_what_is_found(make_library: MakeLibrary) -> None:
    items = {
        "type": "object",
        "properties": {"what": {"type": "string"}, "minutes": {"type": "integer"}},
        "required": ["what", "minutes"],
    }
    schema = {"properties": {"trips": {"type": "array", "items": items}}}
    said = '[{"what": "rocket", "minutes": 9}, {"what": "ferry", "minutes": 50}]'
    found = make_library({"trips": said}).extract(schema)
    assert found.data == {"trips": [{"what": "ferry", "minutes": 50}]}
    assert sorted(found.citations) == ["trips[0].minutes", "trips[0].what"]
    assert [v.path for v in found.values if not v.supported] == ["trips[].what", "trips[].minutes"]


def test_nothing_is_found_in_an_empty_library(tmp_path: Path) -> None:
    model = ScriptedGenerator('"x"')
    with ModellessLibrary(tmp_path, Settings(home=tmp_path), lambda: model) as library:
        found = library.extract({"properties": {"name": {"type": "string"}}})
    assert (found.data, model.requests) == ({"name": None}, [])


def test_a_schema_that_cannot_be_is_refused_before_anything_is_asked(
    make_library: MakeLibrary,
) -> None:
    library = make_library(SAID)
    with pytest.raises(InvalidSchema):
        library.extract({"type": "string"})
    with pytest.raises(InvalidRequest, match="more than 2000"):
        library.extract({"properties": {"a": {"type": "string", "maxLength": 10**9}}})
    assert not library._parts.generator.is_made


def test_a_cancelled_extraction_ends_with_what_there_is(make_library: MakeLibrary) -> None:
    library = make_library({"in charge": '"Ines"'}, hold=True)
    cancel = threading.Event()
    results: list[Extraction] = []
    schema = {"properties": {"in_charge": {"type": "string"}}}
    thread = threading.Thread(target=lambda: results.append(library.extract(schema, cancel=cancel)))
    thread.start()
    cancel.set()
    thread.join(30)
    assert (results[0].cancelled, results[0].data) == (True, {"in_charge": None})


def test_a_document_that_is_removed_meanwhile_is_passed_over() -> None:
    """Two of its passages touch, and its page was read to put them together: the form ended with
    "not found" for one document of many.
    """
    first = make_hit("The harbour master is Ines Calloway.")
    gone = [first, make_hit(" Mooring costs 12 crowns.", start=first.end, chunk_id=2)]
    left = make_hit("The harbour master is Jonas Hale.", document="other.txt", chunk_id=3)
    search = FakeSearch([*gone, left], removed={first.document_id})
    model = ScriptedGenerator('"Jonas Hale"')
    extractor = Extractor(search, lambda: model, grammar=lambda schema: schema, pages=search)
    schema = {"properties": {"harbour_master": {"type": "string"}}}
    assert extractor.extract(schema).data == {"harbour_master": "Jonas Hale"}


def test_progress_counts_the_fields(make_library: MakeLibrary) -> None:
    seen: list[tuple[int, int]] = []
    make_library(SAID).extract(SCHEMA, progress=lambda done, count: seen.append((done, count)))
    assert sorted(seen) == [(number, 5) for number in range(1, 6)]


FORM = {
    "type": "object",
    "properties": {
        "harbour_master": {"type": "string", "description": "Name of the harbour master"},
        "lighthouse": {
            "type": "object",
            "properties": {
                "height": {"type": "integer", "description": "height in metres"},
                "built": {"type": "integer", "description": "year in which it was built"},
            },
        },
        "phone": {"type": "string", "description": "telephone number"},
    },
}
FILLED_IN = {
    "harbour_master": "Ines Calloway",
    "lighthouse": {"height": 41, "built": 1874},
    "phone": None,
}


def test_what_stands_there_in_plain_words_is_read_without_a_model(
    make_library: MakeLibrary,
) -> None:
    """A model of 135M parameters, asked for each field, wrote a rent of "6 months" for a rent of
    1,450, and the form's own title for an order number; what it writes is not asked for any more.
    """
    library = make_library(SAID, parameters=135_000_000)
    found = library.extract(FORM, "the lighthouse at Port Ellery")
    assert found.data == FILLED_IN
    assert citations_resolve(library, found)
    model: Any = library.generator
    assert model.requests == []


def test_a_model_chooses_among_the_dates_that_stand_there(tmp_path: Path) -> None:
    """Asked for a date it wrote "1430-03-20" for 14 March 2026, digit by digit."""
    model = ScriptedGenerator('"2026-03-14"')
    with ModellessLibrary(tmp_path, Settings(home=tmp_path), lambda: model) as library:
        library.add_bytes("sale.txt", b"Sold on 14 March 2026. Sold again on 20 March 2026.")
        library.add_bytes("other.txt", b"Due date: 13 April 2026\n")
        schema = {"properties": {"sold_on": {"type": "string", "format": "date"}}}
        found = library.extract(schema, filter=SearchFilter(documents=["sale.txt"]))
    assert found.data == {"sold_on": "2026-03-14"}
    (request,) = model.requests
    assert "2026-03-20" in str(request.sampling.grammar)
    assert "2026-04-13" not in str(request.sampling.grammar)


def test_a_form_of_one_document_takes_nothing_from_another(tmp_path: Path) -> None:
    """The second invoice has no date of delivery, and was given the first one's."""
    model = ScriptedGenerator("null", parameters=135_000_000)
    first = "Invoice number: A-1\nTotal: 90.00\nDelivery date: 2 March 2026\n"
    second = "Invoice number: B-2\nTotal: 75.50\nFor Birch Farm\n"
    schema = {
        "properties": {
            "invoice_number": {"type": "string"},
            "total": {"type": "number"},
            "delivery_date": {"type": "string", "format": "date"},
        }
    }
    with ModellessLibrary(tmp_path, Settings(home=tmp_path), lambda: model) as library:
        library.add_bytes("one.txt", first.encode())
        library.add_bytes("two.txt", second.encode())
        found = library.extract(schema, "Birch Farm")
    assert found.data == {"invoice_number": "B-2", "total": 75.5, "delivery_date": None}


def test_a_long_table_is_read_whole(tmp_path: Path) -> None:
    """Of 150 rows the 35 of the passages that were found were given, as if they were all."""
    rows = "".join(f"Part {i} for model {7 * i},{i}\n" for i in range(1, 151))
    items = {
        "type": "object",
        "properties": {"item": {"type": "string"}, "qty": {"type": "integer"}},
    }
    schema = {"properties": {"items": {"type": "array", "items": items}}}
    model = ScriptedGenerator("null", parameters=135_000_000)
    with ModellessLibrary(tmp_path, Settings(home=tmp_path), lambda: model) as library:
        library.add_bytes("parts.csv", ("Item,Qty\n" + rows).encode())
        found = library.extract(schema, "the parts")
        assert citations_resolve(library, found)
    assert [each["qty"] for each in found.data["items"]] == list(range(1, 151))


def test_what_no_search_finds_is_read_of_the_whole_document(tmp_path: Path) -> None:
    """Each clause of a contract is about the tenant; who that is stands where it opens, once."""
    opening = (
        "This lease is made between Corvane Estates (the Landlord) and Nettle Bindery (the Tenant)."
    )
    clauses = [
        f"{number}. The Tenant keeps the tenant's side of wall {number} dry, and the Tenant of each"
        f" other unit is told by the Tenant when the tenant's wall {number} is damp again."
        for number in range(1, 40)
    ]
    schema = {"properties": {"tenant": {"type": "string"}}}
    model = ScriptedGenerator("null", parameters=135_000_000)
    with ModellessLibrary(tmp_path, Settings(home=tmp_path), lambda: model) as library:
        library.add_bytes("lease.txt", "\n\n".join([opening, *clauses]).encode())
        hits = library.search("tenant", k=4)
        assert not any("Nettle" in hit.text for hit in hits)
        found = library.extract(schema)
        assert citations_resolve(library, found)
    assert found.data == {"tenant": "Nettle Bindery"}


def test_what_repeats_the_field_is_no_value(make_library: MakeLibrary) -> None:
    """ "school" was given for the name of the school."""
    schema = {"properties": {"company": {"type": "string", "description": "harbour"}}}
    found = make_library({"company": '"The harbour"'}).extract(schema)
    assert found.data == {"company": None}


@pytest.mark.model
def test_the_bundled_model_fills_in_a_form(tmp_path: Path, llm_path: Path) -> None:
    settings = Settings(model=str(llm_path))
    with Library.open(tmp_path / "library", settings=settings) as library:
        library.add_bytes("harbour.txt", HARBOUR.encode())
        found = library.extract(FORM, "the harbour of Port Ellery")
        assert citations_resolve(library, found)
    assert json.loads(json.dumps(found.data)) == found.data
    assert found.data == FILLED_IN
