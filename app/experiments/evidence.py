"""What the records of an experiment add up to: all that a report is made from."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.experiments.definition import Experiment, State


@dataclass(frozen=True, kw_only=True)
class Cell:
    """How many observations have these five things in common.

    Attributes:
        true_label: What the driver really did, where feedback says it.
        control_code: `ok` or the control's failure; None if it was not to run.
        control_label: The control's top activity.
        treatment_code: The same for the treatment.
        treatment_label: The same for the treatment.
        num: How many.
    """

    true_label: str | None
    control_code: str | None
    control_label: str | None
    treatment_code: str | None
    treatment_label: str | None
    num: int


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Columns of a random part of the observations; NaN where something was not measured.

    All float64 of one length; seconds, and differences, confidences, brightness and motion 0-1.
    """

    control_inference_s: NDArray[np.float64]
    treatment_inference_s: NDArray[np.float64]
    control_processor_s: NDArray[np.float64]
    treatment_processor_s: NDArray[np.float64]
    control_confidence: NDArray[np.float64]
    treatment_confidence: NDArray[np.float64]
    max_difference: NDArray[np.float64]
    mean_difference: NDArray[np.float64]
    total_s: NDArray[np.float64]
    brightness: NDArray[np.float64]
    motion: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One line of the audit trail.

    Attributes:
        time_s: When, in seconds since 1970.
        subject: `alias` or `experiment`.
        name: Which of them.
        action: What happened, such as `moved`, `created`, `paused`, `resumed`, `ended`.
        detail: What it was changed to, such as `mobilenet3d-lite-int8@1`.
        by: `api`, `file`, `settings`, `stop rule` or `guard`.
        reason: Why, for people.
    """

    time_s: float
    subject: str
    name: str
    action: str
    detail: str
    by: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that is known of one experiment.

    Attributes:
        experiment: Its definition.
        state: Whether it runs.
        labels: The activities of both arms, in the order of the models' cards.
        cells: Counts of all observations.
        sample: Columns of at most as many observations as were asked for, drawn at random.
        largest_difference: Largest `max_difference` of all observations; None without pairs.
        first_s: Time of the first observation, in seconds since 1970; None without any.
        last_s: Time of the last.
        events: The audit trail of the experiment and its alias, oldest first.
    """

    experiment: Experiment
    state: State
    labels: tuple[str, ...]
    cells: tuple[Cell, ...]
    sample: Sample
    largest_difference: float | None
    first_s: float | None
    last_s: float | None
    events: tuple[Event, ...] = field(default=())

    @property
    def num_observations(self) -> int:
        """How many observations there are."""
        return sum(cell.num for cell in self.cells)
