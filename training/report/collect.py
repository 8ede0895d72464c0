"""What finished runs left, gathered by recipe and stage.

Tensor legend: N test clips, K classes.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.card import ONNX_FILE
from training.artifacts import stage_folder, student_stages
from training.config import Recipe
from training.evaluate import ANSWERS, RESULTS
from training.teacher import WEIGHTS
from training.workspace import RECIPE_FILE, StageMissingError

AGREEMENTS = {"distilled": "fp32_with_teacher", "ptq": "ptq_with_fp32", "int8": "int8_with_fp32"}
"""Which agreement belongs to which stage: with its teacher, or with the float student."""


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


def collect_rows(recipes: Sequence[Recipe]) -> list[Row]:
    """Return a row for every stage of every recipe.

    Raises:
        StageMissingError: If a recipe has no finished run.
    """
    return [row for recipe in recipes for row in _collect_recipe(recipe)]


def finished_runs(recipe: Recipe) -> list[Path]:
    """Return the folders of the recipe's runs that were evaluated, by name.

    Raises:
        StageMissingError: If there are none.
    """
    parent = recipe.run_dir / recipe.name
    folders = sorted(path.parent for path in parent.glob(f"*/{RESULTS}"))
    if not folders:
        raise StageMissingError(f"{parent} holds no run that was evaluated")
    return folders


def measured_stages(recipe: Recipe) -> tuple[str, ...]:
    """Return the stages of a recipe: its teacher, unless it is another recipe's, and students."""
    teacher = ("teacher",) if recipe.teacher.of is None else ()
    return (*teacher, *student_stages(recipe))


def _collect_recipe(recipe: Recipe) -> Iterator[Row]:
    folders = finished_runs(recipe)
    labels = tuple(json.loads((folders[0] / RECIPE_FILE).read_text(encoding="utf-8"))["labels"])
    for stage in measured_stages(recipe):
        yield Row(
            recipe=recipe.name,
            stage=stage,
            labels=labels,
            folders=tuple(folders),
            runs=tuple(_collect_stage(folder, stage) for folder in folders),
        )


def _collect_stage(folder: Path, stage: str) -> StageRun:
    results = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    with np.load(folder / ANSWERS, allow_pickle=False) as answers:
        probs_NK, label_index_N = answers[stage], answers["labels"]
    return StageRun(
        figures=results["stages"][stage],
        unseen_accuracy=results["unseen_views"].get(stage, {}).get("balanced_accuracy"),
        agreement=results["agreement"].get(AGREEMENTS.get(stage, "")),
        history=_read_history(folder / f"{stage}.json"),
        probs_NK=probs_NK,
        label_index_N=label_index_N,
        size_bytes=_served_file(folder, stage).stat().st_size,
    )


def _served_file(folder: Path, stage: str) -> Path:
    """Return the file of a stage whose size counts."""
    return folder / WEIGHTS if stage == "teacher" else stage_folder(folder, stage) / ONNX_FILE


def _read_history(path: Path) -> list[dict[str, Any]]:
    history: list[dict[str, Any]] = (
        json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    )
    return history
