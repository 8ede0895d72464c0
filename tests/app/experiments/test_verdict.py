import itertools

import pytest

from app.experiments.evidence import Cell
from app.experiments.statistics.estimates import Interval
from app.experiments.verdict import decide, judge
from tests.app.experiments.examples import make_cell, make_judged_experiment


def pairs(agreed: int, *, won: int = 0, lost: int = 0, unknown: int = 0) -> list[Cell]:
    """Return pairs that agree, and those that do not by which arm is right."""
    return [
        make_cell(agreed, "driving", "driving"),
        make_cell(won, "driving", "drinking", true_label="drinking"),
        make_cell(lost, "driving", "drinking", true_label="driving"),
        make_cell(unknown, "driving", "drinking"),
    ]


def groups(control: tuple[int, int], treatment: tuple[int, int]) -> list[Cell]:
    """Return answers of separate requests, right and wrong ones of each arm."""
    return [
        make_cell(control[0], "driving", None, true_label="driving"),
        make_cell(control[1], "driving", None, true_label="drinking"),
        make_cell(treatment[0], None, "driving", true_label="driving"),
        make_cell(treatment[1], None, "driving", true_label="drinking"),
    ]


@pytest.mark.parametrize(
    ("low", "high", "decision"),
    [
        (-0.01, 0.01, "equivalent"),
        (-0.02, 0.02, "equivalent"),
        (0.021, 0.05, "better"),
        (-0.05, -0.021, "worse"),
        (-0.03, 0.01, "not enough yet"),
        (-0.01, 0.03, "not enough yet"),
        (-1, 1, "not enough yet"),
    ],
)
def test_decision_follows_from_the_interval_and_the_margin(
    low: float, high: float, decision: str
) -> None:
    assert decide(Interval(low=low, high=high), 0.02) == decision


def test_arms_that_hardly_disagree_are_equivalent_without_any_label() -> None:
    verdict = judge(make_judged_experiment(), pairs(1990, unknown=10))

    assert (verdict.decision, verdict.num_labels) == ("equivalent", 0)
    assert verdict.is_not_worse
    assert verdict.difference.high == -verdict.difference.low < 0.02
    assert "without labels" in verdict.reason


def test_labels_of_disagreeing_pairs_tell_arms_apart() -> None:
    experiment = make_judged_experiment()

    worse = judge(experiment, pairs(3600, won=20, lost=380))
    better = judge(experiment, pairs(3600, won=380, lost=20))

    assert (worse.decision, worse.is_not_worse) == ("worse", False)
    assert (better.decision, better.is_not_worse) == ("better", True)
    assert better.num_labels == 400
    assert worse.difference.low == pytest.approx(-better.difference.high)


def test_labels_of_pairs_that_agree_change_nothing() -> None:
    cells = pairs(1800, won=30, lost=30)
    more = [make_cell(500, "driving", "driving", true_label="drinking"), *cells[1:]]
    fewer = [make_cell(500, "driving", "driving"), *cells[1:]]

    assert judge(make_judged_experiment(), more) == judge(make_judged_experiment(), fewer)


def test_there_is_no_verdict_before_the_set_number_of_pairs() -> None:
    cells = pairs(999)

    early = judge(make_judged_experiment(min_requests=1000), cells)
    due = judge(make_judged_experiment(min_requests=999), cells)

    assert (early.decision, early.is_not_worse) == ("not enough yet", False)
    assert early.reason == "There are 999 pairs; no verdict before 1000."
    assert due.decision == "equivalent"


def test_requests_that_one_arm_did_not_answer_are_no_pairs() -> None:
    cells = [
        *pairs(100),
        make_cell(500, "driving", None, treatment_code="shed"),
        make_cell(500, "driving", None, treatment_code="decoder_crashed"),
    ]

    assert judge(make_judged_experiment("shadow"), cells).num_requests == 100


def test_nothing_is_not_enough() -> None:
    verdict = judge(make_judged_experiment(), [])

    assert verdict.decision == "not enough yet"
    assert (verdict.difference.low, verdict.difference.high) == (-1, 1)


def test_separate_requests_are_judged_by_labels_alone() -> None:
    experiment = make_judged_experiment("split")

    unlabelled = judge(experiment, [make_cell(9000, "driving", None)])
    worse = judge(experiment, groups((1800, 200), (1500, 500)))
    alike = judge(experiment, groups((90_000, 10_000), (90_000, 10_000)))

    assert (unlabelled.decision, unlabelled.num_requests) == ("not enough yet", 0)
    assert (worse.decision, worse.num_requests) == ("worse", 4000)
    assert (alike.decision, alike.is_not_worse) == ("equivalent", True)


@pytest.mark.parametrize(
    ("won", "lost", "unknown"), list(itertools.product([0, 5, 300], [0, 5, 300], [0, 40]))
)
def test_verdict_never_contradicts_itself(won: int, lost: int, unknown: int) -> None:
    verdict = judge(make_judged_experiment(), pairs(2000, won=won, lost=lost, unknown=unknown))

    assert -1 <= verdict.difference.low <= verdict.difference.high <= 1
    assert verdict.is_not_worse or verdict.decision in ("worse", "not enough yet")
    assert not (verdict.is_not_worse and verdict.decision == "worse")


@pytest.mark.parametrize("cells", [pairs(3000, unknown=20), pairs(3000, won=60, lost=50)])
def test_wider_margin_never_takes_equivalence_back(cells: list[Cell]) -> None:
    margins = [0.005, 0.01, 0.02, 0.05, 0.1, 0.5]

    decisions = [judge(make_judged_experiment(margin=margin), cells).decision for margin in margins]

    assert decisions == sorted(decisions, key=["not enough yet", "equivalent"].index)
    assert set(decisions) == {"not enough yet", "equivalent"}


@pytest.mark.parametrize("parts", [(980, 0, 0, 20), (970, 5, 10, 15), (900, 70, 10, 0)])
def test_more_of_the_same_never_widens_the_interval(parts: tuple[int, int, int, int]) -> None:
    agreed, won, lost, unknown = parts

    widths = []
    for times in (1, 2, 5, 20, 100):
        cells = pairs(agreed * times, won=won * times, lost=lost * times, unknown=unknown * times)
        difference = judge(make_judged_experiment(), cells).difference
        widths.append(difference.high - difference.low)

    assert widths == sorted(widths, reverse=True)


def test_smaller_alpha_needs_more() -> None:
    cells = pairs(700, unknown=3)

    assert judge(make_judged_experiment(alpha=0.05), cells).decision == "equivalent"
    assert judge(make_judged_experiment(alpha=0.001), cells).decision == "not enough yet"
