"""What finished runs left, gathered by recipe and stage.

Tensor legend: N test clips, K classes.
"""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.artifacts import student_stages
from training.config import Recipe, RecipeError
from training.evaluate import ANSWERS, RESULTS
from training.workspace import RECIPE_FILE, StageMissingError, describe_decisive

AGREEMENTS = {"distilled": "fp32_with_teacher", "ptq": "ptq_with_fp32", "int8": "int8_with_fp32"}
"""Which agreement belongs to which stage: with its teacher, or with the float student."""


@dataclass(frozen=True, kw_only=True)
class FinishedRuns:
    """The runs of a recipe that were evaluated, at least one.

    Attributes:
        file: The recipe's file.
        recipe: The recipe.
        folders: Folders of the runs, by their names.
    """

    file: Path
    recipe: Recipe
    folders: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class StageRun:
    """One stage of one run.

    Attributes:
        figures: What was measured on the test split; ratios are 0-1.
        unseen_accuracy: Balanced accuracy from cameras that training never saw, if any tested.
        agreement: Share of test clips answered as its teacher or parent does, where it has one.
        history: Figures of every epoch, empty for what was not trained.
        probs_NK: Answers for the test split.
        label_index_N: True classes.
        size_bytes: Size of the file that is served, or of the teacher's weights.
    """

    figures: dict[str, float]
    unseen_accuracy: float | None
    agreement: float | None
    history: list[dict[str, float]]
    probs_NK: NDArray[np.float32]
    label_index_N: NDArray[np.int64]
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """One stage of a recipe, over all its finished runs.

    Attributes:
        recipe: The recipe's name.
        stage: Name of the stage.
        labels: Activities in the order of the logits.
        folders: Folders of the runs.
        runs: The stage in each of them.
    """

    recipe: str
    stage: str
    labels: tuple[str, ...]
    folders: tuple[Path, ...]
    runs: tuple[StageRun, ...]

    def mean(self, figure: str) -> float:
        """Return the mean of a figure over the runs."""
        return float(np.mean(self.values(figure)))

    def values(self, figure: str) -> list[float]:
        """Return a figure of every run."""
        return [run.figures[figure] for run in self.runs]

    @property
    def size_bytes(self) -> int:
        """Size of the file that is served, or of the teacher's weights; every run's is the same."""
        return self.runs[0].size_bytes

    @property
    def unseen_accuracies(self) -> list[float]:
        """Balanced accuracies from unseen cameras, of the runs that had any."""
        return [run.unseen_accuracy for run in self.runs if run.unseen_accuracy is not None]

    @property
    def agreement(self) -> float | None:
        """Mean agreement with the teacher or parent, None for a stage without one."""
        values = [run.agreement for run in self.runs if run.agreement is not None]
        return float(np.mean(values)) if values else None


def find_runs(recipes: Mapping[Path, Recipe], records: Path) -> list[FinishedRuns]:
    """Return the finished runs of recipes, by their files: those in `run_dir`, and recorded ones.

    Args:
        recipes: Whose runs.
        records: Folder that `record_runs` wrote to, of which runs count that are not in `run_dir`.

    Raises:
        StageMissingError: If a recipe has no finished run.
        RecipeError: If a run was made by the recipe as it no longer is.
    """
    return [
        FinishedRuns(file=file, recipe=recipe, folders=_find_folders(recipe, records))
        for file, recipe in recipes.items()
    ]


def record_runs(runs: Sequence[FinishedRuns], records: Path) -> None:
    """Copy what a report reads of runs, without clips and weights, to `<name>/<variant>`."""
    for of_recipe in runs:
        for folder in of_recipe.folders:
            target = records / of_recipe.recipe.name / folder.name
            if folder == target:
                continue
            target.mkdir(parents=True, exist_ok=True)
            for name in _recorded_files(of_recipe.recipe):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, target / name)


def collect_rows(runs: Sequence[FinishedRuns]) -> list[Row]:
    """Return a row for every stage of every recipe."""
    return [row for of_recipe in runs for row in _collect_recipe(of_recipe)]


def measured_stages(recipe: Recipe) -> tuple[str, ...]:
    """Return the stages of a recipe: its teacher, unless it is another recipe's, and students."""
    teacher = ("teacher",) if recipe.teacher.of is None else ()
    return (*teacher, *student_stages(recipe))


def _find_folders(recipe: Recipe, records: Path) -> tuple[Path, ...]:
    parents = (records / recipe.name, recipe.run_dir / recipe.name)
    found = {path.parent.name: path.parent for at in parents for path in at.glob(f"*/{RESULTS}")}
    if not found:
        raise StageMissingError(f"{parents[-1]} holds no run that was evaluated")
    folders = tuple(found[name] for name in sorted(found))
    now = _without_variant(describe_decisive(recipe))
    for folder in folders:
        if _without_variant(_read(folder / RECIPE_FILE)) != now:
            raise RecipeError(f"{folder} was made by another recipe than {recipe.name} now is")
    return folders


def _without_variant(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a recipe decides, whatever its seed and split."""
    data = {key: value for key, value in values["data"].items() if key != "split"}
    return {**values, "seed": None, "data": data}


def _recorded_files(recipe: Recipe) -> tuple[str, ...]:
    histories = (_history_file(stage) for stage in measured_stages(recipe))
    return (RECIPE_FILE, RESULTS, ANSWERS, *histories)


def _history_file(stage: str) -> str:
    return f"{stage}.json"


def _collect_recipe(runs: FinishedRuns) -> Iterator[Row]:
    for stage in measured_stages(runs.recipe):
        yield Row(
            recipe=runs.recipe.name,
            stage=stage,
            labels=runs.recipe.labels,
            folders=runs.folders,
            runs=tuple(_collect_stage(folder, stage) for folder in runs.folders),
        )


def _collect_stage(folder: Path, stage: str) -> StageRun:
    results = _read(folder / RESULTS)
    history = folder / _history_file(stage)
    with np.load(folder / ANSWERS, allow_pickle=False) as answers:
        probs_NK, label_index_N = answers[stage], answers["labels"]
    return StageRun(
        figures=results["stages"][stage],
        unseen_accuracy=results["unseen_views"].get(stage, {}).get("balanced_accuracy"),
        agreement=results["agreement"].get(AGREEMENTS.get(stage, "")),
        history=_read(history) if history.is_file() else [],
        probs_NK=probs_NK,
        label_index_N=label_index_N,
        size_bytes=results["sizes_bytes"][stage],
    )


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
