"""Answers the API about experiments, aliases, reports and feedback.

Every change goes to the database first, and takes effect in this process before it is answered.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

import structlog

from app.errors import DeadlineExceededError, NoRecordsError, UnknownAliasError
from app.experiments.aliases import AliasKeeper
from app.experiments.definition import Experiment
from app.experiments.events import answer_events
from app.experiments.reporting import TIMEOUT_S, Form, Reporter
from app.experiments.store.database import Database
from app.experiments.store.errors import UNAVAILABLE
from app.experiments.store.experiments import (
    StoredExperiment,
    change_share,
    change_state,
    create_experiment,
    list_experiments,
    read_experiment,
)
from app.experiments.store.feedback import store_feedback
from app.experiments.store.recorder import Recorder
from app.experiments.store.trail import ALIAS, EXPERIMENT, read_events
from app.experiments.sync import ExperimentSync
from app.schemas import (
    AliasAnswer,
    ExperimentAnswer,
    ExperimentChange,
    FeedbackItem,
)
from models.registry import ModelRegistry

P = ParamSpec("P")
T = TypeVar("T")
API = "api"
FLUSH_S = 2.0


class ExperimentDesk:
    """Answers the API; what asks the database does so in a thread.

    Every method raises NoRecordsError if the database does not answer.

    Args:
        database: Where experiments, records and the trail are.
        registry: The models.
        recorder: What is still on its way to the database.
        reporter: Makes reports.
        aliases: Moves aliases.
        sync: Runs experiments here.
    """

    def __init__(
        self,
        database: Database,
        *,
        registry: ModelRegistry,
        recorder: Recorder,
        reporter: Reporter,
        aliases: AliasKeeper,
        sync: ExperimentSync,
    ) -> None:
        self._database = database
        self._registry = registry
        self._recorder = recorder
        self._reporter = reporter
        self._aliases = aliases
        self._sync = sync
        self._log = structlog.get_logger("driver_activity.experiments")

    async def list_all(self) -> list[ExperimentAnswer]:
        """Return every experiment, the newest first.

        Raises:
            NoRecordsError: As everything below, if the database does not answer.
        """
        stored = await self._ask(list_experiments)
        return [await self._answer(one) for one in reversed(stored)]

    async def get(self, name: str) -> ExperimentAnswer:
        """Return one experiment.

        Raises:
            UnknownExperimentError: If there is none of that name.
        """
        return await self._answer(await self._ask(read_experiment, name))

    async def create(self, experiment: Experiment) -> ExperimentAnswer:
        """Begin an experiment.

        Raises:
            ExperimentExistsError: If the name is taken.
            OverlappingExperimentsError: If another one has the alias.
            UninvolvedAliasError: If the alias leads to neither arm.
            ModelError: If a model is not there, or not loaded.
            IncomparableModelsError: If they do not take and answer the same.
        """
        self._aliases.check(experiment, self._aliases.find_model(experiment.alias))
        arms = await self._sync.load_arms(experiment)
        await self._ask(
            create_experiment,
            experiment,
            labels=arms["control"].card.labels,
            by=API,
            reason="",
        )
        await self._sync.look()
        return await self.get(experiment.name)

    async def change(self, name: str, change: ExperimentChange) -> ExperimentAnswer:
        """Change state or share of an experiment.

        Raises:
            UnknownExperimentError: If there is none of that name.
            ExperimentEndedError: If it has ended.
        """
        if change.share is not None:
            await self._ask(change_share, name, share=change.share, by=API, reason=change.reason)
        if change.state is not None:
            await self._ask(change_state, name, state=change.state, by=API, reason=change.reason)
        await self._sync.look()
        return await self.get(name)

    async def report(self, name: str, *, form: Form) -> str:
        """Return the report of an experiment.

        Raises:
            UnknownExperimentError: If there is none of that name.
            QueueFullError: If too many reports wait.
            DeadlineExceededError: If it takes too long.
        """
        await self._ask(read_experiment, name)  # before a process is started for it
        await asyncio.to_thread(self._recorder.flush, FLUSH_S)
        try:
            with self._translate():
                return await self._reporter.write(name, form=form)
        except TimeoutError as exc:
            raise DeadlineExceededError(TIMEOUT_S) from exc

    async def label(self, items: Sequence[FeedbackItem]) -> int:
        """Keep what drivers really did; return how many records it was for.

        Raises:
            InvalidFeedbackError: If a request or an activity is unknown; nothing is kept.
        """
        await asyncio.to_thread(self._recorder.flush, FLUSH_S)
        return await self._ask(store_feedback, [(item.request_id, item.label) for item in items])

    async def _answer(self, stored: StoredExperiment) -> ExperimentAnswer:
        name = stored.experiment.name
        events = await self._ask(read_events, subject=EXPERIMENT, name=name)
        return ExperimentAnswer(
            experiment=stored.experiment,
            state=stored.state,
            problem=self._sync.problems.get(name, ""),
            events=answer_events(events),
        )

    async def list_aliases(self) -> list[AliasAnswer]:
        """Return every alias."""
        return [await self.get_alias(alias) for alias in sorted(self._registry.aliases)]

    async def get_alias(self, alias: str) -> AliasAnswer:
        """Return where an alias leads.

        Raises:
            UnknownAliasError: If there is no such alias.
        """
        if alias not in self._registry.aliases:
            raise UnknownAliasError(alias, tuple(self._registry.aliases))
        events = await self._ask(read_events, subject=ALIAS, name=alias)
        model = self._aliases.find_model(alias) or self._registry.aliases[alias]
        return AliasAnswer(alias=alias, model=model, events=answer_events(events))

    async def move_alias(self, alias: str, model: str, *, reason: str) -> AliasAnswer:
        """Let an alias lead to another model, in this process at once.

        Raises:
            ModelError: If the model is not there or not loaded, or the alias is a model's name.
            UninvolvedAliasError: If an experiment on the alias compares other models.
        """
        self._registry.check_alias(alias, model)
        for stored in await self._ask(list_experiments):
            if stored.state != "ended" and stored.experiment.alias == alias:
                self._aliases.check(stored.experiment, model)
        await self._ask(self._note_move, alias, model, reason)
        await self._sync.look()
        return await self.get_alias(alias)

    def _note_move(self, _: Database, alias: str, model: str, reason: str) -> None:
        self._aliases.note(alias, model, by=API, reason=reason)

    async def _ask(
        self,
        function: Callable[Concatenate[Database, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        with self._translate():
            return await asyncio.to_thread(function, self._database, *args, **kwargs)

    @contextmanager
    def _translate(self) -> Iterator[None]:
        """Tell clients that the database is out of reach, but not where it is."""
        try:
            yield
        except UNAVAILABLE as exc:
            self._log.warning("records_unavailable", reason=str(exc))
            raise NoRecordsError from exc
