import numpy as np
import pytest
from scipy.stats.mstats import hdmedian  # type: ignore[import-untyped,unused-ignore]

from app.experiments.statistics.differences import describe_differences
from app.experiments.statistics.timing import MAX_ROWS, MIN_ROWS, compare_times, estimate_median
from tests.app.experiments.examples import make_sample


@pytest.mark.parametrize("num", [1, 2, 31, 500])
def test_median_is_that_of_harrell_and_davis(num: int) -> None:
    times_N = np.random.default_rng(0).lognormal(size=num)

    assert estimate_median(times_N) == pytest.approx(hdmedian(times_N) if num > 1 else times_N[0])


def test_ratio_above_1_says_that_the_treatment_is_faster() -> None:
    sample = make_sample(500)

    times = compare_times(sample.control_inference_s, sample.treatment_inference_s, is_paired=True)

    assert times.ratio is not None
    assert 1.9 < times.ratio.low < times.ratio.value < times.ratio.high < 2.1
    assert times.control is not None
    assert times.control.median_ms == pytest.approx(4, rel=0.05)


def test_pairs_tell_the_ratio_better_than_separate_requests() -> None:
    sample = make_sample(500)

    paired, separate = (
        compare_times(
            sample.control_inference_s, sample.treatment_inference_s, is_paired=is_paired
        ).ratio
        for is_paired in (True, False)
    )

    assert paired is not None
    assert separate is not None
    assert paired.high - paired.low < separate.high - separate.low


def test_same_times_give_the_same_answer() -> None:
    sample = make_sample(5000)
    columns = (sample.control_inference_s, sample.treatment_inference_s)

    assert compare_times(*columns, is_paired=True) == compare_times(*columns, is_paired=True)


def test_at_most_so_many_requests_are_drawn() -> None:
    sample = make_sample(MAX_ROWS + 500)

    times = compare_times(sample.control_inference_s, sample.control_inference_s, is_paired=True)

    assert times.control is not None
    assert times.control.num == MAX_ROWS
    assert times.ratio is not None
    assert (times.ratio.low, times.ratio.high) == (1, 1)


def test_only_requests_that_were_measured_in_both_arms_count_as_pairs() -> None:
    control_N = np.full(100, 0.004)
    treatment_N = np.where(np.arange(100) < 40, np.nan, 0.002)

    times = compare_times(control_N, treatment_N, is_paired=True)

    assert times.control is not None
    assert times.control.num == 60


def test_few_or_no_requests_give_no_ratio() -> None:
    few_N, none_N = np.full(MIN_ROWS - 1, 0.004), np.full(50, np.nan)

    assert compare_times(few_N, few_N, is_paired=True).ratio is None
    times = compare_times(few_N, none_N, is_paired=False)
    assert times.control is not None
    assert (times.treatment, times.ratio) == (None, None)


def test_times_too_short_to_measure_give_a_finite_ratio() -> None:
    times = compare_times(np.full(50, 0.004), np.zeros(50), is_paired=True)

    assert times.ratio is not None
    assert np.isfinite([times.ratio.low, times.ratio.high]).all()


def test_differences_are_counted_up_to_the_largest() -> None:
    values = np.array([0.0, 0.1, 0.2, 0.3, np.nan])

    distribution = describe_differences(values)

    assert distribution is not None
    assert (distribution.num, distribution.largest) == (4, 0.3)
    assert distribution.median == pytest.approx(0.15)
    assert sum(distribution.bin_counts) == 4
    assert distribution.bin_edges[-1] == 0.3


def test_arms_that_never_differ_have_a_distribution_too() -> None:
    distribution = describe_differences(np.zeros(5))

    assert distribution is not None
    assert (distribution.largest, distribution.bin_counts[0]) == (0, 5)


def test_nothing_measured_has_no_distribution() -> None:
    assert describe_differences(np.full(3, np.nan)) is None
