from __future__ import annotations

import pytest

from rag.glossary import Glossary


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What is the FY2018 capital expenditure amount for 3M?", "purchases property, plant"),
        ("What was CapEx?", "purchases property, plant"),
        ("What is the net PPNE?", "property, plant and equipment net"),
        ("Has the quick ratio improved?", "current liabilities receivables"),
        ("Are gross margins consistent?", "cost of goods sold"),
    ],
)
def test_what_is_asked_for_is_called_as_statements_call_it(question: str, words: str) -> None:
    assert set(words.split()) <= set(Glossary().added_to(question).split())


def test_each_word_is_added_once_and_only_for_what_is_named() -> None:
    assert Glossary().added_to("When was the bridge opened?") == ""
    assert Glossary().added_to("Who pays in landscapes and roads?") == ""  # "capes", "roa"
    added = Glossary().added_to("Balance sheet: what are total liabilities and inventory?").split()
    assert len(added) == len(set(added))


def test_a_library_has_words_of_its_own() -> None:
    glossary = Glossary({"AMEX": "American Express", "a+b (old)": "alphabet", "": "nothing"})
    assert glossary.added_to("What did amex earn?") == "American Express"
    assert glossary.added_to("What did AMEXCO earn?") == ""
    assert glossary.added_to("What is a+b (old)?") == "alphabet"
