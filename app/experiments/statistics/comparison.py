"""How often something is true of each arm, and by how much that differs."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydantic import Field
from scipy.stats import binomtest, fisher_exact

from app.experiments.definition import ArmName
from app.experiments.evidence import Cell
from app.experiments.statistics.estimates import Estimate, Rate
from app.experiments.statistics.intervals import measure_rate, subtract_rates
from app.schemas import Answer

Question = Callable[[Cell, ArmName], bool | None]
"""What is asked of an arm's part in a cell; None where it does not count."""


class Comparison(Answer):
    """A share of each arm, and their difference."""

    control: Rate | None
    treatment: Rate | None
    difference: Estimate | None = Field(description="Treatment minus control.")
    p_value: float | None = Field(
        description="How probable a difference at least as large is between arms that are alike; "
        "McNemar's exact test on pairs, Fisher's exact test on separate requests. It holds for "
        "one look."
    )


@dataclass(frozen=True, kw_only=True)
class PairTable:
    """How many pairs are hits of both arms, of one, or of neither."""

    both: int
    control_only: int
    treatment_only: int
    neither: int

    @property
    def num(self) -> int:
        """How many pairs there are."""
        return self.both + self.control_only + self.treatment_only + self.neither

    @property
    def num_control(self) -> int:
        """Hits of the control."""
        return self.both + self.control_only

    @property
    def num_treatment(self) -> int:
        """Hits of the treatment."""
        return self.both + self.treatment_only


def compare_arms(cells: Sequence[Cell], question: Question, *, is_paired: bool) -> Comparison:
    """Compare how often something is true of each arm.

    Args:
        cells: Of which observations.
        question: What may be true; an observation counts for an arm if it gives no None.
        is_paired: Whether both arms ran on the same requests; then only those count on which
            the question has an answer for both.
    """
    if is_paired:
        return compare_pairs(_tabulate(cells, question))
    return compare_groups(
        _count_answers(cells, question, "control"), _count_answers(cells, question, "treatment")
    )


def _tabulate(cells: Iterable[Cell], question: Question) -> PairTable:
    counts: Counter[tuple[bool | None, bool | None]] = Counter()
    for cell in cells:
        counts[question(cell, "control"), question(cell, "treatment")] += cell.num
    return PairTable(
        both=counts[True, True],
        control_only=counts[True, False],
        treatment_only=counts[False, True],
        neither=counts[False, False],
    )


def _count_answers(cells: Iterable[Cell], question: Question, arm: ArmName) -> Counter[bool | None]:
    counts: Counter[bool | None] = Counter()
    for cell in cells:
        counts[question(cell, arm)] += cell.num
    return counts


def compare_pairs(table: PairTable) -> Comparison:
    """Compare the arms on the same requests."""
    control = measure_rate(table.num_control, of=table.num)
    treatment = measure_rate(table.num_treatment, of=table.num)
    if control is None or treatment is None:
        return Comparison(control=None, treatment=None, difference=None, p_value=None)
    difference = subtract_rates(treatment, control, correlation=correlate(table))
    return Comparison(
        control=control, treatment=treatment, difference=difference, p_value=_test_pairs(table)
    )


def correlate(table: PairTable) -> float:
    """Return the correlation of the arms' hits, -1 to 1, with Newcombe's continuity correction.

    It is 0 unless more than chance speaks for a correlation above 0, so that the interval is
    rather too wide than too narrow.
    """
    scale = math.prod(
        (
            table.num_control,
            table.num - table.num_control,
            table.num_treatment,
            table.num - table.num_treatment,
        )
    )
    if scale == 0:
        return 0.0
    excess = table.both * table.neither - table.control_only * table.treatment_only
    corrected = max(excess - table.num / 2, 0.0) if excess > 0 else excess
    return corrected / math.sqrt(scale)


def _test_pairs(table: PairTable) -> float:
    num = table.control_only + table.treatment_only
    return float(binomtest(table.treatment_only, num).pvalue) if num else 1.0


def compare_groups(control: Counter[bool | None], treatment: Counter[bool | None]) -> Comparison:
    """Compare the arms on separate requests.

    Args:
        control: How many of the control's requests are hits (True) and how many are not (False).
        treatment: The same for the treatment.
    """
    first = measure_rate(control[True], of=control[True] + control[False])
    second = measure_rate(treatment[True], of=treatment[True] + treatment[False])
    if first is None or second is None:
        return Comparison(control=first, treatment=second, difference=None, p_value=None)
    table = [[counts[True], counts[False]] for counts in (control, treatment)]
    return Comparison(
        control=first,
        treatment=second,
        difference=subtract_rates(second, first),
        p_value=float(fisher_exact(table).pvalue),
    )
