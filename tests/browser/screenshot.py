"""Take the pictures of the documentation: a real question, answered by the real model.

    python -m tests.browser.screenshot [--output docs/screenshot.png] [--all FOLDER]

--all also takes the page in its other states, in dark and on a phone, to look at them.
"""

from __future__ import annotations

import argparse
import tempfile
import zlib
from pathlib import Path

from rag.settings import CHECKOUT
from tests.browser.browser import Page, browser
from tests.browser.library import make_home
from tests.browser.server import serve

QUESTION = "How many HydroMast 4 gauges were sold in the first ten months?"
SIZE = (1280, 860)
PHONE = (390, 844)
MOST_BYTES = 300_000


def main() -> None:
    """Serve a small library, ask, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=CHECKOUT / "docs" / "screenshot.png")
    parser.add_argument("--all", type=Path, default=None)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder), samples=True)
        with serve(home) as server, browser(Path(folder) / "profile") as page:
            resize(page, SIZE)
            page.open(server.url)
            if arguments.all is not None:
                take(page, arguments.all / "welcome.png")
            ask_and_open(page)
            take(page, arguments.output)
            assert arguments.output.stat().st_size < MOST_BYTES
            if arguments.all is not None:
                take_states(page, server.url, arguments.all)


def ask_and_open(page: Page) -> None:
    """Ask the question and open its first source."""
    page.ask(QUESTION)
    page.answer()
    open_source(page)


def open_source(page: Page) -> None:
    """Open the newest answer's first source, and wait for the page's picture."""
    page.click(".answer .cite")
    page.wait(
        lambda: page.find(".st-key-source-drawer img")[0].get_property("naturalWidth"),
        "the page's picture",
    )


def take_states(page: Page, url: str, folder: Path) -> None:
    """The page without the drawer, in dark, and on a phone."""
    for name, size, scheme in (("dark", SIZE, "dark"), ("phone", PHONE, "light")):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        resize(page, size)
        page.open(url)
        take(page, folder / f"welcome-{name}.png")
        page.ask(QUESTION)
        page.answer()
        take(page, folder / f"answer-{name}.png")
        open_source(page)
        take(page, folder / f"source-{name}.png")


def resize(page: Page, size: tuple[int, int]) -> None:
    """Make the browser's viewport exactly that large, in CSS pixels."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def take(page: Page, path: Path) -> None:
    """Write a picture once two in a row are the same: animations have ended."""
    seen = -1

    def settled() -> bool:
        nonlocal seen
        before, seen = seen, zlib.crc32(page.driver.get_screenshot_as_png())
        return before == seen

    page.wait(settled, "a page at rest")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(page.driver.get_screenshot_as_png())


if __name__ == "__main__":
    main()
