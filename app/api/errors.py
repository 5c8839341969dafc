"""Every error of the API, in OpenAI's form: {"error": {"message", "type", "param", "code"}}.

The message is one sentence that says what to do; it never holds a traceback.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from inference.request import (
    DeadlineExceeded,
    EngineStopped,
    InferenceError,
    InvalidRequest,
    ModelLoadError,
    QueueFull,
)
from ingest.errors import (
    DocumentNotFound,
    IngestError,
    InvalidCollectionName,
    InvalidFilter,
    PageNotFound,
    SharedIndexUnavailable,
)
from rag.errors import (
    FeedbackNotFound,
    InvalidFeedback,
    InvalidQuestion,
    InvalidSchema,
    LibraryClosed,
    RagError,
)

logger = logging.getLogger(__name__)

_INVALID, _BUSY, _FAILED = "invalid_request_error", "rate_limit_error", "server_error"
_STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (QueueFull, HTTPStatus.TOO_MANY_REQUESTS),
    (InvalidRequest, HTTPStatus.BAD_REQUEST),
    (InvalidQuestion, HTTPStatus.BAD_REQUEST),
    (InvalidSchema, HTTPStatus.BAD_REQUEST),
    (FeedbackNotFound, HTTPStatus.NOT_FOUND),
    (InvalidFeedback, HTTPStatus.BAD_REQUEST),
    (DocumentNotFound, HTTPStatus.NOT_FOUND),
    (PageNotFound, HTTPStatus.NOT_FOUND),
    (DeadlineExceeded, HTTPStatus.GATEWAY_TIMEOUT),
    (EngineStopped, HTTPStatus.SERVICE_UNAVAILABLE),
    (LibraryClosed, HTTPStatus.SERVICE_UNAVAILABLE),
    (ModelLoadError, HTTPStatus.SERVICE_UNAVAILABLE),
    (InvalidCollectionName, HTTPStatus.BAD_REQUEST),
    (InvalidFilter, HTTPStatus.BAD_REQUEST),
    (SharedIndexUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    # The rest of ours: nothing that the caller could change.
    (InferenceError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (RagError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (IngestError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


class ApiError(Exception):
    """An answer that is an error.

    param: the field of the request that is wrong. code: a short machine-readable word.
    details: further members of the error.
    """

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code
        self.details = details or {}
        self.headers = headers or {}

    @property
    def kind(self) -> str:
        """OpenAI's `type` of the error."""
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return _BUSY
        return _INVALID if self.status < HTTPStatus.INTERNAL_SERVER_ERROR else _FAILED


def ended_early() -> ApiError:
    """What is said of a request that was cancelled: by its client, who is gone, or at the end."""
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the request was ended before it was done, since the server is stopping; ask again",
    )


def with_details(error: Exception, details: Mapping[str, Any]) -> ApiError:
    """The same error with further members."""
    known = _as_api_error(error)
    return ApiError(
        known.status,
        str(known),
        param=known.param,
        code=known.code,
        details={**known.details, **details},
        headers=known.headers,
    )


class ErrorMembers(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """The body of every response that is an error."""

    error: ErrorMembers


def error_body(error: Exception) -> dict[str, Any]:
    """The JSON of an error, for a response or for an event of a stream."""
    known = _as_api_error(error)
    body = {
        "message": str(known),
        "type": known.kind,
        "param": known.param,
        "code": known.code,
        **known.details,
    }
    return {"error": body}


def error_response(error: Exception) -> JSONResponse:
    """The response of an error."""
    known = _as_api_error(error)
    return JSONResponse(error_body(known), known.status, dict(known.headers))


def _as_api_error(error: Exception) -> ApiError:
    if isinstance(error, ApiError):
        return error
    for type_, status in _STATUS:
        if isinstance(error, type_):
            return ApiError(status, str(error), headers=_retry_after(error))
    logger.error("unexpected failure behind the API", exc_info=error)
    message = "something went wrong inside Paperlight; its log says what"
    return ApiError(HTTPStatus.INTERNAL_SERVER_ERROR, message)


def _retry_after(error: Exception) -> dict[str, str]:
    if isinstance(error, QueueFull):
        return {"Retry-After": str(math.ceil(error.retry_after_seconds))}
    return {}


def install_error_handlers(app: FastAPI) -> None:
    """Answer every failure of `app` in this form."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        return error_response(error)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return error_response(_describe_problems(error, request.headers.get("content-type", "")))

    async def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        status, message = HTTPStatus(error.status_code), str(error.detail)
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            message = f"{request.url.path[:200]!r} does not take {request.method}; see /api/docs"
        return error_response(ApiError(status, message, headers=error.headers))

    for type_ in (ApiError, InferenceError, IngestError, RagError, Exception):
        app.add_exception_handler(type_, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _describe_problems(error: RequestValidationError, content_type: str) -> ApiError:
    """Every problem as "field: what is wrong with it", and the first field as `param`."""
    problems = error.errors()
    if problems[0]["loc"] == ("body",) and "json" not in content_type.lower():
        message = "the body was not read as JSON: send it with Content-Type: application/json"
        return ApiError(HTTPStatus.BAD_REQUEST, message)
    if problems[0]["type"] == "json_invalid":
        message = f"the body is not valid JSON: {problems[0]['ctx']['error']}"
        return ApiError(HTTPStatus.BAD_REQUEST, message, code="invalid_json")
    fields = [".".join(str(part) for part in problem["loc"][1:]) for problem in problems]
    message = "; ".join(
        f"{field or 'body'}: {problem['msg']}"
        for field, problem in zip(fields, problems, strict=True)
    )
    return ApiError(HTTPStatus.BAD_REQUEST, message, param=fields[0] or None)
