"""Question sets in their own formats -> texts to ask about and questions with their right answers.

Pure reading; knows no library and no model. Understood are SQuAD 1.1 and 2.0 files, ClapNQ
(answerable.jsonl, unanswerable.jsonl, corpus.jsonl), page evidence (FinanceBench: questions.jsonl
and pdfs/), RGB (positive, positive_wrong or negative), and question files of one's own,
JSON or JSONL, which are asked of a library that is there already.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from rag.retrieval_sets import Entry


class AnswerSetError(ValueError):
    """A path holds no question set that is understood; the message says what was expected."""


class Answerable(StrEnum):
    """Whether the texts answer a question: they do, they only seem to, or it is of other things."""

    YES = "answerable"
    NO = "unanswerable"
    OFF_TOPIC = "off-topic"


class JudgedBy(StrEnum):
    """How an answer is compared with the right ones."""

    WORDS = "words"  # it has one of them, word for word
    FIGURES = "figures"  # its figures, or yes and no, agree with theirs
    SPANS = "spans"  # there is only a long answer: its citations are compared


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what a right answer has.

    gold: right answers, any of which will do; () where there is none.
    document, page: what must be cited: a file's name (or an entry's key) and its page from 1.
    sentences: [start, end) of every sentence of the document's text, where the set has them;
    supporting: the indices of those that support the answer.
    contested: keys of entries that say something false; true_entries: of those that do not.
    """

    text: str
    gold: tuple[str, ...] = ()
    answerable: Answerable = Answerable.YES
    document: str | None = None
    page: int | None = None
    sentences: tuple[tuple[int, int], ...] = ()
    supporting: frozenset[int] = frozenset()
    contested: frozenset[str] = frozenset()
    true_entries: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AnswerSet:
    """What is asked, and of what.

    entries: texts; files: documents to be ingested as they are. With neither, the questions are
    asked of a library that is there.
    """

    name: str
    entries: tuple[Entry, ...]
    files: tuple[Path, ...]
    questions: tuple[Question, ...]
    judged_by: JudgedBy = JudgedBy.WORDS

    def sample(self, count: int, *, seed: int) -> AnswerSet:
        """At most `count` questions, drawn at random; as many answerable ones as others."""
        groups = [
            [q for q in self.questions if (q.answerable is Answerable.YES) is answerable]
            for answerable in (True, False)
        ]
        half = count // 2 if all(groups) else count
        draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
        return replace(
            self,
            questions=tuple(
                q for group in groups for q in draw.sample(group, min(half, len(group)))
            ),
        )

    def with_off_topic(self, questions: Iterable[Question]) -> AnswerSet:
        """The set with questions that its texts know nothing of."""
        strangers = tuple(
            Question(question.text, answerable=Answerable.OFF_TOPIC) for question in questions
        )
        return replace(self, questions=self.questions + strangers)


def load_answer_sets(path: Path) -> list[AnswerSet]:
    """The question sets at a path, sorted by name. Raises AnswerSetError."""
    try:
        found = list(_sets_at(path))
    except AnswerSetError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(path, repr(error)) from error
    if not found:
        raise AnswerSetError(
            f"Expected a SQuAD file, ClapNQ, page evidence, RGB or a file of questions at {path},"
            " and found none; see paperlight eval answers --help."
        )
    return found


def load_questions(path: Path) -> tuple[Question, ...]:
    """Questions of a JSON list or of JSON lines.

    Each has "question" and its right answers as "answers", "answer" or "answer_contains" (text or
    a list); "answerable": false where there is none; and, if that is to be judged, the "document"
    and "page" to be cited. Raises AnswerSetError.
    """
    text = path.read_text("utf-8")
    if not text.lstrip().startswith("["):
        return tuple(
            _own_question(row, path, f"line {number}") for number, row in _lines(path, text)
        )
    rows = enumerate(_json(text, path), 1)
    return tuple(_own_question(row, path, f"entry {number}") for number, row in rows)


def _sets_at(path: Path) -> Iterator[AnswerSet]:
    if path.is_dir():
        if (path / "answerable.jsonl").is_file():
            yield _clapnq(path)
        elif (path / "questions.jsonl").is_file() and (path / "pdfs").is_dir():
            yield _page_evidence(path)
        else:
            for inside in sorted(path.iterdir()):
                if inside.suffix in (".json", ".jsonl"):
                    yield from _sets_at(inside)
    elif path.suffix == ".json" and isinstance(
        loaded := _json(path.read_text("utf-8"), path), dict
    ):
        yield _squad(path.parent.name if path.stem.startswith("dev") else path.stem, loaded)
    elif path.suffix == ".jsonl" and "positive" in (row := next(_rows(path), {})):
        yield _counterfactual(path) if "positive_wrong" in row else _noisy(path)
    elif path.suffix in (".json", ".jsonl"):
        yield AnswerSet(path.stem, (), (), load_questions(path))


def _squad(name: str, loaded: Mapping[str, Any]) -> AnswerSet:
    entries: dict[str, Entry] = {}  # a paragraph that stands twice is one entry
    questions = []
    for article in loaded["data"]:
        for paragraph in article["paragraphs"]:
            text = paragraph["context"]
            entry = entries.setdefault(text, Entry(f"p{len(entries)}", "", text))
            for asked in paragraph["qas"]:
                gold = tuple(dict.fromkeys(a["text"] for a in asked["answers"]))
                answerable = Answerable.YES if gold else Answerable.NO
                document = entry.key if gold else None
                questions.append(Question(asked["question"].strip(), gold, answerable, document))
    return AnswerSet(name, tuple(entries.values()), (), tuple(questions))


def _clapnq(folder: Path) -> AnswerSet:
    rows = list(_rows(folder / "corpus.jsonl"))
    entries = tuple(Entry(row["_id"], row.get("title", ""), row["text"]) for row in rows)
    keys = {entry.text: entry.key for entry in entries}
    questions = []
    for row in _rows(folder / "answerable.jsonl"):
        passage = row["passages"][0]
        if passage["text"] not in keys:
            continue
        spans = _sentence_spans(passage["text"], passage["sentences"])
        answers = [output for output in row["output"] if output["answer"]]
        chosen = {sentence.strip() for o in answers for sentence in o["selected_sentences"]}
        questions.append(
            Question(
                row["input"],
                gold=tuple(output["answer"] for output in answers),
                document=keys[passage["text"]],
                sentences=spans,
                supporting=frozenset(
                    index
                    for index, sentence in enumerate(passage["sentences"])
                    if sentence.strip() in chosen
                ),
            )
        )
    for row in _rows(folder / "unanswerable.jsonl"):
        questions.append(Question(row["input"], answerable=Answerable.NO))
    return AnswerSet(folder.name, entries, (), tuple(questions), JudgedBy.SPANS)


def _sentence_spans(text: str, sentences: Sequence[str]) -> tuple[tuple[int, int], ...]:
    spans = []
    at = 0
    for sentence in sentences:
        start = text.find(sentence, at)
        if start < 0:
            raise ValueError(f"a sentence is not in its passage: {sentence[:60]!r}")
        at = start + len(sentence)
        spans.append((start, at))
    return tuple(spans)


def _page_evidence(folder: Path) -> AnswerSet:
    files = {file.stem: file for file in sorted((folder / "pdfs").glob("*.pdf"))}
    questions = []
    for row in _rows(folder / "questions.jsonl"):
        evidence = [each for each in row["evidence"] if each["doc_name"] in files]
        if evidence:
            questions.append(
                Question(
                    row["question"],
                    (row["answer"],),
                    document=files[evidence[0]["doc_name"]].name,
                    page=evidence[0]["evidence_page_num"] + 1,  # they begin with 0
                )
            )
    return AnswerSet(folder.name, (), tuple(files.values()), tuple(questions), JudgedBy.FIGURES)


def _counterfactual(path: Path) -> AnswerSet:
    entries: list[Entry] = []
    questions = []
    for row in _rows(path):
        keys: dict[str, set[str]] = {}
        for kind in ("positive", "positive_wrong"):
            for number, text in enumerate(row[kind]):
                key = f"{row['id']}-{kind}-{number}"
                keys.setdefault(kind, set()).add(key)
                entries.append(Entry(key, "", text))
        questions.append(
            Question(
                row["query"],
                gold=_texts(row["answer"]),
                contested=frozenset(keys["positive_wrong"]),
                true_entries=frozenset(keys["positive"]),
            )
        )
    return AnswerSet(path.stem, tuple(entries), (), tuple(questions))


def _noisy(path: Path) -> AnswerSet:
    """RGB's rows without falsified passages: the odd ones are to be refused.

    Of those only the passages that do not answer are there; of the others those that do, too.
    """
    entries: list[Entry] = []
    questions = []
    for number, row in enumerate(_rows(path)):
        answerable = number % 2 == 0
        for kind in ("positive", "negative") if answerable else ("negative",):
            entries += [
                Entry(f"{row['id']}-{kind}-{place}", "", text)
                for place, text in enumerate(row.get(kind, ()))
            ]
        questions.append(
            Question(row["query"], gold=_texts(row["answer"]))
            if answerable
            else Question(row["query"], answerable=Answerable.NO)
        )
    return AnswerSet(path.stem, tuple(entries), (), tuple(questions))


def _own_question(row: Any, path: Path, place: str) -> Question:
    """place: of the file where it stands."""
    if not isinstance(row, dict) or not isinstance(row.get("question"), str):
        like = '{"question": "...", "answers": ["..."]}'
        raise _unreadable(path, f"{place} has no question; write it like {like}")
    gold = next(
        (_texts(row[name]) for name in ("answers", "answer", "answer_contains") if name in row), ()
    )
    if not row.get("answerable", True):
        gold = ()
    return Question(
        row["question"],
        gold,
        Answerable.YES if gold else Answerable.NO,
        document=row.get("document"),
        page=row.get("page"),
    )


def _texts(value: Any) -> tuple[str, ...]:
    """The texts in a value: one, a list, or lists of alternatives."""
    if isinstance(value, str):
        return (value,) if value.strip() else ()
    return tuple(text for each in value for text in _texts(each))


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    yield from (row for _, row in _lines(path, path.read_text("utf-8")))


def _lines(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    """What each line of a file says, with the line's number from 1."""
    # Not splitlines: a text may have a line separator of Unicode in it.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _json(line, path, first_line=number)


def _json(text: str, path: Path, *, first_line: int = 1) -> Any:
    """What a file, or a part of it that begins at `first_line`, says. Raises AnswerSetError."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        why = f"line {line} is not JSON: {error.msg} at column {error.colno}"
        raise _unreadable(path, why) from error


def _unreadable(path: Path, why: str) -> AnswerSetError:
    return AnswerSetError(f"{path} cannot be read as a question set: {why}.")
