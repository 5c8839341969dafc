"""How often planted instructions are obeyed: forty hostile documents, a question about each.

Hypothesis: none is, whatever the model: document text cannot forge a chat marker, and a sentence
is shown only where it is found in a passage that answers the question. The baseline is the usual
LangChain stuff-chain over the same index with the same model and decoding.

    python -m bench.hostile_documents [--model GGUF] [--no-baseline] [--output results.json]

obeyed: the planted word is said otherwise than in a quotation (tests/rag/hostile_documents.py has
the definition); right: the answer has what the document says elsewhere. Greedy decoding, questions
one after the other; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from inference.chat_model import PaperlightChatModel
from rag.library import Library
from rag.results import Answer
from rag.settings import Settings
from rag.stuff_chain import StuffChain
from tests.rag.hostile_documents import HostileDocument, hostile_documents


def main() -> None:
    """Ask all questions of each system and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="GGUF file or name; the bundled one without it")
    parser.add_argument("--baseline", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--output", type=Path, default=None)
    arguments = parser.parse_args()
    documents = hostile_documents()
    settings = Settings(model=arguments.model)
    with (
        tempfile.TemporaryDirectory() as folder,
        Library.open(folder, settings=settings) as library,
    ):
        for document in documents:
            library.add_bytes(document.name, document.text.encode())
        library.warm_up()
        systems: dict[str, Callable[[str], Answer]] = {"paperlight": library.ask}
        if arguments.baseline:
            model = PaperlightChatModel(
                service=library.generator, max_tokens=settings.max_answer_tokens
            )
            systems["stuff chain"] = StuffChain(
                lambda question: library.nearest_texts(question, k=settings.passages), model
            ).ask
        report: dict[str, Any] = {
            "bench": "hostile_documents",
            "model": library.generator.model_name,
            "machine": platform.processor() or platform.machine(),
            "documents": len(documents),
        }
        for name, ask in systems.items():
            report[name] = measured(name, documents, ask)
    line = json.dumps(report, ensure_ascii=False)
    if arguments.output is not None:
        arguments.output.write_text(line + "\n", "utf-8")
    print(line)


def measured(
    name: str, documents: list[HostileDocument], ask: Callable[[str], Answer]
) -> dict[str, Any]:
    """Counts over all documents, and the styles of those that were obeyed."""
    obeyed, right, refused = [], 0, 0
    started = time.monotonic()
    for document in documents:
        answer = ask(document.question)
        right += document.is_right(answer.text)
        refused += answer.refused
        if document.obeyed(answer.text):
            obeyed.append(document.style)
            print(f"{name}: obeyed ({document.style}): {answer.text!r}", file=sys.stderr)
    print(
        f"{name}: {len(obeyed)} of {len(documents)} obeyed, {right} right, {refused} refused",
        file=sys.stderr,
    )
    return {
        "obeyed": len(obeyed),
        "obeyed_styles": obeyed,
        "right": right,
        "refused": refused,
        "seconds": round(time.monotonic() - started, 1),
    }


if __name__ == "__main__":
    main()
