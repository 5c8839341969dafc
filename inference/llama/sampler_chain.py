"""llama.cpp's samplers, one after the other."""

from __future__ import annotations

from typing import Any

import llama_cpp

from inference.llama.context import Context
from inference.llama.model import Model
from inference.request import SamplingParams

PENALTY_WINDOW_TOKENS = 64  # llama.cpp's own default for repeat penalties


class SamplerChain:
    """llama.cpp's sampler chain for one request; free it with `close`.

    Order as in llama.cpp's own programs: bias, penalties, top-k, top-p, min-p, temperature, draw.
    """

    def __init__(self, model: Model, params: SamplingParams, *, seed: int) -> None:
        self._chain = llama_cpp.llama_sampler_chain_init(
            llama_cpp.llama_sampler_chain_default_params()
        )
        vocabulary = model.tokenizer.size
        if params.logit_bias:
            biases = (llama_cpp.llama_logit_bias * len(params.logit_bias))()
            for slot, (token, bias) in zip(biases, params.logit_bias.items(), strict=True):
                slot.token, slot.bias = token, bias
            self._add(llama_cpp.llama_sampler_init_logit_bias(vocabulary, len(biases), biases))
        if (params.repeat_penalty, params.frequency_penalty, params.presence_penalty) != (1, 0, 0):
            self._add(
                llama_cpp.llama_sampler_init_penalties(
                    vocabulary,
                    PENALTY_WINDOW_TOKENS,
                    params.repeat_penalty,
                    params.frequency_penalty,
                    params.presence_penalty,
                )
            )
        if params.temperature == 0.0:
            self._add(llama_cpp.llama_sampler_init_greedy())
            return
        # top_k first: top_p over a whole vocabulary costs 0.5 ms a token more.
        if params.top_k:
            self._add(llama_cpp.llama_sampler_init_top_k(params.top_k))
        if params.top_p < 1.0:
            self._add(llama_cpp.llama_sampler_init_top_p(params.top_p, 1))
        if params.min_p > 0.0:
            self._add(llama_cpp.llama_sampler_init_min_p(params.min_p, 1))
        self._add(llama_cpp.llama_sampler_init_temp(params.temperature))
        self._add(llama_cpp.llama_sampler_init_dist(seed))

    def _add(self, sampler: Any) -> None:
        llama_cpp.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, context: Context, row: int) -> int:
        """Draw from the logits of `row` of the last batch, and remember the token."""
        return int(llama_cpp.llama_sampler_sample(self._chain, context.handle, row))

    def close(self) -> None:
        """Free the chain. Idempotent."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None
