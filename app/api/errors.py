"""Every error of the API, in OpenAI's form: {"error": {"message", "type", "param", "code"}}.

The message is one sentence that says what to do; it never holds a traceback.
"""

from __future__ import annotations

import logging
import math
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from inference.request import (
    DeadlineExceeded,
    EngineStopped,
    InferenceError,
    InvalidRequest,
    ModelLoadError,
    QueueFull,
)
from ingest.errors import DocumentNotFound, IngestError, PageNotFound
from rag.errors import InvalidQuestion, LibraryClosed, RagError

logger = logging.getLogger(__name__)

_STATUS: tuple[tuple[type[Exception], HTTPStatus, str], ...] = (
    (QueueFull, HTTPStatus.TOO_MANY_REQUESTS, "rate_limit_error"),
    (InvalidRequest, HTTPStatus.BAD_REQUEST, "invalid_request_error"),
    (InvalidQuestion, HTTPStatus.BAD_REQUEST, "invalid_request_error"),
    (DocumentNotFound, HTTPStatus.NOT_FOUND, "invalid_request_error"),
    (PageNotFound, HTTPStatus.NOT_FOUND, "invalid_request_error"),
    (DeadlineExceeded, HTTPStatus.GATEWAY_TIMEOUT, "timeout"),
    (EngineStopped, HTTPStatus.SERVICE_UNAVAILABLE, "server_error"),
    (LibraryClosed, HTTPStatus.SERVICE_UNAVAILABLE, "server_error"),
    (ModelLoadError, HTTPStatus.SERVICE_UNAVAILABLE, "server_error"),
    (InferenceError, HTTPStatus.INTERNAL_SERVER_ERROR, "server_error"),
    (RagError, HTTPStatus.INTERNAL_SERVER_ERROR, "server_error"),
    (IngestError, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_request_error"),
)


class ApiError(Exception):
    """An answer that is an error. code: a short machine-readable word, or None."""

    def __init__(self, status: HTTPStatus, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def error_body(error: Exception) -> dict[str, object]:
    """The JSON of an error, for a response or for an event of a stream."""
    _, kind, message, code = _describe(error)
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def error_response(error: Exception) -> JSONResponse:
    """The response of an error."""
    headers = {}
    if isinstance(error, QueueFull):
        headers["Retry-After"] = str(math.ceil(error.retry_after_seconds))
    return JSONResponse(error_body(error), _describe(error)[0], headers)


def _describe(error: Exception) -> tuple[HTTPStatus, str, str, str | None]:
    if isinstance(error, ApiError):
        kind = "invalid_request_error" if error.status < 500 else "server_error"
        return error.status, kind, str(error), error.code
    for type_, status, kind in _STATUS:
        if isinstance(error, type_):
            return status, kind, str(error), None
    logger.error("unexpected failure behind the API", exc_info=error)
    message = "something went wrong inside Paperlight; its log says what"
    return HTTPStatus.INTERNAL_SERVER_ERROR, "server_error", message, None


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure of `app` in this form."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        return error_response(error)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'][1:]) or 'body'}: {problem['msg']}"
            for problem in error.errors()
        )
        return error_response(ApiError(HTTPStatus.BAD_REQUEST, problems))

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return error_response(ApiError(HTTPStatus(error.status_code), str(error.detail)))

    for type_ in (ApiError, InferenceError, IngestError, RagError, Exception):
        app.add_exception_handler(type_, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
