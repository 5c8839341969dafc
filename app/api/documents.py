"""The library's documents over HTTP, under /api/documents."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile

from app.api.dependencies import Client, Opened, Ready, Workers
from app.api.errors import ApiError, with_details
from app.api.filter_forms import FilterBody
from app.as_json import as_json
from ingest.errors import PageNotFound

router = APIRouter(prefix="/api/documents", tags=["documents"])


@router.get("")
def list_documents(workspace: Opened, chosen: Annotated[FilterBody, Query()]) -> dict[str, Any]:
    """The documents that fit a filter, or all, in the order they were added.

    Lists are given by repeating their name: ?types=pdf&types=email
    """
    documents = workspace.library.documents(filter=chosen.search_filter())
    return {"documents": [as_json(record) for record in documents]}


@router.post("")
async def add_documents(
    files: Annotated[list[UploadFile], File(description="One or more files")],
    workspace: Ready,
    workers: Workers,
    collection: str | None = None,
    password: Annotated[str, Form(description="Opens encrypted PDFs; kept nowhere")] = "",
) -> dict[str, Any]:
    """Add files. Each has an outcome: added, unchanged, replaced or skipped, with the reason.

    Instead of an archive, each file in it has an outcome and is a document of its own. Of a file's
    name only the last component is kept. What was received is added even if the client does not
    wait for the answer. An error in between has the outcomes of the files before it as `files`.
    """
    cancel = threading.Event()
    outcomes: list[dict[str, Any]] = []
    for upload in files:
        add = partial(
            workspace.library.add_bytes,
            upload.filename or "unnamed",
            upload.file,
            collection=collection,
            password=password,
            cancel=cancel,
        )
        try:
            report = await workers.run(add, cancel.set)
        except Exception as error:
            if outcomes:  # those files are in the library, whatever became of this one
                raise with_details(error, {"files": outcomes}) from error
            raise
        outcomes += [as_json(outcome) for outcome in report.files]
        if report.cancelled:
            raise ApiError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the server is stopping; {len(outcomes)} of {len(files)} files were added",
                details={"files": outcomes},
            )
    return {"files": outcomes}


@router.get("/{document_id}")
def get_document(document_id: str, workspace: Opened) -> dict[str, Any]:
    """What is known of a document."""
    return {"document": as_json(workspace.library.document(document_id))}


@router.delete("/{document_id}")
def remove_document(document_id: str, workspace: Opened) -> dict[str, Any]:
    """Take a document out of the library and out of every index."""
    workspace.library.remove(document_id)
    return {"removed": document_id}


@router.post("/{document_id}/summary")
async def summarize_document(
    document_id: str, request: Request, workspace: Ready, workers: Workers, client: Client
) -> dict[str, Any]:
    """What a document says, in short, with citations; a long one is read in parts.

    It takes as long as reading the document does; a client that leaves stops the work.
    """
    cancel = threading.Event()
    summary = await workers.run_for(
        request,
        lambda: workspace.library.summarize(document_id, cancel=cancel, client=client),
        cancel.set,
    )
    return as_json(summary)


@router.get("/{document_id}/pages/{number}.png", response_class=Response)
def get_page_image(
    document_id: str,
    number: int,
    workspace: Opened,
    start: int | None = None,
    end: int | None = None,
) -> Response:
    """A page as PNG; start and end mark a span of its text."""
    highlight = (start, end) if start is not None and end is not None else None
    with _page_as_asked(document_id, number):
        picture = workspace.library.render_page(document_id, number, highlight=highlight)
    if picture is None:
        raise ApiError(HTTPStatus.NOT_FOUND, "there is no picture of this page, only its text")
    return Response(picture, media_type="image/png")


@router.get("/{document_id}/pages/{number}")
def get_page(document_id: str, number: int, workspace: Opened) -> dict[str, Any]:
    """A page's text. number: 1-based; of a format without pages, its section."""
    with _page_as_asked(document_id, number):
        page = workspace.library.page(document_id, number - 1)
    return {
        "document_id": document_id,
        "page": page.number,
        "text": page.text,
        "read_by_ocr": page.read_by_ocr,
    }


@contextmanager
def _page_as_asked(document_id: str, number: int) -> Iterator[None]:
    """Names a page that is not there by the number that was asked for: the library's begin at 0."""
    try:
        yield
    except (PageNotFound, OverflowError) as error:  # or it has more digits than SQLite's numbers
        message = f"document {document_id!r} has no page {number}; its pages begin with 1"
        raise ApiError(HTTPStatus.NOT_FOUND, message) from error
