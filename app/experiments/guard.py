"""Watches the latest requests of an experiment, and says when the treatment is over a limit."""

from collections import deque
from dataclasses import dataclass
from statistics import median

from app.experiments.definition import Guard
from app.experiments.observation import FAULTS, OK, Observation, Outcome

LOOK_EVERY = 10


@dataclass(frozen=True)
class Glimpse:
    """What the guard remembers of one request; None where an arm did not run."""

    control_failed: bool | None
    treatment_failed: bool | None
    agrees: bool | None
    control_s: float | None
    treatment_s: float | None


class GuardWindow:
    """The latest requests of one experiment, as far as its guard has to know them.

    Args:
        guard: The limits.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._glimpses: deque[Glimpse] = deque(maxlen=guard.num_requests)
        self._num_seen = 0

    def add(self, observation: Observation) -> str | None:
        """Take in a request; return which limit is crossed, in words, at every tenth of them."""
        self._glimpses.append(_glimpse(observation))
        self._num_seen += 1
        return self.find_breach() if self._num_seen % LOOK_EVERY == 0 else None

    def find_breach(self) -> str | None:
        """Return which limit the latest requests are over, in words; None if none is."""
        checks = (self._check_errors(), self._check_latency(), self._check_disagreement())
        return next((breach for breach in checks if breach is not None), None)

    def _check_errors(self) -> str | None:
        limit = self._guard.max_error_difference
        control = [glimpse.control_failed for glimpse in self._glimpses]
        treatment = [glimpse.treatment_failed for glimpse in self._glimpses]
        if limit is None or not self._is_enough(treatment):
            return None
        difference = _share(treatment) - _share(control)
        return _word("error rate above the control's by", difference, limit)

    def _check_latency(self) -> str | None:
        limit = self._guard.max_latency_ratio
        control_s = [g.control_s for g in self._glimpses if g.control_s is not None]
        treatment_s = [g.treatment_s for g in self._glimpses if g.treatment_s is not None]
        if limit is None or not control_s or not self._is_enough(treatment_s):
            return None
        return _word("latency by the control's", median(treatment_s) / median(control_s), limit)

    def _check_disagreement(self) -> str | None:
        limit = self._guard.max_disagreement
        agrees = [glimpse.agrees for glimpse in self._glimpses]
        if limit is None or not self._is_enough(agrees):
            return None
        return _word("disagreement", 1 - _share(agrees), limit)

    def _is_enough(self, values: list[bool | None] | list[float]) -> bool:
        return sum(value is not None for value in values) >= self._guard.min_requests


def _glimpse(observation: Observation) -> Glimpse:
    control, treatment = observation.control, observation.treatment
    return Glimpse(
        control_failed=_has_failed(control),
        treatment_failed=_has_failed(treatment),
        agrees=observation.agrees,
        control_s=control.inference_s if control else None,
        treatment_s=treatment.inference_s if treatment else None,
    )


def _has_failed(outcome: Outcome | None) -> bool | None:
    """Say whether an arm failed by its own fault; None if it did not come to it."""
    if outcome is None or (outcome.code != OK and outcome.code not in FAULTS):
        return None
    return outcome.code in FAULTS


def _share(values: list[bool | None]) -> float:
    """Return the share of true among those that are known; 0 of none."""
    known = [value for value in values if value is not None]
    return sum(known) / max(1, len(known))


def _word(quantity: str, found: float, limit: float) -> str | None:
    return f"{quantity} {found:.3g}, accepted at most {limit:g}" if found > limit else None
