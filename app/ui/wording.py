"""What the page says when something fails: one sentence, never a traceback."""

from __future__ import annotations

import logging

from inference.request import InferenceError
from ingest.errors import IngestError
from rag.errors import RagError

logger = logging.getLogger(__name__)

READABLE = (IngestError, InferenceError, RagError)
GENERIC = "Something went wrong here; the server's log has the details."


def sentence(error: BaseException) -> str:
    """One sentence for a reader.

    Errors of our own packages are written for readers and are shown as they are. Anything else
    is a fault of ours: it is logged whole and shown without its inner workings.
    """
    if isinstance(error, READABLE) and str(error).strip():
        return str(error).strip()
    logger.error("unexpected failure behind the page", exc_info=error)
    return GENERIC
