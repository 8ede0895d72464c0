"""Pictures of results."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from training.metrics import Reliability


def draw_confusions(counts_KK: NDArray[np.int64], labels: Sequence[str], *, title: str) -> Figure:
    """Draw a confusion matrix, rows normalized.

    Args:
        counts_KK: How often each class (row) was answered as each class (column).
        labels: Names of the K classes.
        title: What is shown.
    """
    totals_K1 = counts_KK.sum(axis=1, keepdims=True)
    ratios_KK = counts_KK / np.maximum(totals_K1, 1)
    side_in = 2.5 + 0.24 * len(labels)
    figure = Figure(figsize=(side_in + 0.8, side_in), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(ratios_KK, vmin=0, vmax=1, cmap="Blues")
    short = [label.split(" ")[0] for label in labels]
    axes.set_xticks(range(len(short)), short, rotation=90, fontsize=7)
    axes.set_yticks(range(len(short)), short, fontsize=7)
    axes.set(xlabel="answered", ylabel="true", title=title)
    figure.colorbar(image, label="share of the true class", shrink=0.8)
    return figure


def draw_reliability(curves: Mapping[str, Reliability], *, title: str) -> Figure:
    """Draw how often answers are right against how sure they are, a line each; dots grow with N."""
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle="--")
    for name, curve in curves.items():
        (line,) = axes.plot(curve.confidence_B, curve.accuracy_B, label=name, linewidth=1)
        sizes_B = 120 * curve.counts_B / curve.counts_B.sum()
        axes.scatter(curve.confidence_B, curve.accuracy_B, s=sizes_B, color=line.get_color())
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share right", title=title)
    axes.legend(loc="upper left", fontsize=8)
    return figure


def draw_histories(
    histories: Mapping[str, Sequence[Mapping[str, float]]], figure_name: str, *, title: str
) -> Figure:
    """Draw how a figure went from epoch to epoch, a line for each name."""
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.subplots()
    for name, history in histories.items():
        epochs = [entry["epoch"] + 1 for entry in history]
        axes.plot(epochs, [entry[figure_name] for entry in history], label=name, marker=".")
    axes.set(xlabel="epoch", ylabel=figure_name.replace("_", " "), title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    return figure


def draw_front(points: Mapping[str, tuple[float, float]]) -> Figure:
    """Draw accuracy (0-1) against latency (milliseconds, logarithmic), a named point each."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name, (latency_ms, accuracy) in points.items():
        axes.scatter(latency_ms, accuracy, label=name)
    axes.set(xscale="log", xlabel="milliseconds a clip, one thread", ylabel="balanced accuracy")
    axes.margins(x=0.15, y=0.15)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    return figure
