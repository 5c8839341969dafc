"""OpenAI's embeddings as data. Pure: knows no model."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from app.api.bodies import WholeTextBody
from app.api.errors import ApiError

MOST_TEXTS = 2048  # OpenAI's own limit


class EmbeddingBody(WholeTextBody):
    """Texts to embed."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(description="The embedding model's name in /v1/models")
    input: str | list[str] | list[int] | list[list[int]] = Field(
        description=f"A text, or up to {MOST_TEXTS} texts; token ids are refused"
    )
    encoding_format: Literal["float", "base64"] = Field(
        default="float", description="base64: the vector's little-endian float32 bytes"
    )
    dimensions: int | None = Field(default=None, description="Only the model's own number")
    input_type: Literal["document", "query"] = Field(
        default="document",
        description="What the texts are, for models that tell them apart. Not OpenAI's",
    )

    def texts(self) -> list[str]:
        """The texts. Raises ApiError for none, too many, empty ones and token ids."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not 1 <= len(texts) <= MOST_TEXTS:
            raise _wrong_input(f"send 1 to {MOST_TEXTS} texts, not {len(texts)}")
        words = [text for text in texts if isinstance(text, str)]
        if len(words) < len(texts):
            raise _wrong_input(
                "send text: token ids of another model's tokenizer mean nothing here"
            )
        if not all(text.strip() for text in words):
            raise _wrong_input("a text to embed must not be empty")
        return words

    def check_dimensions(self, dimensions: int) -> None:
        """Raise ApiError where another size is asked for than the model's."""
        if self.dimensions not in (None, dimensions):
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                f"this model's vectors have {dimensions} dimensions; leave `dimensions` out",
                param="dimensions",
                code="unsupported_parameter",
            )

    def reply(self, vectors: NDArray[np.float32], tokens: int) -> dict[str, Any]:
        """The list of embeddings. vectors: (n, dim) unit vectors."""
        data = [
            {"object": "embedding", "index": index, "embedding": self._encode(vector)}
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": self.model, "data": data, "usage": usage}

    def _encode(self, vector: NDArray[np.float32]) -> str | list[float]:
        if self.encoding_format == "float":
            return [float(value) for value in vector]
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def check_lengths(counts: Sequence[int], most_tokens: int) -> None:
    """Raise ApiError for texts that the model would cut. counts: tokens of each."""
    for index, count in enumerate(counts):
        if count > most_tokens:
            raise _wrong_input(
                f"text {index} has {count} tokens, but this model reads at most {most_tokens}; "
                "split it"
            )


def _wrong_input(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message, param="input")
