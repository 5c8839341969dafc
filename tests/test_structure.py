"""The architecture's rules, read from the source: who may import whom, and where libraries live."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A package may import itself and these.
MAY_IMPORT = {
    "ingest": set[str](),
    "inference": set[str](),
    "rag": {"ingest"},
    "app": {"ingest", "inference", "rag"},
}
# Where the parts are put together; elsewhere rag sees a generator through its own protocol.
COMPOSITION = {"rag/library.py": {"inference"}, "rag/library_parts.py": {"inference"}}
# The words of such a protocol: plain data, which any generator can take.
SHARED_TYPES = {"rag": {"inference.request"}}

# Each heavy library is one file's or one folder's business.
CONFINED = {
    "faiss": ("ingest/flat_index.py", "ingest/quantized_index.py"),
    # The benchmark's peer is the package's own class.
    "llama_cpp": ("inference/llama/*", "inference/benchmark/systems.py"),
    "torch": ("ingest/torch_runtime.py", "ingest/model_conversion.py", "rag/cross_encoder.py"),
    "sentence_transformers": (
        "ingest/torch_runtime.py",
        "ingest/model_conversion.py",
        "rag/cross_encoder.py",
    ),
    # The first import of OpenVINO has to keep its telemetry out: one file does.
    "openvino": (
        "ingest/openvino_runtime.py",
        "ingest/model_conversion.py",
        "ingest/outlier_neurons.py",
    ),
    "nncf": ("ingest/model_conversion.py",),
    "psycopg": ("ingest/postgres_*.py",),
    "pgvector": ("ingest/postgres_connections.py",),
    "qdrant_client": ("ingest/qdrant_index.py",),
    "streamlit": ("app/ui/*", "app/server.py"),
    "os.environ": ("rag/settings.py", "ingest/extraction_worker.py"),
    "os.environb": ("rag/settings.py",),
    "os.getenv": ("rag/settings.py",),
    "os.putenv": ("rag/settings.py",),
    # Documents and everything derived from them are data of strangers.
    "pickle": (),
    "marshal": (),
    "shelve": (),
    "dill": (),
    "joblib": (),
}

# Function-level imports of our own code: (file, module) and the heavy library that stays out of
# a program that does not need it. Anything else means that a boundary is in the wrong place.
LAZY_IMPORTS = {
    ("app/entry.py", "app.cli"): "typer, and all else: an interrupt of the import is caught there",
    ("rag/library_parts.py", "inference.llama.gpus"): "llama_cpp, when the model is first needed",
    ("rag/library_parts.py", "inference.llama.grammar"): "llama_cpp, when a form is filled in",
    ("rag/library_parts.py", "inference.service"): "llama_cpp, when the model is first needed",
    ("rag/library_parts.py", "inference.supervised"): "llama_cpp, when the model is first needed",
    ("rag/library_parts.py", "ingest.embedding"): "langchain_core, when something is embedded",
    ("ingest/embedding.py", "ingest.openvino_runtime"): "openvino, when something is embedded",
    ("rag/library.py", "ingest.rendering"): "pypdfium2, when a page is drawn",
    ("rag/library.py", "rag.retriever"): "langchain_core, when somebody wants the retriever",
    ("ingest/index_servers.py", "ingest.postgres_index"): "psycopg, an extra",
    ("ingest/index_servers.py", "ingest.qdrant_index"): "qdrant_client, an extra",
    (
        "inference/bundled_models.py",
        "inference.llama.quantization",
    ): "llama_cpp, when a model is converted",
}

# A command loads what it needs when it runs: `--help` and mistakes are answered at once.
COMMANDS = {
    "app/batch.py",
    "app/benchmark.py",
    "app/cli.py",
    "app/command_options.py",
    "app/evaluate.py",
    "app/evaluate_answers.py",
    "app/evaluation_library.py",
    "app/feedback.py",
    "app/library_archive.py",
    "app/models.py",
}

MEANINGLESS_NAMES = {"utils", "util", "helpers", "helper", "misc", "common", "tools", "lib"}


@dataclass(frozen=True, slots=True)
class Import:
    """A module or a name in one, as an import statement or an attribute names it.

    runs: when: at import ("module"), when a function is called ("function"), or only for type
        checkers ("types").
    """

    name: str
    line: int
    runs: str


def source_files() -> list[Path]:
    return sorted(path for name in MAY_IMPORT for path in (ROOT / name).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in source_files()}


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, and every use of an attribute of a module that it imported."""
    tree = ast.parse(path.read_text("utf-8"))
    package = (
        module_name(path) if path.name == "__init__.py" else module_name(path).rpartition(".")[0]
    )
    yield from _imports_under(tree, package, "module")
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield Import(f"{node.value.id}.{node.attr}", node.lineno, "attribute")


def _imports_under(node: ast.AST, package: str, runs: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, runs) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parents = package.split(".")
                kept = parents[: len(parents) - child.level + 1]
                base = ".".join([*kept, *filter(None, [child.module])])
            yield from (Import(f"{base}.{alias.name}", child.lineno, runs) for alias in child.names)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports_under(child, package, "function")
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports_under(child, package, "types")
        else:
            yield from _imports_under(child, package, runs)


def our_module(name: str) -> str | None:
    """The module of ours that importing `name` loads: itself, or the one that defines it."""
    if name in MODULES:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in MODULES else None


def every_file(test: object) -> object:
    return pytest.mark.parametrize(
        "path", [pytest.param(p, id=relative(p)) for p in source_files()]
    )(test)


@every_file
def test_packages_import_in_one_direction(path: Path) -> None:
    package = relative(path).partition("/")[0]
    allowed = {package} | MAY_IMPORT[package] | COMPOSITION.get(relative(path), set())
    wrong = [
        f"line {found.line}: {found.name}"
        for found in imports_of(path)
        if found.runs != "attribute"
        and found.name.partition(".")[0] in MAY_IMPORT
        and found.name.partition(".")[0] not in allowed
        and our_module(found.name) not in SHARED_TYPES.get(package, set())
    ]
    assert not wrong, f"{package} may import {sorted(allowed)} only"


@every_file
def test_tests_and_benchmarks_are_not_imported(path: Path) -> None:
    assert not [
        found for found in imports_of(path) if found.name.partition(".")[0] in {"tests", "bench"}
    ]


@every_file
def test_heavy_libraries_stay_where_they_belong(path: Path) -> None:
    wrong = [
        f"line {found.line}: {found.name} belongs in {CONFINED[library] or 'no file'}"
        for found in imports_of(path)
        for library in CONFINED
        if found.name == library or found.name.startswith(f"{library}.")
        if not any(fnmatch(relative(path), place) for place in CONFINED[library])
    ]
    assert not wrong


@pytest.mark.parametrize(
    "path", [pytest.param(p, id=relative(p)) for p in source_files() if relative(p) not in COMMANDS]
)
def test_own_code_is_imported_at_the_top(path: Path) -> None:
    hidden = {
        (relative(path), module)
        for found in imports_of(path)
        if found.runs == "function" and (module := our_module(found.name))
    }
    assert hidden <= set(LAZY_IMPORTS)


def test_every_allowed_lazy_import_is_there() -> None:
    found = {
        (relative(path), our_module(found.name))
        for path in source_files()
        for found in imports_of(path)
        if found.runs == "function"
    }
    assert set(LAZY_IMPORTS) <= found


def test_modules_import_in_no_circle() -> None:
    graph = {
        module: {
            target
            for found in imports_of(path)
            if found.runs == "module" and (target := our_module(found.name)) not in (None, module)
        }
        for module, path in MODULES.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle in it


@every_file
def test_every_module_states_its_contract(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":"))


@every_file
def test_files_are_named_for_their_job(path: Path) -> None:
    assert path.stem not in MEANINGLESS_NAMES


@every_file
def test_no_shell_is_started(path: Path) -> None:
    shells = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "shell"
    ]
    assert not shells


@pytest.mark.parametrize("module", ["ingest", "inference.models", "rag", "app.cli"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    """The command line answers `--help` and mistakes at once, so nothing heavy loads before."""
    heavy = ("torch", "transformers", "sentence_transformers", "faiss", "llama_cpp", "streamlit")
    heavy += ("psycopg", "qdrant_client")
    code = f"import sys, {module}; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert answer.stdout.split() == []


# --- what the project says of itself -------------------------------------------------------------

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_package_is_shipped() -> None:
    patterns = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    folders = {path.parent for path in source_files()}
    assert all((folder / "__init__.py").is_file() for folder in folders)
    assert {
        name for name in MODULES if not any(fnmatch(name, pattern) for pattern in patterns)
    } == set()


def test_every_data_file_is_shipped() -> None:
    shipped = {
        path
        for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    data = {
        path
        for name in MAY_IMPORT
        for path in (ROOT / name).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"}
    }
    assert data - shipped == set()


def readme_code() -> str:
    """The README's code blocks and code spans, one after the other."""
    text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return "\n".join(blocks + spans)


def test_the_readmes_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, flags=re.MULTILINE))
    named = set(
        re.findall(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*make ([a-z-]+)", readme_code(), re.MULTILINE)
    )
    assert named
    assert named <= targets


def test_the_readmes_commands_exist() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "app.cli", "--help"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    named = set(re.findall(r"^(?:\$ )?paperlight ([a-z]+)", readme_code(), re.MULTILINE))
    assert named
    assert {
        command for command in named if not re.search(rf"\b{command}\b", answer.stdout)
    } == set()
