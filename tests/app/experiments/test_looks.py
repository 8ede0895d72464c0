"""What looking again and again does, as `app/experiments/STATISTICS.md` says.

Axes: E simulated experiments, L looks.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from app.experiments.definition import Experiment
from app.experiments.evidence import Cell
from app.experiments.statistics.sequential import ANY, RARE, Prior, weigh_against
from app.experiments.verdict import judge
from tests.app.experiments.document import read_row
from tests.app.experiments.examples import make_cell, make_judged_experiment

pytestmark = pytest.mark.slow

ALPHA = 0.05
NUM_EXPERIMENTS = 2000
STEP = 50
MAX_REQUESTS = 5000


def draw_counts(
    rate: float, *, num_requests: int = MAX_REQUESTS, seed: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the hits of each experiment at each look, and the number of requests at each look."""
    random = np.random.default_rng(seed)
    num_looks = num_requests // STEP
    hits_EL = random.binomial(STEP, rate, (NUM_EXPERIMENTS, num_looks)).cumsum(axis=1)
    return hits_EL, STEP * np.arange(1, num_looks + 1)


def find_stops(is_found_EL: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the number of requests at the first look that finds something; inf if none does."""
    first_E = STEP * (is_found_EL.argmax(axis=1) + 1)
    return np.where(is_found_EL.any(axis=1), first_E, np.inf)


def quantiles(stops: Sequence[float] | NDArray[np.float64]) -> list[float]:
    """Return median and 90th percentile, each of them a look that there was."""
    stops_E = np.asarray(stops, np.float64)
    return [float(np.quantile(stops_E, share, method="nearest")) for share in (0.5, 0.9)]


@pytest.mark.parametrize(("rate", "prior"), [(0.02, RARE), (0.15, RARE), (0.02, ANY), (0.4, ANY)])
def test_looking_every_50_requests_alarms_falsely_in_less_than_one_of_20(
    rate: float, prior: Prior
) -> None:
    hits_EL, requests_L = draw_counts(rate)

    evidence_EL = weigh_against(rate, num=hits_EL, of=requests_L, prior=prior)

    assert (evidence_EL >= np.log(1 / ALPHA)).any(axis=1).mean() < ALPHA


def test_false_alarms_of_agreement_are_as_documented() -> None:
    hits_EL, requests_L = draw_counts(0.02)

    evidence_EL = weigh_against(0.02, num=hits_EL, of=requests_L)
    scores_EL = (hits_EL - 0.02 * requests_L) / np.sqrt(0.02 * 0.98 * requests_L)

    alarms = (evidence_EL >= np.log(1 / ALPHA)).any(axis=1).mean()
    alarms_of_wilson = (np.abs(scores_EL) > 1.96).any(axis=1).mean()
    assert read_row("sequence_looked_at_100_times") == [round(100 * alarms, 1)]
    assert read_row("wilson_looked_at_100_times") == [round(100 * alarms_of_wilson, 1)]


def test_drop_of_agreement_by_2_points_is_found_after_as_many_requests_as_documented() -> None:
    hits_EL, requests_L = draw_counts(0.04)

    evidence_EL = weigh_against(0.02, num=hits_EL, of=requests_L)

    stops_E = find_stops(evidence_EL >= np.log(1 / ALPHA))
    assert read_row("drop") == quantiles(stops_E)


@pytest.mark.parametrize(
    ("name", "rate"), [("alike_2", 0.002), ("alike_5", 0.005), ("alike_10", 0.01)]
)
def test_equivalence_needs_as_many_pairs_without_labels_as_documented(
    name: str, rate: float
) -> None:
    margin = 0.02
    hits_EL, requests_L = draw_counts(rate)

    evidence_EL = weigh_against(margin, num=hits_EL, of=requests_L)

    is_below_EL = hits_EL / requests_L < margin
    stops_E = find_stops(is_below_EL & (evidence_EL >= np.log(2 / ALPHA)))
    assert read_row(name) == quantiles(stops_E)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """How probable it is that the arms disagree, and who is right then; all flips are labelled."""

    disagreement: float
    treatment_right: float
    control_right: float

    def draw(self, random: np.random.Generator, *, step: int) -> Iterator[list[Cell]]:
        """Yield the cells of one experiment after every `step` pairs, without end."""
        wins, losses = self.treatment_right, self.control_right
        shares = np.array([wins, losses, 1 - wins - losses]) * self.disagreement
        counts = np.zeros(4, np.int64)
        while True:
            counts += random.multinomial(step, [*shares, 1 - self.disagreement])
            won, lost, both_wrong, agreed = counts.tolist()
            yield [
                make_cell(agreed, "driving", "driving"),
                make_cell(won, "driving", "drinking", true_label="drinking"),
                make_cell(lost, "driving", "drinking", true_label="driving"),
                make_cell(both_wrong, "driving", "drinking", true_label="phoning"),
            ]


def count_to_verdict(
    experiment: Experiment, traffic: Traffic, random: np.random.Generator
) -> tuple[float, str]:
    """Return after how many pairs there is a verdict, and which."""
    for cells in traffic.draw(random, step=STEP):
        verdict = judge(experiment, cells)
        if verdict.decision != "not enough yet":
            return verdict.num_requests, verdict.decision
    raise AssertionError("traffic does not end")


@pytest.mark.parametrize(
    ("name", "traffic", "expected"),
    [
        (
            "labelled_alike",
            Traffic(disagreement=0.03, treatment_right=0.4, control_right=0.4),
            "equivalent",
        ),
        (
            "labelled_worse",
            Traffic(disagreement=0.08, treatment_right=0.1, control_right=0.7),
            "worse",
        ),
    ],
)
def test_verdict_needs_as_many_pairs_with_labelled_flips_as_documented(
    name: str, traffic: Traffic, expected: str
) -> None:
    random = np.random.default_rng(1)
    experiment = make_judged_experiment(min_requests=STEP)

    stops = [count_to_verdict(experiment, traffic, random) for _ in range(500)]

    assert all(decision == expected for _, decision in stops)
    assert read_row(name) == quantiles([num for num, _ in stops])


def test_treatment_that_is_worse_by_the_margin_seldom_counts_as_not_worse() -> None:
    traffic = Traffic(disagreement=0.04, treatment_right=0.2, control_right=0.7)  # 2 points worse
    random = np.random.default_rng(1)
    experiment = make_judged_experiment(min_requests=STEP)
    false_alarms = 0

    for _ in range(500):
        looks = (judge(experiment, cells) for cells in traffic.draw(random, step=STEP))
        false_alarms += any(
            verdict.is_not_worse for verdict in itertools.islice(looks, MAX_REQUESTS // STEP)
        )

    assert false_alarms / 500 < ALPHA
