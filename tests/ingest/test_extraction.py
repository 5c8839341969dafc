from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.errors import CorruptFile, FileTooLarge, UnreadableFile
from ingest.extraction import ExtractionWorkers
from ingest.loaders import LoadLimits, load
from tests.ingest.files import write_pdf, zip_bytes

# On Windows there are neither limits of memory nor groups of processes.
pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX limits and signals")

SET_IN_TYPE = Path(__file__).resolve().parents[2] / "data" / "samples" / "workshop-lease.pdf"
HOSTILE = "tests.ingest.hostile_worker"


@pytest.fixture
def hostile() -> Iterator[ExtractionWorkers]:
    limits = LoadLimits(max_silent_seconds=20, max_characters=10_000)
    with ExtractionWorkers(limits, module=HOSTILE) as workers:
        yield workers


def write(folder: Path, text: str) -> Path:
    path = folder / f"{text}.txt"
    path.write_text(text)
    return path


def process_of(workers: ExtractionWorkers, folder: Path) -> int:
    page = workers.read(write(folder, "good"), name="good.txt").pages[0]
    return int(page.text.removeprefix("read by "))


def test_what_a_worker_reads_is_what_load_reads(tmp_path: Path) -> None:
    path = write_pdf(tmp_path / "a.pdf", [["Foxes run."], ["Größe – 漢字"]], title="T")
    with ExtractionWorkers(LoadLimits()) as workers:
        assert workers.read(path, name="a.pdf") == load(path, name="a.pdf")
        read = workers.read(SET_IN_TYPE, name="b.pdf")
        assert read == load(SET_IN_TYPE, name="b.pdf")
        assert read.pages[0].headings


def test_a_named_reason_crosses_the_pipe_as_its_own_kind(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7 rubbish")
    with (
        ExtractionWorkers(LoadLimits()) as workers,
        pytest.raises(CorruptFile, match="cannot be opened as a PDF"),
    ):
        workers.read(path, name="a.pdf")


def test_a_warm_worker_reads_the_next_file(hostile: ExtractionWorkers, tmp_path: Path) -> None:
    assert process_of(hostile, tmp_path) == process_of(hostile, tmp_path)


@pytest.mark.parametrize(
    ("what", "kind", "says"),
    [
        ("segfault", CorruptFile, r"crashed its reader \(SIGSEGV\)"),
        ("killed", CorruptFile, r"its reader was ended \(SIGKILL\), most likely because it needs"),
        ("memory", FileTooLarge, r"needs more than 2\.1 GB of memory"),
        ("flood", FileTooLarge, "more than 10,000 characters of text"),
    ],
)
def test_a_hostile_file_costs_itself_only(
    hostile: ExtractionWorkers, tmp_path: Path, what: str, kind: type[UnreadableFile], says: str
) -> None:
    process_of(hostile, tmp_path)
    with pytest.raises(kind, match=says):
        hostile.read(write(tmp_path, what), name=what)
    assert process_of(hostile, tmp_path)


def test_a_hang_ends_when_its_time_is_up(tmp_path: Path) -> None:
    limits = LoadLimits(max_silent_seconds=3)
    with ExtractionWorkers(limits, module=HOSTILE) as workers:
        with pytest.raises(FileTooLarge, match="made no progress for 3 seconds"):
            workers.read(write(tmp_path, "hang"), name="hang")
        assert process_of(workers, tmp_path)


def test_a_large_file_has_the_longer_time_in_the_worker_too(tmp_path: Path) -> None:
    """The worker's own alarm knew nothing of the time that each megabyte adds, and came first."""
    limits = LoadLimits(max_silent_seconds=20, seconds_per_megabyte=100e6)  # 100 s a byte
    with ExtractionWorkers(limits, module=HOSTILE) as workers:
        page = workers.read(write(tmp_path, "alarm"), name="alarm").pages[0]
    assert 520 < int(page.text.removesuffix(" s left")) < 570


def test_workers_share_the_cores(tmp_path: Path) -> None:
    """Whoever reads alone may use them all; who reads beside another, half of them."""
    pipes = [tmp_path / "first", tmp_path / "second"]
    for pipe in pipes:
        os.mkfifo(pipe)
    with (
        ExtractionWorkers(LoadLimits(), cores=8, module=HOSTILE) as workers,
        ThreadPoolExecutor(2) as threads,
    ):
        read = [threads.submit(workers.read, pipe, name=pipe.name) for pipe in pipes]
        with pipes[0].open("w") as first, pipes[1].open("w") as second:  # when both are at it
            first.write("cores")
            second.write("cores")
        assert sorted(each.result().pages[0].text for each in read) == ["4 cores", "8 cores"]


def test_what_a_parser_prints_is_no_part_of_the_answer(
    hostile: ExtractionWorkers, tmp_path: Path
) -> None:
    page = hostile.read(write(tmp_path, "print"), name="print").pages[0]
    assert page.text.startswith("read by ")


def test_closing_ends_a_worker_in_the_middle_of_a_file(
    hostile: ExtractionWorkers, tmp_path: Path
) -> None:
    caught: list[BaseException] = []

    def read() -> None:
        try:
            hostile.read(write(tmp_path, "hang"), name="hang")
        except UnreadableFile as error:
            caught.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    hostile.close()
    thread.join(timeout=15)
    assert len(caught) == 1


def test_killing_the_program_ends_its_workers(tmp_path: Path) -> None:
    write(tmp_path, "good")
    write(tmp_path, "hang")
    script = f"""
from pathlib import Path
from ingest.extraction import ExtractionWorkers
from ingest.loaders import LoadLimits
workers = ExtractionWorkers(LoadLimits(), module={HOSTILE!r})
folder = Path({str(tmp_path)!r})
print(workers.read(folder / "good.txt", name="good").pages[0].text.split()[-1], flush=True)
workers.read(folder / "hang.txt", name="hang")
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        worker = int(program.stdout.readline())
        program.kill()
        # The worker's end of a pipe that only it and the program hold closes when it ends.
        program.stdout.read()
    for _ in range(2_000_000):  # bounded; there is nothing to wait on for another's child
        try:
            state = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            break
        if state == "Z":
            break
    else:
        pytest.fail("the worker outlived the program")


def test_a_zip_bomb_is_refused_and_the_next_file_is_read(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.docx"
    bomb.write_bytes(
        zip_bytes(**{"[Content_Types].xml": b"<x/>", "word__document.xml": b" " * (64 << 20)})
    )
    with ExtractionWorkers(LoadLimits(max_unpacked_bytes=1 << 20)) as workers:
        with pytest.raises(FileTooLarge, match="unpacks to 67 MB"):
            workers.read(bomb, name="bomb.docx")
        assert workers.read(write(tmp_path, "good"), name="good.txt").pages[0].text == "good"


def test_a_script_without_a_main_guard_may_read(tmp_path: Path) -> None:
    write(tmp_path, "good")
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path.cwd())!r})\n"
        "from pathlib import Path\n"
        "from ingest.extraction import ExtractionWorkers\n"
        "from ingest.loaders import LoadLimits\n"
        "with ExtractionWorkers(LoadLimits()) as workers:\n"
        "    print(workers.read(Path(__file__).with_name('good.txt'), name='x').pages[0].text)\n"
    )
    answer = subprocess.run(
        [sys.executable, str(script)], capture_output=True, encoding="utf-8", check=True
    )
    assert answer.stdout == "good\n"
