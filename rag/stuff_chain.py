"""The usual chain that answers are measured against: the nearest chunks, stuffed into one prompt.

LangChain's own parts and its own prompt; no refusal but the model's, no citation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.prompts import PromptTemplate

from rag.refusal import says_it_does_not_know
from rag.results import Answer, AnswerTimings, AnswerUsage

# Source: github.com/langchain-ai/langchain, chains/question_answering/stuff_prompt.py
_PROMPT = PromptTemplate.from_template(
    "Use the following pieces of context to answer the question at the end. If you don't know the "
    "answer, just say that you don't know, don't try to make up an answer.\n\n{context}\n\n"
    "Question: {question}\nHelpful Answer:"
)


class StuffChain:
    """retrieve: question -> texts, best first. model: answers; its own decoding counts."""

    def __init__(self, retrieve: Callable[[str], Sequence[str]], model: BaseChatModel) -> None:
        self._retrieve = retrieve
        self._chain = _PROMPT | model
        self._model_name = str(model._identifying_params.get("model", ""))

    def ask(self, question: str) -> Answer:
        """The model's text as an answer without citations."""
        started = time.monotonic()
        context = "\n\n".join(self._retrieve(question))
        retrieved = time.monotonic()
        message = self._chain.invoke({"context": context, "question": question})
        text = str(message.text).strip()
        counted = message.usage_metadata
        usage = (
            AnswerUsage(
                counted["input_tokens"],
                counted.get("input_token_details", {}).get("cache_read", 0),
                counted["output_tokens"],
            )
            if counted
            else AnswerUsage()
        )
        timings = AnswerTimings(
            retrieval_seconds=retrieved - started, total_seconds=time.monotonic() - started
        )
        refused = not text or says_it_does_not_know(text)
        return Answer(question, text, refused, (), (), usage, timings, self._model_name)
