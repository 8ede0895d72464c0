"""95 % intervals of shares, of their differences and of their means.

They hold for one look at a number of observations that was fixed beforehand; `sequential` has
those that hold at every look.
"""

import math
from collections.abc import Sequence

from scipy.stats import binomtest, norm

from app.experiments.statistics.estimates import Estimate, Rate

CONFIDENCE = 0.95


def measure_rate(num: int, *, of: int) -> Rate | None:
    """Return the share `num` of `of` with its Wilson score interval; None of nothing."""
    if of == 0:
        return None
    interval = binomtest(num, of).proportion_ci(CONFIDENCE, method="wilson")
    return Rate(
        value=num / of,
        low=float(interval.low),
        high=float(interval.high),
        num=num,
        num_total=of,
    )


def subtract_rates(first: Rate, second: Rate, *, correlation: float = 0.0) -> Estimate:
    """Return a difference of shares with the hybrid score interval.

    Sources: Newcombe 1998, method 10 of each of his papers: independent samples
    (doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I) and pairs
    (doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C).

    Args:
        first: The share from which is subtracted.
        second: The share that is subtracted.
        correlation: Of the two, where they are of the same requests, -1 to 1.
    """
    value = first.value - second.value
    below = _span(first.value - first.low, second.high - second.value, correlation)
    above = _span(first.high - first.value, second.value - second.low, correlation)
    return Estimate(value=value, low=value - below, high=value + above)


def _span(first: float, second: float, correlation: float) -> float:
    return math.sqrt(max(first**2 + second**2 - 2 * correlation * first * second, 0.0))


def average_rates(rates: Sequence[Rate]) -> Estimate | None:
    """Return the mean of shares of separate requests, each of equal weight; None of nothing.

    The interval is that of a normal distribution. Half a hit and half a miss are added to each
    sample for its variance, as in Jeffreys' prior: else a small sample without a miss would be
    taken for certain, and 34 classes, some of them rare, would give intervals that are too narrow.
    """
    if not rates:
        return None
    value = sum(rate.value for rate in rates) / len(rates)
    error = math.hypot(*(_standard_error(rate) for rate in rates)) / len(rates)
    reach = float(norm.ppf((1 + CONFIDENCE) / 2)) * error
    return Estimate(value=value, low=max(value - reach, 0.0), high=min(value + reach, 1.0))


def _standard_error(rate: Rate) -> float:
    careful = (rate.num + 0.5) / (rate.num_total + 1)
    return math.sqrt(careful * (1 - careful) / rate.num_total)
