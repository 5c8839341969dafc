"""CI's own rules: a test that cannot run there must not look as if it had passed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

CI = Path(__file__).resolve().parent.parent / ".ci"

SKIPPING = """
import pytest

def test_skips_inside(): pytest.skip("no chromium")

@pytest.mark.skip(reason="no tesseract")
def test_skips_by_marker(): ...

@pytest.fixture
def model(): pytest.skip("no model")

def test_skips_in_a_fixture(model): ...

def test_cannot_run_on_ci(): pytest.skip("needs a GPU")

def test_expected_failure(): pytest.xfail("known")

def test_passes(): ...
"""


def test_on_ci_only_what_ci_cannot_have_may_skip(tmp_path: Path) -> None:
    (tmp_path / "test_skipping.py").write_text(SKIPPING, "utf-8")
    (tmp_path / "test_whole_file.py").write_text(
        "import pytest\npytest.importorskip('there_is_no_such_package')", "utf-8"
    )
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no_skips",
            "-rA",
            "--continue-on-collection-errors",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CI), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    outcomes = {
        name.rpartition("::")[2]: outcome
        for outcome, name in re.findall(
            r"^(PASSED|XFAIL|FAILED|ERROR) (\S+)", result.stdout, re.MULTILINE
        )
    }
    assert result.returncode != 0
    assert outcomes == {
        "test_skips_inside": "FAILED",
        "test_skips_by_marker": "ERROR",  # never reached the test itself
        "test_skips_in_a_fixture": "ERROR",
        "test_expected_failure": "XFAIL",
        "test_passes": "PASSED",
        "test_whole_file.py": "ERROR",
    }
    assert "1 skipped" in result.stdout
    assert "which CI does not allow: no chromium" in result.stdout
