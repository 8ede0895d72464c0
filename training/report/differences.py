"""What one stage is worth beside another: differences run by run, of the same split and seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.report.collect import Row, StageRun

PAIRS = (
    ("distilled", "scratch"),
    ("distilled", "teacher"),
    ("ptq", "distilled"),
    ("int8", "distilled"),
)
"""Stages of one recipe that are compared; and the first recipe's `int8` with every other's."""
COMPARED_RECIPES_STAGE = "int8"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Two stages, in the runs that have both.

    Attributes:
        one: The stage that is compared.
        other: What it is compared with.
        pairs: `one` and `other` in every run of the same split and seed, at least one.
    """

    one: Row
    other: Row
    pairs: tuple[tuple[StageRun, StageRun], ...]

    @property
    def points(self) -> list[float]:
        """Balanced accuracy of `one` less that of `other`, in points, by run."""
        figure = "balanced_accuracy"
        return [100 * (one.figures[figure] - other.figures[figure]) for one, other in self.pairs]

    @property
    def unseen_points(self) -> list[float]:
        """The same before cameras that training never saw, of the runs that had any."""
        return [
            100 * (one.unseen_accuracy - other.unseen_accuracy)
            for one, other in self.pairs
            if one.unseen_accuracy is not None and other.unseen_accuracy is not None
        ]


def find_differences(rows: Sequence[Row]) -> list[Difference]:
    """Return the differences that say what distillation, quantization and the recipe are worth.

    Args:
        rows: Of one recipe or several, the one of interest first.
    """
    stages = {(row.recipe, row.stage): row for row in rows}
    candidates = (
        (stages.get(one), stages.get(other))
        for one, other in _name_pairs(list(dict.fromkeys(row.recipe for row in rows)))
    )
    return [
        Difference(one=one, other=other, pairs=pairs)
        for one, other in candidates
        if one and other and (pairs := _pair_runs(one, other))
    ]


def _name_pairs(recipes: Sequence[str]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for recipe in recipes:
        for one, other in PAIRS:
            yield (recipe, one), (recipe, other)
    first, *others = recipes
    for other in others:
        yield (first, COMPARED_RECIPES_STAGE), (other, COMPARED_RECIPES_STAGE)


def _pair_runs(one: Row, other: Row) -> tuple[tuple[StageRun, StageRun], ...]:
    """Return the runs of the same variant, which is what a folder is named after."""
    runs = {folder.name: run for folder, run in zip(other.folders, other.runs, strict=True)}
    return tuple(
        (run, runs[folder.name])
        for folder, run in zip(one.folders, one.runs, strict=True)
        if folder.name in runs
    )
