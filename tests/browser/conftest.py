"""One server, with the real models, and one browser for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.browser import CHROMIUM, DRIVER, Page, browser
from tests.browser.documents import HOSTILE_NAME, HOSTILE_TEXT, write_report
from tests.browser.library import make_home
from tests.browser.server import Server, serve


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(make_home(tmp_path_factory.mktemp("server"))) as running:
        yield running


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("missing package: chromium")
    with browser(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("documents"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / HOSTILE_NAME
    path.write_text(HOSTILE_TEXT, encoding="utf-8")
    return path


@pytest.fixture
def page(chromium: Page, server: Server, report: Path) -> Page:
    """The page in a new session, with the annual report in the library."""
    if report.name not in server.document_names():
        chromium.open(server.url)
        chromium.upload(report)
        chromium.uploads()
    chromium.open(server.url)
    return chromium
