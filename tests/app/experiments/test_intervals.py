import numpy as np
import pytest
from statsmodels.stats.proportion import (  # type: ignore[import-untyped,unused-ignore]
    confint_proportions_2indep,
    proportion_confint,
)

from app.experiments.statistics.estimates import Rate
from app.experiments.statistics.intervals import average_rates, measure_rate, subtract_rates


def rate(num: int, of: int) -> Rate:
    measured = measure_rate(num, of=of)
    assert measured is not None
    return measured


@pytest.mark.parametrize(("num", "of"), [(0, 10), (3, 10), (10, 10), (980, 1000), (1, 100_000)])
def test_interval_of_a_share_is_wilsons(num: int, of: int) -> None:
    low, high = proportion_confint(num, of, method="wilson")

    measured = rate(num, of)

    assert (measured.low, measured.high) == pytest.approx((low, high), abs=1e-12)
    assert measured.value == num / of


def test_nothing_has_no_share() -> None:
    assert measure_rate(0, of=0) is None


@pytest.mark.parametrize(
    ("first", "second"), [((56, 70), (48, 80)), ((0, 10), (0, 20)), ((9, 10), (3, 10))]
)
def test_interval_of_a_difference_is_newcombes(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    low, high = confint_proportions_2indep(*first, *second, compare="diff", method="newcomb")

    difference = subtract_rates(rate(*first), rate(*second))

    assert (difference.low, difference.high) == pytest.approx((low, high), abs=1e-9)


def test_difference_of_shares_that_go_together_is_known_better() -> None:
    first, second = rate(56, 100), rate(48, 100)

    apart = subtract_rates(first, second)
    together = subtract_rates(first, second, correlation=0.8)

    assert together.value == apart.value
    assert apart.low < together.low < together.high < apart.high


def test_difference_of_a_share_and_itself_is_nothing() -> None:
    difference = subtract_rates(rate(56, 100), rate(56, 100), correlation=1)

    assert difference.high - difference.low < 0.02  # the interval is not symmetric about 0.56


def test_mean_of_shares_weighs_every_class_alike() -> None:
    average = average_rates([rate(900, 1000), rate(1, 2)])

    assert average is not None
    assert average.value == pytest.approx(0.7)


def test_error_of_a_mean_is_that_of_its_parts_by_their_number() -> None:
    average = average_rates([rate(8000, 10_000)] * 4)

    assert average is not None
    expected = 1.96 * np.sqrt(0.8 * 0.2 / 40_000)
    assert average.high - average.value == pytest.approx(expected, rel=1e-3)  # 1.96 is rounded


def test_mean_of_shares_stays_within_0_and_1() -> None:
    average = average_rates([rate(2, 2), rate(3, 3)])

    assert average is not None
    assert 0 <= average.low < average.high == 1


def test_mean_of_nothing_is_nothing() -> None:
    assert average_rates([]) is None
