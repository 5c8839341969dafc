"""What a question asks for, by its words."""

from __future__ import annotations

import pytest

from rag.question_kind import (
    QuestionKind,
    amount_terms,
    asks_more_than_a_fact,
    has_kind,
    question_kind,
)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Why is the mill made of brick?", QuestionKind.CAUSE),
        ("What is the reason for the delay?", QuestionKind.CAUSE),
        ("What drove the change of gross margin?", QuestionKind.CAUSE),
        ("What is driving the growth in Asia?", QuestionKind.CAUSE),
        ("Who was the driver of the bus?", QuestionKind.NAME),
        ("How many people drove there?", QuestionKind.AMOUNT),
        ("How often is the filter changed?", QuestionKind.FREQUENCY),
        ("Since when has it been closed?", QuestionKind.DATE),
        ("Can I bring my dog?", QuestionKind.YES_OR_NO),
        ("And is it open on Sundays?", QuestionKind.YES_OR_NO),
        ("Do they say how much it costs?", QuestionKind.AMOUNT),
        ("May 2024 revenue", QuestionKind.OTHER),
        ("Could you explain how it works?", QuestionKind.OTHER),
        ("What is fog?", QuestionKind.OTHER),
        ("Warum wurde der Antrag abgelehnt?", QuestionKind.CAUSE),
        ("Wie oft muss die Maschine entkalkt werden?", QuestionKind.FREQUENCY),
        ("Wie lange ist die Kündigungsfrist?", QuestionKind.AMOUNT),
        ("Um wie viel Uhr beginnt die Sitzung?", QuestionKind.DATE),
        ("Bis wann ist die Rechnung zu zahlen?", QuestionKind.DATE),
        ("Wer ist die Vermieterin?", QuestionKind.NAME),
        ("Darf ich in der Wohnung einen Hund halten?", QuestionKind.YES_OR_NO),
        ("Was bedeutet der Fehler E24?", QuestionKind.OTHER),
        ("À quelle fréquence faut-il détartrer l'appareil ?", QuestionKind.FREQUENCY),
        ("Quel est le montant du dépôt ?", QuestionKind.AMOUNT),
        ("Que faire quand le voyant clignote ?", QuestionKind.OTHER),
        ("Quand commence le bail ?", QuestionKind.DATE),
        ("Peut-on fumer dans le logement ?", QuestionKind.YES_OR_NO),
        ("¿Por qué no se aprueba el ascensor?", QuestionKind.CAUSE),
        ("¿Cuánto cuesta el seguro?", QuestionKind.AMOUNT),
        ("¿Quién paga los gastos?", QuestionKind.NAME),
        ("¿Están permitidos los perros?", QuestionKind.YES_OR_NO),
        ("租期从什么时候开始？", QuestionKind.DATE),
        ("押金多少钱？", QuestionKind.AMOUNT),
        ("可以养宠物吗？", QuestionKind.YES_OR_NO),
    ],
)
def test_the_words_of_a_question_tell_what_it_asks_for(question: str, kind: QuestionKind) -> None:
    assert question_kind(question) is kind
    more = kind in (QuestionKind.CAUSE, QuestionKind.OTHER)
    assert asks_more_than_a_fact(question) is more


@pytest.mark.parametrize(
    ("sentence", "gives_one"),
    [
        ("The increase was primarily due to the opening of 47 stores.", 1.0),
        ("Growth was driven by new stores.", 1.0),
        ("He had driven by night.", 1.0),  # words alone cannot tell
        ("Inventories totaled $1.6 billion.", 0.0),
    ],
)
def test_a_reason_is_known_by_the_words_that_give_one(sentence: str, gives_one: float) -> None:
    assert has_kind(sentence, "What drove the increase?") == gives_one


@pytest.mark.parametrize(
    ("question", "sentence", "has_one"),
    [
        ("Wie lange ist die Frist?", "Die Frist beträgt drei Monate.", 1.0),
        ("Was kostet das Fest?", "Das Fest findet am 15. Juni 2024 statt.", 0.0),
        ("Wann ist das Fest?", "Das Fest findet am 15. Juni statt.", 1.0),
        ("Wann ist das Fest?", "Das Fest findet im Hof statt.", 0.0),
        ("Warum nimmt er es nicht?", "Er nimmt es nicht, weil ihm schwindlig wird.", 1.0),
        ("Was kostet das Gerät?", "Der Druck liegt zwischen 0,5 und 8 bar.", 0.0),
        ("Was kostet das Gerät?", "Das Gerät kostet 480 €.", 1.0),
        ("Wie viel wiegt Herr Sommerfeld?", "Er ist am 23.05.1956 geboren und nahm 5 mg.", 0.0),
        ("Combien coûte la bouilloire ?", "La bouilloire contient 1,7 litre.", 0.0),
        ("¿Cuánto pesa la paciente?", "La paciente pesa 61 kg.", 1.0),
        ("电饭锅多少钱？", "容量为4升，额定功率为860瓦。", 0.0),
        ("Combien de membres sont là ?", "Quarante-deux membres sont là.", 1.0),
        ("Quand commence le bail ?", "Le bail commence le 3 mai.", 1.0),
        ("¿Cuántos vinieron a la junta?", "Vinieron quince propietarios.", 1.0),
        ("¿Cuándo abre la piscina?", "La piscina tiene 25 metros.", 0.0),
        ("煮饭需要多长时间？", "煮饭大约需要四十分钟。", 1.0),
        ("下次会议什么时候举行？", "会议在社区活动室举行。", 0.0),
    ],
)
def test_a_sentence_in_the_questions_language_is_known_to_have_what_is_asked_for(
    question: str, sentence: str, has_one: float
) -> None:
    assert has_kind(sentence, question) == has_one


@pytest.mark.parametrize(
    ("sentence", "amounts"),
    [
        ("The deposit held is £1,450.", {"1450"}),
        ("Rent is EUR 1200 a month.", {"1200"}),
        ("It weighs 1500 kg.", {"1500"}),
        ("In 1997 it closed.", set()),
        ("Built 1921, sold 2024.", set()),
    ],
)
def test_four_figures_are_a_year_but_with_a_currency_or_a_unit(
    sentence: str, amounts: set[str]
) -> None:
    """ "£1,450" and every other amount from 1,000 to 2,099 was taken for a year."""
    assert amount_terms(sentence) == amounts


@pytest.mark.parametrize(
    ("sentence", "fits"),
    [
        ("The premium is £612.40 a year.", 1.0),
        ("You may make two claims in any period of three years.", 0.0),
    ],
)
def test_how_much_is_no_span_of_time(sentence: str, fits: float) -> None:
    assert has_kind(sentence, "How much is my car insurance a year?") == fits


@pytest.mark.parametrize(
    ("question", "sentence", "fits"),
    [
        # The 8 % of rice and the half were as much of a price as the price.
        ("how much is the bag", "It holds half of the rice, 8 kg.", 0.5),
        ("how much is the bag", "It costs $35.", 1.0),
        ("what does it cost to cancel", "We charge £55.", 1.0),
        ("what does it cost to cancel", "We cancel it after 7 days.", 0.5),
        ("do I pay? how much is it for pupils", "Pupils go free.", 1.0),
        ("how heavy is the ball", "It is 25 mm wide.", 0.5),
        ("how heavy is the ball", "It weighs 86 g.", 1.0),
        ("how quickly do i need to report it", "Report it within 48 hours.", 1.0),
        ("what is the email of the office", "The office is in Dock Road.", 0.0),
        ("what is the email of the office", "Write to office@example.org.", 1.0),
        # Months and weekdays were names of persons.
        ("who is the judge", "The hearing of 30 July fails, as the judge is ill.", 0.0),
        ("who is the judge", "It is before Judge Amara Collins.", 1.0),
        ("where is the fuse box", "It is in the cupboard.", 1.0),
        # What is asked for by when, a span of time from now on tells.
        ("when can she drive again", "Do not drive for one week.", 1.0),
        ("when did she drive", "She drove for one week.", 0.0),
        ("what time does the club open", "It opens on Monday.", 0.5),
        ("what time does the club open", "It opens at 7.45 am.", 1.0),
        ("what day is the fair", "It is from 4 pm.", 0.0),
        ("can we plant cherry trees", "Trees must be native, except fruit trees.", 1.0),
        ("can we plant cherry trees", "A cherry has a stone.", 0.0),
        # Any sum fitted better than the sentence that says what they did.
        ("did wages rise or fall", "Income was $447.6 million.", 0.5),
    ],
)
def test_an_answer_has_what_the_question_names(question: str, sentence: str, fits: float) -> None:
    assert has_kind(sentence, question) == fits


def test_below_a_currency_four_figures_are_no_year() -> None:
    """A dress of 1,725 had no price, since all its figures were read as years."""
    row = "Dress | Atelier Noor | 1600 | 1725"
    head = "Item | Supplier | Planned (EUR) | Actual (EUR)"
    assert amount_terms(row, head=head) == {"1600", "1725"}
    assert has_kind(row, "how much was the dress", head=head) == 1.0
    assert has_kind(row, "how much was the dress") == 0.0


@pytest.mark.parametrize(
    "question",
    ["what's the deposit for the flat", "whats my excess", "what does a lost card cost"],
)
def test_what_is_the_price_asks_for_an_amount(question: str) -> None:
    assert question_kind(question) is QuestionKind.AMOUNT
