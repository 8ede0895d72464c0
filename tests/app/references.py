"""Makes references of drift for tests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.reference import DriftReference, Histogram

LABELS = tuple(f"activity {index}" for index in range(34))
TENTHS = Histogram(edges=tuple(np.linspace(0, 1, 11).round(1)), shares=(0.1,) * 10)
NUM_CLIPS = 544  # a usual test split


def make_reference(
    shares_K: NDArray[np.float64] | None = None,
    *,
    labels: Sequence[str] = LABELS,
    num_clips: int = NUM_CLIPS,
) -> DriftReference:
    """Return a reference whose quantities are spread evenly; labels too, unless said otherwise."""
    shares_K = np.full(len(labels), 1 / len(labels)) if shares_K is None else shares_K
    return DriftReference(
        num_clips=num_clips,
        labels=dict(zip(labels, shares_K.tolist(), strict=True)),
        confidence=TENTHS,
        brightness=TENTHS,
        motion=TENTHS,
    )
