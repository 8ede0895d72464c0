"""Keeps the experiments and aliases of this process in step with the database of all processes.

A guard acts here first, and tells the database as soon as that answers. Everything else is in the
database first, and here with the next look at it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from app.comparison import check_comparable
from app.errors import ModelUnusableError
from app.experiments.aliases import AliasKeeper
from app.experiments.definition import ARMS, Arm, ArmName, Experiment
from app.experiments.guard import GuardWindow
from app.experiments.live import LiveExperiment, LiveExperiments
from app.experiments.metrics import ExperimentMetrics
from app.experiments.store.database import Database
from app.experiments.store.errors import UNAVAILABLE, ExperimentExistsError
from app.experiments.store.experiments import (
    StoredExperiment,
    change_state,
    create_experiment,
    list_experiments,
    read_experiment,
)
from models.classifier import ActivityClassifier
from models.errors import (
    DriverActivityError,
    ModelError,
    ModelNotReadyError,
    UnknownModelError,
)
from models.registry import ModelRegistry

POLL_S = 2.0
GUARD = "guard"
FILE = "file"


class ExperimentSync:
    """Runs here what the database says is to run.

    Args:
        database: Where experiments and the trail are.
        registry: Gives the arms' models.
        live: The experiments that run here.
        aliases: Moves aliases.
        metrics: Shows what runs.
    """

    def __init__(
        self,
        database: Database,
        *,
        registry: ModelRegistry,
        live: LiveExperiments,
        aliases: AliasKeeper,
        metrics: ExperimentMetrics,
    ) -> None:
        self._database = database
        self._registry = registry
        self._live = live
        self._aliases = aliases
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._todo: deque[Callable[[], object]] = deque()
        self._is_answering = True
        self.problems: dict[str, str] = {}
        """Why experiments that should run do not run here, by name."""
        self.compared: dict[str, str] = {}
        """The experiment that compares a model and has not ended, by `name@version`."""
        self._log = structlog.get_logger("driver_activity.experiments")

    def postpone(self, step: Callable[[], object]) -> None:
        """Do something in a thread at the next look, or as soon as the database answers."""
        self._todo.append(step)

    def begin(self, experiment: Experiment) -> None:
        """Begin an experiment of the operator's file, unless it was begun before; blocks.

        Raises:
            ExperimentExistsError: If it was begun with another definition, save for the share.
            DriverActivityError: If it cannot be begun.
        """
        self._aliases.check(experiment, self._aliases.find_model(experiment.alias))
        labels = self._registry.get(experiment.control.model).card.labels
        try:
            create_experiment(self._database, experiment, labels=labels, by=FILE, reason="")
        except ExperimentExistsError:
            known = read_experiment(self._database, experiment.name).experiment
            if known != experiment.model_copy(update={"share": known.share}):
                raise

    async def poll(self) -> None:
        """Look at the database again and again, until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.look()
            except Exception:
                self._log.exception("look_failed")

    async def look(self) -> None:
        """Do what is still to do, and run what is to run; later, if the database is down."""
        async with self._lock:
            try:
                stored, moves = await asyncio.to_thread(self._read)
                while self._todo:  # a guard has acted here since, and what was read is out of date
                    stored, moves = await asyncio.to_thread(self._read)
            except UNAVAILABLE as exc:
                self._complain(exc)
                return
            self._is_answering = True
            self._aliases.follow(moves)
            await self._follow(stored)

    def _read(self) -> tuple[tuple[StoredExperiment, ...], Mapping[str, str]]:
        while self._todo:
            try:
                self._todo[0]()
            except UNAVAILABLE:
                raise
            except DriverActivityError as exc:
                self._log.error("step_refused", reason=str(exc))
            self._todo.popleft()
        return list_experiments(self._database), self._aliases.read()

    def _complain(self, error: Exception) -> None:
        if self._is_answering:
            self._log.error("records_unavailable", reason=str(error))
        self._is_answering = False

    async def _follow(self, stored: tuple[StoredExperiment, ...]) -> None:
        self.compared = {
            side.model: one.experiment.name
            for one in stored
            if one.state != "ended"
            for side in one.experiment.arms.values()
        }
        running = {one.experiment.name: one for one in stored if one.state == "running"}
        for live in list(self._live.by_alias.values()):
            if live.experiment.name not in running:
                self._live.remove(live.experiment.name)
        self.problems = {name: why for name, why in self.problems.items() if name in running}
        new = [one for name, one in running.items() if self._live.find(name) is None]
        for live in list(self._live.by_alias.values()):
            self._live.put(live.change(running[live.experiment.name].experiment))
        # Loading lets requests pass, and a guard may end what was live; that is not begun again.
        for one in new:
            if one.experiment.name not in self.problems:
                await self._start(one)
        self._metrics.show_running(
            {alias: live.experiment for alias, live in self._live.by_alias.items()}
        )

    async def _start(self, stored: StoredExperiment) -> None:
        experiment = stored.experiment
        try:
            arms = await self.load_arms(experiment)
        except DriverActivityError as exc:
            self.problems[experiment.name] = str(exc)
            self._log.error("experiment_not_run", experiment=experiment.name, reason=str(exc))
            return
        guard = GuardWindow(experiment.guard) if experiment.guard else None
        self._live.put(
            LiveExperiment(experiment=experiment, salt=stored.salt, arms=arms, guard=guard)
        )
        self._log.info("experiment_runs", experiment=experiment.name, mode=experiment.mode)

    async def load_arms(self, experiment: Experiment) -> Mapping[ArmName, ActivityClassifier]:
        """Return the models of an experiment.

        Raises:
            UnknownModelError: If one is not installed.
            ModelNotReadyError: If one is not loaded, or its engine is not installed.
            ModelUnusableError: If one cannot be loaded on the engine that the experiment asks for.
            IncomparableModelsError: If they do not take and answer the same.
        """
        arms = await asyncio.to_thread(self._load_arms, experiment)
        check_comparable([arms[arm].card for arm in ARMS])
        return arms

    def _load_arms(self, experiment: Experiment) -> Mapping[ArmName, ActivityClassifier]:
        for side in experiment.arms.values():
            self._registry.get(side.model)
        return {arm: self._load_arm(side) for arm, side in experiment.arms.items()}

    def _load_arm(self, side: Arm) -> ActivityClassifier:
        try:
            return self._registry.load_apart(side.model, runtime_name=side.runtime)
        except (UnknownModelError, ModelNotReadyError):
            raise
        except ModelError as exc:
            raise ModelUnusableError(side.model, str(exc)) from exc

    def roll_back(self, live: LiveExperiment, breach: str) -> None:
        """End an experiment, and move its alias to the control if it leads to the treatment."""
        experiment = live.experiment
        self._live.remove(experiment.name)
        is_moved = self._aliases.find_model(experiment.alias) != experiment.control.model
        if is_moved:
            self._aliases.follow({experiment.alias: experiment.control.model})
        self._metrics.count_breach(experiment.name)
        self._log.error(
            "guard_tripped",
            experiment=experiment.name,
            reason=breach,
            alias=experiment.alias if is_moved else "",
        )
        self.postpone(partial(self._end, experiment, breach))
        if is_moved:
            self.postpone(partial(self._note_move, experiment, breach))

    def _end(self, experiment: Experiment, breach: str) -> None:
        change_state(self._database, experiment.name, state="ended", by=GUARD, reason=breach)

    def _note_move(self, experiment: Experiment, breach: str) -> None:
        reason = f"{experiment.name}: {breach}"
        self._aliases.note(experiment.alias, experiment.control.model, by=GUARD, reason=reason)
