from __future__ import annotations

import pytest

from rag.conversation import leans_on_earlier, standalone_question
from rag.results import Turn
from rag.settings import MOST_QUESTION_CHARS

REVENUE = Turn("What was the revenue of Brindle Bikes in 2023?", "It was 4 million [1].")


@pytest.mark.parametrize(
    "question",
    ["Why?", "When was it founded?", "Who are its owners?", "How much?"],
)
def test_a_follow_up_takes_with_it_what_the_question_before_was_about(question: str) -> None:
    """With all of that question before it, the sentence that answered it was found once more."""
    about = "the revenue of Brindle Bikes in 2023"
    assert standalone_question(question, [REVENUE]) == f"{question} ({about})"


@pytest.mark.parametrize(
    ("before", "about"),
    [
        ("How many orchards took part in the trial?", "orchards took part in the trial"),
        ("What's the deposit?", "the deposit"),
        ("How much did the bridge cost?", "the bridge"),
        ("When do they empty the bin?", "empty the bin"),
        ("Can I claim a beer with dinner?", "claim a beer with dinner"),
        ("Until when is there a discount?", "a discount"),
        ("Tell me about the ferry", "Tell me about the ferry"),
    ],
)
def test_what_a_question_asks_is_left_out_of_what_it_is_about(before: str, about: str) -> None:
    """ "How many ... took part? Where were they?" was a question for an amount."""
    assert standalone_question("Who pays for it?", [Turn(before, "")]) == (
        f"Who pays for it? ({about})"
    )


@pytest.mark.parametrize("question", ["And at weekends?", "I meant on weekdays.", "Only in May?"])
def test_what_asks_nothing_itself_asks_what_was_asked_before(question: str) -> None:
    before = Turn("Who opens the gate?", "")
    assert standalone_question(question, [before]) == f"Who opens the gate? {question}"


@pytest.mark.parametrize(
    "question",
    [
        "When was the Tamber bridge opened?",
        "How many employees has the harbour?",
        "How many trawlers are there?",
        "Who is the treasurer?",
        "What is FEMA?",
        "Why was the Berlin Wall built?",
        "What is HAART therapy and how does it differ from AZT?",
        "Where does the rover get its power?",
        "Is it possible to dry laundry on the balcony?",
        "Does it make sense to insure a bicycle?",
        "Why are rents in Selmouth higher than in other towns?",
        "How is a word spelled that is pronounced differently?",
        "Which courses are open to those who cannot swim?",
        "Who wrote the song Let It Be?",
        "Who leads the IT department?",
        "Who gets the assets if the club closes and it has debts?",
    ],
)
def test_a_new_topic_stands_alone(question: str) -> None:
    """Each of these had the topic before put before it; what "it" stands for is in them."""
    assert standalone_question(question, [REVENUE]) == question


@pytest.mark.parametrize(
    "question",
    [
        "What does the tenant pay for it?",
        "What was the effect on its staff?",
        "Does that include heating?",
        "Is this allowed?",
        "What other taxes are withheld?",
        "Which one is cheaper?",
        "Is the weather good there?",
        "Who else may vote?",
    ],
)
def test_a_word_for_what_the_question_does_not_name_leans_on_the_one_before(question: str) -> None:
    assert leans_on_earlier(question)


@pytest.mark.parametrize(
    "thanks", ["Thanks!", "Thank you very much.", "OK, got it", "That's fine."]
)
def test_thanks_ask_nothing(thanks: str) -> None:
    """The earlier question was answered once more, and "why?" asked after the thanks."""
    assert standalone_question(thanks, [REVENUE]) == thanks
    why = standalone_question("Why?", [REVENUE, Turn(thanks, "The documents do not say.")])
    assert why == "Why? (the revenue of Brindle Bikes in 2023)"


def test_what_follows_thanks_is_read_without_them() -> None:
    """ "That is fine." was read as a word for what was said before."""
    history = [Turn("When is the south yard shut?", "")]
    asked = "When is the north yard shut?"
    assert standalone_question("Thanks. And the north yard?", history) == asked
    assert (
        standalone_question("Ok, who guards it?", history) == "who guards it? (the south yard shut)"
    )
    new = "That is fine. How does the greenhouse effect work?"
    assert standalone_question(new, history) == new


def test_a_chain_of_follow_ups_goes_back_to_its_topic() -> None:
    history = [
        Turn("Old topic of the harbour walls?", ""),
        Turn("What is the deposit?", ""),
        Turn("Who returns it?", ""),
        Turn("When?", ""),
    ]
    expected = "And who keeps it? (returns it, the deposit)"
    assert standalone_question("And who keeps it?", history) == expected


@pytest.mark.parametrize(
    ("question", "year"),
    [
        ("What about 2022?", 2022),
        ("And in 2021?", 2021),
        ("And the year before?", 2022),
        ("the previous year", 2022),
        ("And the year after that?", 2024),
    ],
)
def test_another_year_is_asked_the_same(question: str, year: int) -> None:
    """Both years were in the question that was searched for, and the first was answered again."""
    asked = f"What was the revenue of Brindle Bikes in {year}?"
    assert standalone_question(question, [REVENUE]) == asked
    assert standalone_question("And the year before?", [REVENUE, Turn(question, "")]) == (
        f"What was the revenue of Brindle Bikes in {year - 1}?"
    )


def test_another_name_is_asked_the_same() -> None:
    """Both names were in the question that was searched for, and the first was answered again."""
    asked = "What was the revenue of Dunmore Tea in 2023?"
    assert standalone_question("And Dunmore Tea?", [REVENUE]) == asked
    assert standalone_question("What about Dunmore Tea?", [REVENUE]) == asked
    later = [REVENUE, Turn("And Dunmore Tea?", "")]
    assert standalone_question("And in 2022?", later) == asked.replace("2023", "2022")
    two = Turn("Is Arden larger than Brill or Callow?", "")
    assert standalone_question("And Esker?", [two]) == f"{two.question} And Esker?"


def test_a_follow_up_of_another_year_leaves_the_one_before_out() -> None:
    asked = "What was it in 2022? (the revenue of Brindle Bikes)"
    assert standalone_question("What was it in 2022?", [REVENUE]) == asked


@pytest.mark.parametrize(
    ("before", "question", "asked"),
    [
        (
            "What is the notice period for the Flexible tariff?",
            "And for the Steady tariff?",
            "What is the notice period for the Steady tariff?",
        ),
        (
            "When is the south yard shut?",
            "What about the north yard?",
            "When is the north yard shut?",
        ),
        (
            "What is the probation period for juniors at the club?",
            "And for adults?",
            "What is the probation period for adults at the club?",
        ),
        ("What is the rent for Unit 7?", "And for Unit 8?", "What is the rent for Unit 8?"),
        (
            "What does a unit cost on Night Owl?",
            "What about the Steady tariff?",
            "What does a unit cost on the Steady tariff?",
        ),
        (
            "What was the revenue of Arden in 2024?",
            "And the operating profit?",
            "What was the operating profit of Arden in 2024?",
        ),
        (
            "What was the revenue of Arden in 2024?",
            "And the net profit in 2023?",
            "What was the net profit of Arden in 2023?",
        ),
        (
            "What is the notice period of the club?",
            "What about the CEO?",
            "What is the CEO of the club?",
        ),
        ("What does E07 mean?", "And E05?", "What does E05 mean?"),
        (
            "What is the first error code?",
            "And the second?",
            "What is the first error code? And the second?",
        ),
        (  # "for repairs" goes on with "to the roof"
            "Who pays for repairs to the roof?",
            "And for the windows?",
            "Who pays for repairs to the roof? And for the windows?",
        ),
        (
            "Is the lift or the stair open for guests of the hotel?",
            "And for that?",
            "Is the lift or the stair open for guests of the hotel? And for that?",
        ),
    ],
)
def test_another_thing_is_asked_the_same(before: str, question: str, asked: str) -> None:
    """Both were in the question that was searched for, and the first was answered again."""
    assert standalone_question(question, [Turn(before, "")]) == asked


@pytest.mark.parametrize("earlier", ["Why?", "Did it grow from 2022 to 2023?"])
def test_another_year_of_no_year_or_two_takes_the_question_before_with_it(earlier: str) -> None:
    assert standalone_question("And in 2021?", [Turn(earlier, "")]) == f"{earlier} And in 2021?"


def test_without_history_nothing_changes() -> None:
    assert leans_on_earlier("Why?")
    assert standalone_question("Why?", []) == "Why?"


def test_a_question_of_pages_neither_grows_nor_is_looked_through() -> None:
    """Each of the turns before could double what was searched for; each "it" took long."""
    pages = ("A tree. Is it so? " * MOST_QUESTION_CHARS)[:MOST_QUESTION_CHARS]
    assert standalone_question(pages, [Turn(pages, "It is.")]) == pages
    assert standalone_question("Is it so?", [Turn(pages, "It is.")]) == "Is it so?"
