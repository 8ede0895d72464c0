from collections import Counter

import pytest
from scipy.stats import fisher_exact
from statsmodels.stats.contingency_tables import (  # type: ignore[import-untyped,unused-ignore]
    mcnemar,
)

from app.experiments.statistics.comparison import (
    PairTable,
    compare_arms,
    compare_groups,
    compare_pairs,
    correlate,
)
from app.experiments.statistics.tallies import has_failed, is_right
from tests.app.experiments.examples import make_cell


def table(both: int, control_only: int, treatment_only: int, neither: int) -> PairTable:
    return PairTable(
        both=both, control_only=control_only, treatment_only=treatment_only, neither=neither
    )


@pytest.mark.parametrize("counts", [(100, 3, 12, 20), (0, 0, 7, 3), (50, 6, 5, 0)])
def test_p_value_of_pairs_is_mcnemars_exact_one(counts: tuple[int, int, int, int]) -> None:
    both, control_only, treatment_only, neither = counts
    expected = mcnemar([[both, control_only], [treatment_only, neither]], exact=True).pvalue

    assert compare_pairs(table(*counts)).p_value == pytest.approx(expected, rel=1e-9)


def test_arms_that_never_differ_give_no_reason_to_doubt_that_they_are_alike() -> None:
    comparison = compare_pairs(table(90, 0, 0, 10))

    assert comparison.p_value == 1
    assert comparison.difference is not None
    assert comparison.difference.value == 0


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((14, 0, 5, 22), 0.011, 0.226),  # Altman et al. 2000, Statistics with Confidence, table 6.2
        ((1, 7, 1, 12), -0.507, -0.026),  # Fagerland et al. 2014, doi:10.1002/sim.6148
    ],
)
def test_interval_of_pairs_is_newcombes_tenth(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    difference = compare_pairs(table(*counts)).difference

    assert difference is not None
    assert (difference.low, difference.high) == pytest.approx((low, high), abs=6e-4)  # 3 digits


def test_correlation_of_pairs_is_counted_only_beyond_chance() -> None:
    assert correlate(table(25, 25, 25, 25)) == 0
    assert correlate(table(26, 25, 25, 25)) == 0
    assert correlate(table(50, 0, 0, 50)) == pytest.approx((2500 - 50) / 2500)
    assert correlate(table(0, 50, 50, 0)) == -1
    assert correlate(table(10, 0, 0, 0)) == 0


def test_p_value_of_separate_requests_is_fishers() -> None:
    comparison = compare_groups(Counter({True: 80, False: 20}), Counter({True: 70, False: 50}))

    assert comparison.p_value == pytest.approx(fisher_exact([[80, 20], [70, 50]]).pvalue)
    assert comparison.difference is not None
    assert comparison.difference.value == pytest.approx(70 / 120 - 0.8)


def test_arm_without_requests_is_compared_with_nothing() -> None:
    comparison = compare_groups(Counter({True: 80, False: 20}), Counter())

    assert comparison.control is not None
    assert (comparison.treatment, comparison.difference, comparison.p_value) == (None, None, None)


def test_shed_shadow_neither_failed_nor_answered() -> None:
    cells = [
        make_cell(50, "driving", "driving"),
        make_cell(3, "driving", None, treatment_code="decoder_crashed"),
        make_cell(40, "driving", None, treatment_code="shed"),
    ]

    failures = compare_arms(cells, has_failed, is_paired=True)

    assert failures.treatment is not None
    assert (failures.treatment.num, failures.treatment.num_total) == (3, 53)


def test_only_pairs_with_a_true_activity_are_right_or_wrong() -> None:
    cells = [
        make_cell(50, "driving", "driving"),
        make_cell(6, "driving", "drinking", true_label="drinking"),
        make_cell(2, "driving", None, treatment_code="decoder_crashed", true_label="driving"),
    ]

    accuracy = compare_arms(cells, is_right, is_paired=True)

    assert accuracy.control is not None
    assert accuracy.treatment is not None
    assert (accuracy.control.num, accuracy.control.num_total) == (0, 6)
    assert (accuracy.treatment.num, accuracy.treatment.num_total) == (6, 6)
