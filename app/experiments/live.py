"""The experiments that this process takes part in, and the way of a request through one."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from app.errors import ABANDONED, INTERNAL_ERROR, find_kind
from app.experiments.assignment import find_place, hash_subject
from app.experiments.definition import ARMS, ArmName, Experiment
from app.experiments.guard import GuardWindow
from app.experiments.observation import Observation
from app.experiments.shadows import Shadow, ShadowQueue
from app.experiments.trial import Trial
from app.inference import InferencePool
from app.records import RequestRecord
from models.classifier import ActivityClassifier
from models.errors import DriverActivityError


@dataclass(frozen=True, kw_only=True)
class LiveExperiment:
    """An experiment that runs in this process.

    Attributes:
        experiment: Its definition.
        salt: Key of its hashes, hexadecimal.
        arms: Its models, loaded.
        guard: Its latest requests, if it has a guard.
    """

    experiment: Experiment
    salt: str
    arms: Mapping[ArmName, ActivityClassifier]
    guard: GuardWindow | None

    def change(self, experiment: Experiment) -> "LiveExperiment":
        """Return the same with a changed definition."""
        return replace(self, experiment=experiment)

    def begin(
        self, *, alias_model: str, subject: str | None, request_id: str, pool: InferencePool
    ) -> Trial:
        """Decide what happens with one request.

        Args:
            alias_model: `name@version` that the experiment's alias leads to.
            subject: Who sent it, if the client said.
            request_id: The request's id.
            pool: Where models compute.
        """
        trial = Trial(
            experiment=self.experiment.name,
            mode=self.experiment.mode,
            arms=self.arms,
            served=self._find_arm_of(alias_model),
            is_compared=False,
            pool=pool,
            subject=None if subject is None else hash_subject(subject, salt=self.salt),
        )
        if self.experiment.mode == "split":
            digest = trial.subject or hash_subject(request_id, salt=self.salt)
            is_treated = find_place(digest) < self.experiment.share
            trial.served = "treatment" if is_treated else "control"
        else:
            trial.is_compared = find_place(trial.observation_id) < self.experiment.share
        return trial

    def _find_arm_of(self, alias_model: str) -> ArmName:
        models = [self.arms[arm].card.reference for arm in ARMS]
        return ARMS[models.index(alias_model)] if alias_model in models else "control"


class LiveExperiments:
    """The experiments by the alias whose requests they see; use it on the event loop only.

    Args:
        shadows: Runs second arms after the answers.
        pool: Where models compute.
        on_observed: Takes what is kept of a request.
        on_breach: Takes an experiment whose guard found a limit crossed, and which.
    """

    def __init__(
        self,
        *,
        shadows: ShadowQueue,
        pool: InferencePool,
        on_observed: Callable[[Observation], None],
        on_breach: Callable[[LiveExperiment, str], None],
    ) -> None:
        self.by_alias: dict[str, LiveExperiment] = {}
        self._shadows = shadows
        self._pool = pool
        self._on_observed = on_observed
        self._on_breach = on_breach

    def find(self, name: str) -> LiveExperiment | None:
        """Return the experiment of a name if it runs here."""
        live = self.by_alias.values()
        return next((one for one in live if one.experiment.name == name), None)

    def put(self, live: LiveExperiment) -> None:
        """Let an experiment see the requests of its alias from now on."""
        self.by_alias[live.experiment.alias] = live

    def remove(self, name: str) -> None:
        """Let an experiment see no more requests; those under way are still recorded."""
        self.by_alias = {
            alias: live for alias, live in self.by_alias.items() if live.experiment.name != name
        }

    def begin(
        self, alias: str, *, alias_model: str, subject: str | None, request_id: str
    ) -> Trial | None:
        """Return what an experiment does with a request; None if none does anything.

        Args:
            alias: The model that the client asked for, as it asked.
            alias_model: `name@version` that this leads to.
            subject: Who sent it, if the client said.
            request_id: The request's id.
        """
        live = self.by_alias.get(alias)
        if live is None:
            return None
        trial = live.begin(
            alias_model=alias_model,
            subject=subject,
            request_id=request_id,
            pool=self._pool,
        )
        is_seen = trial.is_compared or live.experiment.mode == "split"
        return trial if is_seen else None

    @contextmanager
    def observe(self, trial: Trial, record: RequestRecord) -> Iterator[None]:
        """Keep what comes of a trial in the body of the statement, also when it fails.

        What is kept is on the disk before the client is answered, except of shadows, which are
        kept when they have run.
        """
        try:
            yield
        except asyncio.CancelledError:
            trial.fail(ABANDONED.code)
            raise
        except DriverActivityError as exc:
            trial.fail(find_kind(exc).code)
            raise
        except Exception:
            trial.fail(INTERNAL_ERROR.code)
            raise
        finally:
            self._end(trial, record)

    def _end(self, trial: Trial, record: RequestRecord) -> None:
        if trial.is_shadowed and trial.answers:
            answered_s = record.elapsed_s
            self._shadows.offer(
                Shadow(
                    trial=trial,
                    finish=lambda: self._take(trial.observe(record, total_s=answered_s)),
                )
            )
        else:
            self._take(trial.observe(record, total_s=record.elapsed_s))

    def _take(self, observation: Observation) -> None:
        self._on_observed(observation)
        live = self.find(observation.experiment)
        breach = live.guard.add(observation) if live and live.guard else None
        if live is not None and breach is not None:
            self._on_breach(live, breach)
