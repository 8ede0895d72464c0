import itertools

import numpy as np
import pytest
from scipy.stats import betabinom, binom

from app.experiments.statistics.sequential import ANY, RARE, Prior, bound_rate, weigh_against


@pytest.mark.parametrize("prior", [RARE, ANY])
@pytest.mark.parametrize(("num", "of", "rate"), [(0, 20, 0.1), (3, 100, 0.02), (40, 60, 0.5)])
def test_evidence_is_the_ratio_of_the_mixed_likelihood_to_that_of_the_rate(
    num: int, of: int, rate: float, prior: Prior
) -> None:
    mixed = betabinom.logpmf(num, of, prior.hits, prior.misses)

    evidence = weigh_against(rate, num=num, of=of, prior=prior)

    assert evidence == pytest.approx(mixed - binom.logpmf(num, of, rate), rel=1e-9)


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_evidence_against_the_true_rate_is_expected_to_be_1(rate: float) -> None:
    num_N = np.arange(201)

    evidence_N = weigh_against(rate, num=num_N, of=200)

    expected = np.exp(evidence_N + binom.logpmf(num_N, 200, rate)).sum()
    assert expected == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize(("num", "of"), [(1, 10), (20, 1000), (990_000, 1_000_000), (5, 9)])
def test_bounds_are_where_the_evidence_is_1_to_alpha(num: int, of: int) -> None:
    bounds = bound_rate(num, of=of, alpha=0.05)

    for end in (bounds.low, bounds.high):
        evidence = weigh_against(end, num=num, of=of)
        assert evidence == pytest.approx(np.log(20), abs=1e-3)  # the ends are within 2e-12
    assert bounds.low < num / of < bounds.high


def test_nothing_bounds_nothing() -> None:
    bounds = bound_rate(0, of=0, alpha=0.05)

    assert (bounds.low, bounds.high) == (0, 1)


def test_bounds_reach_the_end_where_there_is_no_hit_or_no_miss() -> None:
    assert bound_rate(0, of=100, alpha=0.05).low == 0
    assert bound_rate(100, of=100, alpha=0.05).high == 1


@pytest.mark.parametrize("ratio", [0, 0.02, 0.5, 1])
def test_bounds_of_the_same_share_narrow_with_more_observations(ratio: float) -> None:
    sizes = [100, 200, 1000, 10_000, 1_000_000]

    bounds = [bound_rate(round(size * ratio), of=size, alpha=0.05) for size in sizes]

    for earlier, later in itertools.pairwise(bounds):
        assert earlier.low <= later.low <= later.high <= earlier.high


def test_bounds_are_wider_for_a_smaller_alpha() -> None:
    usual, careful = (bound_rate(20, of=1000, alpha=alpha) for alpha in (0.05, 0.001))

    assert careful.low < usual.low
    assert usual.high < careful.high
