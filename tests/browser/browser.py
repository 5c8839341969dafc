"""A real Chromium, and how to find things on the page in it.

The page's own widgets live in shadow roots, which CSS selectors do not cross; `Page.find` does.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from selenium.common.exceptions import (
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
# Generous: a first answer reads its whole prompt on what may be a busy machine.
WAIT_SECONDS = 120.0

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1280,860",
)
_FIND = """
const found = [];
const visit = (root) => {
  found.push(...root.querySelectorAll(arguments[0]));
  for (const node of root.querySelectorAll("*")) if (node.shadowRoot) visit(node.shadowRoot);
};
visit(document);
return found;
"""
FINISHED = {"done", "stopped", "failed"}

T = TypeVar("T")


class Page:
    """The page in one browser."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Go there, and wait until a question can be asked."""
        self.driver.get(url)
        self.wait(lambda: self.find("[data-testid=stChatInputTextArea]"), "the question box")
        self.wait(lambda: self.find(".engine.ready"), "the model's name")

    def wait(self, condition: Callable[[], T], what: str, seconds: float = WAIT_SECONDS) -> T:
        """What the condition gives once it is true; the page may be redrawn meanwhile."""
        ignored = (StaleElementReferenceException, ElementNotInteractableException, IndexError)
        waiter = WebDriverWait(self.driver, seconds, 0.05, ignored_exceptions=ignored)
        return waiter.until(lambda _: condition(), f"never seen: {what}")

    def find(self, selector: str) -> list[WebElement]:
        """The elements of a CSS selector, those in shadow roots too."""
        found: list[WebElement] = self.driver.execute_script(_FIND, selector)
        return found

    def texts(self, selector: str) -> list[str]:
        """What a reader sees of the elements of a selector."""
        return [element.text for element in self.find(selector)]

    def click(self, selector: str, index: int = 0) -> None:
        """Click an element as soon as it is there."""

        def click() -> bool:
            self.driver.execute_script("arguments[0].click()", self.find(selector)[index])
            return True

        self.wait(click, selector)

    def ask(self, question: str) -> None:
        """Ask, and wait until the question stands on the page."""

        def type_it() -> bool:
            box = self.find("[data-testid=stChatInputTextArea]")[0]
            if not box.is_enabled():
                return False
            box.clear()
            box.send_keys(question, Keys.ENTER)
            return True

        self.wait(type_it, "an enabled question box")
        self.wait(lambda: question in self.texts(".question"), "the question")

    def stage(self) -> str:
        """Where the newest answer stands: frontend/exchange.js."""
        return self.find(".exchange")[-1].get_attribute("data-stage") or ""

    def answer(self) -> WebElement:
        """The newest exchange, once its answer has ended and the page has settled."""
        self.wait(
            lambda: self.stage() in FINISHED and not self.find(".st-key-stop"), "the answer's end"
        )
        return self.find(".exchange")[-1]

    def upload(self, *files: Path) -> None:
        """Hand files to the uploader."""
        chooser = self.driver.find_element(By.CSS_SELECTOR, "input[type=file]")
        chooser.send_keys("\n".join(str(file) for file in files))

    def uploads(self) -> dict[str, tuple[str, str]]:
        """State and detail of each upload, by name, once all have ended."""
        self.wait(lambda: self.find(".uploads .dismiss"), "the end of the uploads")
        return {
            row.find_element(By.CLASS_NAME, "name").text: (
                row.get_attribute("class") or "",
                row.find_element(By.CLASS_NAME, "detail").text,
            )
            for row in self.find(".uploads li")
        }

    def documents(self) -> list[str]:
        """The names in the list of documents."""
        return self.texts(".list .name")

    def foreign_requests(self) -> list[str]:
        """What the page loaded, or tried to, from anywhere but its own server."""
        names: list[str] = self.driver.execute_script(
            "return performance.getEntriesByType('resource').map(e => e.name)"
            ".filter(n => !n.startsWith(location.origin) && !n.startsWith('data:'))"
        )
        return names


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A Chromium with an empty profile of its own."""
    assert CHROMIUM
    assert DRIVER
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    # The driver's path is given, so that Selenium looks for none and fetches none.
    driver = Chrome(options=options, service=Service(DRIVER))
    try:
        yield Page(driver)
    finally:
        driver.quit()
