"""How often both arms name the same activity, and what they name where they do not.

Axes: K classes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from pydantic import Field

from app.experiments.evidence import Cell
from app.experiments.statistics.estimates import Interval, Rate
from app.experiments.statistics.intervals import measure_rate
from app.experiments.statistics.sequential import bound_rate
from app.experiments.statistics.tallies import agrees, count_cells, select_pairs
from app.schemas import Answer


class Flip(Answer):
    """How often the arms answered these two different activities."""

    control_label: str
    treatment_label: str
    num: int


class Agreement(Answer):
    """How often both arms of a pair name the same activity."""

    rate: Rate
    always_valid: Interval = Field(
        description="Where the share lies, at all looks together, unless with probability alpha."
    )
    flips: list[Flip] = Field(description="Where they disagree, the most frequent first.")
    labels: list[str] = Field(description="Activities of the matrix, in its order.")
    matrix: list[list[int]] = Field(
        description="Pairs by the control's (row) and the treatment's activity (column)."
    )


def measure_agreement(
    cells: Iterable[Cell], *, labels: Sequence[str], alpha: float
) -> Agreement | None:
    """Return how the arms agree; None without a pair.

    Args:
        cells: All observations.
        labels: The activities, in the order of the matrix.
        alpha: Probability, 0-1, that the always valid interval misses the true share at any look.
    """
    pairs = select_pairs(cells)
    num_pairs = count_cells(pairs)
    num_agreed = count_cells(cell for cell in pairs if agrees(cell))
    rate = measure_rate(num_agreed, of=num_pairs)
    if rate is None:
        return None
    counts = _count_answers(pairs)
    return Agreement(
        rate=rate,
        always_valid=bound_agreement(num_agreed, of=num_pairs, alpha=alpha),
        flips=[
            Flip(control_label=control, treatment_label=treatment, num=num)
            for (control, treatment), num in counts.most_common()
            if control != treatment
        ],
        labels=list(labels),
        matrix=[[counts[row, column] for column in labels] for row in labels],
    )


def bound_agreement(num_agreed: int, *, of: int, alpha: float) -> Interval:
    """Return where the share of agreeing pairs lies at all looks; disagreement is what is rare."""
    disagreement = bound_rate(of - num_agreed, of=of, alpha=alpha)
    return Interval(low=1 - disagreement.high, high=1 - disagreement.low)


def _count_answers(pairs: Iterable[Cell]) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for cell in pairs:
        counts[str(cell.control_label), str(cell.treatment_label)] += cell.num
    return counts
