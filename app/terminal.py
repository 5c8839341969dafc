"""What the command line prints: safe text, tables, progress. Knows no commands."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inference.models import FetchProgress
    from ingest.progress import Progress

# Escape sequences (C0, DEL, C1), lone surrogates, and marks that turn the direction of text or hide
# it (the joiners that scripts need are not among them); lines and tabs are left.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where output goes. as_json: results as one JSON document on standard output."""

    as_json: bool = False

    def say(self, line: str = "") -> None:
        """A line of a result, for people."""
        print(safe(line), flush=True)

    def note(self, line: str) -> None:
        """A line beside the result, on standard error."""
        print(safe(line), file=sys.stderr, flush=True)

    def result(self, data: object) -> None:
        """The result as JSON, with what a terminal would obey escaped."""
        print(json_text(data, indent=2), flush=True)

    def table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        has_plain_heads: bool = False,
    ) -> None:
        """Rows under heads; tab-separated where nobody looks, and without heads for scripts.

        has_plain_heads: with them there too, where the cells do not say what they are.
        """
        if not sys.stdout.isatty():
            for row in ([heads] if has_plain_heads else []) + list(rows):
                self.say("\t".join(str(cell) for cell in row))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(*heads, box=None, pad_edge=False, header_style="bold")
        for row in rows:
            table.add_row(*(Text(safe(str(cell))) for cell in row))
        Console().print(table)


def json_text(data: object, *, indent: int | None = None) -> str:
    """`data` as JSON, on one line without `indent`; what a terminal would obey is escaped."""
    text = json.dumps(data, ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def safe(text: str) -> str:
    """`text` without what a terminal would obey: documents and file names are hostile data."""
    return _UNSAFE.sub("\ufffd", text)


def one_line(text: str) -> str:
    """`text` made safe and put on one line, so that it cannot pass for two."""
    return safe(" ".join(text.split()))


def tolerate_any_text() -> None:
    """Print a "?" for what the terminal's encoding has no character for, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


@contextmanager
def ingest_progress(total_hint: str) -> Iterator[Callable[[Progress], None]]:
    """A progress bar for an add, on standard error; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(total_hint, total=1.0)

        def show(progress: Progress) -> None:
            position = f"{progress.file_index}/{progress.file_count}"
            pages = f", {progress.pages} pages" if progress.pages else ""
            bars.update(
                bar,
                description=f"{position} {safe(progress.name)[:40]}{pages}",
                completed=progress.fraction,
            )

        yield show


@contextmanager
def counted_progress(noun: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar for (done, total) on standard error; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn(noun), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Rich prints above the bar what is printed meanwhile: into a file it must go past it.
    above = sys.stdout.isatty()
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, redirect_stdout=above) as bars:
        bar = bars.add_task(noun, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def fetch_progress() -> Callable[[FetchProgress], None]:
    """Says each tenth of a model's download on standard error."""
    said: set[str] = set()

    def show(progress: FetchProgress) -> None:
        percent = ""
        if progress.total_bytes:
            percent = f" {progress.done_bytes * 10 // progress.total_bytes * 10} %"
        line = f"{progress.what}{percent}"
        if line not in said:
            said.add(line)
            print(safe(line), file=sys.stderr, flush=True)

    return show


@contextmanager
def draft_view(*, enabled: bool) -> Iterator[Callable[[str], None]]:
    """Shows a text as it grows, and takes it away at the end."""
    if not enabled or not sys.stdout.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(), transient=True, refresh_per_second=15) as live:
        yield lambda text: live.update(Text(safe(text), style="dim"))


def size_text(size_bytes: float) -> str:
    """A size as people read it."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
