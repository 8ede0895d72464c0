"""What Prometheus sees of experiments, their records, and aliases."""

from collections.abc import Callable, Mapping
from typing import get_args

from prometheus_client import CollectorRegistry

from app.experiments.definition import ARMS, ArmName, Experiment
from app.experiments.observation import Observation, Outcome
from app.experiments.store.inserting import LossReason
from app.instruments import DIFFERENCES, Instruments


class ExperimentMetrics:
    """The metrics of experiments of one application.

    Args:
        registry: Where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        make = self._make = Instruments(registry)
        self._answers = make.counter(
            "experiment_answers",
            "What the arms of an experiment made of requests; code ok, shed or a failure.",
            ("experiment", "arm", "code"),
        )
        self._inference = make.histogram(
            "experiment_inference_seconds", "Inference of one arm.", ("experiment", "arm")
        )
        self._pairs = make.counter(
            "experiment_pairs",
            "Requests that both arms answered, by whether they name the same activity.",
            ("experiment", "agree"),
        )
        self._differences = make.histogram(
            "experiment_probability_difference",
            "Largest difference of a probability between the arms on one request.",
            ("experiment",),
            buckets=DIFFERENCES,
        )
        self._running = make.presence(
            "experiment_running",
            "Experiments that run in this process, always 1.",
            ("experiment", "alias", "mode", "control", "treatment"),
        )
        self._breaches = make.counter(
            "experiment_guard_breaches", "Experiments ended by their guard.", ("experiment",)
        )
        self._alias = make.presence(
            "alias_info", "Where aliases lead, always 1.", ("alias", "model")
        )
        self._moves = make.counter("alias_moves", "Aliases moved, by whom.", ("alias", "by"))
        self._lost = make.counter(
            "experiment_records_lost", "Records that could not be kept, by why.", ("reason",)
        )
        for reason in get_args(LossReason):
            self._lost.labels(reason)

    def watch_records(
        self, *, waiting_bytes: Callable[[], int], is_available: Callable[[], bool]
    ) -> None:
        """Show how the records fare, from functions that tell it."""
        self._make.gauge(
            "experiment_records_waiting_bytes", "Bytes of records that wait for the database."
        ).set_function(waiting_bytes)
        self._make.gauge(
            "experiment_records_available", "Whether the database of records answers, 0 or 1."
        ).set_function(is_available)

    def count_lost(self, reason: str, num: int) -> None:
        """Count records that could not be kept."""
        self._lost.labels(reason).inc(num)

    def count(self, observation: Observation) -> None:
        """Count what the arms made of one request."""
        for arm, outcome in zip(ARMS, (observation.control, observation.treatment), strict=True):
            if outcome is not None:
                self._count_outcome(observation.experiment, arm, outcome)
        if observation.agrees is not None and observation.max_difference is not None:
            agree = str(observation.agrees).lower()
            self._pairs.labels(observation.experiment, agree).inc()
            self._differences.labels(observation.experiment).observe(observation.max_difference)

    def _count_outcome(self, experiment: str, arm: ArmName, outcome: Outcome) -> None:
        self._answers.labels(experiment, arm, outcome.code).inc()
        if outcome.inference_s is not None:
            self._inference.labels(experiment, arm).observe(outcome.inference_s)

    def show_running(self, experiments: Mapping[str, Experiment]) -> None:
        """Show which experiments run in this process, by alias."""
        for experiment in experiments.values():
            self._start_at_zero(experiment.name)
        self._running.show(
            (one.name, alias, one.mode, one.control.model, one.treatment.model)
            for alias, one in experiments.items()
        )

    def _start_at_zero(self, experiment: str) -> None:
        """Make what has not happened yet visible, so that its rate is 0 and not absent."""
        self._breaches.labels(experiment)
        for agree in ("false", "true"):
            self._pairs.labels(experiment, agree)

    def count_breach(self, experiment: str) -> None:
        """Count an experiment that its guard has ended."""
        self._breaches.labels(experiment).inc()

    def show_aliases(self, aliases: Mapping[str, str]) -> None:
        """Show where aliases lead, as `name@version`."""
        self._alias.show(aliases.items())

    def count_move(self, alias: str, *, by: str) -> None:
        """Count an alias that was moved."""
        self._moves.labels(alias, by).inc()
