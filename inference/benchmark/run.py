"""Runs workloads on systems by turns, and sums up."""

from __future__ import annotations

import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.benchmark.systems import Systems, SystemUnavailable
from inference.benchmark.workloads import Figures, Material, Workload
from inference.cores import usable_cores

Progress = Callable[[str], None]


@dataclass(slots=True)
class ArmRuns:
    """One arm's figures, a dict a repeat."""

    label: str
    runs: list[Figures] = field(default_factory=list)

    def median(self, figure: str) -> float | None:
        """Over the repeats; None for a figure that this workload does not have."""
        values = [run[figure] for run in self.runs if figure in run]
        return statistics.median(values) if values else None


@dataclass(slots=True)
class WorkloadRuns:
    """A workload's arms in the order of its table. left_out: arm -> why."""

    name: str
    summary: str
    arms: list[ArmRuns]
    left_out: dict[str, str]

    def ratio(self, arm: str, figure: str, *, to: str) -> float | None:
        """Median over repeats of one arm's figure over another's in the same repeat."""
        by_label = {each.label: each for each in self.arms}
        if arm not in by_label or to not in by_label:
            return None
        pairs = zip(by_label[arm].runs, by_label[to].runs, strict=True)
        ratios = [a[figure] / b[figure] for a, b in pairs if a.get(figure) and b.get(figure)]
        return statistics.median(ratios) if ratios else None


def measure(
    workload: Workload,
    systems: Systems,
    material: Material,
    *,
    repeats: int,
    labels: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> WorkloadRuns:
    """Every arm once a repeat, beginning with another one each time.

    labels: only these arms; all where there are none. An arm whose system is not here is left out.
    """
    ready = []
    left_out = {}
    warmed = set()
    for arm in workload.arms:
        if labels and arm.label not in labels:
            continue
        try:
            system = systems[arm.system]
        except SystemUnavailable as error:
            left_out[arm.label] = str(error)
            progress(f"{workload.name}: without {arm.label}: {error}")
            continue
        if arm.system not in warmed:
            progress(f"{workload.name}: warming up {arm.system}")
            workload.prepare(system, material)
            system.settle()
            warmed.add(arm.system)
        ready.append((arm, system))
    runs = {arm.label: ArmRuns(arm.label) for arm, _ in ready}
    for repeat in range(repeats):
        turn = repeat % max(1, len(ready))
        for arm, system in ready[turn:] + ready[:turn]:
            figures = workload.run(arm, system, material, repeat)
            system.settle()
            runs[arm.label].runs.append(figures)
            told = ", ".join(f"{name} {value:.3g}" for name, value in figures.items())
            progress(f"{workload.name} {repeat + 1}/{repeats}, {arm.label}: {told}")
    return WorkloadRuns(workload.name, workload.summary, list(runs.values()), left_out)


def as_json(runs: WorkloadRuns) -> dict[str, Any]:
    """Medians and every run."""
    return {
        "workload": runs.name,
        "summary": runs.summary,
        "left_out": runs.left_out,
        "arms": [
            {
                "label": arm.label,
                "median": {figure: arm.median(figure) for figure in arm.runs[0]},
                "runs": arm.runs,
            }
            for arm in runs.arms
            if arm.runs
        ],
    }


def machine() -> str:
    """Processor, architecture and cores, as a result's file names them."""
    model = platform.processor() or platform.machine()
    with_name = _processor_name()
    return f"{with_name or model}, {usable_cores()} cores, {platform.system()}"


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123 - not a file
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return ""
