"""Wires experiments into the service: how they start and end, and how requests pass through."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial

from app.experiments.aliases import AliasKeeper
from app.experiments.desk import ExperimentDesk
from app.experiments.file import read_experiments
from app.experiments.live import LiveExperiment, LiveExperiments
from app.experiments.metrics import ExperimentMetrics
from app.experiments.observation import Observation
from app.experiments.reporting import Reporter
from app.experiments.shadows import ShadowQueue
from app.experiments.store.database import Database
from app.experiments.store.recorder import Recorder
from app.experiments.sync import ExperimentSync
from app.experiments.trial import Trial
from app.experiments.upkeep import Upkeep
from app.gates import Gate
from app.inference import InferencePool
from app.records import RequestRecord
from app.settings import Settings
from models.registry import ModelRegistry

CLOSE_S = 5.0


class ExperimentManager:
    """Everything about experiments, wired once; use it on one event loop.

    Args:
        settings: What the operator chose.
        registry: The models.
        lanes: The places of requests that compute.
        inference: Where models compute.
        metrics: What Prometheus sees.

    Attributes:
        desk: Answers the API.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        registry: ModelRegistry,
        lanes: Gate,
        inference: InferencePool,
        metrics: ExperimentMetrics,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._metrics = metrics
        self._database = Database(settings.records_url)
        self._recorder = Recorder(
            settings.records_dir,
            self._database,
            max_journal_bytes=settings.max_journal_bytes,
            on_lost=metrics.count_lost,
        )
        reporter = Reporter(settings.records_url, model_dir=settings.model_dir)
        self._shadows = ShadowQueue(lanes)
        self._live = LiveExperiments(
            shadows=self._shadows,
            pool=inference,
            on_observed=self._keep,
            on_breach=self._roll_back,
        )
        self._aliases = AliasKeeper(registry, self._database, metrics)
        self._sync = ExperimentSync(
            self._database,
            registry=registry,
            live=self._live,
            aliases=self._aliases,
            metrics=metrics,
        )
        self._upkeep = Upkeep(
            self._database,
            live=self._live,
            reporter=reporter,
            max_age_days=settings.max_record_age_days,
            max_records=settings.max_records,
        )
        self.desk = ExperimentDesk(
            self._database,
            registry=registry,
            recorder=self._recorder,
            reporter=reporter,
            aliases=self._aliases,
            sync=self._sync,
        )
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Run what is to run, now or as soon as the database answers; models are loaded.

        Raises:
            InvalidExperimentsFileError: If the file of experiments cannot be used.
        """
        path = self._settings.experiments_file
        experiments = read_experiments(path) if path else []
        self._metrics.watch_records(
            waiting_bytes=lambda: self._recorder.waiting_bytes,
            is_available=lambda: self._recorder.is_available,
        )
        self._sync.postpone(self._recorder.start)
        self._sync.postpone(partial(self._aliases.claim, self._aliases.models))
        for experiment in experiments:
            self._sync.postpone(partial(self._sync.begin, experiment))
        await self._sync.look()
        self._aliases.show()
        self._tasks = [
            asyncio.create_task(self._sync.poll()),
            asyncio.create_task(self._upkeep.run()),
        ]

    async def close(self) -> None:
        """Record what is under way, and end."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._shadows.close()
        await asyncio.to_thread(self._recorder.close, CLOSE_S)
        self._database.close()

    @property
    def compared(self) -> Mapping[str, str]:
        """The experiment that compares a model and has not ended, by `name@version`."""
        return self._sync.compared

    def begin(
        self, reference: str, headers: Mapping[str, str], record: RequestRecord
    ) -> Trial | None:
        """Return what an experiment does with a request; None if none does anything.

        Args:
            reference: The model that the client asked for.
            headers: The request's headers.
            record: The request.
        """
        if reference not in self._live.by_alias:
            return None
        return self._live.begin(
            reference,
            alias_model=self._registry.resolve(reference).reference,
            subject=headers.get(self._settings.subject_header),
            request_id=record.request_id,
        )

    def observe(self, trial: Trial | None, record: RequestRecord) -> AbstractContextManager[None]:
        """Keep what comes of a trial in the body of the statement, also when it fails."""
        return self._live.observe(trial, record) if trial else nullcontext()

    def _keep(self, observation: Observation) -> None:
        self._recorder.record(observation)
        self._metrics.count(observation)

    def _roll_back(self, live: LiveExperiment, breach: str) -> None:
        self._sync.roll_back(live, breach)
        self._tasks.append(asyncio.create_task(self._sync.look()))
