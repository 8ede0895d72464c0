import pytest
from statsmodels.stats.multitest import (  # type: ignore[import-untyped,unused-ignore]
    multipletests,
)

from app.experiments.statistics.labels import adjust, measure_accuracy
from tests.app.experiments.examples import LABELS, make_cell

CELLS = [
    make_cell(80, "driving", "driving", true_label="driving"),
    make_cell(15, "driving", "drinking", true_label="driving"),
    make_cell(5, "drinking", "driving", true_label="driving"),
    make_cell(30, "phoning", "phoning", true_label="phoning"),
    make_cell(10, "driving", "driving", true_label="phoning"),
    make_cell(1000, "driving", "driving"),
]


def test_p_values_are_corrected_by_benjamini_and_hochberg() -> None:
    p_values = {"driving": 0.001, "drinking": 0.04, "phoning": 0.03, "texting": 0.5}
    expected = multipletests(list(p_values.values()), method="fdr_bh")[1]

    assert list(adjust(p_values).values()) == pytest.approx(expected.tolist())


def test_classes_without_a_test_are_not_counted_in_the_correction() -> None:
    assert adjust({"driving": 0.01, "drinking": None}) == {"driving": 0.01, "drinking": None}
    assert adjust({"driving": None}) == {"driving": None}


def test_accuracy_is_over_observations_with_a_true_activity() -> None:
    accuracy = measure_accuracy(CELLS, labels=LABELS, is_paired=True)

    assert accuracy is not None
    assert accuracy.num_labelled == 140
    assert accuracy.top1.control is not None
    assert accuracy.top1.treatment is not None
    assert accuracy.top1.control.num == 80 + 15 + 30
    assert accuracy.top1.treatment.num == 80 + 5 + 30
    assert accuracy.top1.p_value == pytest.approx(0.0414, abs=1e-4)  # 5 of 20 heads


def test_balanced_accuracy_weighs_every_activity_alike() -> None:
    accuracy = measure_accuracy(CELLS, labels=LABELS, is_paired=True)

    assert accuracy is not None
    assert accuracy.control_balanced is not None
    assert accuracy.control_balanced.value == pytest.approx((0.95 + 0.75) / 2)


def test_only_activities_that_occurred_are_listed_in_their_order() -> None:
    accuracy = measure_accuracy(CELLS, labels=LABELS, is_paired=True)

    assert accuracy is not None
    assert [item.label for item in accuracy.classes] == ["driving", "phoning"]
    assert accuracy.classes[1].p_value == 1
    assert accuracy.classes[0].adjusted_p_value == pytest.approx(0.0828, abs=1e-4)


def test_separate_requests_are_compared_without_pairs() -> None:
    cells = [
        make_cell(90, "driving", None, true_label="driving"),
        make_cell(10, "drinking", None, true_label="driving"),
        make_cell(60, None, "driving", true_label="driving"),
        make_cell(40, None, "drinking", true_label="driving"),
        make_cell(7, None, "phoning", true_label="phoning"),
    ]

    accuracy = measure_accuracy(cells, labels=LABELS, is_paired=False)

    assert accuracy is not None
    assert accuracy.top1.p_value is not None
    assert accuracy.top1.p_value < 0.001
    assert accuracy.classes[1].difference is None
    assert accuracy.treatment_balanced is not None
    assert accuracy.treatment_balanced.value == 0.6  # the control answered no phoning


def test_nothing_can_be_said_of_accuracy_without_true_activities() -> None:
    assert measure_accuracy(CELLS[-1:], labels=LABELS, is_paired=True) is None
