import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from app.experiments.live import LiveExperiment, LiveExperiments
from app.experiments.reporting import Reporter
from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.experiments import StoredExperiment, create_experiment, read_experiment
from app.experiments.store.queries import read_cells
from app.experiments.store.recorder import Recorder
from app.experiments.store.trail import EXPERIMENT, read_events
from app.experiments.upkeep import Upkeep
from tests.app.experiments.making import LABELS, make_experiment, make_observation

QUICK = {"min_requests": 10, "margin": 0.4}


@contextmanager
def run_upkeep(folder: Path, *, num: int, **stop: Any) -> Iterator[tuple[Upkeep, Database]]:
    """Give the upkeep of one running experiment with so many records of arms that agree."""
    url = sqlite_url(folder)
    database = Database(url)
    experiment = make_experiment(stop={**QUICK, **stop})
    recorder = Recorder(folder, database, max_journal_bytes=2**20, on_lost=fail)
    recorder.start()
    create_experiment(database, experiment, labels=LABELS, by="api", reason="")
    for _ in range(num):
        recorder.record(make_observation(time_s=time.time()))
    assert recorder.close(10)
    live = cast(LiveExperiments, Live(experiment=experiment, salt="00", arms={}, guard=None))
    reporter = Reporter(url, model_dir=folder)
    yield (
        Upkeep(database, live=live, reporter=reporter, max_age_days=1, max_records=50),
        database,
    )
    database.close()


class Live:
    """The experiments that run, as far as the upkeep looks at them."""

    def __init__(self, **parts: Any) -> None:
        self.by_alias = {"default": LiveExperiment(**parts)}


def fail(reason: str, num: int) -> None:
    raise AssertionError(f"{num} lost: {reason}")


def read_end(database: Database) -> tuple[StoredExperiment, str, str]:
    event = read_events(database, subject=EXPERIMENT, name="trial")[-1]
    return read_experiment(database, "trial"), event.by, event.reason


def test_experiment_with_a_verdict_ends_and_says_which(tmp_path: Path) -> None:
    with run_upkeep(tmp_path, num=60) as (upkeep, database):
        asyncio.run(upkeep.apply_stop_rules())

        stored, by, reason = read_end(database)

    assert (stored.state, by) == ("ended", "stop rule")
    assert stored.verdict == "equivalent"
    assert reason.startswith("The treatment's accuracy minus the control's lies between")


@pytest.mark.parametrize("stop", [{"max_requests": 20}, {"max_days": 1e-9}])
def test_experiment_that_is_full_or_over_ends_without_a_verdict(
    stop: dict[str, float], tmp_path: Path
) -> None:
    with run_upkeep(tmp_path, num=20, margin=0.01, **stop) as (upkeep, database):
        asyncio.run(upkeep.apply_stop_rules())

        stored, _, _ = read_end(database)

    assert (stored.state, stored.verdict) == ("ended", "not enough yet")


def test_experiment_without_enough_evidence_goes_on(tmp_path: Path) -> None:
    with run_upkeep(tmp_path, num=20, margin=0.01) as (upkeep, database):
        asyncio.run(upkeep.apply_stop_rules())

        stored, _, _ = read_end(database)

    assert stored.state == "running"


def test_oldest_records_beyond_the_limit_are_deleted(tmp_path: Path) -> None:
    with run_upkeep(tmp_path, num=60) as (upkeep, database):
        asyncio.run(upkeep.delete_old())

        cells = read_cells(database, "trial")

    assert sum(cell.num for cell in cells) == 50
