"""A result as a picture: one panel a workload, one bar a system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

# What each workload is about; requests a second where nothing is named.
_MEASURES = {
    "decode": ("tokens_per_second", "tokens/s"),
    "quotes": ("tokens_per_second", "tokens/s"),
    "plain": ("tokens_per_second", "tokens/s"),
    "follow-up": ("first_token_p50", "s to first token"),
    "interactive": ("first_token_p95", "s to first token, p95"),
    "overhead": ("share_of_step", "share of a step"),
}


def draw(report: dict[str, Any], path: Path) -> None:
    """Write a PNG of a report of `paperlight bench serve`. Raises ImportError, OSError."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    workloads = [each for each in report["workloads"] if each["arms"]]
    heights = [0.6 + 0.32 * len(each["arms"]) for each in workloads]
    figure, panels = pyplot.subplots(
        len(workloads),
        1,
        figsize=(8, sum(heights) + 0.8),
        squeeze=False,
        gridspec_kw={"height_ratios": heights},
    )
    for panel, workload in zip(panels[:, 0], workloads, strict=True):
        measure, unit = _MEASURES.get(workload["workload"], ("requests_per_second", "requests/s"))
        labels = [arm["label"] for arm in workload["arms"]]
        values = [arm["median"].get(measure, 0.0) for arm in workload["arms"]]
        colours = ["#c2410c" if name.startswith("paperlight") else "#94a3b8" for name in labels]
        bars = panel.barh(labels, values, color=colours)
        panel.bar_label(bars, [f"{value:.3g}" for value in values], padding=3, fontsize=8)
        panel.invert_yaxis()
        panel.set_title(f"{workload['workload']}: {workload['summary']} ({unit})", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.spines[["top", "right"]].set_visible(False)
        panel.margins(x=0.12)
    told = f"{report['model']}, {report['clients']} clients, median of {report['repeats']} runs"
    figure.suptitle(f"{told}\n{report['machine']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
