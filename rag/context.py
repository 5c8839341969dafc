"""Hits -> what of them, and of examples and history, goes into a prompt of limited size.

Pure but for the token counter it is given. Every passage it returns is still a verbatim span of
its page: passages are merged or cut, never rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rag.errors import ContextTooSmall, QuestionTooLong
from rag.prompts import DEFAULT_TEMPLATE, Example, Template, build_messages, label, labelled
from rag.results import Hit, PageText, Turn
from rag.sections import sections_of
from rag.sentences import sentence_spans

CountTokens = Callable[[str], int]

# Role markers and line ends that a chat template puts around one message; templates in common use
# need 3 to 8.
_MESSAGE_OVERHEAD_TOKENS = 10
# Pieces tokenized apart never need fewer tokens than together, but the joins may differ by one.
_PART_OVERHEAD_TOKENS = 2
_SMALLEST_PASSAGE_TOKENS = 48
# Shares of the room that is left after instructions and question.
_HISTORY_SHARE = 0.25
_EXAMPLES_SHARE = 0.35
_MERGE_GAP_CHARS = 2


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """What fits: passages in prompt order, examples, history oldest first."""

    passages: tuple[Hit, ...]
    examples: tuple[Example, ...]
    history: tuple[Turn, ...]


def merge_adjacent(hits: Sequence[Hit], page_text: PageText) -> list[Hit]:
    """Hits of the same page that touch or overlap become one, at the place of the best of them.

    Where the page is gone they are left out, as a search does: it was removed since.
    """
    merged: list[Hit] = []
    for hit in hits:
        merged.append(hit)
        while (pair := _touching_pair(merged)) is not None:  # a merged hit may touch the next
            first, second = pair
            one, other = merged[first], merged.pop(second)
            start, end = min(one.start, other.start), max(one.end, other.end)
            try:
                text = page_text(one.document_id, one.page_index)[start:end]
            except LookupError:
                del merged[first]
                continue
            sections = tuple(sorted({*sections_of(one), *sections_of(other)}))
            merged[first] = replace(one, start=start, end=end, text=text, sections=sections)
    return merged


def fit_prompt(
    question: str,
    hits: Sequence[Hit],
    *,
    count_tokens: CountTokens,
    prompt_tokens: int,
    examples: Sequence[Example] = (),
    history: Sequence[Turn] = (),
    template: Template = DEFAULT_TEMPLATE,
) -> FittedPrompt:
    """Choose what goes into a prompt of at most `prompt_tokens` tokens, by this estimate.

    The question and the best passage come first, then history (newest first), then examples,
    then more passages in the order of `hits`. A best passage that is too long is cut at sentence
    ends. The estimate is made of parts, so check the whole prompt before sending it.
    Raises ContextTooSmall or QuestionTooLong when question and a piece of a passage do not fit.
    """
    fixed = count_tokens(template.system) + 2 * _MESSAGE_OVERHEAD_TOKENS
    if fixed + _SMALLEST_PASSAGE_TOKENS >= prompt_tokens:
        raise ContextTooSmall(
            f"The instructions need {fixed} tokens, but the model's context leaves "
            f"{max(0, prompt_tokens)} for the prompt; raise context_tokens or lower "
            "max_answer_tokens."
        )
    asked = count_tokens(question) + _MESSAGE_OVERHEAD_TOKENS
    room = prompt_tokens - fixed - asked
    if room < _SMALLEST_PASSAGE_TOKENS:
        raise QuestionTooLong(
            f"The question has {asked} tokens, but at most "
            f"{prompt_tokens - fixed - _SMALLEST_PASSAGE_TOKENS} fit; shorten it."
        )
    first = _cut(hits[:1], count_tokens, room)
    left = room - sum(_passage_tokens(hit, count_tokens) for hit in first)
    turns, used = _newest_turns(history, count_tokens, min(left, int(room * _HISTORY_SHARE)))
    left -= used
    shown, used = _fitting_examples(
        examples, count_tokens, min(left, int(room * _EXAMPLES_SHARE)), template
    )
    left -= used
    passages = list(first)
    for hit in hits[1:]:
        cost = _passage_tokens(hit, count_tokens)
        if cost > left:
            break  # a worse passage that happens to be shorter must not displace a better one
        passages.append(hit)
        left -= cost
    return FittedPrompt(tuple(passages), shown, turns)


def smaller(fitted: FittedPrompt) -> FittedPrompt | None:
    """The same with one thing less: example, oldest turn, last passage; None when one is left."""
    if fitted.examples:
        return replace(fitted, examples=fitted.examples[:-1])
    if fitted.history:
        return replace(fitted, history=fitted.history[1:])
    if len(fitted.passages) > 1:
        return replace(fitted, passages=fitted.passages[:-1])
    return None


def _touching_pair(hits: Sequence[Hit]) -> tuple[int, int] | None:
    """The first two indices of hits that touch."""
    return next(
        ((i, j) for j in range(len(hits)) for i in range(j) if _touch(hits[i], hits[j])), None
    )


def _touch(one: Hit, other: Hit) -> bool:
    same_page = one.document_id == other.document_id and one.page_index == other.page_index
    gap = max(one.start, other.start) - min(one.end, other.end)
    return same_page and gap <= _MERGE_GAP_CHARS


def _passage_tokens(hit: Hit, count_tokens: CountTokens) -> int:
    head = "[99]" + label(labelled(hit))
    return count_tokens(head) + count_tokens(hit.text) + 2 * _PART_OVERHEAD_TOKENS


def _cut(hits: Sequence[Hit], count_tokens: CountTokens, room: int) -> tuple[Hit, ...]:
    """The hit, shortened to whole leading sentences (else characters) that fit the room."""
    if not hits or _passage_tokens(hits[0], count_tokens) <= room:
        return tuple(hits[:1])
    hit = hits[0]
    ends = [span.end for span in sentence_spans(hit.text)]
    ends += [len(hit.text) // (2**k) for k in range(1, 16)]
    for end in sorted({e for e in ends if e > 0}, reverse=True):
        shorter = replace(hit, end=hit.start + end, text=hit.text[:end])
        if _passage_tokens(shorter, count_tokens) <= room:
            return (shorter,)
    return ()


def _newest_turns(
    history: Sequence[Turn], count_tokens: CountTokens, room: int
) -> tuple[tuple[Turn, ...], int]:
    chosen: list[Turn] = []
    used = 0
    for turn in reversed(history):
        cost = count_tokens(turn.question) + count_tokens(turn.answer)
        cost += 2 * _MESSAGE_OVERHEAD_TOKENS
        if used + cost > room:
            break
        chosen.insert(0, turn)
        used += cost
    return tuple(chosen), used


def _fitting_examples(
    examples: Sequence[Example], count_tokens: CountTokens, room: int, template: Template
) -> tuple[tuple[Example, ...], int]:
    chosen: list[Example] = []
    used = 0
    for example in examples:
        messages = build_messages(example.question, example.passages, template=template)[1:]
        cost = sum(count_tokens(m.text) for m in messages) + count_tokens(example.answer)
        cost += 2 * _MESSAGE_OVERHEAD_TOKENS + _PART_OVERHEAD_TOKENS * 2 * len(example.passages)
        if used + cost > room:
            break
        chosen.append(example)
        used += cost
    return tuple(chosen), used
