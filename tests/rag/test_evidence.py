from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from rag.evidence import Evidence
from rag.extracts import Extract, find_extracts
from rag.vectors import Vectors
from tests.rag.passages import make_hit

BRIDGE = "Work on the Tamber bridge began in 1911. It was opened on 4 May 1922 by Queen Maud."
SALES = "In 2019 sales were 21 tonnes. In 2020 sales were 13 tonnes after the late frost."


def support(
    statement: str, *texts: str, question: str = "", hinted: tuple[int, ...] = ()
) -> list[str]:
    evidence = Evidence([make_hit(text) for text in texts], question=question)
    return [quote.text for quote in evidence.support(statement, hinted=frozenset(hinted))]


def test_a_statement_is_supported_by_the_sentence_that_says_it() -> None:
    assert support("Sales in 2020 were 13 tonnes.", SALES) == [
        "In 2020 sales were 13 tonnes after the late frost."
    ]


def test_a_wrong_number_has_no_support() -> None:
    assert support("Sales in 2020 were 14 tonnes.", SALES) == []


def test_a_number_of_another_sentence_is_not_borrowed() -> None:
    assert support("Sales in 2020 were 21 tonnes.", "Sales in 2020 fell.", SALES) != [
        "Sales in 2020 fell."
    ]


def test_a_wrong_name_has_no_support() -> None:
    assert support("The Tamber bridge was opened by King Olav in 1922.", BRIDGE) == []


def test_a_pronoun_is_resolved_by_the_sentence_before() -> None:
    (quote,) = support("The Tamber bridge was opened on 4 May 1922.", BRIDGE)
    assert "It was opened on 4 May 1922" in quote


def test_one_changed_word_is_not_carried_by_the_words_of_the_question() -> None:
    """135M said "neoclassical" of a house that the passage calls Renaissance."""
    text = (
        "The house of the Baryczko merchant family is a notable example of Renaissance buildings."
    )
    question = (
        "The house of the Baryczko merchant family is a notable example of what architecture?"
    )
    statement = (
        "The house of the Baryczko merchant family is a notable example of neoclassical style."
    )
    assert support(statement, text, question=question) == []


def test_a_date_is_not_put_together_from_two_sentences() -> None:
    """135M said "on 11 November 2012": the day from one passage, the year from another."""
    texts = (
        "The exchange was closed on 11 November.",
        "In 2012 the exchange was closed for a day.",
    )
    assert support("The exchange was closed on 11 November 2012.", *texts) == []


def test_each_clause_may_have_a_support_of_its_own() -> None:
    texts = ("The river path is 11 kilometres long.", "The ridge path is 8 kilometres long.")
    statement = "The river path is 11 kilometres long, and the ridge path is 8 kilometres long."
    assert support(statement, *texts) == list(texts)


def test_a_hint_decides_between_equals_only() -> None:
    same = ("The ferry left at nine o'clock.", "The ferry left at nine o'clock.")
    evidence = Evidence([make_hit(text, document=f"{i}.txt") for i, text in enumerate(same)])
    statement = "At nine o'clock, the ferry left."
    assert evidence.support(statement, hinted=frozenset({1}))[0].passage == 1
    assert evidence.support(statement)[0].passage == 0
    assert support("Sales in 2020 were 13 tonnes.", BRIDGE, SALES, hinted=(0,)) == [
        "In 2020 sales were 13 tonnes after the late frost."
    ]


def test_yes_is_looked_up_by_the_question() -> None:
    text = "Visitors may park behind the library on Sundays. Books may be kept for four weeks."
    assert support("Yes.", text, question="May visitors park behind the library?") == [
        "Visitors may park behind the library on Sundays."
    ]


def test_a_name_in_the_heading_or_file_name_counts() -> None:
    hit = make_hit(
        "The tower is 31 metres high.", heading="Harrow Point", document="lighthouse.pdf"
    )
    statement = "The Harrow Point lighthouse has a tower 31 metres high."
    assert Evidence([hit]).support(statement) != []


def test_a_sentence_need_not_repeat_its_documents_name_to_be_cited_alone() -> None:
    """Two sentences too many were cited, since the first of them says "lease"."""
    text = "The lease is for a shop. The term is five years. It begins on 1 April 2025."
    evidence = Evidence([make_hit(text, document="lease.pdf")], question="When does it begin?")
    [quote] = evidence.support("The lease begins on 1 April 2025.")
    assert quote.text == "It begins on 1 April 2025."


def test_offsets_are_those_of_the_page() -> None:
    hit = make_hit(SALES, start=100)
    (quote,) = Evidence([hit]).support("Sales were 21 tonnes in 2019.")
    assert (quote.start, quote.end) == (100, 100 + len("In 2019 sales were 21 tonnes."))


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("When was the Tamber bridge opened?", "It was opened on 4 May 1922 by Queen Maud."),
        ("When did work on the bridge begin?", "Work on the Tamber bridge began in 1911."),
    ],
)
def test_the_best_extract_answers_the_question(question: str, best: str) -> None:
    extracts = find_extracts(question, Evidence([make_hit(BRIDGE)], question=question))
    assert extracts[0].quote.text == best


class OneToken:
    """An embedder for which every text is one token: it is the question's where a word is there."""

    def __init__(self, word: str) -> None:
        self._word = word

    def similarities(self, query: str, texts: Sequence[str]) -> list[float]:
        return [float(self._word in text) for text in texts]

    def query_tokens(self, text: str) -> Vectors:
        return np.array([[1.0, 0.0]], dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        return 1

    def tokens(self, texts: Sequence[str]) -> list[Vectors]:
        return [
            np.array([[1.0, 0.0] if self._word in text else [0.0, 1.0]], dtype=np.float32)
            for text in texts
        ]


def test_what_tokens_mean_moves_the_choice_among_sentences() -> None:
    question = "Who cut the ribbon of the Tamber bridge?"
    evidence = Evidence([make_hit(BRIDGE)], question=question)
    extracts = find_extracts(question, evidence, embedder=OneToken("Queen"))
    assert extracts[0].quote.text.endswith("Queen Maud.")
    assert [extract.similarity for extract in extracts[:2]] == [1.0, 0.0]


def test_a_sentence_need_not_repeat_what_stands_over_it_or_before_it() -> None:
    """ "How long is the lease?" was answered with a sentence that says "lease", and "The term is
    five years." lost to it, in a document called lease."""
    text = "The lease ends after damage within 18 months.\n\nThe term is five years. It is short."
    question = "How long is the lease?"

    def fits(evidence: Evidence, embedder: OneToken | None) -> dict[str, float]:
        found = find_extracts(question, evidence, embedder=embedder)
        return {extract.quote.text: extract.fit for extract in found}

    plain = fits(Evidence([make_hit(text)], question=question), None)
    named = fits(Evidence([make_hit(text, document="lease.pdf")], question=question), None)
    assert named["The term is five years."] > plain["The term is five years."]
    headed = make_hit(text, heading="Term of lease")
    above = fits(Evidence([headed], question=question), OneToken("Term"))
    without = fits(Evidence([make_hit(text)], question=question), OneToken("Term"))
    # .7 of the token, at most, is answered from above: the weight of tokens is 3.
    assert above["It is short."] - without["It is short."] == pytest.approx(3.0 * 0.7)
    before = fits(Evidence([make_hit(text)], question=question), OneToken("five"))
    assert before["It is short."] > without["It is short."]


def test_an_extract_that_announces_a_list_has_the_list() -> None:
    text = "To reset the meter:\n\n- switch off the fuse\n- hold the button\n\nTools are here."
    question = "How do I reset the meter?"
    extracts = find_extracts(question, Evidence([make_hit(text)], question=question))
    assert extracts[0].quote.text == text[: text.index("\n\nTools")]


def test_a_question_in_a_passage_is_no_answer() -> None:
    text = "How high is the tower? The tower is 31 metres high."
    extracts = find_extracts("How high is the tower?", Evidence([make_hit(text)]))
    assert [extract.quote.text for extract in extracts] == ["The tower is 31 metres high."]


def test_no_passages_support_nothing() -> None:
    evidence = Evidence([], question="What?")
    assert evidence.support("Something was said in 1911.") == []
    assert find_extracts("What?", evidence) == []


def test_figures_are_not_given_to_other_years() -> None:
    """135M turned "22.6% after 23.9% in 2023" round."""
    text = "The tax rate was 22.6% after 23.9% in 2023. Profit rose in 2024."
    question = "How did the tax rate change between 2023 and 2024?"
    statement = "The tax rate was 22.6% in 2023 and 23.9% in 2024."
    assert support(statement, text.partition(". ")[0] + ".", question=question) == []


@pytest.mark.parametrize(
    ("statement", "supported"),
    [
        ("The deposit is not refunded.", True),
        ("No, the deposit is not refunded.", True),
        ("The deposit is refunded.", False),
    ],
)
def test_a_statement_that_says_the_opposite_has_no_support(statement: str, supported: bool) -> None:
    text = "The deposit is not refunded."
    assert bool(support(statement, text, question="Is the deposit refunded?")) is supported


def test_a_row_is_read_with_the_lines_above_its_table() -> None:
    text = "Revenue by segment\n2022 2023 2024\nWater 50.3 57.9 63.4\nWeather 30.4 33.2 31.5"
    question = "What was the revenue of the Weather segment in 2022?"
    extracts = find_extracts(question, Evidence([make_hit(text)], question=question))
    assert extracts[0].quote.text == "Weather 30.4 33.2 31.5"
    assert support("Weather revenue was 30.4 in 2022.", text, question=question) == [
        "Weather 30.4 33.2 31.5"
    ]


HOTELS = (
    "Limits for hotels (euros)\n\nCity group | Hotel | Lunch\nA: capitals | 165 | 22\n"
    "B: other cities | 130 | 18\nC: villages | none | none"
)


def hotels(question: str, text: str = f"{HOTELS}\n\nReceipts are kept.") -> list[Extract]:
    return find_extracts(question, Evidence([make_hit(text)], question=question))


def test_who_names_no_row_of_a_table_is_answered_by_all_of_it() -> None:
    """ "How much may be spent on a hotel?" had one city's row for an answer, whichever."""
    best, *others = hotels("How much may be spent on a hotel?")
    assert (best.quote.text, best.text) == (HOTELS, HOTELS)
    assert not any(other.quote.text in HOTELS for other in others)


def test_who_names_a_row_is_answered_by_that_row_under_its_header() -> None:
    best, *others = hotels("How much may a hotel cost in capitals?")
    assert best.quote.text == "A: capitals | 165 | 22"
    assert best.text == (
        "Limits for hotels (euros)\n\nCity group | Hotel | Lunch\nA: capitals | 165 | 22"
    )
    assert HOTELS not in [other.quote.text for other in others]
    # A row of cells without figures is a row too, no header of what follows it.
    (village,) = [other for other in others if other.quote.text.startswith("C:")]
    assert village.header == best.header


def test_headlines_with_figures_are_no_table() -> None:
    """The headlines of a press release, short lines with figures, were quoted together as a table
    that answers what percentage of the repurchases fell in the last quarter."""
    text = (
        "March 9, 2023\nUlmen Beauty Announces Fourth Quarter Results\n"
        "Net Sales of $3.2 Billion Compared to $2.7 Billion\nComparable Sales Increased 15.6%\n"
    )
    extracts = hotels("What percent of repurchases fell in Q4?", text)
    assert all("\n" not in extract.text for extract in extracts)


def test_a_page_header_and_one_row_are_no_table() -> None:
    """Who audits Kestrelmoor was answered with the header of a page and the row below it, since
    the name that both have between them made a whole table of them."""
    header = "Kestrelmoor plc · Annual report 2024\nPage 5 of 9"
    extracts = hotels("Who audits Kestrelmoor?", f"{header}\nRevenue | 120.7 | 98.3\n")
    assert not any(extract.quote.text.startswith(header) for extract in extracts)
    (row,) = [extract for extract in extracts if extract.quote.text.startswith("Revenue")]
    assert row.header == header


def test_a_long_table_is_not_shown_whole() -> None:
    rows = "\n".join(f"Town {number} | {number + 100} | {number}" for number in range(60))
    extracts = hotels("How much may be spent on a hotel?", f"Group | Hotel | Lunch\n{rows}")
    assert max(len(extract.quote.text) for extract in extracts) < 100


def test_page_headers_answer_nothing() -> None:
    text = "Kestrelmoor plc · Annual report 2024\nPage 5 of 9\nRevenue was 120.7 million."
    question = "What was the revenue of Kestrelmoor in 2024?"
    extracts = find_extracts(question, Evidence([make_hit(text)], question=question))
    assert extracts[0].quote.text == "Revenue was 120.7 million."
