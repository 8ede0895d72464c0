"""The case as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.service.contenders import FAST, OURS
from benchmarks.service.report import loops

SIZE_INCHES = (12.0, 9.0)
DOTS_PER_INCH = 120
OUR_COLORS = {OURS: "tab:red", FAST: "tab:orange"}
PEER_COLORS = ("tab:blue", "tab:cyan", "tab:green", "tab:olive", "tab:purple", "tab:brown", "gray")


def plot_service(result: Mapping[str, Any], path: Path) -> None:
    """Draw throughput, processor time, latency and overload of every contender into a PNG file."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots(2, 2)
    points = result["points"]
    colors = _colors(points)
    _lines(axes[0, 0], points, colors, loop="closed", metric="requests_per_s", factor=1)
    axes[0, 0].set(title="Videos, closed loop", xlabel="clients", ylabel="requests/s")
    _lines(axes[0, 1], points, colors, loop="open", metric="p95_s", factor=1e3)
    axes[0, 1].set(
        title="Videos, open loop", xlabel="part of the service's capacity", ylabel="p95, ms"
    )
    axes[0, 1].set_yscale("log")
    _bars(axes[1, 0], points["mp4 closed 1"], colors, metric="processor_s_per_request", factor=1e3)
    axes[1, 0].set(title="A video, one client", xlabel="processor ms per request")
    _bars(axes[1, 1], points["overload"], colors, metric="useful_per_s", factor=1)
    axes[1, 1].set(title="Four times too many videos", xlabel="useful answers/s")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _colors(points: Mapping[str, Any]) -> dict[str, str]:
    peers = sorted(name for name in points["start"] if name not in OUR_COLORS)
    return {**OUR_COLORS, **dict(zip(peers, PEER_COLORS, strict=False))}


def _lines(
    axes: Axes,
    points: Mapping[str, Any],
    colors: Mapping[str, str],
    *,
    loop: str,
    metric: str,
    factor: float,
) -> None:
    chosen = [point for point in loops(points, loop) if point.startswith("mp4")]
    x = [float(point.split()[-1]) for point in chosen]
    for name, color in colors.items():
        summaries = [points[point][name][metric] for point in chosen]
        median = [summary["median"] * factor for summary in summaries]
        axes.plot(x, median, marker="o", color=color, label=name)
        low, high = ([summary[end] * factor for summary in summaries] for end in ("low", "high"))
        axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
    axes.set_xticks(x)
    axes.grid(alpha=0.3)


def _bars(
    axes: Axes,
    by_name: Mapping[str, Any],
    colors: Mapping[str, str],
    *,
    metric: str,
    factor: float,
) -> None:
    names = sorted(colors, key=lambda name: float(by_name[name][metric]["median"]), reverse=True)
    for row, name in enumerate(names):
        summary = by_name[name][metric]
        median, low, high = (summary[key] * factor for key in ("median", "low", "high"))
        errors = [[median - low], [high - median]]
        axes.barh(row, median, color=colors[name], xerr=errors, capsize=3)
    axes.set_yticks(range(len(names)), names)
    axes.grid(axis="x", alpha=0.3)
