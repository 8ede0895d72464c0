"""Makes small experiments, observations of them, and recorders."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.experiments.observation import Observation
from app.experiments.store.database import Database
from app.experiments.store.experiments import StoredExperiment, create_experiment
from app.experiments.store.recorder import Recorder
from tests.app.experiments.making import LABELS, make_experiment

TIMEOUT_S = 30


def add_experiment(
    database: Database, name: str = "trial", *, labels: Sequence[str] = LABELS, **changes: Any
) -> StoredExperiment:
    experiment = make_experiment(name, **changes)
    return create_experiment(database, experiment, labels=labels, by="api", reason="to know")


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
