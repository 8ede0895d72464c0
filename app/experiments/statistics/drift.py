"""Whether the answers of both arms still look like what their cards were measured on."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from app.drift import DriftFigure, Quantity, Reading, judge_drift
from app.experiments.definition import ARMS, ArmName
from app.experiments.evidence import Evidence
from app.experiments.statistics.tallies import count_labels
from app.schemas import Answer
from models.reference import DriftReference

References = Mapping[ArmName, DriftReference | None]


class DriftAnswer(Answer):
    """How far one quantity has drifted from the reference in the model's card."""

    quantity: Quantity
    num_answers: int = Field(description="Answers that it was measured on.")
    psi: float | None = Field(
        description="Population stability index, less what chance makes of it; absent for too few "
        "answers. Below 0.1 is stable, above 0.25 a large shift."
    )
    noise: float | None = Field(description="How far chance takes it.")
    reading: Reading | None


class ArmDrift(Answer):
    """How far the answers of one arm have drifted."""

    arm: ArmName
    has_reference: bool = Field(description="Whether the model's card says what to compare with.")
    figures: list[DriftAnswer]


def measure_drift(evidence: Evidence, references: References) -> list[ArmDrift]:
    """Return how far the answers of each arm have drifted from its reference.

    Args:
        evidence: The labels of all observations, and the other quantities of a sample.
        references: From the cards of the arms' models; None where a card has none.
    """
    return [_measure_arm(evidence, arm, references[arm]) for arm in ARMS]


def _measure_arm(evidence: Evidence, arm: ArmName, reference: DriftReference | None) -> ArmDrift:
    if reference is None:
        return ArmDrift(arm=arm, has_reference=False, figures=[])
    sample = evidence.sample
    confidence_N: NDArray[np.float64] = getattr(sample, f"{arm}_confidence")
    is_answered_N = np.isfinite(confidence_N)
    figures = judge_drift(
        reference,
        count_labels(evidence.cells, arm),
        confidence_N[is_answered_N],
        sample.brightness[is_answered_N],
        sample.motion[is_answered_N],
    )
    return ArmDrift(arm=arm, has_reference=True, figures=[_answer(figure) for figure in figures])


def _answer(figure: DriftFigure) -> DriftAnswer:
    return DriftAnswer(**vars(figure), reading=figure.reading)
