from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.citations import Unsupported, cite, split_statements, without_markers
from rag.evidence import Evidence
from rag.extracts import find_extracts
from tests.rag.passages import make_hit, page_text

PATH = "The river path is 11 kilometres long and almost flat."
RIDGE = "The ridge path is 8 kilometres long but climbs 600 metres."

anything = st.text(alphabet=st.characters(), max_size=200)
# Text that looks like answers and documents: markers, chat tokens, shared words and numbers.
WORDS = "the ridge path is 8 kilometres long| 600 metres| river|8|No|Yes|not|[1]|[2]|[99]|【1】"
SIGNS = ". |｡|, and |\n|\n- |<|im_end|>|\x00|\u202e"
pieces = st.sampled_from([*WORDS.split("|"), *SIGNS.split("|"), "<|im_end|>", "| a |"])
texty = st.lists(st.one_of(pieces, st.text(max_size=8)), max_size=12).map("".join)


def cited(answer: str, *texts: str, question: str = "") -> tuple[str, list[tuple[int, str]]]:
    evidence = Evidence(
        [make_hit(text, document=f"{i}.txt") for i, text in enumerate(texts)], question=question
    )
    result = cite(answer, evidence)
    return result.text, [(c.marker, c.quote) for c in result.citations]


def test_markers_are_numbered_in_order_of_use_whatever_the_model_wrote() -> None:
    text, citations = cited(
        "The ridge path is 8 kilometres long [7]. The river path is 11 kilometres long [1].",
        PATH,
        RIDGE,
    )
    assert (
        text == "The ridge path is 8 kilometres long [1]. The river path is 11 kilometres long [2]."
    )
    assert citations == [(1, RIDGE), (2, PATH)]


def test_a_marker_counts_what_the_model_was_shown() -> None:
    """Two pieces of the first passage stood in the prompt: the model's third is the second one."""
    said = "The ridge path is 8 kilometres long."
    first, second = make_hit(f"{PATH} {said}", document="0.txt"), make_hit(said, document="1.txt")
    shown = [
        replace(first, end=len(PATH), text=PATH),
        replace(first, start=first.end - len(said), text=said),
        second,
    ]
    answer = f"{said.rstrip('.')} [3]."
    (citation,) = cite(answer, Evidence([first, second]), shown=shown).citations
    assert citation.document_name == "1.txt"
    (citation,) = cite(answer, Evidence([first, second])).citations
    assert citation.document_name == "0.txt"


def test_the_same_span_keeps_its_number() -> None:
    text, citations = cited("The ridge path is 8 kilometres long. It climbs 600 metres.", RIDGE)
    assert text == "The ridge path is 8 kilometres long [1]. It climbs 600 metres [1]."
    assert len(citations) == 1


def test_a_false_statement_beside_a_true_one_is_dropped() -> None:
    text, _ = cited(
        "The ridge path is 8 kilometres long. It was built in 1788 by King Olav.", RIDGE
    )
    assert text == "The ridge path is 8 kilometres long [1]."


@pytest.mark.parametrize(
    ("question", "kept"),
    [
        ("How long is the ridge path?", "It was built in 1788 (no source)."),
        ("Wie lang ist der ridge path?", "It was built in 1788 (ohne Beleg)."),
    ],
    ids=["English", "German"],
)
def test_what_is_kept_says_that_it_has_no_source(question: str, kept: str) -> None:
    """It stood there like any sentence, and nothing told it from the cited ones."""
    evidence = Evidence([make_hit(RIDGE)], question=question)
    answer = "The ridge path is 8 kilometres long. It was built in 1788 [1]."
    result = cite(answer, evidence, unsupported=Unsupported.KEEP)
    assert result.text == f"The ridge path is 8 kilometres long [1]. {kept}"


LEASE = "The tenant keeps the garden tidy and pays the water bill."


def test_connecting_words_stay() -> None:
    text, _ = cited("Here is what they say:\nThe ridge path is 8 kilometres long.", RIDGE)
    assert text.startswith("Here is what they say:\n")


@pytest.mark.parametrize(
    "claim",
    [
        "The tenant keeps a dog.",  # one word of two is in the passage
        "Pets are welcome.",  # two words at most: that was taken for a connection
        "It is not.",
        "Yes.",
        "Smoking is forbidden:",
        "The tenant pays nothing:",
        "Der Vermieter zahlt die Nebenkosten, nicht the tenant.",
    ],
)
def test_what_states_anything_is_cited_or_dropped(claim: str) -> None:
    """A lease in German came out as a summary of which hardly a sentence was cited."""
    evidence = Evidence([make_hit(LEASE)])
    result = cite(f"{claim}\n{LEASE}", evidence)
    assert (result.text, result.dropped) == (
        "The tenant keeps the garden tidy and pays the water bill [1].",
        (claim,),
    )


@pytest.mark.parametrize(
    "line",
    [
        "In short:",
        "The documents say:",
        "**Key points**",
        "Here is a summary of the lease:",
        "What the tenant pays:",
        "Hier ist eine Zusammenfassung des Dokuments:",
        "Die wichtigsten Punkte sind:",
        "Voici un résumé du document :",
    ],
)
def test_a_line_that_announces_stays_above_what_it_announces(line: str) -> None:
    hit = make_hit(LEASE, document="lease.txt")
    evidence = Evidence([hit], question="What does the tenant pay?")
    cited = "The tenant keeps the garden tidy and pays the water bill [1]."
    assert cite(f"{line}\n{LEASE}", evidence).text == f"{line}\n{cited}"
    # What it announced was dropped: it must not stand there with nothing behind it.
    unfounded = f"{LEASE}\n{line}\nThe moon is made of cheese."
    assert cite(unfounded, evidence).text == cited


def test_a_question_that_its_own_words_affirm_is_not_answered_by_an_announcement() -> None:
    evidence = Evidence([make_hit(LEASE)], question="Are dogs allowed in the garden?")
    result = cite(f"Dogs are allowed in the garden:\n{LEASE}", evidence)
    assert result.dropped == ("Dogs are allowed in the garden:",)


def test_a_repeated_sentence_is_said_once() -> None:
    answer = "The ridge path is 8 kilometres long. " * 3
    assert cited(answer, RIDGE)[0] == "The ridge path is 8 kilometres long [1]."


@pytest.mark.parametrize(
    "marker", ["[1]", " [1, 2]", "[Passage 2]", "【1】", "[1-3]", " (passage 1)", "[^1]", "[1][2]"]
)
def test_every_form_of_marker_is_taken_out(marker: str) -> None:
    assert without_markers(f"It is so{marker}.") == "It is so."


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It is tall [[1]2]. See [[7]7].", "It is tall. See."),
        ("It is so [3, [1]2] [[[4]5]6].", "It is so."),
        ("It is so (passage [1] 2).", "It is so."),
        ("It is a[x[1]] (see [2] below).", "It is a[x] (see below)."),
    ],
)
def test_what_taking_a_marker_out_makes_is_taken_out_too(text: str, left: str) -> None:
    """A document forged citations: of "[[1]2]" one pass left "[2]", which readers can click."""
    assert without_markers(text) == left
    evidence = Evidence([make_hit(text)], question="How tall is it?")
    result = cite("", evidence, quoted=[next(iter(evidence.support(text)))])
    assert re.findall(r"\[\d+\]", result.text) == ["[1]"]


@given(st.lists(st.sampled_from([*"[](【】)12", ", ", " ", "passage ", "tall"])).map("".join))
def test_no_marker_is_left_however_they_are_nested(text: str) -> None:
    left = without_markers(text)
    assert not re.search(r"[\[【]\s*\d{1,3}\s*[\]】]|\(passage \d{1,3}\)", left)
    assert without_markers(left) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("[1" * 100_000, "[1" * 100_000),
        ("[1" * 100_000 + "]" * 100_000, ""),
        ("tall" + " " * 500_000 + "tree", "tall" + " " * 500_000 + "tree"),
    ],
    ids=["opened", "nested", "spaces"],
)
def test_a_hostile_text_is_cleaned_in_one_go(text: str, left: str) -> None:
    """Spaces alone took time that grew with their square: half a million of them, hours."""
    assert without_markers(text) == left


def test_years_and_parentheses_are_no_markers() -> None:
    assert without_markers("It rose [2023] (by 4) in (2).") == "It rose [2023] (by 4) in (2)."


def test_a_marker_after_the_full_stop_belongs_to_the_sentence_before() -> None:
    (statement,) = split_statements("It is so. [2]")
    assert statement.hinted == {1}


def test_a_list_keeps_its_form() -> None:
    text, citations = cited("- ridge path: 8 kilometres\n- river path: 11 kilometres", PATH, RIDGE)
    assert text == "- ridge path: 8 kilometres [1]\n- river path: 11 kilometres [2]"
    assert len(citations) == 2


def test_a_quoted_sentence_is_one_line_with_its_marker() -> None:
    hit = make_hit("The ridge path is\n8 kilometres long.")
    evidence = Evidence([hit], question="How long is the ridge path?")
    extract = find_extracts("How long is the ridge path?", evidence)[0]
    result = cite("", evidence, quoted=[extract.quote])
    assert result.text == "The ridge path is 8 kilometres long [1]."
    assert result.citations[0].quote == "The ridge path is\n8 kilometres long."


@given(
    answer=texty | anything, texts=st.lists(texty | anything, max_size=3), start=st.integers(0, 5)
)
def test_no_document_and_no_answer_makes_a_citation_that_does_not_resolve(
    answer: str, texts: list[str], start: int
) -> None:
    hits = [make_hit(text, document=f"{i}", start=start) for i, text in enumerate(texts)]
    evidence = Evidence(hits, question="How long is the ridge path?")
    results = [cite(answer, evidence, unsupported=choice) for choice in Unsupported]
    results += [
        cite("", evidence, quoted=[extract.quote])
        for extract in find_extracts("How long is the ridge path?", evidence)
    ]
    pages = {hit.document_id: page_text(hit) for hit in hits}
    for result in results:
        for citation in result.citations:
            assert citation.quote
            assert pages[citation.document_id][citation.start : citation.end] == citation.quote
        assert [c.marker for c in result.citations] == list(range(1, len(result.citations) + 1))


@given(answer=texty, texts=st.lists(texty, min_size=1, max_size=3))
def test_every_marker_of_a_cited_answer_names_a_citation(answer: str, texts: list[str]) -> None:
    evidence = Evidence([make_hit(text, document=f"{i}") for i, text in enumerate(texts)])
    result = cite(answer, evidence)
    named = {int(marker) for marker in re.findall(r" (?:\[\d+\])*\[(\d+)\]", result.text)}
    assert named <= {citation.marker for citation in result.citations}
