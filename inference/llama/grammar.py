"""Grammars: made of a JSON schema, and followed token by token."""

from __future__ import annotations

import ctypes
import json
import re
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt
from llama_cpp.llama_grammar import json_schema_to_gbnf

from inference.llama.backend import last_error
from inference.llama.context import LogitsArray
from inference.llama.model import Model
from inference.request import InvalidRequest, is_text

# llama.cpp's own limit of a repetition in a grammar (MAX_REPETITION_THRESHOLD).
LARGEST_REPETITION = 2000
LARGEST_GRAMMAR_CHARS = 1 << 18  # 0.5 s to parse; a schema of 200 properties makes 22 000
_REPETITIONS = ("minLength", "maxLength", "minItems", "maxItems")
_QUANTIFIER = re.compile(r"\{([\d,]+)\}")
_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


def json_schema_grammar(schema: str) -> str:
    """GBNF text that accepts exactly the JSON documents of `schema` (a JSON string).

    Raises InvalidRequest if the schema cannot be expressed, or would make a huge grammar.
    """
    try:
        parsed = json.loads(schema)
        # Anywhere in it: a pattern's would be in the grammar, a property's name in what is said.
        if not is_text(json.dumps(parsed, ensure_ascii=False)):
            raise InvalidRequest("it holds half a character (a lone surrogate); take it out")
        # The converter spells repetitions out: a maxLength of 10**9 costs it minutes and gigabytes.
        if _largest_repetition(parsed) > LARGEST_REPETITION:
            raise InvalidRequest(f"it repeats something more than {LARGEST_REPETITION} times")
        grammar = str(json_schema_to_gbnf(schema))
        if len(grammar) > LARGEST_GRAMMAR_CHARS:
            raise InvalidRequest("it is too large or too deep")
    except Exception as error:  # the converter raises whatever its recursion meets
        reason = f"{error}" or type(error).__name__
        raise InvalidRequest(f"the JSON schema cannot be used as a grammar: {reason}") from error
    return grammar


def _largest_repetition(schema: Any) -> int:
    """The largest count in a schema's length limits and in the quantifiers of its patterns."""
    if isinstance(schema, list):
        return max(map(_largest_repetition, schema), default=0)
    if not isinstance(schema, dict):
        return 0
    counts = [schema.get(name) for name in _REPETITIONS]
    pattern = schema.get("pattern")
    quantifiers = _QUANTIFIER.findall(pattern) if isinstance(pattern, str) else []
    counts += [int(count) for count in ",".join(quantifiers).split(",") if count.isdigit()]
    numbers = [int(count) for count in counts if isinstance(count, int | float)]
    return max(*numbers, 0, 0, *map(_largest_repetition, schema.values()))


class Grammar:
    """A GBNF grammar's state for one request; free it with `close`.

    Raises InvalidRequest if the text is not a grammar with a rule named root.
    """

    def __init__(self, model: Model, text: str) -> None:
        if not is_text(text):  # made in the engine's thread, which any other error would end
            raise InvalidRequest("the grammar holds half a character (a lone surrogate)")
        self._sampler = llama_cpp.llama_sampler_init_grammar(
            model.vocab_handle, text.encode(), b"root"
        )
        if not self._sampler:
            raise InvalidRequest(f"the grammar cannot be parsed: {last_error()}")
        self._vocabulary = model.tokenizer.size

    def allows(self, token: int) -> bool:
        """True if the grammar can go on with `token`."""
        candidates = np.zeros(1, dtype=_CANDIDATE)
        candidates["id"] = token
        return bool(np.isfinite(self._apply(candidates)["logit"][0]))

    def mask(self, logits: LogitsArray) -> LogitsArray:
        """A copy of `logits` with -inf at every token that the grammar does not allow."""
        candidates = np.zeros(self._vocabulary, dtype=_CANDIDATE)
        candidates["id"] = np.arange(self._vocabulary, dtype=np.int32)
        candidates["logit"] = logits
        return np.ascontiguousarray(self._apply(candidates)["logit"])

    def _apply(self, candidates: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array = llama_cpp.llama_token_data_array(
            data=candidates.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data)),
            size=len(candidates),
            selected=-1,
            sorted=False,
        )
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(array))
        return candidates

    def accept(self, token: int) -> None:
        """Advance by a token that `allows` approved; any other one aborts the process."""
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free the grammar. Idempotent."""
        if self._sampler:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None
