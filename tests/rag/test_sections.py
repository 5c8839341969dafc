"""Sections within a passage: each sentence is read under the heading that stands last above it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.evidence import Evidence
from rag.extracts import find_extracts
from rag.sections import Sections, sections_of
from rag.vectors import CachedEmbedder
from rag.windows import short_tables
from tests.fakes import HashedWordsEmbedder
from tests.rag.passages import make_hit

OFFICES = """## Leeds

Phone: 0113 555 0101. Open from 9 am to 5 pm.

## York

Phone: 01904 555 0202. Open from 8 am to 4 pm.

## Hull

Phone: 01482 555 0303. Open from 10 am to 6 pm."""


def paths(text: str, heading: str) -> list[tuple[str, ...]]:
    return [section.path for section in Sections(make_hit(text, heading=heading)).all]


@pytest.mark.parametrize(
    ("text", "heading", "expected"),
    [
        ("Words.", "", [()]),
        ("Words.", "A > B", [("A", "B")]),
        (OFFICES, "Leeds", [("Leeds",), ("York",), ("Hull",)]),
        (OFFICES, "A > Leeds", [("A", "Leeds"), ("A", "York"), ("A", "Hull")]),
        (
            "# A\n\n## B\n\nx\n\n### C\n\ny\n\n## D\n\nz",
            "A > B",
            [("A", "B"), ("A", "B", "C"), ("A", "D")],
        ),
        # Where a passage begins amid a section, how deep that is cannot be known.
        ("x\n\n## B\n\ny", "Book > A", [("Book", "A"), ("Book", "B")]),
        ("x\n\n```\n# no heading\n```\n\ny", "A", [("A",)]),
    ],
)
def test_the_sections_of_a_passage(
    text: str, heading: str, expected: list[tuple[str, ...]]
) -> None:
    assert paths(text, heading) == expected


def test_parts_of_a_passage_that_was_put_together_keep_their_headings() -> None:
    one = make_hit("One.\n\n## B\n\nTwo. ", start=100, heading="A")
    other = make_hit("Three.", start=117, heading="C > D")
    hit = replace(
        one, end=123, text=one.text + other.text, sections=(*sections_of(one), *sections_of(other))
    )
    sections = Sections(hit)
    assert [section.path for section in sections.all] == [("A",), ("B",), ("C", "D")]
    assert [sections.at(hit.text.index(word)).heading for word in ("One", "Two", "Three")] == [
        "A",
        "B",
        "D",
    ]


def test_what_is_known_of_the_sections_is_not_told_by_marks() -> None:
    """ "# 5 employees", a line of a PDF, was a heading, and no answer."""
    text = "Leeds\n# 3 employees\nYork\n# 5 employees"
    sections = ((100, "Offices > Leeds"), (119, "Offices > York"))
    hit = replace(make_hit(text, start=100, heading="Offices > Leeds"), sections=sections)
    found = Sections(hit).all
    assert [(section.start, section.path) for section in found] == [
        (0, ("Offices", "Leeds")),
        (19, ("Offices", "York")),
    ]
    assert found[1].is_headed_by("York")
    assert not found[1].is_headed_by("# 5 employees")
    cut = Sections(replace(hit, end=110, text=text[:10])).all  # the rest found no room
    assert [section.heading for section in cut] == ["Leeds"]


@pytest.mark.parametrize("line", ["Bees", "## Bees", "## Bees ##"])
def test_a_heading_is_known_with_marks_and_without(line: str) -> None:
    (section,) = Sections(make_hit(f"{line}\n\nTwo hives.", heading="Rules > Bees")).all
    assert section.is_headed_by(line)
    assert not section.is_headed_by("Two hives.")


@given(st.text(alphabet="#a \n`>", max_size=80), st.sampled_from(["", "a", "a > b"]))
def test_every_offset_is_in_one_section(text: str, heading: str) -> None:
    sections = Sections(make_hit(text, heading=heading))
    starts = [section.start for section in sections.all]
    assert starts[0] == 0
    assert starts == sorted(starts)
    for offset in range(len(text) + 1):
        section = sections.at(offset)
        assert section.start <= offset
        assert not any(section.start < start <= offset for start in starts)


@pytest.mark.parametrize("embedder", [CachedEmbedder(HashedWordsEmbedder()), None])
@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When is the Leeds office open?", "Open from 9 am to 5 pm."),
        ("When is the York office open?", "Open from 8 am to 4 pm."),
        ("When is the Hull office open?", "Open from 10 am to 6 pm."),
    ],
)
def test_a_sentence_is_read_under_its_own_heading(
    question: str, answer: str, embedder: CachedEmbedder | None
) -> None:
    """All three offices stood in one passage, under the heading of the first: "Open from 8 am to
    4 pm" was the answer for Hull.
    """
    evidence = Evidence([make_hit(OFFICES, heading="Offices > Leeds")], question=question)
    best, *_ = find_extracts(question, evidence, embedder=embedder)
    assert best.quote.text == answer
    assert best.heading in question


def test_a_list_ends_before_the_next_heading() -> None:
    """The next clause's "3. Deposit", which a PDF does not mark, was the last item of a list."""
    text = "2. Rent\nWhere rent is late:\n(a) the fee is £25.\n3. Deposit\nIt is £900."
    sections = ((0, "2. Rent"), (text.index("3. "), "3. Deposit"))
    hit = replace(make_hit(text, heading="2. Rent"), sections=sections)
    question = "What is the fee where rent is late?"
    best, *_ = find_extracts(question, Evidence([hit], question=question))
    assert best.quote.text == "Where rent is late:\n(a) the fee is £25."


def test_a_heading_in_the_midst_of_a_passage_is_no_answer() -> None:
    """ "Which plot has bees?" was answered by "## 3. Bees"."""
    text = "## 2. Fires\n\nNone are lit in July.\n\n## 3. Bees\n\nPlot 12 keeps two hives."
    question = "Which plot has bees?"
    evidence = Evidence([make_hit(text, heading="2. Fires")], question=question)
    best, *_ = find_extracts(question, evidence, embedder=CachedEmbedder(HashedWordsEmbedder()))
    assert best.quote.text == "Plot 12 keeps two hives."


CONTRACT = (
    "Contract of employment\nEmployee: Priya Nair.\nEmployer: Marlin Ltd.\n\n"
    "The employee has to report to Gareth Lowe. Notice is one month."
)


def test_whom_a_document_is_about_need_not_be_named_in_each_sentence() -> None:
    """ "To whom does Priya Nair report?" was answered by "Employee: Priya Nair."."""
    question = "To whom does Priya Nair report?"
    evidence = Evidence([make_hit(CONTRACT)], question=question)
    assert evidence.subject_terms(0, frozenset({"report"})) == {"priya", "nair"}
    assert evidence.subject_terms(0, frozenset({"employer", "nair"})) == set()
    assert evidence.subject(0, frozenset({"report"})) == "Priya Nair"
    embedder = CachedEmbedder(HashedWordsEmbedder())
    extracts = {
        each.quote.text: each for each in find_extracts(question, evidence, embedder=embedder)
    }
    assert "Employee: Priya Nair." not in extracts
    # A third of the words is its own, two thirds are the name, which counts half.
    signs = extracts["The employee has to report to Gareth Lowe."].signs
    assert signs.covered == pytest.approx(
        evidence.coverage(["priya", "nair", "report"], frozenset({"report"}))
    )
    assert signs.named == pytest.approx((1 - signs.covered) / 2)


def test_a_name_that_does_not_open_the_document_is_not_what_it_is_about() -> None:
    text = "Minutes\nPresent: Ines Duarte\n\nThe chair thanked Tom Reed for the keys."
    said = frozenset({"key"})
    for name, page, subject in [
        ("Tom Reed", 1, ""),
        ("Ines Duarte", 1, "Ines Duarte"),
        ("Ines Duarte", 2, ""),
    ]:
        evidence = Evidence([make_hit(text, page=page)], question=f"Which keys has {name}?")
        assert evidence.subject(0, said) == subject


def test_the_name_says_nothing_of_what_no_sentence_knows() -> None:
    """Every drug of a letter answered which dose of another one its patient takes."""
    text = "Patient: Tom Reed\n\nBisoprolol 2.5 mg was started. Ramipril is now 5 mg."
    for drug, named in [("bisoprolol", True), ("metoprolol", False)]:
        question = f"What dose of {drug} does Tom Reed take?"
        evidence = Evidence([make_hit(text)], question=question)
        extracts = find_extracts(question, evidence)
        signs = {each.quote.text: each.signs for each in extracts}
        assert (signs["Bisoprolol 2.5 mg was started."].named > 0.0) is named
        assert signs["Ramipril is now 5 mg."].named == 0.0


def test_a_table_under_a_heading_of_its_own_is_no_part_of_the_one_before() -> None:
    """Asked for line 7 on Saturday, the tables of lines 4, 7 and 9 were quoted as one."""
    text = (
        "# Line 4\nDay | First bus\nWeekday | 6:10\nSaturday | 7:40\n\n"
        "# Line 7\nDay | First bus\nWeekday | 5:50\nSaturday | 8:15"
    )
    evidence = Evidence([make_hit(text)], question="When does line 7 leave on Saturday?")
    tables = short_tables(text, evidence.sentences[0])
    assert [table.whole.text.splitlines()[-1] for table in tables] == [
        "Saturday | 7:40",
        "Saturday | 8:15",
    ]
    assert [table.whole.text.count("Weekday") for table in tables] == [1, 1]
