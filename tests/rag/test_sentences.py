from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.sentences import Span, clause_spans, sentence_spans


def sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("It cost 3.5 million. Dr. J. Smith paid.", ["It cost 3.5 million.", "Dr. J. Smith paid."]),
        ("See e.g. page 4. It helps.", ["See e.g. page 4.", "It helps."]),
        # "Zur Wohnung gehört der Kellerraum Nr." was a sentence of an answer.
        ("Dazu gehört Keller Nr. 7. Er ist leer.", ["Dazu gehört Keller Nr. 7.", "Er ist leer."]),
        ("Siehe (vgl. Abs. 3). Er gilt.", ["Siehe (vgl. Abs. 3).", "Er gilt."]),
        ("Kleintiere (z. B. Hamster) sind erlaubt.", ["Kleintiere (z. B. Hamster) sind erlaubt."]),
        ("La Sra. Sanz vino. Habló.", ["La Sra. Sanz vino.", "Habló."]),
        # "7.1 Fees." was quoted to who asked for the fees.
        ("7.1 Fees. It is 26. It rises.", ["7.1 Fees. It is 26.", "It rises."]),
        ("x is\nso.\n  7.2 Late payment. It is 5%.", ["x is\nso.", "7.2 Late payment. It is 5%."]),
        ("7.3 Keys.\nThey are kept.", ["7.3 Keys.", "They are kept."]),
        ("7.4 Pets are welcome. Ask us.", ["7.4 Pets are welcome.", "Ask us."]),
        ("2. Stir well. Add milk.", ["2. Stir well.", "Add milk."]),
        # Messages without a full stop were one sentence.
        (
            "[12/03/2024, 10:14] Ana: ok\n[12/03/2024, 10:16] Ben: me\n12.03.24, 9:11 - Al: hi",
            [
                "[12/03/2024, 10:14] Ana: ok",
                "[12/03/2024, 10:16] Ben: me",
                "12.03.24, 9:11 - Al: hi",
            ],
        ),
        ("He said “Go.” She went.", ["He said “Go.”", "She went."]),
        ("これは本です。あれは犬です。", ["これは本です。", "あれは犬です。"]),
        ("यह किताब है। वह कुत्ता है।", ["यह किताब है।", "वह कुत्ता है।"]),
        ("- first item\n- second item", ["- first item", "- second item"]),
        ("1. Switch off.\n2. Wait.", ["1. Switch off.", "2. Wait."]),
        # "## 2." was a sentence of its own, and an answer.
        ("## 2. Fees\n\nThey are low.", ["## 2. Fees", "They are low."]),
        ("2.1. Fees are low. They fall.", ["2.1. Fees are low.", "They fall."]),
        ("| a | b |\n| 1 | 2 |", ["| a | b |", "| 1 | 2 |"]),
        ("# Title\nText of it.", ["# Title", "Text of it."]),
        ("one paragraph\n\nanother", ["one paragraph", "another"]),
        (
            "This line was wrapped by the program that\nmade the file. The next one was too,"
            " as\nis usual.",
            [
                "This line was wrapped by the program that\nmade the file.",
                "The next one was too, as\nis usual.",
            ],
        ),
        (
            "Results\nThe yield of the orchard was twenty-one tonnes in the year.",
            ["Results", "The yield of the orchard was twenty-one tonnes in the year."],
        ),
        (
            "Revenue by segment\nWater 41.2 44.8\nother 28.6 27.1",
            ["Revenue by segment", "Water 41.2 44.8", "other 28.6 27.1"],
        ),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_sentences_are_cut_where_a_reader_would(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Am 24. Dezember und 31. Dezember ist geschlossen. Sonst ist offen.",
            ["Am 24. Dezember und 31. Dezember ist geschlossen.", "Sonst ist offen."],
        ),
        ("Die Miete ist am 3. Werktag fällig.", ["Die Miete ist am 3. Werktag fällig."]),
        (
            "Sie ist im 2. Stock. Dort klingeln.",
            ["Sie ist im 2. Stock.", "Dort klingeln."],
        ),
        ("Fällig: 1. März. Danach nicht.", ["Fällig: 1. März.", "Danach nicht."]),
        ("Offen vom 1. April bis 30. September.", ["Offen vom 1. April bis 30. September."]),
        ("Markt ist jeden 1. und 3. Samstag.", ["Markt ist jeden 1. und 3. Samstag."]),
        ("Adresse: Hauptstraße 5, 2. Stockwerk.", ["Adresse: Hauptstraße 5, 2. Stockwerk."]),
        ("Die Wahl im April: 24. April.", ["Die Wahl im April: 24. April."]),
        (
            "In diesem Jahr ist die Praxis am\n24. Dezember und am 31. Dezember zu.",
            ["In diesem Jahr ist die Praxis am\n24. Dezember und am 31. Dezember zu."],
        ),
        ("Zavřeno 24. Prosince.", ["Zavřeno 24. Prosince."]),
        ("Suljettu 24. joulukuuta.", ["Suljettu 24. joulukuuta."]),
        ("Stengt 24. Desember.", ["Stengt 24. Desember."]),
        # A number that ends a sentence still does.
        (
            "Das steht auf Seite 3 und 4. Die Gebühr.",
            ["Das steht auf Seite 3 und 4.", "Die Gebühr."],
        ),
        ("Der Kurs ist am 5. Die Gebühr.", ["Der Kurs ist am 5.", "Die Gebühr."]),
        ("It was in room 24. December was cold.", ["It was in room 24.", "December was cold."]),
        ("I am 24. December is cold.", ["I am 24.", "December is cold."]),
        ("We sat in row 3. Jan came late.", ["We sat in row 3.", "Jan came late."]),
        ("1. März: Fenster\n2. April: Garten", ["1. März: Fenster", "2. April: Garten"]),
        ("1. Fees\n2. Costs", ["1. Fees", "2. Costs"]),
    ],
)
def test_a_number_that_means_the_third_ends_no_sentence(text: str, expected: list[str]) -> None:
    """The surgery was closed "Am 24." and "31.", and no answer said of what month."""
    assert sentences(text) == expected


@given(st.text(alphabet=st.characters(), max_size=300))
def test_sentences_hold_every_character_that_is_not_white_space(text: str) -> None:
    spans = sentence_spans(text)
    covered = "".join(text[span.start : span.end] for span in spans)
    assert "".join(covered.split()) == "".join(text.split())
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(not text[s.start].isspace() and not text[s.end - 1].isspace() for s in spans)


def test_a_hostile_row_of_dots_is_read_in_one_go() -> None:
    """Each dot looked at all that follow: half a million of them took hours."""
    dots = "." * 500_000
    assert sentences(f"Contents {dots}12") == [f"Contents {dots}12"]
    assert sentences(f"So it goes{dots} On.") == [f"So it goes{dots}", "On."]


def test_a_line_that_ends_in_several_dots_ends_a_sentence() -> None:
    text = "It was said of the old town of\nArden that nobody..."
    assert sentences(text) == [text]


@given(st.text(alphabet="ab,;: –\n.and", max_size=120))
def test_clauses_hold_the_whole_sentence(text: str) -> None:
    whole = "".join(
        text[clause.start : clause.end] for clause in clause_spans(text, Span(0, len(text)))
    )
    assert "".join(whole.split()) == "".join(text.split())


def test_clauses_are_cut_at_punctuation_and_conjunctions() -> None:
    text = "Sales rose by 4%, costs fell; the board was pleased and the price went up."
    clauses = [text[c.start : c.end] for c in clause_spans(text, Span(0, len(text)))]
    assert clauses == [
        "Sales rose by 4%,",
        "costs fell;",
        "the board was pleased",
        "and the price went up.",
    ]
