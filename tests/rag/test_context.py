from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import DocumentNotFound
from rag.context import fit_prompt, merge_adjacent, smaller
from rag.errors import ContextTooSmall, QuestionTooLong
from rag.examples import bundled_examples
from rag.prompts import build_messages, labelled
from rag.results import Hit, Turn
from tests.fakes import WordTokenizer
from tests.rag.passages import make_hit

PAGE = "The first sentence stands here. The second one follows it. The third ends the page."
count = WordTokenizer().count


def span(start: int, end: int, *, chunk_id: int = 1, document: str = "a.txt") -> Hit:
    return make_hit(PAGE[start:end], start=start, chunk_id=chunk_id, document=document)


def page_text(document_id: str, page_index: int) -> str:
    return PAGE


def test_touching_hits_become_one_verbatim_span_at_the_better_place() -> None:
    other = make_hit("Elsewhere.", document="b.txt", chunk_id=9)
    merged = merge_adjacent([span(32, 58, chunk_id=2), other, span(0, 31, chunk_id=1)], page_text)
    assert [hit.chunk_id for hit in merged] == [2, 9]
    assert (merged[0].start, merged[0].end) == (0, 58)
    assert merged[0].text == PAGE[0:58]


def test_hits_that_become_one_keep_what_each_stands_under() -> None:
    """All stood under the heading of the better: the soup's "Serves 4." was the cake's."""
    hits = [
        make_hit(PAGE[32:58], start=32, heading="Lentil soup", chunk_id=2),
        make_hit(PAGE[0:31], heading="Lemon cake", chunk_id=1),
        make_hit(PAGE[59:83], start=59, heading="Lentil soup", chunk_id=3),
    ]
    (merged,) = merge_adjacent(hits, page_text)
    assert merged.text == PAGE
    assert merged.sections == ((0, "Lemon cake"), (32, "Lentil soup"), (59, "Lentil soup"))


def test_a_hit_between_two_joins_all_three() -> None:
    hits = [span(0, 31, chunk_id=1), span(59, 83, chunk_id=3), span(32, 58, chunk_id=2)]
    assert [hit.text for hit in merge_adjacent(hits, page_text)] == [PAGE]


def test_hits_apart_or_in_other_documents_stay_apart() -> None:
    hits = [span(0, 10), span(40, 50), span(5, 15, document="b.txt")]
    assert merge_adjacent(hits, page_text) == hits


def test_touching_hits_of_a_page_that_is_gone_are_left_out() -> None:
    """A document was removed while a question was asked, which then ended with "not found"."""

    def gone(document_id: str, page_index: int) -> str:
        raise DocumentNotFound(document_id)

    other = make_hit("Elsewhere.", document="b.txt", chunk_id=9)
    hits = [span(32, 58, chunk_id=2), other, span(0, 31, chunk_id=1)]
    assert merge_adjacent(hits, gone) == [other]


def test_everything_goes_in_when_there_is_room() -> None:
    examples, history = bundled_examples()[:2], (Turn("Earlier?", "Yes."),)
    hits = [span(0, 31), span(32, 58)]
    fitted = fit_prompt(
        "Who?", hits, count_tokens=count, prompt_tokens=4000, examples=examples, history=history
    )
    assert (fitted.passages, fitted.examples, fitted.history) == (tuple(hits), examples, history)


def test_the_best_passage_is_cut_at_a_sentence_rather_than_left_out() -> None:
    long = make_hit("A sentence of seven words stands here. " * 40)
    fitted = fit_prompt("Who?", [long], count_tokens=count, prompt_tokens=250)
    (passage,) = fitted.passages
    assert long.text.startswith(passage.text)
    assert passage.text.endswith(".")
    assert passage.end == passage.start + len(passage.text)


def test_a_worse_passage_does_not_overtake_a_better_one() -> None:
    hits = [make_hit("one " * 20), make_hit("two " * 400), make_hit("three")]
    fitted = fit_prompt("Who?", hits, count_tokens=count, prompt_tokens=300)
    assert fitted.passages == (hits[0],)


def test_the_newest_turns_are_kept() -> None:
    history = [Turn(f"Question {i} of the talk?", "word " * 30) for i in range(20)]
    fitted = fit_prompt("Who?", [], count_tokens=count, prompt_tokens=600, history=history)
    assert 0 < len(fitted.history) < 20
    assert fitted.history == tuple(history[-len(fitted.history) :])


def test_a_question_that_is_too_long_says_how_long_it_may_be() -> None:
    with pytest.raises(QuestionTooLong, match=r"The question has 510 tokens, but at most \d+ fit"):
        fit_prompt("why " * 500, [], count_tokens=count, prompt_tokens=400)


def test_a_context_that_is_too_small_names_the_setting() -> None:
    with pytest.raises(ContextTooSmall, match="context_tokens"):
        fit_prompt("Who?", [], count_tokens=count, prompt_tokens=60)


@settings(max_examples=60)
@given(
    texts=st.lists(st.text(alphabet="ab. \n", max_size=400), max_size=5),
    room=st.integers(170, 900),
    turns=st.integers(0, 4),
    shots=st.integers(0, 3),
)
def test_the_prompt_never_exceeds_its_room(
    texts: list[str], room: int, turns: int, shots: int
) -> None:
    fitted = fit_prompt(
        "What is it?",
        [make_hit(text, document=f"{i}.txt") for i, text in enumerate(texts)],
        count_tokens=count,
        prompt_tokens=room,
        examples=bundled_examples()[:shots],
        history=[Turn("Who was it?", "It was she.")] * turns,
    )
    messages = build_messages(
        "What is it?",
        [labelled(hit) for hit in fitted.passages],
        examples=fitted.examples,
        history=fitted.history,
    )
    assert sum(count(message.text) + 4 for message in messages) <= room


def test_shrinking_ends_with_one_passage() -> None:
    hits = [span(0, 31), span(32, 58)]
    fitted = fit_prompt(
        "Who?",
        hits,
        count_tokens=count,
        prompt_tokens=4000,
        examples=bundled_examples()[:1],
        history=[Turn("Earlier?", "Yes.")],
    )
    steps = []
    shrunk = smaller(fitted)
    while shrunk is not None:
        steps.append((len(shrunk.examples), len(shrunk.history), len(shrunk.passages)))
        shrunk = smaller(shrunk)
    assert steps == [(0, 1, 2), (0, 0, 2), (0, 0, 1)]
