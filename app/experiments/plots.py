"""Pictures of a report, as SVG for the page.

Axes: K classes.
"""

from collections.abc import Sequence
from io import StringIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from app.experiments.definition import ArmName
from app.experiments.statistics.agreement import Agreement
from app.experiments.statistics.differences import Distribution
from app.experiments.statistics.estimates import Rate
from app.experiments.statistics.labels import ClassAccuracy
from app.experiments.statistics.timing import ArmTimes, TimeComparison

COLORS: dict[ArmName, str] = {"control": "#64748b", "treatment": "#2563eb"}
MAX_LABEL_LENGTH = 28
WIDTH_IN = 8.0


def draw_svg(figure: Figure) -> str:
    """Return a figure as an `svg` element, to be put into a page."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def draw_agreement(agreement: Agreement) -> Figure:
    """Draw how often the arms answered each two activities that occurred."""
    counts_KK = np.array(agreement.matrix)
    seen_K = np.flatnonzero(counts_KK.sum(axis=0) + counts_KK.sum(axis=1))
    counts_KK = counts_KK[np.ix_(seen_K, seen_K)]
    labels = [agreement.labels[index] for index in seen_K]
    figure, axes = _start(height_in=2.2 + 0.15 * len(labels))
    image = axes.imshow(
        np.ma.masked_equal(counts_KK, 0),
        cmap="Blues",
        norm=LogNorm(1, max(int(counts_KK.max()), 2)),
    )
    _name_ticks(axes, labels, axis="x")
    _name_ticks(axes, labels, axis="y")
    axes.set(xlabel="treatment", ylabel="control")
    figure.colorbar(image, label="pairs")
    return figure


def draw_differences(distribution: Distribution) -> Figure:
    """Draw a histogram of differences; its counts are logarithmic, for the rare large ones."""
    figure, axes = _start(height_in=2.8)
    color = COLORS["treatment"]
    axes.stairs(distribution.bin_counts, distribution.bin_edges, fill=True, color=color)
    axes.set_yscale("symlog", linthresh=1)
    axes.set(xlim=(0, None), ylim=(0, None), xlabel="largest difference of a probability")
    axes.set_ylabel("sampled pairs")
    return figure


def draw_times(comparison: TimeComparison) -> Figure:
    """Draw median and 95th percentile of the time of each arm."""
    figure, axes = _start(height_in=1.9)
    arms: dict[ArmName, ArmTimes | None] = {
        "treatment": comparison.treatment,
        "control": comparison.control,
    }
    for name, times in arms.items():
        if times is not None:
            axes.barh(name, times.median_ms, color=COLORS[name], height=0.5)
            axes.plot([times.median_ms, times.p95_ms], [name, name], color="black", marker="|")
    axes.set(xlim=(0, None), xlabel="milliseconds: median (bar) to 95th percentile (line)")
    return figure


def draw_classes(classes: Sequence[ClassAccuracy]) -> Figure:
    """Draw how often each arm recognizes each activity, with the intervals."""
    figure, axes = _start(height_in=0.8 + 0.24 * len(classes))
    _draw_rates(axes, [item.control for item in classes], shift=-0.15, name="control")
    _draw_rates(axes, [item.treatment for item in classes], shift=0.15, name="treatment")
    _name_ticks(axes, [item.label for item in classes], axis="y")
    axes.set(ylim=(len(classes) - 0.5, -0.5), xlim=(None, 1.01))
    axes.set_xlabel("share that is recognized")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, frameon=False)
    return figure


def _draw_rates(axes: Axes, rates: Sequence[Rate | None], *, shift: float, name: ArmName) -> None:
    """Draw a point and an interval for each class of which there is a share."""
    known = {index + shift: rate for index, rate in enumerate(rates) if rate is not None}
    below = [rate.value - rate.low for rate in known.values()]
    above = [rate.high - rate.value for rate in known.values()]
    axes.errorbar(
        [rate.value for rate in known.values()],
        list(known),
        xerr=np.maximum([below, above], 0),
        fmt="o",
        markersize=4,
        linewidth=1,
        color=COLORS[name],
        label=name,
    )


def _start(*, height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="compressed")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _name_ticks(axes: Axes, labels: Sequence[str], *, axis: str) -> None:
    """Name the ticks literally: a dollar sign in a label is no formula."""
    short = [label[:MAX_LABEL_LENGTH] for label in labels]
    if axis == "x":
        axes.set_xticks(range(len(short)), short, rotation=90, fontsize=7, parse_math=False)
    else:
        axes.set_yticks(range(len(short)), short, fontsize=7, parse_math=False)
