"""For machines that look after this one: is it up, is it ready, what has it done."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse

from app.api.dependencies import Opened
from app.workspace import StartStage
from inference.service import ServiceState, describe_metrics

router = APIRouter(tags=["health"])


@router.head("/healthz", include_in_schema=False)  # many monitors ask for no more
@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz")
async def readyz(workspace: Opened) -> JSONResponse:
    """200 once questions are answered; 503 with what is missing before that."""
    start = workspace.start
    status = start.status
    body = {"status": status.stage.value, "what": status.what, "fraction": status.fraction}
    if not start.is_ready:
        return JSONResponse(body, HTTPStatus.SERVICE_UNAVAILABLE)
    state = workspace.library.generator.state
    if state is not ServiceState.RUNNING:
        stage = StartStage.STARTING if state is ServiceState.RESTARTING else StartStage.FAILED
        body |= {"status": stage.value, "what": f"the inference service is {state.value}"}
        return JSONResponse(body, HTTPStatus.SERVICE_UNAVAILABLE)
    return JSONResponse(body)


@router.get("/metrics", response_class=PlainTextResponse)
def metrics(workspace: Opened) -> str:
    """Counters and gauges in Prometheus' text format."""
    if not workspace.start.is_ready:
        return describe_metrics({"ready": 0})
    library = workspace.library
    return describe_metrics(
        {"ready": 1, "documents": len(library.documents()), **library.generator.metrics()}
    )
