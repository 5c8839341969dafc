"""What the routes need: the workspace, ready where they need the models, and worker threads."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Request

from app.api.errors import ApiError
from app.api.streaming import WorkerThreads
from app.as_json import as_json
from app.workspace import StartStage, Workspace, current

_RETRY_SECONDS = 2  # the models load in a few seconds; fetching them takes longer


def ready_workspace() -> Workspace:
    """The workspace, once the models answer. Raises ApiError (503) with how far the start is."""
    workspace = current()
    status = workspace.start.status
    if status.stage is not StartStage.READY:
        progress = "" if status.fraction is None else f" ({status.fraction:.0%})"
        failed = status.stage is StartStage.FAILED
        raise ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"{'the start failed' if failed else 'not ready yet'}: {status.what}{progress}",
            code="not_ready",
            details={"start": as_json(status)},
            headers={"Retry-After": str(_RETRY_SECONDS)},
        )
    return workspace


def _workers(request: Request) -> Any:
    return request.app.state.workers


def _client(request: Request) -> Any:
    return request.state.client


Opened = Annotated[Workspace, Depends(current)]
Ready = Annotated[Workspace, Depends(ready_workspace)]
Workers = Annotated[WorkerThreads, Depends(_workers)]
Client = Annotated[str, Depends(_client)]  # who asks: see KeyCheck
