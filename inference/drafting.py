"""Drafts from the prompt's own text: answers that quote repeat long runs of their prompt.

The last tokens of the text so far are looked up in its own past, and what followed there is
proposed. The model checks a whole proposal in one batch, so a right one costs one step instead of
several, and a wrong one costs a few rows. Exact under greedy decoding: only tokens that the model
would have chosen are kept.

Source: prompt lookup decoding (github.com/apoorvumang/prompt-lookup-decoding), made incremental
and adaptive.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_NGRAM = 4
SHORTEST_NGRAM = 2
FIRST_DRAFT_TOKENS = 4
LONGEST_DRAFT_TOKENS = 12
# Below this share of accepted tokens a draft row costs more than it saves (measured on 2 cores).
LOWEST_ACCEPTANCE = 0.3
PROBATION_TOKENS = 16  # drafted tokens before acceptance is judged
PAUSE_TOKENS = 32  # tokens without drafts after a failed judgement


class NGramDrafter:
    """Draft state of one sequence."""

    def __init__(self) -> None:
        # n-gram -> index of the token after its latest occurrence, the current end excluded
        self._followers: dict[tuple[int, ...], int] = {}
        self._indexed = 0
        self._draft_tokens = FIRST_DRAFT_TOKENS
        self._recent_drafted = 0
        self._recent_accepted = 0
        self._paused_until = 0

    def propose(self, tokens: Sequence[int], *, limit: int) -> list[int]:
        """Up to `limit` tokens that may follow `tokens` (prompt and output so far)."""
        self._index(tokens)
        if limit < 1 or len(tokens) < self._paused_until:
            return []
        for size in range(LONGEST_NGRAM, SHORTEST_NGRAM - 1, -1):
            if len(tokens) < size:
                continue
            start = self._followers.get(tuple(tokens[-size:]))
            if start is not None:
                return list(tokens[start : start + min(limit, self._draft_tokens)])
        return []

    def _index(self, tokens: Sequence[int]) -> None:
        """Add the n-grams that end before the last token: the last one has no follower yet."""
        for end in range(max(self._indexed, SHORTEST_NGRAM), len(tokens)):
            for size in range(SHORTEST_NGRAM, LONGEST_NGRAM + 1):
                if end >= size:
                    self._followers[tuple(tokens[end - size : end])] = end
        self._indexed = max(self._indexed, len(tokens))

    def record(self, drafted: int, accepted: int, length: int) -> None:
        """Learn from a checked draft. length: tokens in the sequence now."""
        if accepted == drafted:
            self._draft_tokens = min(2 * self._draft_tokens, LONGEST_DRAFT_TOKENS)
        else:
            self._draft_tokens = max(FIRST_DRAFT_TOKENS, accepted + 1)
        self._recent_drafted += drafted
        self._recent_accepted += accepted
        if self._recent_drafted >= PROBATION_TOKENS:
            if self._recent_accepted < LOWEST_ACCEPTANCE * self._recent_drafted:
                self._paused_until = length + PAUSE_TOKENS
            self._recent_drafted = self._recent_accepted = 0
