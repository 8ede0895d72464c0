"""What a model's answers and inputs looked like when it was measured, for others to compare with.

Axes: N values, B bins.
"""

import math
from bisect import bisect_right
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

SUM_TOLERANCE = 1e-6
"""How far shares may sum up from 1: what rounding to seven digits leaves of 34 of them."""

Ratio = Annotated[FiniteFloat, Field(ge=0, le=1)]


class Histogram(BaseModel):
    """How often a quantity of 0-1 lay between which bounds.

    Attributes:
        edges: Bounds of the B bins, B + 1 of them, increasing. A bin holds its lower bound and not
            its upper one; the first and the last also hold what lies outside.
        shares: Share of the values in each bin; they sum to 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    edges: tuple[Ratio, ...] = Field(max_length=101)
    shares: tuple[Ratio, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        if len(self.edges) != len(self.shares) + 1:
            raise ValueError(f"{len(self.shares)} bins have {len(self.edges)} edges")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError("edges do not increase")
        _check_sum(self.shares)
        return self

    def find_bin(self, value: float) -> int:
        """Return the index of the bin of a value that is a number."""
        return bisect_right(self.edges, value, lo=1, hi=len(self.shares)) - 1

    def count(self, values_N: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return how many values lie in each bin; NaN, which was not measured, in none."""
        measured_N = values_N[~np.isnan(values_N)]
        bin_N = np.searchsorted(self.edges[1:-1], measured_N, side="right")
        counts_B: NDArray[np.int64] = np.bincount(bin_N, minlength=len(self.shares))
        return counts_B


class DriftReference(BaseModel):
    """The model's answers to the clips that its figures were measured on, and those clips.

    Live traffic that departs from it is traffic for which the card's figures promise nothing. Mind
    that a test split shows every activity about equally often, and a day on the road does not.

    Attributes:
        num_clips: How many clips, each of one window.
        labels: Share of the clips to which each activity was the answer, in the order of the
            card's labels; they sum to 1.
        confidence: Probabilities of these answers.
        brightness: Of the clips, as `measure_brightness` gives it.
        motion: Of the clips, as `measure_motion` gives it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_clips: int = Field(ge=1)
    labels: dict[str, Ratio]
    confidence: Histogram
    brightness: Histogram
    motion: Histogram

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        _check_sum(tuple(self.labels.values()))
        return self


def _check_sum(shares: tuple[float, ...]) -> None:
    if not math.isclose(sum(shares), 1, abs_tol=SUM_TOLERANCE):
        raise ValueError(f"shares sum to {sum(shares):.6g}, not to 1")
