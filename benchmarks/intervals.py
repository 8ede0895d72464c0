"""Medians of few rounds, and how sure they are."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap

CONFIDENCE = 0.95
NUM_RESAMPLES = 2_000


def summarize_rounds(values: Sequence[float]) -> dict[str, float]:
    """Return the median of values, one a round, and the ends of its 95 % bootstrap interval.

    Percentiles of resampled medians, always the same resamples; with a single value, that value.
    """
    median = float(np.median(values))
    if len(values) == 1:
        return {"median": median, "low": median, "high": median}
    interval = bootstrap(
        (values,),
        np.median,
        confidence_level=CONFIDENCE,
        n_resamples=NUM_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return {"median": median, "low": float(interval.low), "high": float(interval.high)}


def format_interval(summary: dict[str, float], *, digits: int) -> str:
    """Return a median and its interval, such as `1.40 [1.31, 1.52]`."""
    median, low, high = (f"{summary[key]:.{digits}f}" for key in ("median", "low", "high"))
    return f"{median} [{low}, {high}]"
