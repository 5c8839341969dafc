"""A document -> a summary in its own words: the sentences that stand for it, quoted in order.

Of an invoice or another form, which has hardly any, the lines with labels count as sentences.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rag.central_sentences import central, stands_alone
from rag.citations import CitedText, cite
from rag.evidence import Evidence
from rag.results import Hit
from rag.steps import Steps
from rag.windows import is_labelled, is_sentence, sentence_windows

_FEWEST = 3
_MOST = 7
_MOST_COMPARED = 4000  # sentences; of a longer document, every second one or fewer
_BATCH = 256
_LINE_AFTER_MARKER = re.compile(r"(\[\d+\][.!?]?) (?=\S)")


class TextVectors(Protocol):
    """What embeds sentences, e.g. rag.vectors.CachedEmbedder."""

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, dim) float32 unit vectors, in the order given; n >= 1."""
        ...


def quoted_summary(
    passages: Sequence[Hit], embedder: TextVectors, steps: Steps, cancel: threading.Event
) -> CitedText:
    """The sentences that stand for passages; the first lines where nothing does.

    passages: at least one. steps: one a batch of sentences. Nothing is quoted after `cancel`.
    """
    windows = [
        window
        for number, hit in enumerate(passages)
        for window in sentence_windows(number, hit.text)
    ]
    sentences = [window for window in windows if stands_alone(window.text)]
    if len(sentences) < _FEWEST:
        sentences = [w for w in windows if stands_alone(w.text) or is_labelled(w.text)]
    step = -(-len(sentences) // _MOST_COMPARED) or 1
    chosen = windows[:_FEWEST]
    if sentences := sentences[::step]:
        batches = [sentences[i : i + _BATCH] for i in range(0, len(sentences), _BATCH)]
        steps.count = len(batches)
        rows: list[NDArray[np.float32]] = []
        for batch in batches:
            if cancel.is_set():
                return CitedText("", (), 0, ())
            rows.append(embedder.passages([" ".join(window.text.split()) for window in batch]))
            steps.finish_one()
        count = min(_MOST, max(_FEWEST, len(sentences) // 2))
        opening = [window.start == 0 for window in sentences]
        chosen = [sentences[i] for i in central(np.concatenate(rows), count, opening=opening)]
    shown = list(dict.fromkeys(window.passage for window in chosen))
    evidence = Evidence([passages[number] for number in shown])
    quotes = [
        evidence.quote(replace(window, passage=shown.index(window.passage))) for window in chosen
    ]
    cited = cite("", evidence, quoted=quotes)
    if all(is_sentence(quote.text) for quote in quotes):
        return cited
    # Rows and items of lists are no text to read on in.
    return replace(cited, text=_LINE_AFTER_MARKER.sub(r"\1\n", cited.text))
