"""An observation as rows of the tables, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import RowMapping

from app.experiments.definition import ARMS, ArmName
from app.experiments.observation import Observation, Outcome
from app.experiments.store.lines import pack_probs, unpack_probs
from app.experiments.store.tables import draw_number

Row = dict[str, Any]
SAME = (
    *("observation_id", "time_s", "served", "request_id", "subject"),
    *("max_difference", "mean_difference", "upload_s", "queue_s", "decode_s", "total_s"),
    *("brightness", "motion"),
)
"""Attributes of an observation that are columns as they are."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What the rows of an experiment refer to.

    Attributes:
        name: Name of the experiment.
        experiment_id: Its number in the database.
        labels: Its activities.
        positions: Where each activity stands among them.
    """

    name: str
    experiment_id: int
    labels: tuple[str, ...]
    positions: Mapping[str, int]

    @classmethod
    def of(cls, *, name: str, experiment_id: int, labels: Sequence[str]) -> Self:
        """Number the activities."""
        positions = {label: index for index, label in enumerate(labels)}
        return cls(
            name=name, experiment_id=experiment_id, labels=tuple(labels), positions=positions
        )

    def label(self, position: int | None) -> str | None:
        """Return the activity at a position."""
        return None if position is None else self.labels[position]


def to_row(observation: Observation, key: Key) -> Row:
    """Return the row of `observations`.

    Raises:
        KeyError: If an arm named an activity that the experiment does not have.
    """
    return {
        "experiment_id": key.experiment_id,
        "draw": draw_number(observation.observation_id),
        **{name: getattr(observation, name) for name in SAME},
        **_to_columns("control", observation.control, key),
        **_to_columns("treatment", observation.treatment, key),
    }


def _to_columns(arm: ArmName, outcome: Outcome | None, key: Key) -> Row:
    found = outcome or Outcome(code="")
    return {
        f"{arm}_code": found.code or None,
        f"{arm}_label": None if found.label is None else key.positions[found.label],
        f"{arm}_confidence": found.confidence,
        f"{arm}_inference_s": found.inference_s,
        f"{arm}_processor_s": found.processor_s,
    }


def to_probabilities(observation: Observation) -> Row:
    """Return the row of `probabilities`."""
    arms = {arm: _probs(observation, arm) for arm in ARMS}
    return {
        "observation_id": observation.observation_id,
        **{arm: None if probs_K is None else pack_probs(probs_K) for arm, probs_K in arms.items()},
    }


def _probs(observation: Observation, arm: ArmName) -> NDArray[np.float32] | None:
    outcome: Outcome | None = getattr(observation, arm)
    return None if outcome is None else outcome.probs_K


def to_observation(row: RowMapping, key: Key) -> Observation:
    """Return the observation of a row that both tables were joined to."""
    return Observation(
        experiment=key.name,
        **{name: row[name] for name in SAME},
        control=_to_outcome("control", row, key),
        treatment=_to_outcome("treatment", row, key),
    )


def _to_outcome(arm: ArmName, row: RowMapping, key: Key) -> Outcome | None:
    if row[f"{arm}_code"] is None:
        return None
    return Outcome(
        code=row[f"{arm}_code"],
        label=key.label(row[f"{arm}_label"]),
        probs_K=None if row[arm] is None else unpack_probs(row[arm]),
        inference_s=row[f"{arm}_inference_s"],
        processor_s=row[f"{arm}_processor_s"],
    )
