"""How often the arms are right, where feedback says what the driver really did."""

from collections.abc import Mapping, Sequence

from pydantic import Field
from scipy.stats import false_discovery_control

from app.experiments.evidence import Cell
from app.experiments.statistics.comparison import Comparison, compare_arms
from app.experiments.statistics.estimates import Estimate
from app.experiments.statistics.intervals import average_rates
from app.experiments.statistics.tallies import count_cells, is_right
from app.schemas import Answer


class ClassAccuracy(Comparison):
    """How often the arms recognize one activity."""

    label: str
    adjusted_p_value: float | None = Field(
        description="p value after Benjamini and Hochberg: of the classes at or below 0.05, on "
        "average at most 5 % do not really differ."
    )


class Accuracy(Answer):
    """How often the arms are right, over the observations with a true activity."""

    num_labelled: int
    top1: Comparison
    control_balanced: Estimate | None = Field(
        description="Mean over the activities of the share that is recognized."
    )
    treatment_balanced: Estimate | None
    classes: list[ClassAccuracy] = Field(description="Activities that occurred, in their order.")


def measure_accuracy(
    cells: Sequence[Cell], *, labels: Sequence[str], is_paired: bool
) -> Accuracy | None:
    """Return how often the arms are right; None without any true activity.

    Args:
        cells: All observations.
        labels: The activities, in their order.
        is_paired: Whether both arms ran on the same requests; then only pairs count.
    """
    labelled = [cell for cell in cells if cell.true_label is not None]
    if not labelled:
        return None
    classes = _compare_classes(labelled, labels=labels, is_paired=is_paired)
    shared = [item for item in classes if item.control and item.treatment]
    return Accuracy(
        num_labelled=count_cells(labelled),
        top1=compare_arms(labelled, is_right, is_paired=is_paired),
        control_balanced=average_rates([item.control for item in shared if item.control]),
        treatment_balanced=average_rates([item.treatment for item in shared if item.treatment]),
        classes=classes,
    )


def _compare_classes(
    labelled: Sequence[Cell], *, labels: Sequence[str], is_paired: bool
) -> list[ClassAccuracy]:
    present = {cell.true_label for cell in labelled}
    comparisons = {
        label: compare_arms(
            [cell for cell in labelled if cell.true_label == label], is_right, is_paired=is_paired
        )
        for label in labels
        if label in present
    }
    adjusted = adjust({label: item.p_value for label, item in comparisons.items()})
    return [
        ClassAccuracy(label=label, adjusted_p_value=adjusted[label], **dict(comparison))
        for label, comparison in comparisons.items()
    ]


def adjust(p_values: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return p values corrected for their number by the false discovery rate.

    The classes are of separate requests, so their tests are independent, as the method wants.
    Source: Benjamini and Hochberg 1995 (doi:10.1111/j.2517-6161.1995.tb02031.x).
    """
    known = {label: value for label, value in p_values.items() if value is not None}
    if not known:
        return dict(p_values)
    corrected = false_discovery_control(list(known.values())).tolist()
    return {**p_values, **dict(zip(known, corrected, strict=True))}
