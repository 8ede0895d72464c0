"""Counts of cells."""

from collections import Counter
from collections.abc import Iterable

from app.experiments.definition import ArmName
from app.experiments.evidence import Cell
from app.experiments.observation import OK, SHED


def count_cells(cells: Iterable[Cell]) -> int:
    """Return how many observations the cells hold."""
    return sum(cell.num for cell in cells)


def select_pairs(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """Return the cells in which both arms answered."""
    return tuple(cell for cell in cells if cell.control_code == OK and cell.treatment_code == OK)


def agrees(cell: Cell) -> bool:
    """Say whether both arms of a pair named the same activity."""
    return cell.control_label == cell.treatment_label


def count_codes(cells: Iterable[Cell], arm: ArmName) -> Counter[str]:
    """Return how often an arm that was to run ended with each code."""
    return _count((code_of(cell, arm), cell.num) for cell in cells)


def count_labels(cells: Iterable[Cell], arm: ArmName) -> Counter[str]:
    """Return how often an arm named each activity."""
    return _count((label_of(cell, arm), cell.num) for cell in cells)


def _count(items: Iterable[tuple[str | None, int]]) -> Counter[str]:
    """Add numbers up by name; those without one are left out."""
    counts: Counter[str] = Counter()
    for name, num in items:
        if name is not None:
            counts[name] += num
    return counts


def code_of(cell: Cell, arm: ArmName) -> str | None:
    """Return how an arm ended; None if it was not to run."""
    return cell.control_code if arm == "control" else cell.treatment_code


def label_of(cell: Cell, arm: ArmName) -> str | None:
    """Return the activity that an arm named; None if it gave no answer."""
    return cell.control_label if arm == "control" else cell.treatment_label


def has_failed(cell: Cell, arm: ArmName) -> bool | None:
    """Say whether an arm failed; None if it did not run."""
    code = code_of(cell, arm)
    return None if code in (None, SHED) else code != OK


def is_right(cell: Cell, arm: ArmName) -> bool | None:
    """Say whether an arm named the true activity; None if that is unknown or it gave no answer."""
    if cell.true_label is None or code_of(cell, arm) != OK:
        return None
    return label_of(cell, arm) == cell.true_label
