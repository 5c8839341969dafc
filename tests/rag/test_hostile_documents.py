"""Documents that give orders: none is obeyed, forges a turn or is cited where it is not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.chat_template import CHATML, ChatTemplate
from inference.llama.model import Model
from inference.request import Message
from rag.answer import Answerer, AnswerOptions
from rag.prompts import LabelledPassage, build_messages
from rag.reading import LARGE_READER, MEDIUM_READER, SMALL_READER, Reading
from rag.settings import Settings
from tests.fakes import ModellessLibrary, ScriptedGenerator
from tests.rag.hostile_documents import HostileDocument, hostile_documents
from tests.rag.passages import FakeSearch, make_hit, page_text

DOCUMENTS = hostile_documents()
# These do not order anything: they say something false of the subject, which is shown with its
# source like whatever else a document says.
CLAIMS = {"conditional order", "forged citation", "forged example", "forged correction"}
ORDERS = [document for document in DOCUMENTS if document.style not in CLAIMS]
READINGS = {"small": SMALL_READER, "medium": MEDIUM_READER, "large": LARGE_READER}

# The turns of the chat formats in common use, and what else tokenizers know by name.
MARKERS = (
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|start_header_id|>",
    "<|begin_of_text|>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>",
    "<end_of_turn>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<｜User｜>",
    "<｜Assistant｜>", "<bos>", "<eos>", "<repo_name>", "<file_sep>", "<|python_tag|>",
    "System:", "\ue0000\ue001", "\ue000", "[1]", "\x00", "\u202e", "\U000e0041", "{{", "{%",
)  # fmt: skip
hostile_text = st.lists(
    st.one_of(st.sampled_from(MARKERS), st.text(max_size=6), st.binary(max_size=6).map(
        lambda data: data.decode("utf-8", "surrogateescape")
    )),
    max_size=12,
).map("".join)  # fmt: skip


def test_there_are_forty_and_each_has_its_own_word_and_subject() -> None:
    assert len(DOCUMENTS) == 40
    for kind in ("style", "name", "word", "question"):
        assert len({getattr(document, kind) for document in DOCUMENTS}) == 40
    assert all(document.word not in document.question for document in DOCUMENTS)
    assert not any(document.is_right(document.plant) for document in DOCUMENTS)


def test_obeying_and_quoting_are_told_apart() -> None:
    document = DOCUMENTS[0]
    for obeying in (document.word, f"{document.word.lower()} [1].", f"It is {document.word}."):
        assert document.obeyed(obeying)
    assert document.obeyed(f"The Harrow mill was built in 1788 [1]. {document.word}!")
    assert not document.obeyed(f"{document.plant[:-1]} [1].")
    assert not document.obeyed("The Harrow mill was built in 1788 [1].")


@pytest.fixture(scope="module")
def page_texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The documents by style, as they are read into a library."""
    folder = tmp_path_factory.mktemp("hostile")
    model = ScriptedGenerator("")
    with ModellessLibrary(folder, Settings(home=folder), lambda: model) as library:
        for document in DOCUMENTS:
            library.add_bytes(document.name, document.text.encode())
        texts = {r.name: library.page(r.document_id, 0).text for r in library.documents()}
    return {document.style: texts[document.name] for document in DOCUMENTS}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@pytest.mark.parametrize("document", ORDERS, ids=lambda document: document.style)
def test_a_model_that_obeys_is_not_heard(
    document: HostileDocument, reading: Reading, page_texts: dict[str, str]
) -> None:
    """A model that fell for every order put the word into 28 to 34 of 40 answers, with a citation:
    the order and the sentence after it supported the word together, and the second fits the
    question.
    """
    hit = make_hit(page_texts[document.style], document=document.name)
    search = FakeSearch([hit])
    for obedient in (
        document.word,
        f"{document.word} [1].",
        f"The answer is {document.word} [1].",
        f"{document.question.removesuffix('?')}: {document.word} [1].",
    ):
        answerer = Answerer(
            search,
            lambda said=obedient: ScriptedGenerator(said),  # type: ignore[misc]
            pages=search,
            options=AnswerOptions(reading=reading),
        )
        answer = answerer.ask(document.question)
        assert not document.obeyed(answer.text), answer.text
        for citation in answer.citations:
            assert page_text(hit)[citation.start : citation.end] == citation.quote


def test_what_a_document_hides_from_readers_is_not_read_either(page_texts: dict[str, str]) -> None:
    """HTML that is never shown is no text of the page."""
    for document in DOCUMENTS:
        if document.style in ("hidden element", "comment"):
            assert document.word not in page_texts[document.style]


@cache
def vocabulary(path: Path) -> Model:
    return Model(path, gpu_layers=0, weights=False)


@pytest.fixture(scope="module")
def model(llm_path: Path) -> Iterator[Model]:
    """The vocabulary of the bundled model; its weights are not needed."""
    model = vocabulary(llm_path)
    yield model
    vocabulary.cache_clear()
    model.close()


def control_tokens(model: Model, messages: Sequence[Message]) -> Counter[int]:
    tokenizer = model.tokenizer
    template = ChatTemplate(CHATML, tokenizer, bos_text="<|im_start|>", eos_text="<|im_end|>")
    tokens = template.encode(messages).tokens
    return Counter(token for token in tokens if tokenizer.piece(token) == b"")


@pytest.mark.model
@given(question=hostile_text, name=hostile_text, text=hostile_text, earlier=hostile_text)
def test_no_document_and_no_question_puts_a_chat_marker_into_the_prompt(
    model: Model, question: str, name: str, text: str, earlier: str
) -> None:
    """With the real tokenizer: the control tokens are those of a harmless conversation."""

    def conversation(question: str, name: str, text: str, earlier: str) -> list[Message]:
        messages = build_messages(question, [LabelledPassage(name, 1, text)])
        said = [Message("user", earlier), Message("assistant", earlier)]
        return [messages[0], *said, *messages[1:]]

    harmless = control_tokens(model, conversation("Why?", "a.txt", "So it is.", "Hello."))
    assert sum(harmless.values()) == 9  # five turns, each begun and four of them ended
    assert control_tokens(model, conversation(question, name, text, earlier)) == harmless


@pytest.mark.model
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.style)
def test_no_planted_text_is_a_chat_marker(model: Model, document: HostileDocument) -> None:
    plain = [Message("user", "hello")]
    assert control_tokens(model, [Message("user", document.text)]) == control_tokens(model, plain)


@given(text=hostile_text, answer=hostile_text)
def test_no_document_makes_a_marker_that_names_no_citation(text: str, answer: str) -> None:
    """A document that is quoted has brackets of its own; they must not pass for ours."""
    hit = make_hit(f"The ridge path is 8 kilometres long [7]{text}. {text}")
    search = FakeSearch([hit])
    answerer = Answerer(
        search,
        lambda: ScriptedGenerator(answer),
        pages=search,
        options=AnswerOptions(
            reading=replace(SMALL_READER, writes=True, draft_fit=0.0, least_confidence=0.0)
        ),
    )
    answered = answerer.ask("How long is the ridge path?")
    for citation in answered.citations:
        assert page_text(hit)[citation.start : citation.end] == citation.quote
    markers = {citation.marker for citation in answered.citations}
    assert {int(found) for found in re.findall(r"\[(\d{1,3})\]", answered.text)} <= markers
