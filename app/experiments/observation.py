"""What is kept of one request that took part in an experiment; never its media.

Axes: K classes.
"""

import uuid
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.experiments.definition import ArmName

OK = "ok"
SHED = "shed"
"""Code of a shadow that found no idle core in time."""
FAULTS = ("internal_error", "deadline_exceeded")
"""Codes of failures that may be an arm's fault; all others are the upload's, or of the load."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one arm made of a request.

    Attributes:
        code: `ok`, or why there is no answer: a problem's code, or `shed` for a shadow that found
            no idle core.
        label: Activity with the highest probability of the clip.
        probs_K: Probabilities of the clip, float32.
        inference_s: Seconds in the network.
        processor_s: Processor seconds of the process while it computed; None if anything else
            computed at the same time.
    """

    code: str = OK
    label: str | None = None
    probs_K: NDArray[np.float32] | None = None
    inference_s: float | None = None
    processor_s: float | None = None

    @property
    def confidence(self) -> float | None:
        """The highest probability."""
        return None if self.probs_K is None else float(self.probs_K.max())


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One request of an experiment.

    Attributes:
        experiment: Name of the experiment.
        served: Arm whose answer the client got.
        time_s: When the request came, in seconds since 1970.
        request_id: The id that the client was told.
        subject: Hash of who sent it, if the client said.
        control: What the control made of it; None if it was not to run.
        treatment: The same for the treatment.
        max_difference: Largest difference of a probability between the arms, over windows and
            activities; None unless both answered.
        mean_difference: Mean of the same.
        upload_s: Seconds that the upload took.
        queue_s: Seconds of waiting.
        decode_s: Seconds of decoding.
        total_s: Seconds from the request's arrival to its answer.
        brightness: Mean of the decoded bytes, 0-1; None where nothing was decoded.
        motion: Mean absolute difference of consecutive sampled frames, 0-1.
        observation_id: Unique; a record that is written twice is kept once.
    """

    experiment: str
    served: ArmName
    time_s: float
    request_id: str
    subject: str | None
    control: Outcome | None
    treatment: Outcome | None
    max_difference: float | None
    mean_difference: float | None
    upload_s: float
    queue_s: float
    decode_s: float
    total_s: float
    brightness: float | None
    motion: float | None
    observation_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def agrees(self) -> bool | None:
        """Whether both arms name the same activity; None unless both answered."""
        labels = [arm.label if arm else None for arm in (self.control, self.treatment)]
        return None if None in labels else labels[0] == labels[1]
