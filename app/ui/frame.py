"""What surrounds the page's content: title, logo, and the few styles that a theme cannot set."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

FRONTEND = Path(__file__).resolve().parent / "frontend"
NAME = "Paperlight"


def begin_page() -> None:
    """Set the title, icon, logo and styles; the first thing a run does."""
    st.set_page_config(
        page_title=NAME, page_icon=str(FRONTEND / "mark.svg"), initial_sidebar_state="auto"
    )
    scheme = "dark" if st.context.theme.type == "dark" else "light"
    st.logo(
        str(FRONTEND / f"logo-{scheme}.svg"), size="large", icon_image=str(FRONTEND / "mark.svg")
    )
    st.html(_style())


@cache
def _style() -> str:
    return f"<style>{(FRONTEND / 'page.css').read_text(encoding='utf-8')}</style>"
