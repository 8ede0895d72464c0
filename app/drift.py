"""Whether live answers and their footage still look like the reference in the model's card.

Axes: B bins, N answers.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.records import ModelLabels
from models.reference import DriftReference

Quantity = Literal["label", "confidence", "brightness", "motion"]
Reading = Literal["stable", "moderate", "large"]
QUANTITIES: tuple[Quantity, ...] = ("label", "confidence", "brightness", "motion")
MODERATE = 0.1
LARGE = 0.25
SMALLEST_SHARE = 1e-4
"""Stands for the share of an empty bin, whose logarithm would be infinite."""
NUM_DEVIATIONS = 3
MIN_SAMPLE = 500
WINDOW = 2000


def population_stability_index(
    expected_B: NDArray[np.float64], found_B: NDArray[np.float64]
) -> float:
    """Return how far two distributions over the same bins differ, 0 for not at all.

    It is the sum of (found - expected) * ln(found / expected), with `SMALLEST_SHARE` for empty
    bins. The common reading: below 0.1 stable, from 0.1 to 0.25 a moderate shift, above it a large
    one. Source: Siddiqi 2006, Credit Risk Scorecards.

    Args:
        expected_B: Shares in the reference; they sum to 1.
        found_B: Shares now.
    """
    expected_B = np.maximum(expected_B, SMALLEST_SHARE)
    found_B = np.maximum(found_B, SMALLEST_SHARE)
    return float(((found_B - expected_B) * np.log(found_B / expected_B)).sum())


@dataclass(frozen=True, kw_only=True)
class DriftFigure:
    """How far one quantity has drifted from its reference.

    Two samples of one distribution differ, too. Without drift, the index of n answers and m clips
    over B bins is about (1/n + 1/m) times a chi-square of B - 1 degrees of freedom: 0.13 for 34
    activities, 500 answers and 544 clips, which the common reading would call a moderate shift.
    So the mean of that is subtracted, and there is no index where the rest of it could reach the
    moderate. Every bin that has any gets half an observation more in both samples, or rare
    activities would make the index larger than that. Source: Yurdakul and Naranjo 2020,
    Statistical properties of the population stability index, Journal of Risk Model Validation
    14(4).

    It holds for answers that are independent. Those to one vehicle's successive clips are not, so
    a sample from few vehicles may show a shift that is only theirs.

    Attributes:
        quantity: What is compared.
        num_answers: Of how many answers it was measured.
        psi: Population stability index less what chance makes of it on average, at least 0. None
            for fewer than the least sample, and where `noise` is more than 0.1.
        noise: How far chance takes `psi`: three standard deviations, beyond which lies at most 1
            of 100 samples without drift. None without answers.
    """

    quantity: Quantity
    num_answers: int
    psi: float | None
    noise: float | None

    @property
    def reading(self) -> Reading | None:
        """The common reading of the index; None without one."""
        if self.psi is None:
            return None
        return "stable" if self.psi < MODERATE else "moderate" if self.psi <= LARGE else "large"


def judge_drift(
    reference: DriftReference,
    labels_counts: Mapping[str, int],
    confidence: NDArray[np.float64],
    brightness: NDArray[np.float64],
    motion: NDArray[np.float64],
    *,
    min_sample: int = MIN_SAMPLE,
) -> list[DriftFigure]:
    """Return how far recorded answers have drifted from the model's reference.

    Args:
        reference: From the model's card.
        labels_counts: How often each activity was the answer.
        confidence: Probabilities of the answers; NaN where there was none.
        brightness: Of the footage; NaN where it was not measured.
        motion: The same.
        min_sample: Below so many answers there is no index.

    Returns:
        A figure for `label`, `confidence`, `brightness` and `motion`, in this order.

    Raises:
        ValueError: If an activity is none of the reference's.
    """
    surprises = set(labels_counts) - set(reference.labels)
    if surprises:
        raise ValueError(f"no activities of the reference: {', '.join(sorted(surprises))}")
    counts = [
        np.array([labels_counts.get(label, 0) for label in reference.labels]),
        reference.confidence.count(confidence),
        reference.brightness.count(brightness),
        reference.motion.count(motion),
    ]
    return _judge(reference, counts, min_sample=min_sample)


class DriftMonitor:
    """Compares the last answers of every watched model with its reference.

    Changed on the event loop only. An answer costs 2 microseconds, whatever the window.

    Args:
        window: How many answers of each model are kept; older ones no longer count, however
            recent they are.
        min_sample: Below so many there is no index.
    """

    def __init__(self, *, window: int = WINDOW, min_sample: int = MIN_SAMPLE) -> None:
        self._window = window
        self._min_sample = min_sample
        self._tallies: dict[ModelLabels, _Tally] = {}

    def watch(self, model: ModelLabels, reference: DriftReference) -> None:
        """Compare the answers of a model with the reference of its card from now on."""
        self._tallies = {**self._tallies, model: _Tally(reference, window=self._window)}

    def forget(self, model: ModelLabels) -> None:
        """Watch a model no more, and forget its answers."""
        self._tallies = {one: tally for one, tally in self._tallies.items() if one != model}

    def add(
        self,
        model: ModelLabels,
        *,
        label: str,
        confidence: float,
        brightness: float,
        motion: float,
    ) -> None:
        """Take up an answer; that of a model without a reference, which is not watched, is not.

        Args:
            model: Who answered.
            label: Activity with the highest probability of the clip.
            confidence: That probability.
            brightness: Of all its windows, by `measure_brightness`.
            motion: Of all its windows, by `measure_motion`.
        """
        if tally := self._tallies.get(model):
            tally.add(label, confidence, brightness, motion)

    def judge_all(self) -> dict[ModelLabels, list[DriftFigure]]:
        """Return the figures of every watched model, as `judge_drift` does; from any thread."""
        return {model: self._judge(tally) for model, tally in self._tallies.items()}

    def _judge(self, tally: "_Tally") -> list[DriftFigure]:
        counts = [np.array(counts_B) for counts_B in tally.counts]
        return _judge(tally.reference, counts, min_sample=self._min_sample)


class _Tally:
    """How many of the last answers of one model lie in which bin of which quantity."""

    def __init__(self, reference: DriftReference, *, window: int) -> None:
        self.reference = reference
        self.counts = [[0] * len(shares_B) for shares_B in _expected_shares(reference)]
        self._window = window
        self._label_index = {label: index for index, label in enumerate(reference.labels)}
        self._answers: deque[tuple[int, ...]] = deque()

    def add(self, label: str, confidence: float, brightness: float, motion: float) -> None:
        bins = (
            self._label_index[label],
            self.reference.confidence.find_bin(confidence),
            self.reference.brightness.find_bin(brightness),
            self.reference.motion.find_bin(motion),
        )
        self._count(bins, 1)
        self._answers.append(bins)
        if len(self._answers) > self._window:
            self._count(self._answers.popleft(), -1)

    def _count(self, bins: tuple[int, ...], step: int) -> None:
        for counts_B, bin_index in zip(self.counts, bins, strict=True):
            counts_B[bin_index] += step


def _expected_shares(reference: DriftReference) -> list[NDArray[np.float64]]:
    """Return the shares of every quantity, in their order."""
    return [
        np.array(list(reference.labels.values())),
        np.array(reference.confidence.shares),
        np.array(reference.brightness.shares),
        np.array(reference.motion.shares),
    ]


def _judge(
    reference: DriftReference, counts: list[NDArray[np.int64]], *, min_sample: int
) -> list[DriftFigure]:
    return [
        _compare(
            quantity, expected_B, counts_B, num_clips=reference.num_clips, min_sample=min_sample
        )
        for quantity, expected_B, counts_B in zip(
            QUANTITIES, _expected_shares(reference), counts, strict=True
        )
    ]


def _compare(
    quantity: Quantity,
    expected_B: NDArray[np.float64],
    counts_B: NDArray[np.int64],
    *,
    num_clips: int,
    min_sample: int,
) -> DriftFigure:
    num_answers = int(counts_B.sum())
    if not num_answers:
        return DriftFigure(quantity=quantity, num_answers=0, psi=None, noise=None)
    is_used_B = (expected_B > 0) | (counts_B > 0)
    scale, num_free = 1 / num_answers + 1 / num_clips, np.count_nonzero(is_used_B) - 1
    noise = NUM_DEVIATIONS * scale * math.sqrt(2 * num_free)
    psi = population_stability_index(
        _smooth(num_clips * expected_B[is_used_B]), _smooth(counts_B[is_used_B])
    )
    is_known = num_answers >= min_sample and noise <= MODERATE
    return DriftFigure(
        quantity=quantity,
        num_answers=num_answers,
        psi=max(psi - scale * num_free, 0.0) if is_known else None,
        noise=noise,
    )


def _smooth(counts_B: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return shares with half an observation more in every bin."""
    shares_B: NDArray[np.float64] = (counts_B + 0.5) / (counts_B + 0.5).sum()
    return shares_B
