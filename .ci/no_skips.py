"""A pytest plugin for CI: a test that skips because something is missing there is a failure.

Only what CI cannot have may skip: a reason must begin with one of ALLOWED_REASONS.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

ALLOWED_REASONS = ("needs a GPU", "only on ")


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip for any other reason into a failure. An expected failure is no skip."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(ALLOWED_REASONS):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test's own skip, or its marker's."""
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file's skip, as by importorskip."""
    report = yield
    refuse_skip(report)
    return report
