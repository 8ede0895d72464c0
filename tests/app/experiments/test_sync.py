"""What runs here follows the database, and a guard is ahead of it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from app.experiments import sync as sync_module
from app.experiments.aliases import AliasKeeper
from app.experiments.definition import State
from app.experiments.live import LiveExperiments
from app.experiments.metrics import ExperimentMetrics
from app.experiments.shadows import ShadowQueue
from app.experiments.store.database import Database, sqlite_url
from app.experiments.store.experiments import (
    change_state,
    create_experiment,
    list_experiments,
    read_experiment,
)
from app.experiments.sync import ExperimentSync
from app.gates import Gate
from app.inference import InferencePool
from models.classifier import ActivityClassifier
from models.registry import ModelRegistry
from tests.app.experiments.making import LABELS, make_experiment


class Process:
    """The experiments of one process.

    Args:
        database: Which all processes share.
        model_dir: Its models.
    """

    def __init__(self, database: Database, model_dir: Path) -> None:
        registry = ModelRegistry(
            model_dir,
            requested=("tiny-fp32", "tiny-int8"),
            aliases={"default": "tiny-int8@1", "second": "tiny-int8@1"},
            runtime_name="openvino",
            num_threads=1,
        )
        registry.load()
        metrics = ExperimentMetrics(CollectorRegistry())
        self.database = database
        self.live = LiveExperiments(
            shadows=ShadowQueue(Gate("decode", capacity=1, max_waiting=0)),
            pool=InferencePool(num_workers=1, max_waiting=0),
            on_observed=lambda observation: None,
            on_breach=lambda live, breach: None,
        )
        self.aliases = AliasKeeper(registry, database, metrics)
        self.sync = ExperimentSync(
            database, registry=registry, live=self.live, aliases=self.aliases, metrics=metrics
        )

    def begin(self, name: str, *, alias: str) -> None:
        experiment = make_experiment(name, alias=alias)
        create_experiment(self.database, experiment, labels=LABELS, by="api", reason="")

    def change(self, name: str, state: State) -> None:
        change_state(self.database, name, state=state, by="api", reason="")

    @property
    def running(self) -> list[str]:
        return [live.experiment.name for live in self.live.by_alias.values()]

    def trip(self, name: str) -> None:
        live = self.live.find(name)
        if live is not None:
            self.sync.roll_back(live, "too slow")


@pytest.fixture
def process(model_dir: Path, tmp_path: Path) -> Iterator[Process]:
    database = Database(sqlite_url(tmp_path))
    database.prepare()
    yield Process(database, model_dir)
    database.close()


def test_guard_that_acts_after_the_database_was_read_is_not_undone(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.begin("trial", alias="default")
    asyncio.run(process.sync.look())
    assert process.running == ["trial"]

    def list_and_trip(database: Database) -> object:
        stored = list_experiments(database)
        process.trip("trial")
        return stored

    monkeypatch.setattr(sync_module, "list_experiments", list_and_trip)

    asyncio.run(process.sync.look())

    assert process.running == []
    assert process.aliases.find_model("default") == "tiny-fp32@1"
    assert read_experiment(process.database, "trial").state == "ended"


def test_guard_that_acts_while_an_older_experiment_loads_is_not_undone(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.begin("resumed", alias="second")
    process.change("resumed", "paused")
    process.begin("trial", alias="default")
    asyncio.run(process.sync.look())
    process.change("resumed", "running")
    load_apart = ModelRegistry.load_apart

    def trip_and_load(
        registry: ModelRegistry, reference: str, **options: object
    ) -> ActivityClassifier:
        process.trip("trial")
        return load_apart(registry, reference, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelRegistry, "load_apart", trip_and_load)

    asyncio.run(process.sync.look())
    assert process.running == ["resumed"]
    asyncio.run(process.sync.look())

    assert process.running == ["resumed"]
    assert read_experiment(process.database, "trial").state == "ended"
