"""The page's own widgets, drawn in the browser from plain data.

Each is a script and a style sheet under frontend/. Document text, file names and model output
reach them as JSON and are set with `textContent`, never as HTML, so that they cannot become
markup, load anything or run anything. The scripts and styles themselves never contain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

FRONTEND = Path(__file__).resolve().parent / "frontend"


@cache
def _asset(name: str) -> str:
    return (FRONTEND / name).read_text(encoding="utf-8")


def draw(name: str, data: Mapping[str, Any], *, key: str) -> Mapping[str, Any] | None:
    """Draw the widget `name` and return what was clicked in it before this run, if anything.

    data: what frontend/<name>.js documents, as is what it returns; that comes from a browser, so
    it is to be checked. The definition is registered in each run, which Streamlit treats as a
    no-op while it stays the same, because it belongs to the runtime and not to this module.
    """
    widget = st.components.v2.component(
        f"paperlight.{name}",
        html='<div class="root"></div>',
        css=_asset("shared.css") + _asset(f"{name}.css"),
        js=_asset(f"{name}.js"),
    )
    result = widget(key=key, data=dict(data), on_clicked_change=_nothing)
    clicked = result.get("clicked")
    return clicked if isinstance(clicked, Mapping) else None


def _nothing() -> None:
    """Streamlit reports a trigger only when it has a callback."""
