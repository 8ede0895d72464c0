"""What live traffic will be compared with: the answers to the test split, and its clips.

Tensor legend: N clips, T frames, H W pixels, C channels, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from models.reference import DriftReference, Histogram
from models.video.measures import measure_brightness, measure_motion

NUM_BINS = 10
"""Deciles: the usual bins of a population stability index."""
NUM_DIGITS = 4
"""Decimals of an edge, for people who read the card; no bin is narrower than 0.0001."""


@dataclass(frozen=True, kw_only=True)
class Footage:
    """What the clips of a split look like, whoever answers.

    Attributes:
        brightness_N: As `measure_brightness` gives it.
        motion_N: As `measure_motion` gives it.
    """

    brightness_N: NDArray[np.float64]
    motion_N: NDArray[np.float64]

    @classmethod
    def measure(cls, clips_NTHWC: NDArray[np.uint8]) -> Self:
        """Measure every clip, each one window."""
        return cls(
            brightness_N=np.array([measure_brightness(clip[None]) for clip in clips_NTHWC]),
            motion_N=np.array([measure_motion(clip[None]) for clip in clips_NTHWC]),
        )


def make_reference(
    probs_NK: NDArray[np.float32], footage: Footage, *, labels: Sequence[str]
) -> DriftReference:
    """Return what a model's card says of its answers to a split.

    Args:
        probs_NK: Probabilities as the published model gives them.
        footage: The same clips.
        labels: Activities in the order of the probabilities.
    """
    counts_K = np.bincount(probs_NK.argmax(axis=1), minlength=len(labels))
    shares_K = counts_K / len(probs_NK)
    return DriftReference(
        num_clips=len(probs_NK),
        labels=dict(zip(labels, shares_K.tolist(), strict=True)),
        confidence=make_histogram(probs_NK.max(axis=1).astype(np.float64)),
        brightness=make_histogram(footage.brightness_N),
        motion=make_histogram(footage.motion_N),
    )


def make_histogram(values_N: NDArray[np.float64]) -> Histogram:
    """Return the deciles of values of 0-1; equal ones are one bin, but there are always two."""
    deciles = np.quantile(values_N, np.linspace(0, 1, NUM_BINS + 1)[1:-1])
    smallest = 10**-NUM_DIGITS
    inner = np.unique(np.clip(deciles, smallest, 1 - smallest).round(NUM_DIGITS))
    counts_B, edges = np.histogram(values_N, bins=np.array([0, *inner, 1]))
    return Histogram(edges=edges.tolist(), shares=(counts_B / len(values_N)).tolist())
