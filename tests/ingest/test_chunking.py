from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.chunking import chunk_document, passage_text, readable_name
from ingest.documents import Chunk, Document, Heading, Page


def count_tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def chunks_of(*pages: str, media_type: str = "text/plain", max_tokens: int = 40) -> list[Chunk]:
    document = Document("", media_type, tuple(Page(i + 1, text) for i, text in enumerate(pages)))
    return chunk_document(document, count_tokens=count_tokens, max_tokens=max_tokens)


ALPHABET = st.sampled_from([*list("ab1. \n#|-!。"), "word ", "Sentence one. ", "\n\n", "## H\n"])
PAGES = st.lists(st.lists(ALPHABET, max_size=120).map("".join), max_size=3)
TYPES = st.sampled_from(["text/plain", "text/markdown", "text/csv"])


@given(PAGES, TYPES, st.integers(8, 60))
@settings(max_examples=200)
def test_chunks_are_spans_that_hold_all_text_in_order(
    pages: list[str], media_type: str, max_tokens: int
) -> None:
    chunks = chunks_of(*pages, media_type=media_type, max_tokens=max_tokens)
    for chunk in chunks:
        assert chunk.text == pages[chunk.page_index][chunk.start : chunk.end]
        assert chunk.text.strip()
        assert count_tokens(chunk.text) <= max_tokens
        starts = [start for start, _ in chunk.sections]
        assert starts == sorted({chunk.start, *starts})
        assert starts[-1] < chunk.end
    for index, page in enumerate(pages):
        mine = [chunk for chunk in chunks if chunk.page_index == index]
        edges = [0, *(edge for chunk in mine for edge in (chunk.start, chunk.end)), len(page)]
        assert edges == sorted(edges)
        left_out = "".join(page[a:b] for a, b in list(pairwise(edges))[::2])
        assert not left_out.strip()
    assert [c.page_index for c in chunks] == sorted(c.page_index for c in chunks)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40))
def test_no_chunk_of_prose_is_tiny_but_the_page_itself(lengths: list[int]) -> None:
    """But for one at the end: of paragraphs of 5, 27 and 9 tokens one has to be alone."""
    page = " ".join(" ".join(["word"] * n) + ".\n" for n in lengths)
    sizes = [count_tokens(chunk.text) for chunk in chunks_of(page, max_tokens=40)]
    tiny = [place for place, size in enumerate(sizes) if size < 10]
    assert len(tiny) <= 1
    assert all(place >= len(sizes) - 2 for place in tiny)


def test_sentences_stay_whole() -> None:
    sentences = [f"Sentence number {i} says what it says." for i in range(20)]
    text = " ".join(sentences)
    for chunk in chunks_of(text):
        assert chunk.text.endswith(".")
        assert chunk.text.startswith("Sentence")


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Smith of Acme Inc. met Dr. J. Doe on Jan. 5 in the U.S. Capitol building today.",
        "Sales were 3.5 million, i.e. more than in Fig. 2 and No. 7 of the list shown before.",
    ],
)
def test_abbreviations_end_no_sentence(text: str) -> None:
    other = "Another sentence of nine tokens stands right here."
    starts = {
        chunk.text[:5] for chunk in chunks_of(f"{text} {other} {text} {other}", max_tokens=40)
    }
    assert starts <= {text[:5], other[:5]}


def test_rows_of_a_table_stay_whole() -> None:
    rows = [f"Region {i} | {i},000 | {i}.5%" for i in range(30)]
    text = "\n".join(["Name | Sales | Share", *rows])
    lines = set(text.split("\n"))
    for chunk in chunks_of(text):
        assert set(chunk.text.split("\n")) <= lines


def test_rows_in_the_middle_of_a_table_know_its_caption_and_its_columns() -> None:
    """The second half of a balance sheet was figures without a name."""
    rows = [f"Item {i} | {i},100 | {i},200" for i in range(60)]
    text = "\n".join(
        ["Corran Mills", "Consolidated Balance Sheet", "", "($ thousand) | 2023 | 2022", *rows]
    )
    first, *others = chunks_of(text)
    assert first.heading == ""
    assert others
    for chunk in others:
        assert chunk.heading == "Corran Mills Consolidated Balance Sheet: ($ thousand), 2023, 2022"
        assert "Balance" not in chunk.text


def test_one_line_parts_a_table_and_prose_ends_its_name() -> None:
    rows = [f"Item {i} | {i},100 | {i},200" for i in range(60)]
    named = ["Corran Mills", "Consolidated Balance Sheet", *rows]
    parted = "\n".join([*named, "Liabilities", *rows])
    assert {c.heading for c in chunks_of(parted)} == {"", "Corran Mills Consolidated Balance Sheet"}
    prose = "The mills were sold to their workers, who have kept them running ever since then."
    other = "\n".join([*named, prose, "The years", "Output by mill", *rows])
    assert chunks_of(other)[-1].heading == "The years Output by mill"


def test_rows_of_figures_without_rules_stay_whole() -> None:
    rows = [f"Net sales of segment {i} {i},100 {i},200 $ (45)" for i in range(30)]
    lines = set(rows)
    for chunk in chunks_of("\n".join(rows)):
        assert set(chunk.text.split("\n")) <= lines


def test_a_line_of_a_table_of_contents_stays_whole() -> None:
    """Its dots ended sentences: a chapter stood in one passage, and its page in the next."""
    lines = [f"{number} Chapter{' .' * 12} {10 * number}" for number in range(1, 9)]
    found = [line for chunk in chunks_of("\n".join(lines)) for line in chunk.text.split("\n")]
    assert found == lines


def test_wrapped_lines_of_a_pdf_are_one_paragraph() -> None:
    text = (
        "The company sells tape in many\ncountries of the world. It also sells\nglue to makers"
        " of shoes. Profits were\nhigh in the year under review here.\n"
    ) * 3
    for chunk in chunks_of(text):
        assert chunk.text.endswith(".")


def test_a_chunk_carries_the_path_of_its_headings() -> None:
    text = (
        "# Report\n\n"
        + "Opening words here. " * 8
        + "\n\n## Sales\n\n"
        + "Sales rose a lot. " * 8
        + "\n\n### North\n\n"
        + "North was best. " * 8
        + "\n\n## Costs\n\n"
        + "Costs fell. " * 10
    )
    chunks = chunks_of(text, media_type="text/markdown")
    found = {chunk.text.split("\n")[0]: chunk.heading for chunk in chunks}
    assert found["# Report"] == "Report"
    assert found["## Sales"] == "Report > Sales"
    assert found["### North"] == "Report > Sales > North"
    assert found["## Costs"] == "Report > Costs"


def test_a_heading_right_under_another_counts_where_a_chunk_begins_with_both() -> None:
    text = "# Lease\n\n## Deposit\n\n" + "The deposit is held by the landlord. " * 6
    [chunk] = chunks_of(text, media_type="text/markdown", max_tokens=100)
    assert chunk.heading == "Lease > Deposit"


def test_the_end_of_a_chapter_is_not_put_before_the_next() -> None:
    """What was not emptied stood under "When is the bill due?", the last section of charges."""
    text = (
        "# Bins\n\n## Charges\n\n### How much is it?\n\n"
        + "A bin costs something. " * 12
        + "\n\n### When is the bill due?\n\nIn two parts.\n\n## Complaints\n\n"
        + "### My bin was not emptied\n\n"
        + "Report it in the app. " * 10
    )
    charges, complaint = chunks_of(text, media_type="text/markdown", max_tokens=100)
    assert charges.heading == "Bins > Charges > How much is it?"
    assert charges.text.endswith("### When is the bill due?\n\nIn two parts.")
    assert complaint.heading == "Bins > Complaints > My bin was not emptied"


def test_a_caption_stays_with_its_table() -> None:
    """The caption was the end of one chunk, and the rows, nameless, were the next."""
    rows = [f"Orchard {n} | {n}.1 | {n}.2" for n in range(8)]
    text = "\n".join(
        ["Bees were counted. " * 16, "", "Table 2. Visits by year", " | 2023 | 2024", *rows]
    )
    before, table = chunks_of(text, max_tokens=90)
    assert before.text.endswith("Bees were counted.")
    assert table.text.startswith("Table 2. Visits by year\n | 2023 | 2024\nOrchard 0")


def test_headings_stay_in_force_from_one_section_to_the_next() -> None:
    chunks = chunks_of("# Title\n\nFirst part.", "Second part.", media_type="text/markdown")
    assert [chunk.heading for chunk in chunks] == ["Title", "Title"]


def test_a_heading_stays_with_what_it_heads() -> None:
    text = "Word " * 35 + "end.\n\n# Heading\n\n" + "Text of it. " * 12
    chunks = chunks_of(text, media_type="text/markdown")
    assert not any(chunk.text.rstrip().endswith("# Heading") for chunk in chunks)


OFFICES = "# Offices\n\nTwo.\n\n## York\n\n### Hall\n\nOpen at 8.\n\n### Barn\n\nOpen at 9."


def told(chunk: Chunk) -> list[tuple[str, str]]:
    """What each section of a chunk stands under, and its text."""
    ends = [start for start, _ in chunk.sections[1:]] + [chunk.end]
    return [
        (path, " ".join(chunk.text[start - chunk.start : end - chunk.start].split()))
        for (start, path), end in zip(chunk.sections, ends, strict=True)
    ]


def test_a_chunk_knows_the_sections_that_it_holds() -> None:
    document = Document("", "text/markdown", (Page(None, OFFICES),))
    (chunk,) = chunk_document(document, count_tokens=lambda text: len(text.split()), max_tokens=200)
    assert told(chunk) == [
        ("Offices", "# Offices Two."),
        ("Offices > York > Hall", "## York ### Hall Open at 8."),
        ("Offices > York > Barn", "### Barn Open at 9."),
    ]


def test_a_chunk_knows_the_sections_that_have_no_marks() -> None:
    """In a PDF only the first was known: "Open at 8." was of Leeds."""
    text = "Leeds\nOpen at 9.\n# 5 staff\nYork\nOpen at 8.\n# 3 staff"
    headings = (Heading(0, 5, 2), Heading(27, 31, 2))
    document = Document("", "application/pdf", (Page(1, text, headings=headings),))
    (chunk,) = chunk_document(document, count_tokens=count_tokens)
    assert told(chunk) == [
        ("Leeds", "Leeds Open at 9. # 5 staff"),
        ("York", "York Open at 8. # 3 staff"),
    ]


def test_short_headings_under_long_ones_take_no_room_to_speak_of() -> None:
    """Sixteen levels of 150 characters above sixty headings of a word: 150 kB a chunk."""
    above = [f"{level} {'long ' * 30}" for level in range(1, 16)]
    lines = [*above, *["Abc"] * 60]
    starts = [sum(len(line) + 1 for line in lines[:index]) for index in range(len(lines))]
    headings = tuple(
        Heading(start, start + len(line.rstrip()), min(level, 16))
        for level, (start, line) in enumerate(zip(starts, lines, strict=True), start=1)
    )
    page = Page(1, "\n".join(lines), headings=headings)
    chunks = chunk_document(Document("", "application/pdf", (page,)), count_tokens=count_tokens)
    assert chunks[-1].sections[-1] == (starts[-1], "Abc")
    assert sum(len(path) for chunk in chunks for _, path in chunk.sections) < 60_000


def test_a_hash_in_code_or_plain_text_is_no_heading() -> None:
    text = "```\n# not a heading\nx = 1\n```\n\nText."
    assert {c.heading for c in chunks_of(text, media_type="text/markdown")} == {""}
    assert {c.heading for c in chunks_of("# plain", media_type="text/plain")} == {""}


def test_chinese_sentences_stay_whole() -> None:
    def count_characters(text: str) -> int:
        return len(text)

    text = "这是第一个句子，它有一些字。" * 10
    document = Document("", "text/plain", (Page(1, text),))
    chunks = chunk_document(document, count_tokens=count_characters, max_tokens=40)
    assert all(chunk.text.endswith("。") for chunk in chunks)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 300_000,
        "." * 300_000,
        " " * 300_000 + "x",
        "a " * 150_000,
        "a\n" * 150_000,
        "# " + "a " * 150_000,
        "| " * 150_000,
        "1 " * 150_000,
        "#" * 300_000,
        "-\n" * 150_000,
        "Mr. " * 75_000,
    ],
    ids=["letters", "dots", "spaces", "words", "lines", "heading", "bars", "digits", "hashes",
         "items", "abbreviations"],
)  # fmt: skip
def test_many_hostile_characters_take_seconds(text: str) -> None:
    started = time.monotonic()
    chunks = chunks_of(text, media_type="text/markdown", max_tokens=200)
    assert time.monotonic() - started < 20
    assert max(len(chunk.text) for chunk in chunks) <= 200 * 8 * 2
    assert sum(len(chunk.text.replace(" ", "").replace("\n", "")) for chunk in chunks) == len(
        text.replace(" ", "").replace("\n", "")
    )


def test_the_tokens_of_a_row_are_counted_once() -> None:
    """Rows were counted with their line ends, to see whether they fit, and then without."""
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return count_tokens(text)

    rows = [f"Pens of box {number} | {number}" for number in range(20)]
    document = Document("", "text/plain", (Page(1, "\n".join(rows)),))
    chunk_document(document, count_tokens=count, max_tokens=40)
    assert counted == rows


def test_too_small_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="8 or more"):
        chunks_of("text", max_tokens=7)


# --- the line of context ------------------------------------------------------------------------


def test_a_passage_says_where_it_stands() -> None:
    assert (
        passage_text(
            "Sales rose.",
            name="3M_2018_10K.pdf",
            title="Annual Report",
            heading="Item 7 > Results",
            page_number=12,
            count_tokens=count_tokens,
        )
        == "3M 2018 10K, Annual Report, page 12 > Item 7 > Results\nSales rose."
    )


def test_a_long_context_loses_its_outer_headings_first() -> None:
    text = passage_text(
        "Text.",
        name="a.md",
        heading="one two three four > five six > seven",
        count_tokens=count_tokens,
        max_tokens=6,
    )
    assert text == "a > five six > seven\nText."


def test_a_context_that_never_fits_is_left_out() -> None:
    text = passage_text("Text.", name="a b c d e.md", count_tokens=count_tokens, max_tokens=3)
    assert text == "Text."


@pytest.mark.parametrize(
    ("name", "words"),
    [("3M_2018_10K.pdf", "3M 2018 10K"), ("README", "README"), (".hidden", ".hidden"),
     ("v1.2 final", "v1.2 final"), ("a.tar.gz", "a.tar")],
)  # fmt: skip
def test_a_name_is_read_as_words(name: str, words: str) -> None:
    assert readable_name(name) == words


def test_the_lines_before_a_heading_belong_to_the_section_that_ends() -> None:
    """Without a blank line between, the last paragraph of a section stood under the next one."""
    text = "Advice\nDo not drive for six weeks. Rest a lot.\nFollow-up\nCome again in May."
    headings = (Heading(0, 6, 1), Heading(text.index("Follow"), text.index("Come") - 1, 1))
    page = Page(1, text, headings=headings)
    document = Document(title="", media_type="application/pdf", pages=(page,))
    (chunk,) = chunk_document(document, count_tokens=count_tokens, max_tokens=200)
    assert chunk.sections == ((0, "Advice"), (text.index("Follow"), "Follow-up"))
    parts = chunk_document(document, count_tokens=count_tokens, max_tokens=12)
    drive = next(part for part in parts if "drive" in part.text)
    assert drive.heading == "Advice"
