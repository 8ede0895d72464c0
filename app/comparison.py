"""How the answers of two models to the same windows differ.

Axes: N windows of one video, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.errors import IncomparableModelsError
from models.card import ModelCard
from models.classifier import Prediction

SHORTEST_S = 1e-9


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a candidate's answer differs from the baseline's.

    Attributes:
        clip_agrees: Whether both name the same activity for the video as a whole.
        window_agrees_N: The same for every window.
        max_abs_difference: Largest difference of a probability, over windows and activities.
        mean_abs_difference: Mean difference of a probability, over windows and activities.
        latency_ratio: Seconds that the baseline took divided by the candidate's.
    """

    clip_agrees: bool
    window_agrees_N: tuple[bool, ...]
    max_abs_difference: float
    mean_abs_difference: float
    latency_ratio: float

    @property
    def agreement_ratio(self) -> float:
        """Share of the windows that agree."""
        return sum(self.window_agrees_N) / len(self.window_agrees_N)


def check_comparable(cards: Sequence[ModelCard]) -> None:
    """Check that models take the same windows and know the same activities.

    Raises:
        IncomparableModelsError: If one differs from the first.
    """
    for card in cards[1:]:
        if card.spec != cards[0].spec:
            raise IncomparableModelsError(
                f"{card.reference} takes other windows than {cards[0].reference}"
            )
        if card.labels != cards[0].labels:
            raise IncomparableModelsError(
                f"{card.reference} knows other activities than {cards[0].reference}"
            )


def compare(baseline: Prediction, candidate: Prediction) -> Difference:
    """Return how two answers differ; both are of the same windows and the same labels."""
    difference_NK = np.abs(baseline.probs_NK - candidate.probs_NK)
    agrees_N = baseline.probs_NK.argmax(axis=1) == candidate.probs_NK.argmax(axis=1)
    return Difference(
        clip_agrees=bool(baseline.clip_probs_K.argmax() == candidate.clip_probs_K.argmax()),
        window_agrees_N=tuple(bool(agrees) for agrees in agrees_N),
        max_abs_difference=float(difference_NK.max()),
        mean_abs_difference=float(difference_NK.mean()),
        latency_ratio=baseline.inference_s / max(candidate.inference_s, SHORTEST_S),
    )
