from __future__ import annotations

import json
from pathlib import Path

import pytest

from rag.citations import cite
from rag.errors import ExamplesInvalid
from rag.evidence import Evidence
from rag.examples import ExampleStore, bundled_examples, load_examples
from rag.prompts import Example
from rag.refusal import REFUSAL
from rag.vectors import CachedEmbedder
from tests.fakes import HashedWordsEmbedder
from tests.rag.passages import make_hit


@pytest.fixture
def examples() -> ExampleStore:
    embedder = CachedEmbedder(HashedWordsEmbedder(dimensions=512))
    return ExampleStore(bundled_examples(), lambda: embedder)


def test_the_shipped_examples_cover_every_kind_of_question() -> None:
    assert {example.kind for example in bundled_examples()} >= {
        "fact", "date", "number", "list", "yes or no", "definition", "comparison", "summary",
        "table cell", "not answerable",
    }  # fmt: skip
    assert len({example.identifier for example in bundled_examples()}) == len(bundled_examples())


@pytest.mark.parametrize("example", bundled_examples(), ids=lambda example: example.identifier)
def test_every_shipped_answer_is_supported_as_it_is_cited(example: Example) -> None:
    """What we show the model as good must pass our own check, marker for marker."""
    if example.answer == REFUSAL:
        assert example.kind == "not answerable"
        return
    hits = [
        make_hit(p.text, document=f"{i}-{p.document_name}") for i, p in enumerate(example.passages)
    ]
    result = cite(example.answer, Evidence(hits, question=example.question))
    assert not result.dropped
    assert result.supported == example.answer.count("[")
    cited = [int(c.document_name.partition("-")[0]) + 1 for c in result.citations]
    assert {f"[{number}]" for number in cited} == {
        marker for marker in ("[1]", "[2]") if marker in example.answer
    }


def test_the_nearest_example_is_picked(examples: ExampleStore) -> None:
    (picked,) = examples.pick("How much does the annual pass cost for children?", 1)
    assert picked.identifier == "number-cost"


def test_the_order_of_picked_examples_is_fixed(examples: ExampleStore) -> None:
    one = examples.pick("Who was the last keeper, and what does the warranty cover?", 3)
    order = [example.identifier for example in bundled_examples()]
    places = [order.index(example.identifier) for example in one]
    assert places == sorted(places)


def test_no_examples_are_picked_when_none_are_wanted(examples: ExampleStore) -> None:
    assert examples.pick("Who?", 0) == []
    assert len(examples.pick("Who?", 99)) == len(bundled_examples())


def test_a_users_file_is_read(tmp_path: Path) -> None:
    entry = {
        "id": "own", "kind": "fact", "question": "Who?",
        "passages": [{"document": "a.txt", "page": None, "text": "She."}], "answer": "She [1].",
    }  # fmt: skip
    path = tmp_path / "examples.json"
    path.write_text(json.dumps([entry]), "utf-8")
    assert load_examples(path)[0].passages[0].text == "She."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("nonsense", "expected a JSON list"),
        ("{}", "got dict"),
        ('[{"id": "a"}]', "example 1 is not valid: 'kind'"),
        ('[{"id": "", "kind": "", "question": "", "passages": [], "answer": ""}]', "non-empty"),
        ("[7]", "example 1"),
    ],
)
def test_a_users_mistake_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "examples.json"
    path.write_text(content, "utf-8")
    with pytest.raises(ExamplesInvalid, match=message) as error:
        load_examples(path)
    assert str(path) in str(error.value)
