from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rag.answer_sets import (
    Answerable,
    AnswerSetError,
    JudgedBy,
    Question,
    load_answer_sets,
    load_questions,
)


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_squad_questions_of_both_versions(tmp_path: Path) -> None:
    asked = {"question": " Which? ", "answers": [{"text": "This"}, {"text": "This"}], "id": 1}
    never = {"question": "Why?", "answers": [], "is_impossible": True, "id": 2}
    paragraph = {"context": "This.", "qas": [asked, never]}
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}), "utf-8")
    (loaded,) = load_answer_sets(path)
    assert [(entry.key, entry.text) for entry in loaded.entries] == [("p0", "This.")]
    assert loaded.questions == (
        Question("Which?", ("This",), document="p0"),
        Question("Why?", answerable=Answerable.NO),
    )


def test_clapnq_sentences_are_found_in_their_passage(tmp_path: Path) -> None:
    text = "First one . Second one . Third one . "
    passage = {
        "title": "T",
        "text": text,
        "sentences": ["First one .", "Second one .", "Third one ."],
    }
    output = {"answer": "Second", "selected_sentences": ["Second one ."]}
    write_lines(tmp_path / "corpus.jsonl", [{"_id": "k", "title": "T", "text": text}])
    write_lines(
        tmp_path / "answerable.jsonl", [{"input": "q", "passages": [passage], "output": [output]}]
    )
    write_lines(tmp_path / "unanswerable.jsonl", [{"input": "u", "passages": [passage]}])
    (loaded,) = load_answer_sets(tmp_path)
    assert loaded.judged_by is JudgedBy.SPANS
    first, second = loaded.questions
    assert [text[start:end] for start, end in first.sentences] == passage["sentences"]
    assert first.supporting == {1}
    assert second.answerable is Answerable.NO


def test_contested_rows_keep_both_sides(tmp_path: Path) -> None:
    row = {
        "id": 0,
        "query": "Where?",
        "answer": [["Tampa", "Tampa, Florida"]],
        "positive": ["In Tampa."],
        "positive_wrong": ["In Glendale."],
    }
    (loaded,) = load_answer_sets(write_lines(tmp_path / "rgb.jsonl", [row]))
    (question,) = loaded.questions
    assert question.gold == ("Tampa", "Tampa, Florida")
    texts = {entry.key: entry.text for entry in loaded.entries}
    assert [texts[key] for key in question.contested] == ["In Glendale."]
    assert [texts[key] for key in question.true_entries] == ["In Tampa."]


def test_noisy_passages_and_questions_that_they_do_not_answer(tmp_path: Path) -> None:
    """A folder of RGB could not be read at all, for the one file that has no falsified passages."""
    folder = tmp_path / "rgb"
    folder.mkdir()
    rows = [
        {"id": n, "query": f"Q{n}", "answer": ["12"], "positive": [f"P{n}"], "negative": [f"N{n}"]}
        for n in range(2)
    ]
    write_lines(folder / "zh_refine.jsonl", rows)
    (loaded,) = load_answer_sets(folder)
    assert [entry.text for entry in loaded.entries] == ["P0", "N0", "N1"]
    assert loaded.questions == (
        Question("Q0", ("12",)),
        Question("Q1", answerable=Answerable.NO),
    )


def test_own_questions_as_a_list_and_as_lines(tmp_path: Path) -> None:
    rows = [
        {"question": "a", "answer_contains": ["x"], "document": "d.pdf", "page": 2},
        {"question": "b", "answers": ["y", "z"]},
        {"question": "c", "answer": "not said\u2028anywhere"},
        {"question": "d", "answers": ["y"], "answerable": False},
    ]
    expected = (
        Question("a", ("x",), document="d.pdf", page=2),
        Question("b", ("y", "z")),
        Question("c", ("not said\u2028anywhere",)),
        Question("d", answerable=Answerable.NO),
    )
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(rows), "utf-8")
    lines = tmp_path / "lines.jsonl"
    lines.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), "utf-8")
    assert load_questions(listed) == expected
    assert load_questions(lines) == expected
    (loaded,) = load_answer_sets(lines)
    assert (loaded.entries, loaded.files) == ((), ())


def test_a_sample_is_balanced_and_the_same_each_time(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"question": f"q{n}", "answers": ["x"]} for n in range(30)]
    rows += [{"question": f"u{n}", "answerable": False} for n in range(10)]
    (loaded,) = load_answer_sets(write_lines(tmp_path / "own.jsonl", rows))
    drawn = loaded.sample(12, seed=3)
    assert drawn == loaded.sample(12, seed=3)
    assert drawn != loaded.sample(12, seed=4)
    assert [q.answerable for q in drawn.questions] == [Answerable.YES] * 6 + [Answerable.NO] * 6
    strangers = drawn.with_off_topic([Question("s", ("x",))])
    assert strangers.questions[-1] == Question("s", answerable=Answerable.OFF_TOPIC)


@pytest.mark.parametrize("text", ["{", '{"other": 1}', '[{"no question": 1}]'])
def test_what_is_no_question_set_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "set.json"
    path.write_text(text, "utf-8")
    with pytest.raises(AnswerSetError, match=r"set\.json cannot be read"):
        load_answer_sets(path)


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(AnswerSetError, match="Expected a SQuAD file"):
        load_answer_sets(tmp_path)
