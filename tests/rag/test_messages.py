"""Who asks in German is told in German that the documents do not say."""

from __future__ import annotations

import pytest

from rag.messages import ENGLISH, messages_for


@pytest.mark.parametrize(
    ("question", "refusal"),
    [
        ("Wie hoch ist die Kaution?", "Die Dokumente sagen dazu nichts."),
        ("Raucht Herr Sommerfeld?", "Die Dokumente sagen dazu nichts."),
        ("Warum kündigt Maren Ostkamp?", "Die Dokumente sagen dazu nichts."),
        ("Combien coûte la bouilloire ?", "Les documents ne le disent pas."),
        ("¿Cuántos propietarios asistieron a la junta?", "Los documentos no lo dicen."),
        ("Quanto costa la camera?", "I documenti non lo dicono."),
        ("Qual é o preço do quarto?", "Os documentos não o dizem."),
        ("Hoeveel kost de kamer in de winter?", "De documenten zeggen daar niets over."),
        ("押金多少钱？", "文档中没有说明。"),
    ],
)
def test_messages_are_in_the_language_of_the_question(question: str, refusal: str) -> None:
    messages = messages_for(question)
    assert messages.refusal == refusal
    assert messages.uncertain.startswith(refusal[:5])


@pytest.mark.parametrize(
    "question",
    [
        "What is the notice period?",
        "Was the war over when men began to die?",
        "Da Vinci code author",
        "Die Hard plot",
        "café de Flore",
        "Kaution",
        "敷金はいくらですか？",  # Japanese
        "Сколько стоит номер?",
        "",
    ],
)
def test_they_are_english_where_the_language_is_in_doubt_or_not_known(question: str) -> None:
    assert messages_for(question) is ENGLISH


@pytest.mark.parametrize(
    "question", ["Wie hoch ist die Kaution?", "Qui est le bailleur ?", "出租方是谁？", "Who is it?"]
)
def test_names_of_documents_stand_in_the_sentence_as_they_are(question: str) -> None:
    """A file may be called "{0}.txt"."""
    messages = messages_for(question)
    for places in (["{0}.txt"], ["a.txt", "{b}.txt", "c.txt"]):
        assert all(place in messages.nearest(places) for place in places)
    assert "{0}.txt" in messages.uncertain.format("{0}.txt", "{1}")
    assert "7" in messages.page.format("a.pdf", 7)
