from __future__ import annotations

import pytest

from rag.affirmed import affirmed


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("3.1 The Tenants may not keep dogs.", "3.1 The Tenants may keep dogs."),
        ("Drones must not be flown here.", "Drones may be flown here."),
        ("Bookings cannot be changed by telephone.", "Bookings can be changed by telephone."),
        ("He doesn’t have diabetes.", "He does have diabetes."),
        ("We won't refund the price.", "We will refund the price."),
        ("Never use table salt.", "You may use table salt."),
        ("2. Do not charge it in the cold.", "2. You may charge it in the cold."),
        (
            "Tickets are neither exchanged nor refunded.",
            "Tickets are either exchanged or refunded.",
        ),
        ("Version 4 no longer supports it.", "Version 4 supports it."),
        ("There is no football club.", "There is some football club."),
        ("No deposit is required.", "Some deposit is required."),
        ("The cabin has a stove but no light.", "The cabin has a stove and some light."),
        ("Nobody may enter.", "Everybody may enter."),
        (
            "It goes with every programme except Quick 30.",
            "It goes with every programme and Quick 30.",
        ),
        ("The loan may be repaid without a fee.", "The loan may be repaid with a fee."),
        # "Darf der Patient Auto fahren?" was refused: to the sentence, a model says "no" too.
        ("Autofahren ist nicht erlaubt.", "Autofahren ist erlaubt."),
        ("Herr Sommerfeld raucht nicht mehr.", "Herr Sommerfeld raucht."),
        ("Ehrenmitglieder zahlen keinen Beitrag.", "Ehrenmitglieder zahlen einen Beitrag."),
        ("Les animaux ne sont pas admis.", "Les animaux sont admis."),
        ("Il n'a pas été élu par la commune.", "Il a été élu par la commune."),
        ("No se permiten perros en la vivienda.", "Se permiten perros en la vivienda."),
        ("承租方不得在屋内饲养宠物。", "承租方可以在屋内饲养宠物。"),
    ],
)
def test_what_is_denied_is_said_as_if_it_were_so(sentence: str, said: str) -> None:
    assert affirmed(sentence) == said


@pytest.mark.parametrize(
    "sentence",
    [
        "Water is included in the rent.",
        "Notice is given in writing.",  # "not" is in it
        "The bus is no 5.",
        "It is not only cheap.",
        "Es ist nicht nur billig.",
        "Le plus grand logement est payable le 5.",
        "Third rack | no | yes",  # the "no" of a table is a value
        "We do not accept cheques. Cards are welcome.",  # as of a whole passage
    ],
)
def test_what_denies_nothing_stays_as_it_is(sentence: str) -> None:
    assert affirmed(sentence) is None
