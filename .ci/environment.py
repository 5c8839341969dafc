#!/usr/bin/env python3
"""Make .venv: PyTorch for the CPU, llama.cpp compiled for this machine, and Paperlight itself.

Run by `make env`. Each step leaves a stamp of what it was made from, so that a second run does
nothing, an interrupted one goes on with the step it was in, and a changed pyproject.toml,
PAPERLIGHT_GPU or CMAKE_ARGS redoes the steps that depend on it. Needs only the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import venv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "paperlight-stamps.json"
LOG = VENV / "paperlight-install.log"

TORCH = "torch==2.13.0"
# PyPI's Linux wheel of torch brings 3 GB of CUDA libraries; this index has the same for the CPU.
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
LLAMA = "llama-cpp-python"
GPU_CMAKE_ARGS = {
    "cpu": "",
    "cuda": "-DGGML_CUDA=on",
    "vulkan": "-DGGML_VULKAN=on",
    "metal": "-DGGML_METAL=on",
}
GPU_COMPILERS = {"cuda": "nvcc", "vulkan": "glslc"}
# Faster kernels for several sequences at once; the folder's CMake file says how and why.
PATCHES = Path(__file__).resolve().parent / "llama_cpp"
INSTALL = ("install", "--progress-bar=raw")
HEARTBEAT_SECONDS = 20.0


class StepFailed(Exception):
    """A step did not work; the message says what to do."""


# --- what is there, and from what it was made ----------------------------------------------------


def read_stamps() -> dict[str, str]:
    """Digest of each finished step's inputs, by step; a damaged file counts as empty."""
    try:
        stamps = json.loads(STAMPS.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def write_stamp(step: str, digest: str) -> None:
    """Remember that a step is finished; atomically, because Ctrl-C may come now."""
    fresh = STAMPS.with_suffix(".new")
    fresh.write_text(json.dumps({**read_stamps(), step: digest}, indent=1), "utf-8")
    fresh.replace(STAMPS)


def digest_of(*inputs: str) -> str:
    """A short digest of a step's inputs."""
    return hashlib.sha256("\0".join(inputs).encode()).hexdigest()[:16]


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Let a second `make` in another terminal wait for this one."""
    import fcntl

    with (ROOT / "pyproject.toml").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("waiting for another make to finish the environment ...", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


# --- running pip without its noise ---------------------------------------------------------------


class StatusLine:
    """One line that changes in place on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._started = time.monotonic()
        self._last_print = self._started

    @property
    def elapsed_seconds(self) -> float:
        """Since the step began."""
        return time.monotonic() - self._started

    def show(self, text: str) -> None:
        """Say what is happening now."""
        text = f"      {text} [{minutes(self.elapsed_seconds)}]"
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{text[:width]}", end="", flush=True)
        elif time.monotonic() - self._last_print >= HEARTBEAT_SECONDS:
            self._last_print = time.monotonic()
            print(text, flush=True)

    def clear(self) -> None:
        """Leave the line empty for what comes next."""
        if self._is_terminal:
            print("\r\033[K", end="", flush=True)


def minutes(seconds: float) -> str:
    """ "2 min 05 s"."""
    whole = int(seconds)
    return f"{whole // 60} min {whole % 60:02} s" if whole >= 60 else f"{whole} s"


class PipText:
    """What pip is at, from a line of its output; None if the line says nothing new."""

    def __init__(self) -> None:
        self._file = ""

    def __call__(self, line: str) -> str | None:
        """The text for a line of pip's output, with `--progress-bar=raw`."""
        if match := re.match(r"Progress (\d+) of (\d+)", line):
            done, total = int(match[1]), int(match[2])
            return f"downloading {self._file}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"
        if match := re.match(r"\s*Downloading (\S+)", line):
            self._file = match[1].rpartition("/")[2]
            return f"downloading {self._file}"
        if match := re.match(r"\s*(Collecting|Building wheels? for) (.+)", line):
            return f"{match[1].lower()} {match[2]}"
        if match := re.match(r"\s*Installing collected packages: (.+)", line):
            return f"unpacking {match[1].count(',') + 1} packages"
        return None


class CompileText:
    """Ninja's "[17/240]" lines as a percentage and a guess of the time left."""

    def __init__(self, line: StatusLine) -> None:
        self._line = line
        self._before = PipText()
        self._first: tuple[int, float] | None = None  # files done and time, at the first line

    def __call__(self, line: str) -> str | None:
        """The text for a line of pip's verbose output."""
        match = re.match(r"\s*\[(\d+)/(\d+)\]", line)
        if match is None:
            return self._before(line) if self._first is None else None
        done, total = int(match[1]), int(match[2])
        now = self._line.elapsed_seconds
        if self._first is None:
            self._first = (done, now)
        text = f"compiling: {100 * done // total}% of {total} files"
        first_done, first_time = self._first
        if done - first_done >= total // 20:  # before that a guess would be wild
            left = (now - first_time) / (done - first_done) * (total - done)
            text += f", about {minutes(left)} left"
        return text


class LastWords:
    """The lines of an output that say why it failed: the first errors, else its end.

    pip ends a failed compilation with pages about pip; the compiler's reason stands long before.
    """

    def __init__(self) -> None:
        self._errors: list[str] = []
        self._end: deque[str] = deque(maxlen=10)
        self._lines_of_error = 0

    def hear(self, line: str) -> None:
        """Take note of a line."""
        line = line.rstrip()
        if not line or re.match(r"WARNING|Progress", line):
            return
        self._end.append(line)
        if re.search(r"CMake Error|\berror: |^ERROR: ", line):
            self._lines_of_error = 3  # CMake's reason is on the lines below
        if self._lines_of_error and len(self._errors) < 12:
            self._errors.append(line)
        self._lines_of_error = max(0, self._lines_of_error - 1)

    def lines(self) -> list[str]:
        """What to show."""
        return self._errors or list(self._end)


def run_pip(
    *arguments: str,
    text_of: Callable[[str], str | None] | None = None,
    line: StatusLine | None = None,
    environment: dict[str, str] | None = None,
) -> None:
    """Run pip in .venv, show what it is at, and keep its whole output in LOG.

    Raises StepFailed with pip's own last words.
    """
    line = line or StatusLine()
    text_of = text_of or PipText()
    command = [str(PYTHON), "-m", "pip", *arguments, "--no-input", "--disable-pip-version-check"]
    last_words = LastWords()
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        with subprocess.Popen(  # noqa: S603  a list of our own, no shell
            command,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as pip:
            try:
                text = "starting pip"
                for output in ticking_lines(pip):
                    log.write(output)
                    last_words.hear(output)
                    text = text_of(output) or text
                    line.show(text)
            except BaseException:
                pip.terminate()
                raise
            finally:
                line.clear()
    if pip.returncode != 0:
        words = "\n".join(f"    {line}" for line in last_words.lines())
        raise StepFailed(f"pip failed:\n{words}\n  The whole output is in {LOG.relative_to(ROOT)}.")


def ticking_lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """The process's lines as they come, and "" each second without one: the clock must go on."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=1.0)
        except queue.Empty:
            yield ""
            continue
        if line is None:
            return
        yield line


# --- the steps -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One part of the environment. inputs: what it is made from; other inputs mean: do it again."""

    name: str
    says: str
    inputs: tuple[str, ...]
    make: Callable[[], None]


def venv_is_usable() -> bool:
    """True if .venv has a Python that is new enough, and pip."""
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        # A list of our own, no shell.
        answer = subprocess.run([PYTHON, "-c", probe], capture_output=True, check=False)  # noqa: S603
    except OSError:  # not there, or its link leads to a Python that is gone
        return False
    return answer.returncode == 0


def make_venv() -> None:
    """Create .venv, unless somebody made a good one before us.

    One with our stamp is made anew: it was moved here, or its Python is gone.
    """
    if "venv" in read_stamps() or not venv_is_usable():
        try:
            venv.EnvBuilder(with_pip=True, clear=True, symlinks=True).create(VENV)
        except subprocess.CalledProcessError as error:
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise StepFailed(
                f"{sys.executable} cannot make a virtual environment with pip: {error}\n"
                f"  On Debian and Ubuntu: apt install python3-venv (or python{version}-venv)."
            ) from error
    run_pip("install", "--upgrade", "pip>=24.1")  # older ones cannot tell how far they are


def make_torch() -> None:
    """Install torch for the CPU: the embedding model is small, llama.cpp uses the GPU."""
    if not sys.platform.startswith("linux") or pip_would_take_cpu_torch():
        run_pip(*INSTALL, TORCH)
        return
    try:
        run_pip(*INSTALL, TORCH, "--index-url", TORCH_CPU_INDEX)
    except StepFailed:
        print(f"      {TORCH_CPU_INDEX} did not work;", flush=True)
        print("      taking the build with CUDA libraries: a download of 3 GB ...", flush=True)
        run_pip(*INSTALL, TORCH)


def pip_would_take_cpu_torch() -> bool:
    """True if a plain install takes a CPU build, as with a local index or mirror of them."""
    command = [str(PYTHON), "-m", "pip", "install", TORCH, "--dry-run", "--no-deps", "--quiet"]
    command += ["--ignore-installed", "--report=-", "--no-input", "--disable-pip-version-check"]
    # A list of our own, no shell.
    answer = subprocess.run(  # noqa: S603
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    try:
        metadata = json.loads(answer.stdout)["install"][0]["metadata"]
        needs = metadata.get("requires_dist", [])
    except (ValueError, LookupError):
        return False
    # A CPU build says so, or asks for no NVIDIA library (PyPI's builds for ARM).
    return metadata["version"].endswith("+cpu") or not any("nvidia" in need for need in needs)


@dataclass(frozen=True)
class Build:
    """For what llama.cpp is compiled. own_arguments: the user's CMAKE_ARGS."""

    gpu: str
    own_arguments: str

    @property
    def cmake_args(self) -> str:
        """What the compilation is told."""
        return f"{GPU_CMAKE_ARGS[self.gpu]} {self.own_arguments}".strip()


def chosen_build() -> Build:
    """PAPERLIGHT_GPU and CMAKE_ARGS; where neither is set, as last time, else for the processor."""
    gpu = os.environ.get("PAPERLIGHT_GPU", "").strip().lower()
    own = os.environ.get("CMAKE_ARGS", "").strip()
    if not gpu and not own:  # `make run` after `PAPERLIGHT_GPU=cuda make env` keeps the GPU
        gpu, _, own = read_stamps().get("llama-build", "").partition(" ")
    gpu = gpu or "cpu"
    if gpu not in GPU_CMAKE_ARGS:
        raise StepFailed(f"PAPERLIGHT_GPU is {gpu!r}; use one of {', '.join(GPU_CMAKE_ARGS)}")
    return Build(gpu, own)


def make_llama(requirement: str, build: Build) -> None:
    """Compile llama.cpp with this processor's instructions, and for a GPU if one is asked for."""
    compiler = os.environ.get("CXX", "").split()[:1] or ["c++", "g++", "clang++"]
    if not any(map(shutil.which, compiler)):
        raise StepFailed(
            "there is no C++ compiler.\n  On Debian and Ubuntu: apt install build-essential. "
            "On Fedora: dnf install gcc-c++. On macOS: xcode-select --install."
        )
    tool = GPU_COMPILERS.get(build.gpu)
    if tool and not shutil.which(tool):
        raise StepFailed(
            f"PAPERLIGHT_GPU={build.gpu} needs {tool} on the PATH, which is not there.\n  Install "
            f"the {'CUDA toolkit' if build.gpu == 'cuda' else 'Vulkan SDK'}, or use "
            "PAPERLIGHT_GPU=cpu."
        )
    write_stamp("llama", "unfinished")
    wheel = built_wheel(requirement, build)
    # Another variant may be installed, under the same version.
    run_pip(*INSTALL, "--force-reinstall", "--no-deps", str(wheel))
    write_stamp("llama-build", f"{build.gpu} {build.own_arguments}")


def built_wheel(requirement: str, build: Build) -> Path:
    """The compiled wheel, from an earlier time if nothing that it depends on has changed.

    pip's own cache knows a built wheel by the name of its source only: not for which processor or
    GPU it was compiled, nor with which patches.
    """
    folder = wheel_folder(requirement, build)
    for wheel in folder.glob("*.whl"):
        return wheel
    fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
    include = f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={PATCHES / 'apply_patches.cmake'}"
    own = os.environ.get("SKBUILD_CMAKE_ARGS")
    environment = {
        "CMAKE_ARGS": build.cmake_args,
        "SKBUILD_CMAKE_ARGS": f"{own};{include}" if own else include,
    }
    line = StatusLine()
    try:
        # --no-binary: a prebuilt wheel would be for some other processor.
        run_pip(
            *("wheel", "--progress-bar=raw", "--verbose", "--no-deps", "--no-cache-dir"),
            *(f"--no-binary={LLAMA}", f"--wheel-dir={fresh}", requirement),
            text_of=CompileText(line),
            line=line,
            environment=environment,
        )
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def wheel_folder(requirement: str, build: Build) -> Path:
    """Where the wheel of these sources for this machine is kept, for other clones too."""
    wanted = digest_of(requirement, build.cmake_args, patches(), sys.version, processor())
    cache = os.environ.get("XDG_CACHE_HOME", "").strip()
    folder = (Path(cache) if cache else Path.home() / ".cache") / "paperlight" / "wheels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a home that cannot be written to
        folder = VENV / "wheels"
        folder.mkdir(parents=True, exist_ok=True)
    return folder / wanted


def patches() -> str:
    """All that is done to the sources before they are compiled."""
    return "".join(path.read_text("utf-8") for path in sorted(PATCHES.glob("*.patch")))


def processor() -> str:
    """What this processor can do: the compiler uses all of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    known = [line for line in lines if line.startswith(("flags", "Features"))][:1]
    return f"{platform.machine()} {''.join(known) or platform.processor()}"


def steps(extras: str) -> list[Step]:
    """All steps in order. extras: "" or "[dev]"."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (llama,) = (need for need in project["dependencies"] if need.startswith(LLAMA))
    build = chosen_build()
    target = "this processor" if build.gpu == "cpu" else build.gpu
    return [
        Step(
            "venv",
            f"making .venv with Python {sys.version.split()[0]}",
            (str(VENV),),
            make_venv,
        ),
        Step("torch", f"installing {TORCH} for the CPU", (TORCH,), make_torch),
        Step(
            "llama",
            f"compiling llama.cpp for {target} (minutes, once)",
            (llama, build.cmake_args, patches(), processor()),
            lambda: make_llama(llama, build),
        ),
        Step(
            f"project{extras}",
            f"installing Paperlight{' and its test tools' if extras else ''}",
            (json.dumps(project, sort_keys=True),),
            lambda: run_pip(*INSTALL, "--editable", f".{extras}"),
        ),
    ]


def is_done(step: Step) -> bool:
    """True if a stamp says that the step was finished with the inputs of now."""
    stamps = read_stamps()
    if step.name == "venv" and not venv_is_usable():
        return False
    wider = f"{step.name}[dev]"  # the project with its test tools is also the project
    return digest_of(*step.inputs) in (stamps.get(step.name), stamps.get(wider))


def make_environment(extras: str) -> None:
    """Do the steps whose inputs changed. Raises StepFailed."""
    todo = steps(extras)
    for number, step in enumerate(todo, start=1):
        if is_done(step):
            continue
        print(f"[{number}/{len(todo)}] {step.says} ...", flush=True)
        started = time.monotonic()
        VENV.mkdir(exist_ok=True)
        try:
            step.make()
        except StepFailed as error:
            raise StepFailed(f"{step.says}: {error}") from error
        write_stamp(step.name, digest_of(*step.inputs))
        print(f"      done in {minutes(time.monotonic() - started)}", flush=True)


def main() -> int:
    """Exit status: 0 if the environment is ready, 1 after a message if it is not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dev", action="store_true", help="with what tests and checks need")
    options = parser.parse_args()
    try:
        with one_at_a_time():
            make_environment("[dev]" if options.dev else "")
    except StepFailed as error:
        print(f"\nThe environment is not ready: {error}", file=sys.stderr)
        print("  Then run the same command again: it goes on where it stopped.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
