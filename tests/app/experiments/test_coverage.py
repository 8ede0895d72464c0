"""How often the 95 % intervals hold the true number, as `app/experiments/STATISTICS.md` says.

Axes: N requests, K classes.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from app.experiments.statistics.comparison import PairTable, compare_groups, compare_pairs
from app.experiments.statistics.estimates import Interval, Rate
from app.experiments.statistics.intervals import average_rates, measure_rate
from app.experiments.statistics.timing import compare_times
from tests.app.experiments.document import read_row

pytestmark = pytest.mark.slow

NUM_EXPERIMENTS = 2000
NUM_CLASSES = 34

Simulation = Callable[[np.random.Generator], tuple[Interval | None, float]]
"""One experiment: the interval that it gives, and the true number."""


def agree(random: np.random.Generator) -> tuple[Interval | None, float]:
    return measure_rate(int(random.binomial(2000, 0.98)), of=2000), 0.98


def fail_in_pairs(random: np.random.Generator) -> tuple[Interval | None, float]:
    both, control, treatment, neither = random.multinomial(3000, (0.005, 0.003, 0.008, 0.984))
    table = PairTable(
        both=int(both),
        control_only=int(control),
        treatment_only=int(treatment),
        neither=int(neither),
    )
    return compare_pairs(table).difference, 0.005


def fail_separately(random: np.random.Generator) -> tuple[Interval | None, float]:
    control, treatment = random.binomial(3000, (0.01, 0.015)).tolist()
    comparison = compare_groups(
        Counter({True: control, False: 3000 - control}),
        Counter({True: treatment, False: 3000 - treatment}),
    )
    return comparison.difference, 0.005


def balance(random: np.random.Generator) -> tuple[Interval | None, float]:
    """Draw 5,000 labels: the rarest class is a 34th as frequent as the first, and the worst."""
    frequency_K = 1 / np.arange(1, NUM_CLASSES + 1)
    recall_K = np.linspace(0.98, 0.6, NUM_CLASSES)
    totals_K = np.maximum(random.multinomial(5000, frequency_K / frequency_K.sum()), 1)
    hits_K = random.binomial(totals_K, recall_K)
    rates = [
        Rate(num=num, num_total=of, value=num / of, low=0, high=1)
        for num, of in zip(hits_K.tolist(), totals_K.tolist(), strict=True)
    ]
    return average_rates(rates), float(recall_K.mean())


def draw_times(
    random: np.random.Generator, median_s: float, load_N: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Draw times that follow the load, with noise, and threefold for 3 % of the requests."""
    noise_N, stalls_N = random.lognormal(0, 0.1, 200), random.random(200) < 0.03
    return median_s * load_N * noise_N * np.where(stalls_N, 3, 1)


def time_pairs(random: np.random.Generator) -> tuple[Interval | None, float]:
    load_N = random.lognormal(0, 0.2, 200)
    control_N = draw_times(random, 0.0066, load_N)
    return compare_times(control_N, draw_times(random, 0.0022, load_N), is_paired=True).ratio, 3.0


def time_separately(random: np.random.Generator) -> tuple[Interval | None, float]:
    control_N = draw_times(random, 0.0066, random.lognormal(0, 0.2, 200))
    treatment_N = draw_times(random, 0.0022, random.lognormal(0, 0.2, 200))
    return compare_times(control_N, treatment_N, is_paired=False).ratio, 3.0


def covers(interval: Interval | None, truth: float) -> bool:
    return interval is not None and interval.low <= truth <= interval.high


SIMULATIONS = (agree, fail_in_pairs, fail_separately, balance, time_pairs, time_separately)


@pytest.mark.parametrize("simulate", SIMULATIONS, ids=lambda simulate: simulate.__name__)
def test_intervals_hold_the_true_number_as_often_as_documented(simulate: Simulation) -> None:
    random = np.random.default_rng(1)

    coverage = np.mean([covers(*simulate(random)) for _ in range(NUM_EXPERIMENTS)])

    assert 0.93 <= coverage <= 0.97
    assert read_row(simulate.__name__) == [round(100 * coverage, 1)]
