"""Makes small experiments, and observations of them."""

import time
from typing import Any

import numpy as np

from app.experiments.definition import Arm, Experiment
from app.experiments.observation import Observation, Outcome

LABELS = ("eating", "reading", "sleeping")


def make_experiment(name: str = "trial", **changes: Any) -> Experiment:
    arms = {"control": Arm(model="tiny-fp32@1"), "treatment": Arm(model="tiny-int8@1")}
    return Experiment(name=name, **{**arms, "mode": "paired", **changes})


def make_outcome(label: str | None = "eating", **changes: Any) -> Outcome:
    """Return what an arm answered; its most probable activity is sure to one in many digits."""
    probs_K = np.full(len(LABELS), 0.1, np.float32)
    probs_K[LABELS.index(label) if label in LABELS else 0] = 1 / 3
    facts = {"label": label, "probs_K": probs_K, "inference_s": 0.002, "processor_s": 0.004}
    return Outcome(**{**facts, **changes})


def make_observation(**changes: Any) -> Observation:
    facts: dict[str, Any] = {
        "experiment": "trial",
        "served": "control",
        "time_s": time.time(),
        "request_id": "request-1",
        "subject": "5f2b",
        "control": make_outcome(),
        "treatment": make_outcome(),
        "max_difference": 0.1,
        "mean_difference": 0.01,
        "upload_s": 0.001,
        "queue_s": 0.0,
        "decode_s": 0.03,
        "total_s": 0.04,
        "brightness": 0.4,
        "motion": 0.01,
    }
    return Observation(**{**facts, **changes})
