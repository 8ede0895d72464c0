"""Medians of few rounds, and how sure they are."""

from collections.abc import Sequence

import numpy as np

from training.timing import median_interval


def summarize_rounds(values: Sequence[float]) -> dict[str, float]:
    """Return the median of values, one a round, and the ends of its 95 % bootstrap interval.

    Percentiles of resampled medians, always the same resamples; with a single value, that value.
    """
    median = float(np.median(values))
    if len(values) == 1:
        return {"median": median, "low": median, "high": median}
    low, high = median_interval(values)
    return {"median": median, "low": low, "high": high}


def format_interval(summary: dict[str, float], *, digits: int) -> str:
    """Return a median and its interval, such as `1.40 [1.31, 1.52]`."""
    median, low, high = (f"{summary[key]:.{digits}f}" for key in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"
