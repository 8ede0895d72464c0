"""Makes small experiments, observations of them, and recorders."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.experiments.definition import Arm, Experiment
from app.experiments.observation import Observation, Outcome
from app.experiments.store.database import Database
from app.experiments.store.experiments import StoredExperiment, create_experiment
from app.experiments.store.recorder import Recorder

LABELS = ("eating", "reading", "sleeping")
TIMEOUT_S = 30


def make_experiment(name: str = "trial", **changes: Any) -> Experiment:
    arms = {"control": Arm(model="tiny-fp32@1"), "treatment": Arm(model="tiny-int8@1")}
    return Experiment(name=name, **{**arms, "mode": "paired", **changes})


def add_experiment(
    database: Database, name: str = "trial", *, labels: Sequence[str] = LABELS, **changes: Any
) -> StoredExperiment:
    experiment = make_experiment(name, **changes)
    return create_experiment(database, experiment, labels=labels, by="api", reason="to know")


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


class Losses(list[tuple[str, int]]):
    """What a recorder said that it lost."""

    def add(self, reason: str, num: int) -> None:
        self.append((reason, num))


@contextmanager
def run_recorder(
    folder: Path,
    database: Database,
    *,
    losses: Losses | None = None,
    max_journal_bytes: int = 2**20,
) -> Iterator[Recorder]:
    """Run a recorder, and write what it got at the end."""
    on_lost = (losses if losses is not None else Losses()).add
    recorder = Recorder(folder, database, max_journal_bytes=max_journal_bytes, on_lost=on_lost)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.close(TIMEOUT_S)


def keep(folder: Path, database: Database, observations: Sequence[Observation]) -> None:
    """Put observations into a database, the way that the service does."""
    with run_recorder(folder, database) as recorder:
        for observation in observations:
            recorder.record(observation)
