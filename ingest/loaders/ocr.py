"""The only user of Tesseract: pictures of text -> text.

It runs as a program of its own with a time limit, one thread each (pages are what runs side by
side), and never through a shell. Without it, the errors here say how to get it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from ingest.documents import Document, Page
from ingest.errors import CorruptFile, NoTextFile
from ingest.loaders.characters import clean_text
from ingest.loaders.limits import Reading
from ingest.loaders.sniffing import FileKind
from ingest.pdfium import Pixels

_PAGE_SECONDS = 100
_BLANK_CONTRAST = 16  # of 255; paper without anything on it has less
_MOST_AT_ONCE = 8  # pages of one file: each may take a hundred megabytes
_HOW_TO_GET_IT = (
    "install Tesseract (apt install tesseract-ocr, brew install tesseract), or run OCR on it, for"
    " instance with ocrmypdf, and add the result."
)


def usable_languages(wanted: str) -> str:
    """Those of the languages that Tesseract has, joined by "+"; "" if there is no OCR."""
    installed = _installed_languages()
    return "+".join(name for name in wanted.split("+") if name in installed)


def no_ocr_reason(wanted: str) -> str:
    """What to do about pictures that cannot be read, as the end of a sentence."""
    installed = _installed_languages()
    if wanted and installed:
        return (
            f"install Tesseract's data for {wanted} (it has {', '.join(sorted(installed))}), or"
            " name one of those as ocr_languages."
        )
    return _HOW_TO_GET_IT if wanted else "OCR is switched off: set ocr_languages, to eng perhaps."


def load_picture(path: Path, kind: FileKind, reading: Reading) -> Document:
    """Read the text in a picture, or in the pages of a TIFF.

    Raises CorruptFile, FileTooLarge, NoTextFile.
    """
    languages = usable_languages(reading.ocr_languages)
    if not languages:
        raise NoTextFile(f"is a picture; {no_ocr_reason(reading.ocr_languages)}")
    page_count = _pages_of_tiff(path) if kind is FileKind.TIFF else 1
    reading.limits.check_pages(page_count)
    failed: list[int] = []

    def read(page: int) -> str:
        number = ["-c", f"tessedit_page_number={page}"] if page_count > 1 else []
        output = _tesseract(str(path.absolute()), languages, *number)
        if output is None:
            failed.append(page)
        return clean_text(output or "").strip()

    budget = reading.budget()
    texts = []
    for text in budget.untimed(read_side_by_side(read, range(page_count), reading.cores)):
        budget.spend(text)
        texts.append(text)
    if len(failed) == page_count:
        raise CorruptFile("is a picture that cannot be read; save it anew as PNG or PDF.")
    if not any(texts):
        raise NoTextFile("is a picture in which OCR finds no text.")
    pages = tuple(
        Page(number, text, read_by_ocr=bool(text)) for number, text in enumerate(texts, start=1)
    )
    return Document(title="", media_type=kind.value, pages=pages)


def read_side_by_side(
    read: Callable[[int], str], pages: Iterable[int], at_once: int
) -> Iterator[str]:
    """What `read`, called by up to `at_once` threads, makes of each page, in order."""
    threads = ThreadPoolExecutor(min(at_once, _MOST_AT_ONCE))
    try:
        yield from threads.map(read, pages)
    finally:
        threads.shutdown(cancel_futures=True)


def read_pixels(pixels: Pixels, languages: str) -> str:
    """The text in a drawn page; "" where there is none, or none in time.

    pixels: RGB, (height, width, 3) uint8.
    """
    if int(pixels.max(initial=0)) - int(pixels.min(initial=255)) < _BLANK_CONTRAST:
        return ""
    height, width, _ = pixels.shape
    image = b"P6\n%d %d\n255\n" % (width, height) + pixels.tobytes()
    return clean_text(_tesseract("stdin", languages, image=image) or "").strip()


def _pages_of_tiff(path: Path) -> int:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return int(getattr(picture, "n_frames", 1))
    except Exception:  # a parser before hostile bytes; Tesseract's own has the last word
        return 1


def _tesseract(
    source: str, languages: str, *options: str, image: bytes | None = None
) -> str | None:
    """What it reads; None if it fails, which it does for what is no picture."""
    program = shutil.which("tesseract")
    if program is None:
        return None
    try:
        answer = subprocess.run(  # noqa: S603 - a list, an absolute path, checked languages
            [program, source, "stdout", "-l", languages, *options],
            input=image,
            stdin=subprocess.DEVNULL if image is None else None,
            capture_output=True,
            timeout=_PAGE_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError):
        return None
    return answer.stdout.decode("utf-8", errors="replace")


@cache
def _installed_languages() -> frozenset[str]:
    program = shutil.which("tesseract")
    if program is None:
        return frozenset()
    try:
        answer = subprocess.run(  # noqa: S603 - as above
            [program, "--list-langs"], capture_output=True, timeout=20, check=True, text=True
        )
    except (subprocess.SubprocessError, OSError):
        return frozenset()
    return frozenset(answer.stdout.split("\n")[1:]) - {"", "osd"}
