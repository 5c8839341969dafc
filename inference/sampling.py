"""One request's way from logits to tokens: greedy by argmax, the rest by llama.cpp's samplers."""

from __future__ import annotations

import random

import numpy as np

from inference.llama.context import Context, LogitsArray
from inference.llama.grammar import Grammar
from inference.llama.model import Model
from inference.llama.sampler_chain import SamplerChain
from inference.request import SamplingParams, TokenLogprob
from inference.verbatim import VerbatimState


class Sampler:
    """Samples for one request; free it with `close`.

    Greedy requests without penalties or biases take numpy's argmax on the logits view (3 us)
    instead of a sampler chain (58 us). Raises InvalidRequest for a grammar that cannot be parsed.
    """

    def __init__(self, model: Model, params: SamplingParams) -> None:
        self._model = model
        self._top_logprobs = params.logprobs
        plain = (params.repeat_penalty, params.frequency_penalty, params.presence_penalty)
        self.is_greedy = params.temperature == 0.0 and plain == (1.0, 0.0, 0.0)
        self.is_greedy = self.is_greedy and not params.logit_bias
        self._grammar = Grammar(model, params.grammar) if params.grammar else None
        self._verbatim = (
            VerbatimState(model.tokenizer.by_piece, params.verbatim) if params.verbatim else None
        )
        seed = params.seed if params.seed is not None else random.SystemRandom().getrandbits(32)
        self._chain = None if self.is_greedy else SamplerChain(model, params, seed=seed)
        # Drafted tokens are checked one row after the other; a chain with memory (penalties, the
        # random draw), a grammar or a text would have to be rolled back with them.
        free = self._grammar is None and self._verbatim is None
        self.can_verify_drafts = self.is_greedy and free

    def sample(self, context: Context, row: int) -> int:
        """The next token, from the logits of `row` of the last batch."""
        if self._verbatim is not None:
            return self._copied(self._verbatim, context, row)
        token = self._choose(context, row)
        if self._grammar is None:
            return token
        # Most tokens are allowed, and checking one is far cheaper than masking the vocabulary.
        if not self._grammar.allows(token):
            logits = context.logits(row)
            logits[:] = self._grammar.mask(logits)
            token = self._choose(context, row)
        if not self._model.tokenizer.is_end_of_generation(token):
            self._grammar.accept(token)
        return token

    def _copied(self, verbatim: VerbatimState, context: Context, row: int) -> int:
        allowed = verbatim.allowed()
        logits = context.logits(row)
        if self.is_greedy:
            token = allowed[int(logits[allowed].argmax())]
        else:
            kept = logits[allowed]
            logits[:] = -np.inf
            logits[allowed] = kept
            token = self._choose(context, row)
        verbatim.accept(token)
        return token

    def _choose(self, context: Context, row: int) -> int:
        if self._chain is None:
            return int(context.logits(row).argmax())
        return self._chain.sample(context, row)

    def logprob(self, context: Context, row: int, token: int) -> TokenLogprob | None:
        """Log-probability of a sampled token under the unmodified distribution, if asked for."""
        if self._top_logprobs is None:
            return None
        logits = context.logits(row).astype(np.float64)
        log_total = _log_sum_exp(logits)
        tokenizer = self._model.tokenizer
        best: list[int] = []
        if self._top_logprobs:
            top = np.argpartition(logits, -self._top_logprobs)[-self._top_logprobs :]
            best = [int(i) for i in top[np.argsort(-logits[top], kind="stable")]]

        def spelled(index: int) -> str:
            return tokenizer.piece(index).decode("utf-8", "replace")

        return TokenLogprob(
            text=spelled(token),
            logprob=float(logits[token] - log_total),
            top=tuple((spelled(i), float(logits[i] - log_total)) for i in best),
        )

    def close(self) -> None:
        """Free llama.cpp's samplers. Idempotent."""
        if self._chain is not None:
            self._chain.close()
        if self._grammar is not None:
            self._grammar.close()


def _log_sum_exp(logits: np.ndarray[tuple[int], np.dtype[np.float64]] | LogitsArray) -> float:
    finite = logits[np.isfinite(logits)]
    highest = float(finite.max())
    return highest + float(np.log(np.exp(finite - highest).sum()))
