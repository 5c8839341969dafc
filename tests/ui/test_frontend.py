"""The files that the page is drawn with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from streamlit import config

from app.ui.components import FRONTEND

CONFIG = FRONTEND.parent / ".streamlit" / "config.toml"
SCRIPTS = sorted(FRONTEND.glob("*.js"))
STYLES = sorted(FRONTEND.glob("*.css"))
PICTURES = sorted(FRONTEND.glob("*.svg"))


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, object]:
    """{"theme": {"font": ...}} -> {"theme.font": ...}"""
    options: dict[str, object] = {}
    for name, value in table.items():
        full = f"{prefix}{name}"
        options |= flat(value, f"{full}.") if isinstance(value, dict) else {full: value}
    return options


OPTIONS = flat(tomllib.loads(CONFIG.read_text(encoding="utf-8")))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_is_one_that_this_streamlit_has(option: str) -> None:
    assert option in config._config_options_template


def test_no_run_of_the_page_stops_the_engine_for_a_full_garbage_collection() -> None:
    """It did after every run: an answer that took 1 s by the API took 20 s on the page."""
    assert OPTIONS["runner.postScriptGC"] is False


def test_nothing_is_reported_to_anyone_and_no_error_is_shown_with_its_traceback() -> None:
    assert OPTIONS["browser.gatherUsageStats"] is False
    assert OPTIONS["client.showErrorDetails"] == "none"


@pytest.mark.parametrize("file", [*STYLES, *SCRIPTS, *PICTURES, CONFIG], ids=lambda f: f.name)
def test_nothing_is_loaded_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|//[\w-]+\.\w|@import|url\(", text)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda f: f.name)
def test_no_script_turns_text_into_markup_or_code(script: Path) -> None:
    """Document text and model output reach these scripts; `textContent` keeps them text."""
    banned = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|\bFunction\(|srcdoc"
    assert not re.search(banned, script.read_text(encoding="utf-8"))
