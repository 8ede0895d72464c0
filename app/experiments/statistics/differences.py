"""How large the differences of the arms' probabilities are."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.schemas import Answer

NUM_BINS = 30


class Distribution(Answer):
    """How differences of probabilities are spread, 0-1, over sampled pairs."""

    num: int = Field(description="How many pairs were sampled.")
    mean: float
    median: float
    p90: float
    p99: float
    largest: float = Field(description="Of the sampled ones.")
    bin_edges: list[float]
    bin_counts: list[int]


def describe_differences(values: NDArray[np.float64]) -> Distribution | None:
    """Return how values spread that are NaN where nothing was measured; None if all are."""
    measured = values[np.isfinite(values)]
    if not measured.size:
        return None
    largest = float(measured.max())
    median, p90, p99 = np.quantile(measured, (0.5, 0.9, 0.99)).tolist()
    counts, edges = np.histogram(measured, NUM_BINS, range=(0, largest or 1.0))
    return Distribution(
        num=measured.size,
        mean=float(measured.mean()),
        median=median,
        p90=p90,
        p99=p99,
        largest=largest,
        bin_edges=edges.tolist(),
        bin_counts=counts.tolist(),
    )
