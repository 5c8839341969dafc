"""Drafts from the prompt's own text: answers that quote repeat long runs of their prompt.

The last tokens of the text so far are looked up in its own past, and what followed there is
proposed. The model checks a whole proposal in one batch, so a right one costs one step instead of
several, and a wrong one costs a few rows. Exact under greedy decoding: only tokens that the model
would have chosen are kept.

A draft is as long as its tokens are worth their rows: a further token is kept if all before it are,
so with a chance p of each, the k-th is of use with p to the power of k.

Source: prompt lookup decoding (github.com/apoorvumang/prompt-lookup-decoding), made incremental
and adaptive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

SHORTEST_NGRAM = 2
# Length of the repeated n-gram -> chance that the token which followed it follows again, before
# anything is known of this text. Longer repetitions go on more often.
PRIOR = {2: 0.35, 3: 0.55, 4: 0.75}
PRIOR_TOKENS = 4.0  # how many checked tokens outweigh the prior
MEMORY = 0.98  # what is left of the checked tokens' weight after each token of the text
LONGEST_NGRAM = max(PRIOR)
LONGEST_DRAFT_TOKENS = 12


class NGramDrafter:
    """Draft state of one sequence."""

    def __init__(self) -> None:
        # n-gram -> index of the token after its latest occurrence, the current end excluded
        self._followers: dict[tuple[int, ...], int] = {}
        self._indexed = 0
        self._checked = dict.fromkeys(PRIOR, 0.0)
        self._right = dict.fromkeys(PRIOR, 0.0)
        self._drafted_from = LONGEST_NGRAM

    def propose(self, tokens: Sequence[int], *, limit: int, worth: float) -> list[int]:
        """Up to `limit` tokens that may follow `tokens` (prompt and output so far).

        worth: the chance in (0, 1) above which checking a token pays.
        """
        self._index(tokens)
        for size in PRIOR:
            self._checked[size] *= MEMORY
            self._right[size] *= MEMORY
        for size in sorted(PRIOR, reverse=True):
            start = self._followers.get(tuple(tokens[-size:])) if len(tokens) >= size else None
            if start is not None:
                self._drafted_from = size
                count = min(limit, LONGEST_DRAFT_TOKENS, self._worthwhile_tokens(size, worth))
                return list(tokens[start : start + max(0, count)])
        return []

    def chance(self, size: int) -> float:
        """That the token after a repeated n-gram of `size` is the one that followed before."""
        right = self._right[size] + PRIOR_TOKENS * PRIOR[size]
        return right / (self._checked[size] + PRIOR_TOKENS)

    def _worthwhile_tokens(self, size: int, worth: float) -> int:
        chance = self.chance(size)
        if chance >= 1.0:
            return LONGEST_DRAFT_TOKENS
        return int(math.log(worth) / math.log(chance))

    def _index(self, tokens: Sequence[int]) -> None:
        """Add the n-grams that end before the last token: the last one has no follower yet."""
        for end in range(max(self._indexed, SHORTEST_NGRAM), len(tokens)):
            for size in range(SHORTEST_NGRAM, LONGEST_NGRAM + 1):
                if end >= size:
                    self._followers[tuple(tokens[end - size : end])] = end
        self._indexed = max(self._indexed, len(tokens))

    def record(self, drafted: int, accepted: int) -> None:
        """Learn from the latest proposal: what comes after its first wrong token says nothing."""
        self._checked[self._drafted_from] += accepted + (accepted < drafted)
        self._right[self._drafted_from] += accepted
