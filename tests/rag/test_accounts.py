"""Answers from statements of account, compared with values that were worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.documents import Page
from ingest.records import DocumentRecord, StoredChunk
from ingest.search_filter import SearchFilter
from rag.accounts.calculation import AccountsReader
from rag.accounts.question import mentions_measure, parse_question, tells_another_figure
from rag.accounts.search import AccountsSearch
from rag.results import Calculation
from tests.rag.passages import FakeSearch, make_hit, make_record

COVER = (
    "NORDWIND HOLDINGS LTD\nAnnual report on Form 10-K\nfor the fiscal year ended June 30, 2023\n"
)
SUMMARY = """Selected data
(In millions) | 2023 | 2022
Net sales | 999 | 998
Cost of sales | 1 | 1
Operating income | 997 | 996
Income tax expense | 2 | 2
Net income | 995 | 994
"""
INCOME = """Nordwind Holdings Ltd
Consolidated Statements of Income
($ in millions, except per share data)
For the years ended June 30, 2023 2022 2021

Net sales | $ | 800 | $ | 760 | $ | 700
Cost of sales | (600) |  | (551) |  | (525)
Gross profit | 200 |  | 209 |  | 175
Selling, general, and administrative expenses | (96) |  | (95) |  | (91)
Operating income | 104 |  | 114 |  | 84
Interest expense | (8) |  | (6) |  | (6)
Income before income taxes | 96 |  | 108 |  | 78
Income tax expense | (24) |  | (24) |  | (18)
Net income | $ | 72 | $ | 84 | $ | 60
Diluted earnings per share | $ | 0.72 | $ | 0.84 | $ | 0.61
"""
BALANCE = """Nordwind Holdings Ltd
Consolidated Balance Shee ts
($ in millions)
As of June 30, 2023 2022

Assets |
Cash and cash equivalents | $ | 40 | $ | 55
Trade receivables, net | 120 |  | 100
Inventories |
Raw materials | 50 |  | 45
Finished goods | 100 |  | 85
Total current assets | 310 |  | 285
Property, plant, and equipment | 700 |  | 640
Property, plant, and equipment, net | 420 |  | 380
Total assets | $ | 730 | $ | 665
Liabilities and shareholders' equity |
Trade payables | 90 |  | 86
Short-term debt | 110 |  | 60
Total current liabilities | 200 |  | 146
Long-term debt | 180 |  | 190
Total liabilities | $ | 380 | $ | 336
Total shareholders' equity | 350 |  | 329
Total liabilities and shareholders' equity | $ | 730 | $ | 665
"""
CASH = """Nordwind Holdings Ltd
Consolidated Statements of Cash Flows
($ in millions)
For the years ended June 30, 2023 2022 2021

Net income | $ | 72 | $ | 84 | $ | 60
Depreciation and amortization | 40 |  | 38 |  | 35
Dividends received from associates | 3 |  | 3 |  | 3
Net cash provided by operating activities | 130 |  | 125 |  | 100
Purchases of property, plant, and equipment | (80) |  | (57) |  | (49)
Net cash used in investing activities | (85) |  | (60) |  | (50)
Dividends paid | (36) |  | (30) |  | (30)
Net cash used in financing activities | (60) |  | (50) |  | (45)
"""
WORDS = (
    *("What", "was", "is", "the", "average", "gross margin", "revenue", "of", "Nordwind", "in"),
    *("FY2023", "2022", "2021", "from", "to", "between", "and", "net income", "growth", "?", ","),
    *("largest liability", "quick ratio", "(%)", "-", "consistent", "improving", "does"),
)
# As companies outside America put it: costs with a minus, no "total", the scale in the title.
IFRS = (
    "Ostwind plc\nAnnual report 2024",
    """Income statement and earnings
Consolidated income statement (€ million)

Year ended 31 December | 2023 | 2024
Revenue | 100.0 | 120.5
Cost of sales | -60.0 | -72.3
Gross profit | 40.0 | 48.2
Operating profit | 10.0 | 15.0
Profit before tax | 8.0 | 12.0
Income tax | -2.0 | -3.0
Profit for the year | 6.0 | 9.0
""",
    """Consolidated balance sheet (€ million)
At 31 December | 2023 | 2024
Inventories | 20.0 | 22.0
Current assets | 50.0 | 60.0
Total assets | 110.0 | 130.0
Equity | 55.0 | 65.0
Trade payables | 15.0 | 16.0
Current liabilities | 25.0 | 30.0
Total equity and liabilities | 110.0 | 130.0
""",
    """Consolidated cash flow statement (€ million)
Year ended 31 December | 2023 | 2024
Profit before tax | 8.0 | 12.0
Depreciation and amortisation | 5.0 | 6.0
Cash from operating activities | 14.0 | 18.0
Property, plant and equipment | -5.0 | -6.5
Cash used in investing activities | -5.0 | -6.5
Dividends paid | – | -3.0
""",
)
REPORT = (COVER, SUMMARY, INCOME, BALANCE, CASH)


def reader(documents: dict[str, Sequence[str]]) -> AccountsReader:
    def pages(document_id: str) -> list[Page]:
        return [Page(n, text) for n, text in enumerate(documents[document_id], start=1)]

    def left(filter: SearchFilter | None) -> list[DocumentRecord]:
        chosen = filter.documents if filter else None
        return [make_record(name) for name in documents if not chosen or name in chosen]

    return AccountsReader(pages, left)


def answer(question: str, **documents: Sequence[str]) -> Calculation | None:
    held = {f"{name}.pdf": pages for name, pages in documents.items()}
    held = held or {"NORDWIND_2023_10K.pdf": REPORT}
    return reader(held).answer(question, list(held))


@pytest.mark.parametrize(
    ("question", "short"),
    [
        # what stands there
        ("What were Nordwind's net sales in FY2023?", "$800 million"),
        ("What was the revenue of Nordwind in 2021?", "$700 million"),
        ("What was Nordwind's FY2022 net income in USD billions?", "$0.08 billion"),
        ("What is the FY2023 capital expenditure amount (in USD millions)?", "$80 million"),
        ("How much did Nordwind pay in dividends in 2023?", "$36 million"),
        ("What is the year end FY2023 net PPNE for Nordwind?", "$420 million"),
        ("what was nordwind's diluted EPS in 2021?", "$0.61"),
        ("What are Nordwind's inventories at the end of 2022?", "$130 million"),
        # 209 / 760; 104 / 800; 72 / 800; 40 / 800; 24 / 96; 310 / 200; (310 - 150) / 200
        ("What was Nordwind's gross margin in 2022?", "27.5%"),
        ("What was the operating margin in 2023?", "13.0%"),
        ("What is the FY2023 net profit margin of Nordwind?", "9.0%"),
        ("What is Nordwind's D&A as a percent of revenue in FY2023?", "5.0%"),
        ("What was the effective tax rate of Nordwind in 2023?", "25.0%"),
        ("What is Nordwind's FY2023 working capital ratio?", "1.55"),
        ("What was the quick ratio in 2023?", "0.80"),
        # 800 / mean(420, 380); 600 / mean(150, 130); 72 / mean(730, 665)
        ("What is the FY2023 fixed asset turnover ratio of Nordwind?", "2.00"),
        ("What is Nordwind's FY2023 inventory turnover? Round to one decimal place.", "4.3"),
        ("What was Nordwind's return on assets in 2023?", "10.3%"),
        # 365 * 88 / (600 + 20); 365 * 140 / 600; 365 * 110 / 800; their sum
        ("What is Nordwind's FY2023 days payable outstanding (DPO)?", "51.81 days"),
        ("What is the DIO of Nordwind in FY2023?", "85.17 days"),
        ("What is the DSO of Nordwind in FY2023?", "50.19 days"),
        ("What is the FY2023 cash conversion cycle (CCC) of Nordwind?", "83.55 days"),
        # 104 + 40; 130 - 80; 104 + 40 - 80; 1 - 36 / 72; 104 / 8
        ("Is Nordwind a capital-intensive business based on FY2023 data?", "10.0%"),
        ("What is Nordwind's FY2023 EBITDA?", "$144 million"),
        ("What was Nordwind's free cash flow in FY2023?", "$50 million"),
        ("What is the FY2023 EBITDA less capex of Nordwind?", "$64 million"),
        ("What is Nordwind's retention ratio in FY2023?", "50.0%"),
        ("What is Nordwind's interest coverage ratio in FY2023?", "13.00"),
        # changes and means: 800 / 760; 25 - 27.5; mean(7, 7.5, 10); (800 / 700) ** .5
        ("By how much did Nordwind's revenue grow from FY2022 to FY2023?", "5.3%"),
        ("Does Nordwind have an improving gross margin profile as of FY2023?", "No"),
        ("Did the cost of sales of Nordwind increase in 2023?", "Yes"),
        ("Has Nordwind's quick ratio improved or declined between FY2022 and FY2023?", "24.6%"),
        (
            "In agreement with the cash flow statement, what is the FY2021 - FY2023 3 year average "
            "of capex as a % of revenue for Nordwind?",
            "8.2%",
        ),
        ("What is Nordwind's 2 year revenue CAGR from FY2021 to FY2023?", "6.9%"),
        ("Are Nordwind's gross margins consistent (not fluctuating more than 2% a year)?", "No"),
        ("Are Nordwind's gross margins consistent (not fluctuating more than 3% a year)?", "Yes"),
        # the largest of several
        ("What was Nordwind's largest liability in 2023?", "Long-term debt"),
        (
            "Among operations, investing, and financing activities, which brought in the least "
            "cash flow for Nordwind in FY2023?",
            "cash from investing activities",
        ),
    ],
)
def test_figures_are_looked_up_and_calculated(question: str, short: str) -> None:
    found = answer(question)
    assert found is not None
    assert found.short == short


@pytest.mark.parametrize(
    ("question", "short"),
    [
        ("What was revenue in 2024?", "€120.5 million"),
        ("What was Ostwind's profit for the year in 2024?", "€9.0 million"),
        ("How much did the income tax grow in 2024?", "50.0%"),
        ("What was the effective tax rate?", "25.0%"),
        ("What is the current ratio at the end of 2024?", "2.00"),
        ("What was EBITDA in 2024?", "€21.0 million"),
        ("What was the free cash flow in 2024?", "€11.5 million"),
        ("What is the return on equity in 2024?", "15.0%"),  # 9 / 60
        ("How much were dividends in 2023?", "€0.0 million"),
    ],
)
def test_statements_of_other_countries_are_read_too(question: str, short: str) -> None:
    found = answer(question, annual_report_2024=IFRS)
    assert found is not None
    assert found.short == short


def test_a_date_or_a_name_is_no_measure() -> None:
    assert mentions_measure("Why did the dividends of 2023 fall?")
    assert not mentions_measure("When were the dividends of 2023 paid?")
    assert not mentions_measure("Who proposed the dividend?")


@pytest.mark.parametrize(
    ("sentence", "tells_it"),
    [
        ("We expect an operating margin of between 13.0% and 14.0%.", True),
        ("The operating margin was 13.2%.", False),
        ("We expect a better operating margin in 2025.", False),
        ("We expect to employ 590 people.", False),
    ],
)
def test_a_sentence_may_tell_a_figure_that_is_in_no_statement(
    sentence: str, tells_it: bool
) -> None:
    """The outlook's margin was the best sentence, and doubted for not being a statement's."""
    question = "What operating margin does Nordwind expect in 2025?"
    assert mentions_measure(question)
    assert tells_another_figure(question, sentence) is tells_it


def test_an_answer_says_how_it_was_calculated_and_cites_each_row() -> None:
    found = answer("What was Nordwind's gross margin in 2022?")
    assert found is not None
    assert found.text == (
        "Gross margin in 2022: 27.5%. That is gross profit divided by revenue: "
        "Gross profit 209 [1], Net sales 760 [2]."
    )
    quotes = [(each.marker, each.page, each.quote) for each in found.citations]
    assert quotes == [
        (1, 3, "Gross profit | 200 |  | 209 |  | 175"),
        (2, 3, "Net sales | $ | 800 | $ | 760 | $ | 700"),
    ]


def test_the_statement_is_taken_and_not_a_summary_with_the_same_rows() -> None:
    found = answer("What were Nordwind's net sales in 2023?")
    assert found is not None
    assert found.citations[0].page == 3


@pytest.mark.parametrize(
    "question",
    [
        "What was the revenue of Boreas in 2023?",  # another company
        "What was Nordwind's revenue in 2019?",  # another year
        "What was Nordwind's revenue in the consumer segment in 2023?",
        "What was Nordwind's adjusted EBITDA in 2023?",
        "What was Nordwind's revenue in Germany in 2023?",
        "What was Nordwind's revenue in Q2 of FY2023?",
        "What drove Nordwind's gross margin in 2023?",
        "Why did the revenue of Nordwind grow in 2023?",
        "When were the dividends of 2023 paid?",  # was answered with how much
        "In which year was Nordwind's revenue the highest?",  # was told that of the last year
        "What is Nordwind's goodwill in 2023?",  # in no statement
        "What is Nordwind's retention policy?",
        "Who audits Nordwind?",
    ],
)
def test_what_the_statements_do_not_tell_is_left_to_the_model(question: str) -> None:
    assert answer(question) is None


def test_a_company_is_known_by_two_words_of_its_documents_name() -> None:
    found = answer("what were best buy's net sales in 2022?", BESTBUY_2023_10K=("x", *REPORT[1:]))
    assert found is not None
    assert found.short == "$760 million"


def test_who_names_no_year_gets_the_latest_of_all_documents() -> None:
    older = tuple(page.replace("2023 2022 2021", "2020 2019 2018") for page in REPORT)
    made = reader({"NORDWIND_2020_10K.pdf": older, "NORDWIND_2023_10K.pdf": REPORT})
    found = made.answer("What was Nordwind's operating margin?", ["NORDWIND_2020_10K.pdf"])
    assert found is not None
    assert found.text.startswith("Operating margin in 2023: 13.0%")


def test_a_quarters_report_does_not_stand_for_the_year() -> None:
    quarter = tuple(page.replace("800", "211") for page in REPORT)
    made = reader({"NORDWIND_2023Q4.pdf": quarter, "NORDWIND_2023_10K.pdf": REPORT})
    found = made.answer("What were Nordwind's net sales in 2023?", ["NORDWIND_2023Q4.pdf"])
    assert found is not None
    assert found.short == "$800 million"


def test_a_filter_is_honoured() -> None:
    made = reader({"NORDWIND_2023_10K.pdf": REPORT, "other.pdf": ("Nothing.",)})
    question = "What were Nordwind's net sales in 2023?"
    left = SearchFilter(documents=("other.pdf",))
    assert made.answer(question, ["NORDWIND_2023_10K.pdf"], filter=left) is None


@pytest.mark.parametrize("label", ["cash " * 200_000, "(" * 1_000_000], ids=["words", "brackets"])
def test_a_hostile_label_costs_no_more_than_a_long_one(label: str) -> None:
    """What is looked for in a label takes the square of its length, and a line is of any length:
    such a document kept every question about accounts waiting for hours.
    """
    pages = [f"{page}{label} | 1 | 2 | 3\n" for page in (COVER, INCOME, CASH)]
    found = answer("What was the free cash flow of Nordwind in FY2023?", NORDWIND_10K=pages)
    assert found is not None
    assert found.short == "$50 million"


def test_a_hostile_question_is_read_in_one_go() -> None:
    """Each "total" of a question was followed through all of those that come after it, and each
    digit through the rest of its number.
    """
    assert parse_question(f"What is the {'total net ' * 100_000}?") is None
    steady = "Has the gross margin of Nordwind been consistent from FY2021 to FY2023"
    found = answer(f"{steady} by {'1' * 500_000}?")
    assert found == answer(f"{steady}?")
    assert found is not None


def test_a_document_that_is_gone_is_passed_over() -> None:
    def pages(document_id: str) -> list[Page]:
        raise LookupError(document_id)

    made = AccountsReader(pages, lambda _: [make_record("NORDWIND_2023_10K.pdf")])
    assert made.answer("What was Nordwind's revenue?", ["NORDWIND_2023_10K.pdf"]) is None


def test_no_share_is_made_of_a_loss() -> None:
    loss = tuple(
        page.replace("Operating income | 104 |  | 114", "Operating income | 104 |  | (26)")
        for page in REPORT
    )
    found = answer("How much did Nordwind's operating income change in 2023?", NORDWIND_2023=loss)
    assert found is not None
    assert found.short == "$130 million"


def test_definitions_and_conditions_are_not_what_is_asked() -> None:
    asked = parse_question(
        "What is Nordwind's FY2023 days payable outstanding (DPO)? DPO is defined as: 365 * "
        "(average accounts payable between FY2019 and FY2020) / (FY2020 COGS). Round to two "
        "decimal places. If the ratio is not a useful metric, then explain why."
    )
    assert asked is not None
    assert asked.about.years == (2023,)
    assert asked.about.decimals == 2
    assert asked.about.names == {"nordwind"}


@given(
    question=st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join),
    cut=st.integers(0, len(INCOME)),
)
def test_every_citation_resolves_whatever_is_asked_of_whatever_text(
    question: str, cut: int
) -> None:
    pages = (COVER, INCOME[:cut], BALANCE[cut // 2 :], CASH)
    found = reader({"NORDWIND_2023_10K.pdf": pages}).answer(question, ["NORDWIND_2023_10K.pdf"])
    if found is not None:
        assert found.citations
        for citation in found.citations:
            text = pages[citation.page_index]
            assert text[citation.start : citation.end] == citation.quote
            assert f"[{citation.marker}]" in found.text


def test_a_search_puts_the_rows_that_are_asked_for_first() -> None:
    """A balance sheet shares no word with "quick ratio", and was not among the passages shown."""
    name = "NORDWIND_2023_10K.pdf"
    made = reader({name: REPORT})
    chunks = [
        StoredChunk(
            chunk_id=number,
            document_id=name,
            document_name=name,
            document_path=f"/documents/{name}",
            collection="default",
            page_index=number,
            page_number=number + 1,
            start=0,
            end=len(text),
            text=text,
            heading="",
        )
        for number, text in enumerate(REPORT)
    ]
    about = replace(make_hit("The ratio is fine.", document=name, chunk_id=9), document_id=name)
    search = AccountsSearch(FakeSearch([about]), made, lambda _: chunks)
    first, second = search.search("What was Nordwind's quick ratio in 2023?", 2)
    assert (first.text, first.page, first.reason) == (
        BALANCE, 4, "has figures that are asked for"
    )  # fmt: skip
    assert first.similarity == about.similarity
    assert second == about
    assert search.search("Who audits Nordwind?", 2) == [about]
