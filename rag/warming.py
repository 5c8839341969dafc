"""The state of passages, computed ahead of the questions.

A passage's block depends on the instructions before it and on its own text alone, so it can be
computed before anybody asks: the engine makes the blocks that a prompt needs, and here prompts are
made that need each passage once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from inference.request import Message, Priority, Prompt, Request, SamplingParams
from rag.errors import PassageBlocksUnused
from rag.generator import Generator, TokenStream
from rag.prompts import LabelledPassage, build_messages
from rag.reading import reading_for

# Passages of one prompt: the engine computes the blocks of a prompt side by side.
_PASSAGES_A_PROMPT = 4
# Prompts under way: while one is placed, the next one's blocks are computed.
_PROMPTS_UNDER_WAY = 2
_CANCEL_POLL_SECONDS = 0.2


def warm_passages(
    generator: Generator,
    passages: Sequence[LabelledPassage],
    *,
    progress: Callable[[int, int], None] | None = None,
    cancel: threading.Event | None = None,
) -> int:
    """Have the engine compute and keep every passage; returns for how many that was done.

    progress: told passages done and passages in all. Interactive questions go first meanwhile.
    Raises PassageBlocksUnused, and the generator's InferenceError.
    """
    if not generator.keeps_passages:
        raise PassageBlocksUnused(
            "Passage blocks are off, or this model cannot use them; set "
            "PAPERLIGHT_PASSAGE_BLOCKS=true and see docs/decisions.md for what they cost."
        )
    if reading_for(generator.model.parameters, keeps_passages=True).focus:
        raise PassageBlocksUnused(
            f"{generator.model_name} is too small to be shown whole passages; it is shown single "
            "sentences, which are not computed ahead. Use a larger model."
        )
    cancel = cancel or threading.Event()
    done = 0
    under_way: deque[tuple[TokenStream, int]] = deque()
    groups = deque(
        passages[start : start + _PASSAGES_A_PROMPT]
        for start in range(0, len(passages), _PASSAGES_A_PROMPT)
    )
    try:
        while (groups or under_way) and not cancel.is_set():
            while groups and len(under_way) < _PROMPTS_UNDER_WAY:
                group = groups.popleft()
                prompt = _prompt(generator, group)
                if prompt is None:  # too long together, or even alone
                    half = len(group) // 2
                    groups.extendleft(part for part in (group[half:], group[:half]) if half)
                    continue
                request = Request(prompt, SamplingParams(max_tokens=1), priority=Priority.BATCH)
                under_way.append((generator.submit(request), len(group)))
            if not under_way:
                break
            stream, count = under_way[0]
            stream.next_event(_CANCEL_POLL_SECONDS)
            if stream.ended:
                under_way.popleft()
                done += count
                if progress is not None:
                    progress(done, len(passages))
    finally:
        for stream, _ in under_way:
            stream.close()
    return done


def _prompt(generator: Generator, group: Sequence[LabelledPassage]) -> Prompt | None:
    """A prompt that shows these passages; None if it is longer than the model reads."""
    messages: list[Message] = build_messages("?", group)
    prompt = generator.encode_chat(messages)
    return prompt if len(prompt.tokens) < generator.context_tokens else None
