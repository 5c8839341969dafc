"""How an answer's text becomes blocks and runs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ui.answer_text import Block, BlockKind, Run, Style, emphasized, split_answer
from rag.results import Citation

CITATION = Citation(
    marker=1,
    document_id="d",
    document_name="report.pdf",
    document_path="/report.pdf",
    page=1,
    page_index=0,
    quote="up 12%",
    start=0,
    end=6,
    statement="Revenue rose.",
)
SECOND = replace(CITATION, marker=2, statement="Costs fell.")


def plain_text(blocks: tuple[Block, ...]) -> str:
    return "".join(run.text for block in blocks for run in block.runs)


def test_lines_of_a_paragraph_are_joined_and_blank_lines_part_paragraphs() -> None:
    blocks = split_answer("One\ntwo.\n\nThree.")
    assert [plain_text((block,)) for block in blocks] == ["One two.", "Three."]
    assert {block.kind for block in blocks} == {BlockKind.PARAGRAPH}


def test_list_items_and_headings_become_blocks_of_their_own() -> None:
    blocks = split_answer("## Result\n- first\n* second\n3. third\nafter")
    assert [(block.kind, block.ordinal, plain_text((block,))) for block in blocks] == [
        (BlockKind.HEADING, 0, "Result"),
        (BlockKind.BULLET, 0, "first"),
        (BlockKind.BULLET, 0, "second"),
        (BlockKind.NUMBERED, 3, "third"),
        (BlockKind.PARAGRAPH, 0, "after"),
    ]


def test_bold_and_code_are_styled_without_their_marks() -> None:
    (block,) = split_answer("Up **12%** by `x`.")
    assert block.runs == (
        Run("Up "),
        Run("12%", Style.BOLD),
        Run(" by "),
        Run("x", Style.CODE),
        Run("."),
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](https://evil.example/x.png)",
        "[click](https://evil.example)",
        "<script>alert(1)</script>",
        "$e^x$ :smile: https://evil.example",
    ],
)
def test_links_images_tags_and_formulas_stay_the_characters_they_are(hostile: str) -> None:
    (block,) = split_answer(hostile)
    assert block.runs == (Run(hostile),)


def test_a_marker_with_a_citation_becomes_a_run_that_names_it() -> None:
    (block,) = split_answer("Revenue rose. [1] Costs fell. [2]", [CITATION, SECOND])
    assert [run for run in block.runs if run.style is Style.CITATION] == [
        Run("1", Style.CITATION, 0),
        Run("2", Style.CITATION, 1),
    ]


def test_a_marker_of_several_numbers_becomes_several_runs() -> None:
    (block,) = split_answer("Both [1, 2].", [CITATION, SECOND])
    assert block.runs == (
        Run("Both "),
        Run("1", Style.CITATION, 0),
        Run("2", Style.CITATION, 1),
        Run("."),
    )


@pytest.mark.parametrize("marker", ["[3]", "[1, 3]"])
def test_a_number_without_a_citation_is_not_shown_as_one(marker: str) -> None:
    (block,) = split_answer(f"So [1] and {marker}", [CITATION])
    assert block.runs[-1] == Run(f" and {marker}")


def test_a_cited_number_inside_bold_stays_clickable() -> None:
    (block,) = split_answer("**Up [1]**", [CITATION])
    assert block.runs == (Run("Up ", Style.BOLD), Run("1", Style.CITATION, 0))


@given(
    st.text(
        alphabet=st.characters(exclude_characters="*`#-•[]\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
    )
)
def test_text_without_marks_is_kept_character_for_character(text: str) -> None:
    if split_answer(text) and split_answer(text)[0].kind is BlockKind.PARAGRAPH:
        assert plain_text(split_answer(text)) == text.strip()


@given(st.text())
def test_nothing_is_invented_and_every_citation_exists(text: str) -> None:
    citations = [CITATION, SECOND]
    for block in split_answer(text, citations):
        assert block.runs
        for run in block.runs:
            assert all(word in text for word in run.text.split(" "))
            assert (run.style is Style.CITATION) == (run.citation in range(len(citations)))


def test_the_words_that_answer_are_bold_once() -> None:
    blocks = emphasized(split_answer("It rose. It rose to 12% [1], 12% more.", [CITATION]), "12%")
    assert [(run.text, run.style) for run in blocks[0].runs] == [
        ("It rose. It rose to ", Style.PLAIN),
        ("12%", Style.BOLD),
        (" ", Style.PLAIN),
        ("1", Style.CITATION),
        (", 12% more.", Style.PLAIN),
    ]


@given(text=st.text(max_size=80), words=st.text(max_size=10))
def test_emphasis_changes_no_word(text: str, words: str) -> None:
    blocks = split_answer(text)
    assert plain_text(emphasized(blocks, words)) == plain_text(blocks)
