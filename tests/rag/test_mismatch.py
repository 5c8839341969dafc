"""Questions that ask for something else than a sentence says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.mismatch import mismatch


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        # SQuAD2's unanswerable questions, and what was quoted as their answer.
        ("When wasn't the French and Indian War?", "A King George's War was in the 1740s."),
        ("Who never issued the proclamation?", "King George III issued the proclamation."),
        ("What lands weren't reserved for natives?", "Natives were driven off their land."),
        ("Which is the smallest borough?", "The largest borough is Wola."),
        ("What was built in 1987?", "The bridge was built in 1911."),
        ("Wer darf nicht wählen?", "Mitglieder wählen."),
        ("Qu'est-ce qui n'est pas couvert ?", "La garantie couvre le moteur."),
        ("¿Qué no está cubierto?", "La garantía cubre el motor."),
        ("Was kostet das Gerät?", "Der Druck liegt zwischen 0,5 und 8 bar."),
        ("Combien coûte la bouilloire ?", "La bouilloire contient 1,7 litre."),
        ("电饭锅多少钱？", "本产品容量为4升，额定功率为860瓦。"),
    ],
)
def test_what_is_denied_opposite_or_of_another_year_speaks_against_a_sentence(
    question: str, sentence: str
) -> None:
    assert mismatch(question, sentence, [sentence]) >= 2.0


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What is not covered?", "The warranty does not cover water damage."),
        ("Which parts aren't covered?", "Wear parts are excluded."),
        ("Who can't vote?", "Only members may vote."),
        ("What happens if the pump does not start?", "The fuse is to be changed."),
        ("If it is not reserved, who decides?", "The council decides."),
        ("Why doesn't it start?", "The door is open."),  # a cause need not deny anything
        ("Isn't smoking allowed?", "Smoking is allowed outside."),
        ("Is the first or the last page blank?", "The last page of the first part is blank."),
        ("What are the 3 main benefits?", "It is light, cheap and quiet."),
        ("What was built in the 1980s?", "The bridge was built in 1987."),
        ("What was built in the 18th century?", "The mill was built in 1788."),
        ("What was built in 1987?", "The bridge was built in that year."),
        # Refused, though the rows and the clause answer.
        ("Who signs off a claim of 5,000 euros?", "2,500 to 10,000 euros | finance director"),
        ("Until when is version 4.2 supported?", "It is supported until 14 January 2028."),
        ("How much may we spend without asking?", "The council decides on up to 40,000 euros."),
        ("How long does it run before it stops?", "After 45 minutes the machine stops."),
        ("How old is the mill?", "The new mill was built in 1911."),
        ("Wer darf nicht wählen?", "Gäste wählen nicht."),
        ("Was kostet die Fernleihe?", "Fernleihe | 3,00 | 14 Tage"),
        ("Was kostet der Eintritt?", "Der Eintritt ist frei."),
        ("Combien de temps dure le préavis ?", "Le préavis est d'un mois."),
        ("保修期多久？", "保修期为一年。"),
        ("Was passiert, wenn sie nicht startet?", "Die Sicherung ist zu wechseln."),
        ("Warum darf man keinen Dampfreiniger verwenden?", "Dampf beschädigt die Elektronik."),
        ("Qu'est-ce qui n'est pas couvert ?", "Les dommages dus au gel sont exclus."),
        ("¿Por qué no se aprueba el ascensor?", "El presupuesto es demasiado alto."),
    ],
)
def test_nothing_speaks_against_the_others(question: str, sentence: str) -> None:
    assert mismatch(question, sentence, ["Report of 1987", sentence]) == 0.0


def test_another_code_of_its_kind_is_another_thing() -> None:
    """ "The G1 holds 250 g of beans." answered how many grams the G2 holds."""
    text = "The G1 holds 250 g. The G2 holds 400 g."
    assert mismatch("How much does the G2 hold?", "The G1 holds 250 g.", [text]) == 2.0
    assert mismatch("How much does the G2 hold?", "The G2 holds 400 g.", [text]) == 0.0
    assert mismatch("How much does the G2 hold?", "It holds more than the G1.", [text]) == 2.0
    assert mismatch("How much does the G2 hold?", "It holds 400 g.", [text]) == 0.0


def test_signs_add_up() -> None:
    both = mismatch("What did not rise in 1987?", "Prices fell.", ["Prices fell."])
    assert both == 3.0 + 2.0
    assert mismatch("Where had 2019 sales increased?", "They decreased.", ["Sales"]) == 4.0


def test_a_hostile_question_is_read_in_one_go() -> None:
    """Each "how long" looked for a "before" in all the rest of the question."""
    assert mismatch("how long " * 100_000, "Before the war.", []) == 0.0


def test_how_long_before_something_asks_for_what_follows_it() -> None:
    question, sentence = "How long before it switches off?", "After 45 minutes it switches off."
    assert mismatch(question, sentence, [sentence]) == 0.0


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_gives_a_number_and_a_question_that_the_text_repeats_none(
    question: str, sentence: str
) -> None:
    assert mismatch(question, sentence, [sentence]) >= 0.0
    assert mismatch(question, f"{question} not", [question]) == 0.0
