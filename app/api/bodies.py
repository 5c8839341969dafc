"""What bodies of requests have in common: text that is whole, and fields that are known."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from inference.request import is_text


class WholeTextBody(BaseModel):
    """A body without half characters (lone surrogates), which JSON can spell and UTF-8 cannot.

    Neither SQLite nor a tokenizer takes them, and no answer that repeats one can be sent.
    """

    @model_validator(mode="before")
    @classmethod
    def _whole(cls, body: Any) -> Any:
        try:
            written = json.dumps(body, ensure_ascii=False)
        except (RecursionError, TypeError, ValueError):
            return body  # too deep to be looked at, or no JSON: others say so
        if not is_text(written):
            raise PydanticCustomError(
                "half_character", "it holds half a character (a lone surrogate); take it out"
            )
        return body


class OwnBody(WholeTextBody):
    """A body of our own API: a field that it does not know is misspelt, and is refused."""

    model_config = ConfigDict(extra="forbid")
