"""The pages of a PDF as PDFium gives them, long documents by several processes side by side.

PDFium works on one page at a time in a process. Each of several opens the document and reads every
n-th page, so that their pages come in order and none is far ahead. Who starts them reads a share
too, and the pages of a process that ends early: on one that crashes it perhaps, whose own end is
then told.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.child_process import keep_imports, module_command, set_alarm, take_stdout
from ingest.loaders.pdf_headings import SetLine, set_lines
from ingest.loaders.pdf_superscripts import with_superscripts
from ingest.loaders.pdf_tables import text_with_tables
from ingest.messages import read_message, write_message
from ingest.pdfium import PdfFile

_MODULE = "ingest.loaders.pdf_pages"
# A process is ready to read after a third of a second, in which it could have read 20 pages.
_PAGES_A_PROCESS = 40
_MOST_PROCESSES = 8


@dataclass(frozen=True, slots=True)
class SetPage:
    """A page as it is set: its text, tables as rows, and its lines.

    has_attachments: whether files are attached to a place on it.
    """

    text: str
    lines: list[SetLine]
    has_attachments: bool


def read_pages(
    pdf: PdfFile, *, password: str, cores: int, page_seconds: float
) -> Generator[SetPage]:
    """Each page of a document, in order; nothing in one that is broken.

    password: that opens it. cores: how many processes may read. page_seconds: after which one ends
    that is still at the same page.
    """
    count = min(cores, _MOST_PROCESSES, len(pdf) // _PAGES_A_PROCESS)
    if pdf.path is None or count < 2:
        yield from (_read_page(pdf, index) for index in range(len(pdf)))
        return
    job = {"path": str(pdf.path), "password": password, "step": count, "seconds": page_seconds}
    with ExitStack() as stack:
        others = [stack.enter_context(_Reader({**job, "first": i})) for i in range(1, count)]
        for index in range(len(pdf)):
            share = index % count
            page = others[share - 1].next_page() if share else None
            if page is None:
                page = _read_page(pdf, index)
            elif page.has_attachments:
                pdf.find_attachments(index)
            yield page


def _read_page(pdf: PdfFile, index: int) -> SetPage:
    layout = with_superscripts(pdf.page_layout(index))
    return SetPage(
        text=text_with_tables(layout).text,
        lines=set_lines(layout),
        has_attachments=pdf.find_attachments(index),
    )


class _Reader:
    """A process that reads some pages. Use it in a `with`, which ends it."""

    def __init__(self, job: dict[str, object]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            module_command(_MODULE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin is not None
        with suppress(OSError):  # it is gone, which is seen when it is asked
            write_message(self._process.stdin, job)

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        with suppress(OSError):
            self._process.communicate()  # closes its pipes

    def next_page(self) -> SetPage | None:
        """The next of its pages; None when it has ended."""
        assert self._process.stdout is not None
        message = read_message(self._process.stdout)
        if message is None:
            return None
        lines = [SetLine(**line) for line in message.pop("lines")]
        return SetPage(**message, lines=lines)


def main() -> None:
    """Read the pages that one message on stdin asks for."""
    answers = take_stdout()
    keep_imports()
    job = read_message(sys.stdin.buffer)
    if job is None:
        return
    with PdfFile(Path(job["path"]), password=job["password"]) as pdf:
        for index in range(job["first"], len(pdf), job["step"]):
            set_alarm(job["seconds"])
            page = _read_page(pdf, index)
            set_alarm(0)
            write_message(answers, asdict(page))


if __name__ == "__main__":
    main()
