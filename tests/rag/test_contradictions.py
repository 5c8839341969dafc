"""Documents that say different things: both are shown, with their sources, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rag.answer import Answerer, AnswerOptions
from rag.contradictions import with_contradictions
from rag.evidence import Evidence
from rag.grounding import Grounded
from rag.messages import ENGLISH
from rag.reading import LARGE_READER, MEDIUM_READER, SMALL_READER, Reading
from rag.results import Answer, Citation, Hit
from tests.fakes import ScriptedGenerator, yes_against_no
from tests.rag.passages import FakeSearch, make_hit

OPENED = "The Orlin bridge was opened on 4 May 1922."
INTRODUCTION = ENGLISH.document_differs
SAME_DOCUMENT_INTRODUCTION = ENGLISH.entry_differs
CHANGE_INTRODUCTION = ENGLISH.changed
READINGS = {"small": SMALL_READER, "medium": MEDIUM_READER, "large": LARGE_READER}


def ask(question: str, said: str, *texts: str, reading: Reading = LARGE_READER) -> Answer:
    """The answer where each text is a document of its own and the model says `said`.

    A model that judges is sure of all of them.
    """
    search = FakeSearch([make_hit(text, document=f"{i}.txt") for i, text in enumerate(texts)])
    return Answerer(
        search,
        lambda: ScriptedGenerator(said, first=lambda _: yes_against_no(3.0)),
        pages=search,
        options=AnswerOptions(reading=reading),
    ).ask(question)


def beside(question: str, cited: str, *documents: str, short: str = "") -> str:
    """What is shown beside a sentence of the documents that is cited as the answer."""
    hits = [make_hit(text, document=f"{i}.txt") for i, text in enumerate(documents)]
    return beside_in(hits, question, cited, short=short)


def beside_in(hits: list[Hit], question: str, cited: str, *, short: str = "") -> str:
    """The same of any passages."""
    hit = next(hit for hit in hits if cited in hit.text)
    start = hit.text.index(cited)
    citation = Citation.of_passage(
        hit, marker=1, quote=cited, start=start, end=start + len(cited), statement=cited
    )
    grounded = Grounded(f"{cited} [1]", (citation,), refused=False)
    shown = with_contradictions(grounded, Evidence(hits, question=question), short=short)
    for each in shown.citations:
        text = next(h.text for h in hits if h.document_id == each.document_id)
        assert text[each.start : each.end] == each.quote
    return shown.text[len(grounded.text) :].strip()


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize(
    ("question", "true", "false"),
    [
        (
            "When was the Orlin bridge opened?",
            OPENED,
            "The Orlin bridge was opened on 9 June 1931.",
        ),
        (
            "How tall is the Garrow lighthouse?",
            "The Garrow lighthouse is 37 metres tall.",
            "The Garrow lighthouse is 52 metres tall.",
        ),
        (
            "Who designed the Corran chapel?",
            "The Corran chapel was designed by Edith Varga.",
            "The Corran chapel was designed by Otto Brandt.",
        ),
    ],
    ids=["date", "amount", "name"],
)
def test_both_sides_are_shown_with_their_sources(
    question: str, true: str, false: str, reading: Reading
) -> None:
    """As in RGB's counterfactual set, whichever of the two the model takes."""
    for said, other in ((true, false), (false, true)):
        answer = ask(question, f"{said} [1]", true, false, reading=reading)
        assert INTRODUCTION in answer.text
        assert {citation.quote for citation in answer.citations} == {said, other}
        assert {citation.document_name for citation in answer.citations} == {"0.txt", "1.txt"}
        assert [citation.marker for citation in answer.citations] == [1, 2]
        first, second = (citation.quote for citation in answer.citations)
        assert answer.text == f"{first[:-1]} [1]. {INTRODUCTION}{second[:-1]} [2]."


@pytest.mark.parametrize(
    "other",
    [
        "On 4 May 1922 the Orlin bridge was opened.",
        "The Tarn weir was opened on 9 June 1931.",
        "The Orlin bridge was closed on 9 June 1931.",
        "The Orlin bridge is 310 metres long.",
        "The second Orlin bridge",
    ],
    ids=["agrees", "of something else", "another event", "another figure", "heading"],
)
def test_what_does_not_contradict_is_not_shown(other: str) -> None:
    answer = ask("When was the Orlin bridge opened?", OPENED, OPENED, other)
    assert INTRODUCTION not in answer.text
    assert len(answer.citations) == 1


@pytest.mark.parametrize(
    ("question", "one", "other", "introduction"),
    [
        (
            "Wann wurde die Orlin-Brücke eröffnet?",
            "Die Orlin-Brücke wurde am 4. Mai 1922 eröffnet.",
            "Die Orlin-Brücke wurde am 9. Juni 1931 eröffnet.",
            "Ein anderes Dokument sagt etwas anderes: ",
        ),
        (
            "Wie hoch ist die Kaution für den Laden?",
            "Die Kaution für den Laden beträgt 1.250,00 €.",
            "Die Kaution für den Laden beträgt 1.400,00 €.",
            "Ein anderes Dokument sagt etwas anderes: ",
        ),
        (
            "Quand commence le bail du studio ?",
            "Le bail du studio commence le 3 mai 2023.",
            "Le bail du studio commence le 1er juillet 2023.",
            "Un autre document dit autre chose : ",
        ),
    ],
    ids=["German date", "German amount", "French date"],
)
def test_another_languages_values_are_compared_and_told_of_in_it(
    question: str, one: str, other: str, introduction: str
) -> None:
    assert beside(question, one, one, other) == f"{introduction}{other[:-1]} [2]."
    assert beside(question, one, one, one.replace("1922", "1922 feierlich")) == ""


def test_a_figure_of_another_year_is_no_contradiction() -> None:
    answer = ask(
        "What was the revenue of Corran Ltd in 2023?",
        "The revenue of Corran Ltd in 2023 was 4.2 million crowns.",
        "The revenue of Corran Ltd in 2023 was 4.2 million crowns.",
        "The revenue of Corran Ltd in 2022 was 3.9 million crowns.",
    )
    assert INTRODUCTION not in answer.text


def test_a_second_figure_in_the_same_document_is_no_contradiction() -> None:
    text = "The old tower is 12 metres tall. The new tower is 14 metres tall."
    answer = ask("How tall is the old tower?", "The old tower is 12 metres tall.", text)
    assert INTRODUCTION not in answer.text


def test_many_documents_that_say_the_same_other_thing_are_one() -> None:
    others = ["The Orlin bridge was opened on 9 June 1931."] * 3
    answer = ask("When was the Orlin bridge opened?", OPENED, OPENED, *others)
    assert answer.text.count(INTRODUCTION) == 1
    assert len(answer.citations) == 2


NOTICES = (
    """Village hall notices, April

The open day is on Sunday 8 June 2025.
The hire of the hall costs £40 an evening.
Delivery costs £4 and is free for orders above £50.
The hall is open from Monday to Friday from 9 am to 6 pm and on Saturday from 10 am to 2 pm.
The caretaker is Alan Reed.
The hall was repaired by Alder Builders for £2,400.
""",
    """Village hall notices, May

The open day is on Sunday 22 June 2025.
The hire of the hall costs £45 an evening.
Delivery within Bristol costs £5 and is free for orders above £60.
The hall is open from Monday to Friday from 8.30 am to 6.30 pm and on Saturday from 10 am to 3 pm.
The caretaker is Joan Mills.
The hall was repaired by Birch Joinery for £2,400.
""",
)


@pytest.mark.parametrize(
    ("question", "words", "short", "other"),
    [
        ("When is the open day?", "8 June", "Sunday 8 June 2025", "22 June"),
        ("When is the open day?", "8 June", "", "22 June"),
        ("How much does delivery cost?", "£4 ", "£4", "£5 "),
        ("What does delivery cost?", "£4 ", "£4", "£5 "),
        ("From what amount is delivery free?", "£50", "£50", "£60"),
        ("When is the hall open on Saturday?", "10 am to 2", "10 am to 2 pm", "10 am to 3"),
        ("When is the hall open on Saturday?", "10 am to 2", "10", "10 am to 3"),
        ("How much is the hire of the hall?", "£40", "£40 an evening", "£45"),
        ("Which firm repaired the hall?", "Alder", "Alder Builders", "Birch Joinery"),
        ("Who is the caretaker?", "Alan", "Alan Reed", "Joan Mills"),
    ],
)
def test_values_that_share_a_part_or_stand_beside_others_contradict(
    question: str, words: str, short: str, other: str
) -> None:
    """Of 587 answers none had a notice: a month that both dates had, and the second price of a
    sentence, were taken for the answer that both gave."""
    first, second = (notice.splitlines() for notice in NOTICES)
    said = next(line for line in first if words in line)
    against = next(line for line in second if other in line)
    shown = beside(question, said, *NOTICES, short=short)
    assert shown == f"{INTRODUCTION}{against[:-1]} [2]."


@pytest.mark.parametrize(
    ("question", "cited", "short", "others"),
    [
        (
            "What is the salary of Priya Nair?",
            "The salary is £31,000 a year.",
            "£31,000",
            ["The contract of Tom Ellery. The salary is £28,500 a year."],
        ),
        (
            "How much does a ticket cost?",
            "A ticket costs £4 a day.",
            "£4",
            ["A ticket costs £90 a year.", "A ticket for the museum in York costs £9."],
        ),
        (
            "When is the office open?",
            "The office in Leeds is open from 9 am to 5 pm.",
            "9 am to 5 pm",
            ["The office in York is open from 8 am to 4 pm."],
        ),
        (
            "When is the pool open?",
            "On Sunday the pool is open from 10 am to 2 pm.",
            "10 am to 2 pm",
            ["On Saturday the pool is open from 8 am to 6 pm."],
        ),
        (
            "How many people came to the open day?",
            "To the open day in 2024 came 120 people.",
            "120",
            ["To the open day in 2023 came 95 people.", "120 people came to the open day."],
        ),
        (
            "When is the concert?",
            "The concert is on 3 May 2025.",
            "3 May 2025",
            ["The concert is in May 2025.", "The rehearsal of the concert is on 1 May 2025."],
        ),
        (
            "How long is the warranty?",
            "The warranty lasts 24 months.",
            "24 months",
            ["The warranty lasts two years.", "The warranty for the motor alone lasts 10 years."],
        ),
        (
            "How many people live in Corran?",
            "In Corran live 4.2 million people.",
            "4.2 million",
            ["In Corran live 4,213,407 people."],
        ),
    ],
)
def test_what_is_of_another_person_time_or_unit_or_says_the_same_is_not_shown(
    question: str, cited: str, short: str, others: list[str]
) -> None:
    about = "The contract of Priya Nair. " if "Priya" in question else ""
    assert beside(question, cited, about + cited, *others, short=short) == ""


LOG = """Board of Larkspur Housing Co-operative: decision log

12 January 2025: The service charge is raised to £92 a month from 1 March 2025.
9 February 2025: The increase of the service charge is withdrawn. It stays at £85 for all of 2025.
9 February 2025: The roof will be repaired by Hallam Roofing for £18,400.
16 March 2025: Hallam Roofing is insolvent. The roof will be repaired by Peak Slate for £21,900.
16 March 2025: The annual meeting is on 14 May 2025.
20 April 2025: The annual meeting is put off to 4 June 2025.
20 April 2025: Barbecues on balconies are forbidden.
"""


@pytest.mark.parametrize(
    ("question", "opening", "short", "introduction", "other"),
    [
        (
            "How high is the service charge?",
            "12 January",
            "£92 a month",
            CHANGE_INTRODUCTION,
            "9 February 2025: The increase of the service charge is withdrawn. It stays at £85 for "
            "all of 2025",
        ),
        (
            "When is the annual meeting?",
            "16 March 2025: The",
            "14 May 2025",
            CHANGE_INTRODUCTION,
            "20 April 2025: The annual meeting is put off to 4 June 2025",
        ),
        (
            "Who will repair the roof?",
            "9 February 2025: The roof",
            "Hallam Roofing",
            SAME_DOCUMENT_INTRODUCTION,
            "The roof will be repaired by Peak Slate for £21,900",
        ),
        (
            "How much will the repair of the roof cost?",
            "9 February 2025: The roof",
            "£18,400",
            SAME_DOCUMENT_INTRODUCTION,
            "The roof will be repaired by Peak Slate for £21,900",
        ),
    ],
)
def test_a_later_entry_of_the_same_document_is_shown(
    question: str, opening: str, short: str, introduction: str, other: str
) -> None:
    """A log's later decision was never compared with the one it replaced."""
    said = next(line for line in LOG.splitlines() if line.startswith(opening))
    assert beside(question, said, LOG, short=short) == f"{introduction}{other} [2]."


def test_the_entry_that_tells_of_the_change_stands_alone() -> None:
    said = "9 February 2025: The increase of the service charge is withdrawn."
    assert beside("Was the increase of the service charge withdrawn?", said, LOG) == ""
    assert beside("How much is the service charge?", "It stays at £85 for all of 2025.", LOG) == ""


JANUARY = """Committee minutes, 15 January 2025

1. Plot rent

It was agreed to raise the plot rent from £48 to £55 a year from April 2025.

2. Bonfires

Bonfires are allowed on the first Saturday of each month from October to March.

3. Open day

The open day was set for Sunday 8 June 2025.

4. Treasurer

The treasurer is Carl Benson.
"""
LATER = """Committee minutes, 19 March 2025

1. Plot rent

After objections by members, the increase of the plot rent was postponed. It will be £55 from
April 2026; until then the rent stays at £48.

2. Bonfires

Following a complaint, bonfires are banned at all times with immediate effect.

3. Open day

The open day is moved to Sunday 22 June 2025 because of the street festival.

4. Treasurer

Carl Benson resigns as treasurer at the end of March.
"""


@pytest.mark.parametrize(
    ("question", "opening", "short", "other"),
    [
        (
            "How much is the plot rent from April 2025?",
            "It was agreed",
            "£55 a year",
            "After objections by members, the increase of the plot rent was postponed. It will be "
            "£55 from April 2026; until then the rent stays at £48",
        ),
        (
            "Are bonfires allowed in November?",
            "Bonfires are",
            "",
            "Following a complaint, bonfires are banned at all times with immediate effect",
        ),
        (
            "When is the open day?",
            "The open day",
            "Sunday 8 June 2025",
            "The open day is moved to Sunday 22 June 2025 because of the street festival",
        ),
        (
            "Who is the treasurer?",
            "The treasurer",
            "Carl Benson",
            "Carl Benson resigns as treasurer at the end of March",
        ),
    ],
)
def test_what_says_that_it_was_changed_is_shown_with_its_source(
    question: str, opening: str, short: str, other: str
) -> None:
    """The minutes of January were cited alone, as though nothing had been decided since."""
    said = next(line for line in JANUARY.splitlines() if line.startswith(opening))
    shown = beside(question, said, JANUARY, LATER, short=short)
    assert shown == f"{CHANGE_INTRODUCTION}{other} [2]."


def test_a_flight_that_now_leaves_later_is_shown_beside_the_booking() -> None:
    booked = "Flight TP1338 leaves Lisbon at 19:15 on 16 October 2025."
    changed = "TP1338 on 16 October 2025 now leaves Lisbon at 20:40."
    mail = f"The airline has written about your flight. {changed}"
    question = "When does flight TP1338 leave Lisbon?"
    shown = beside(question, booked, booked, mail, short="19:15")
    assert shown == f"{CHANGE_INTRODUCTION}{changed[:-1]} [2]."
    assert CHANGE_INTRODUCTION not in beside(question, changed, booked, mail, short="20:40")


@pytest.mark.parametrize(
    ("question", "cited", "others"),
    [
        (
            "When is the concert?",
            "The concert is on 3 May 2025.",
            ["The hike on 3 May 2025 is cancelled.", "The choir now has a new conductor."],
        ),
        (
            "How long does delivery take?",
            "Delivery takes three working days.",
            ["Delivery is now free.", "If you do not pay, the delivery is cancelled."],
        ),
        (
            "May dogs come to the open day?",
            "Dogs are welcome on leads at the open day.",
            ["Smoking is forbidden at the open day.", "Dogs may be banned if they bite."],
        ),
        (
            "How many members are elected for a constituency?",
            "One member is elected for each constituency.",
            ["If a member resigns, another one is elected for the constituency."],
        ),
        (
            "Who ruled over Bukhara?",
            "The Mongols sent Han Chinese to rule over Bukhara.",
            ["Han Chinese were moved to Samarqand by the Mongols."],
        ),
    ],
)
def test_a_change_of_something_else_or_a_supposed_one_is_not_shown(
    question: str, cited: str, others: list[str]
) -> None:
    """The last two are as SQuAD's articles have them, which such words alone had picked."""
    assert beside(question, cited, cited, *others) == ""


@pytest.mark.parametrize(("heading", "shown"), [("Alder", True), ("Birch", False)])
def test_a_sentence_is_of_its_own_section_and_not_of_its_passages_first(
    heading: str, shown: bool
) -> None:
    """Birch's deposit stood against Alder's: its passage began in the section about Alder."""
    cited = "The deposit for the Alder cabin is £500."
    opening, said = "Bookings open in May.", "The deposit for the cabin is £300."
    other = make_hit(f"{opening}\n\n{said}", document="prices.txt", heading="Alder")
    other = replace(other, sections=((0, "Alder"), (len(opening) + 2, heading)))
    hits = [make_hit(cited, document="letter.txt"), other]
    notice = beside_in(hits, "What is the deposit for the Alder cabin?", cited, short="£500")
    assert (said.rstrip(".") in notice) is shown
