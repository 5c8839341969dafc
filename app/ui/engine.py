"""The foot of the sidebar: what answers the questions, or how far its start has come."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.ui.components import draw
from app.ui.escaping import one_line
from app.workspace import StartStage, StartStatus, Workspace
from inference.model_description import ModelDescription
from inference.models import is_bundled

START_POLL_SECONDS = 0.5


def draw_engine(workspace: Workspace) -> None:
    """Draw the model in use, or the start's progress, kept up to date until it has ended."""
    status = workspace.start.status
    if status.stage is StartStage.STARTING:
        _draw_start(workspace)
    elif status.stage is StartStage.READY:
        draw("engine", describe_model(workspace.library.generator.model), key="engine")
    else:
        draw("engine", describe_start(status), key="engine")


def _draw_start(workspace: Workspace) -> None:
    listed = len(workspace.library.documents())

    @st.fragment(run_every=START_POLL_SECONDS)
    def show() -> None:
        status = workspace.start.status
        draw("engine", describe_start(status), key="engine")
        added = len(workspace.library.documents()) != listed
        if added or status.stage is not StartStage.STARTING:
            st.rerun()  # a sample is in the list, or the model's name follows

    show()


def describe_start(status: StartStatus) -> dict[str, Any]:
    """The start as plain data for frontend/engine.js."""
    return {
        "stage": status.stage.value,
        "name": one_line(status.what),
        "facts": "",
        "fraction": status.fraction,
        "notice": "",
        "advice": "",
        "commands": [],
    }


def describe_model(model: ModelDescription) -> dict[str, Any]:
    """The model as plain data for frontend/engine.js."""
    small = is_bundled(model.path)
    return {
        "stage": StartStage.READY.value,
        "name": one_line(model.name, limit=80),
        "facts": f"{count_parameters(model.parameters)} parameters · {model.quantization}",
        "fraction": None,
        "notice": "Small bundled model" if small else "",
        "advice": "It is here so that Paperlight works at once: quick, but easily mistaken, so "
        "read what it cites. A larger model answers better:",
        "commands": [
            "paperlight models list",
            "paperlight models pull NAME",
            "paperlight --model NAME serve",
        ],
    }


def count_parameters(parameters: int) -> str:
    """`135M`, `1.5B`."""
    if parameters < 1e9:
        return f"{parameters / 1e6:.0f}M"
    return f"{parameters / 1e9:.1f}B"
