"""Pictures of results."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray


def plot_confusions(
    counts_KK: NDArray[np.int64], labels: Sequence[str], path: Path, *, title: str
) -> None:
    """Draw a confusion matrix, rows normalized, as a PNG.

    Args:
        counts_KK: How often each class (row) was answered as each class (column).
        labels: Names of the K classes.
        path: The PNG.
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
    figure.savefig(path, dpi=110)
