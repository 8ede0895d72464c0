"""What follows from an experiment so far, at any look.

The accuracies of the arms differ by d, the treatment's minus the control's. Where both answer the
same windows they can only differ where the arms disagree:

    d = share of pairs that disagree * (share of these in which the treatment is right
                                        - share of these in which the control is right)

So labels are needed of disagreeing pairs only, and of none if hardly any pair disagrees: |d| is
at most the share that does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from app.experiments.definition import ArmName, Experiment, StopRule
from app.experiments.evidence import Cell
from app.experiments.statistics.estimates import Interval
from app.experiments.statistics.sequential import ANY, bound_rate
from app.experiments.statistics.tallies import agrees, count_cells, is_right, select_pairs
from app.schemas import Answer

Decision = Literal["equivalent", "better", "worse", "not enough yet"]


class Verdict(Answer):
    """What follows from an experiment so far; valid at every look."""

    decision: Decision = Field(description="About the treatment, compared with the control.")
    is_not_worse: bool = Field(
        description="Whether the treatment is at most the margin less accurate: what is needed to "
        "switch to it."
    )
    difference: Interval = Field(
        description="Where the treatment's accuracy minus the control's lies, -1 to 1, unless with "
        "probability alpha at any look."
    )
    margin: float
    alpha: float
    num_requests: int = Field(
        description="Pairs; in split mode answers whose true activity is known."
    )
    num_labels: int = Field(
        description="True activities that the verdict rests on: of disagreeing pairs, or of all "
        "answers in split mode."
    )
    reason: str


@dataclass(frozen=True, kw_only=True)
class _Findings:
    difference: Interval
    num_requests: int
    num_labels: int


def judge(experiment: Experiment, cells: Sequence[Cell]) -> Verdict:
    """Return what follows from counts alone; cheap enough to be asked often."""
    is_split = experiment.mode == "split"
    alpha = experiment.stop.alpha
    found = _judge_groups(cells, alpha) if is_split else _judge_pairs(cells, alpha)
    is_early = found.num_requests < experiment.stop.min_requests
    decision = decide(found.difference, experiment.stop.margin)
    return Verdict(
        decision="not enough yet" if is_early else decision,
        is_not_worse=not is_early and found.difference.low >= -experiment.stop.margin,
        difference=found.difference,
        margin=experiment.stop.margin,
        alpha=alpha,
        num_requests=found.num_requests,
        num_labels=found.num_labels,
        reason=_explain(found, experiment.stop, is_split=is_split),
    )


def decide(difference: Interval, margin: float) -> Decision:
    """Return what an interval of the difference of accuracies says, given the margin."""
    if difference.low > margin:
        return "better"
    if difference.high < -margin:
        return "worse"
    if difference.low >= -margin and difference.high <= margin:
        return "equivalent"
    return "not enough yet"


def _judge_pairs(cells: Sequence[Cell], alpha: float) -> _Findings:
    """Bound the difference by three sequences, which share alpha.

    Their shares of alpha are fixed beforehand, as nobody knows whether labels will come.
    """
    pairs = select_pairs(cells)
    flips = [cell for cell in pairs if not agrees(cell)]
    labelled = [cell for cell in flips if cell.true_label is not None]
    num_pairs = count_cells(pairs)
    disagreement = bound_rate(count_cells(flips), of=num_pairs, alpha=alpha / 2)
    return _Findings(
        difference=_scale(_bound_difference(labelled, alpha=alpha / 2), disagreement),
        num_requests=num_pairs,
        num_labels=count_cells(labelled),
    )


def _judge_groups(cells: Sequence[Cell], alpha: float) -> _Findings:
    num_known = _count_known(cells, "control") + _count_known(cells, "treatment")
    return _Findings(
        difference=_bound_difference(cells, alpha=alpha),
        num_requests=num_known,
        num_labels=num_known,
    )


def _bound_difference(cells: Sequence[Cell], *, alpha: float) -> Interval:
    """Bound by how much more often the treatment is right, by a sequence for each arm."""
    control = _bound_accuracy(cells, "control", alpha=alpha / 2)
    treatment = _bound_accuracy(cells, "treatment", alpha=alpha / 2)
    return Interval(low=treatment.low - control.high, high=treatment.high - control.low)


def _bound_accuracy(cells: Sequence[Cell], arm: ArmName, *, alpha: float) -> Interval:
    num_right = count_cells(cell for cell in cells if is_right(cell, arm))
    return bound_rate(num_right, of=_count_known(cells, arm), alpha=alpha, prior=ANY)


def _count_known(cells: Sequence[Cell], arm: ArmName) -> int:
    return count_cells(cell for cell in cells if is_right(cell, arm) is not None)


def _scale(difference: Interval, share: Interval) -> Interval:
    """Return where the product of a difference and a share lies."""
    return Interval(
        low=difference.low * (share.high if difference.low < 0 else share.low),
        high=difference.high * (share.low if difference.high < 0 else share.high),
    )


def _explain(found: _Findings, stop: StopRule, *, is_split: bool) -> str:
    unit = "answers with a known true activity" if is_split else "pairs"
    if found.num_requests < stop.min_requests:
        return f"There are {found.num_requests} {unit}; no verdict before {stop.min_requests}."
    low, high = 100 * found.difference.low, 100 * found.difference.high
    where = {
        "better": "all above the margin of",
        "worse": "all below minus the margin of",
        "equivalent": "all within the margin of",
        "not enough yet": "not clearly on one side of the margin of",
    }[decide(found.difference, stop.margin)]
    return (
        f"The treatment's accuracy minus the control's lies between {low:+.2f} and {high:+.2f} "
        f"percentage points, {where} {100 * stop.margin:g}{_explain_labels(found)}."
    )


def _explain_labels(found: _Findings) -> str:
    if found.num_labels:
        return ""
    return "; without labels, it is only known that it cannot exceed the share of disagreeing pairs"
