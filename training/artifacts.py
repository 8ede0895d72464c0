"""Model folders: what a trained student becomes, and the card that says so."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from torch import Tensor

from models.card import (
    ONNX_FILE,
    WEIGHTS_FILE,
    ModelCard,
    hash_file,
    write_card,
)
from models.checkpoint import read_weights, write_weights
from models.reference import DriftReference
from training.config import Recipe
from training.distill import load_student
from training.golden import describe_golden
from training.onnx_export import export_fp32, export_int8
from training.workspace import Workspace

Stage = Literal["scratch", "distilled", "ptq", "int8"]
Metrics = Mapping[str, Mapping[str, float]]

QUANTIZED_STAGES: tuple[Literal["ptq", "int8"], ...] = ("ptq", "int8")


def student_stages(recipe: Recipe) -> tuple[Stage, ...]:
    """Return the students that a recipe trains, the float ones first."""
    baseline: tuple[Stage, ...] = ("scratch",) if recipe.student.labels_alone else ()
    return (*baseline, "distilled", *QUANTIZED_STAGES)


def stage_folder(run: Path, stage: str) -> Path:
    """Return where a run's folder keeps a student's model folder."""
    return run / "models" / stage / "1"


def write_stage_folder(workspace: Workspace, stage: Stage) -> Path:
    """Write the complete model folder of a trained stage and return it."""
    folder = stage_folder(workspace.folder, stage)
    folder.mkdir(parents=True, exist_ok=True)
    if stage == "scratch" or stage == "distilled":
        student = load_student(workspace, stage).cpu()
        write_weights(folder / WEIGHTS_FILE, student.state_dict())
        export_fp32(student, folder / ONNX_FILE, spec=workspace.recipe.spec)
    else:
        tensors = read_weights(workspace.result(f"{stage}.safetensors", of="quantize"))
        write_weights(folder / WEIGHTS_FILE, tensors)
        _export_int8(tensors, folder / ONNX_FILE, workspace.recipe)
    parent = "distilled@1" if stage in QUANTIZED_STAGES else None
    write_card(
        folder, _describe(workspace.recipe, folder, parent=parent, metrics={}, temperature=1.0)
    )
    return folder


def publish(
    workspace: Workspace,
    stage: Stage,
    *,
    parent: str | None,
    metrics: Metrics,
    temperature: float,
    drift_reference: DriftReference,
) -> Path:
    """Copy a stage's model folder into the registry, with its name, version and figures.

    The folder appears whole or not at all, in the place of one of the same name and version.

    Raises:
        GoldenClipError: If the engines do not agree on what it answers.
    """
    export = workspace.recipe.export
    precision = "int8" if stage in QUANTIZED_STAGES else "fp32"
    target = export.model_dir / f"{export.name}-{precision}" / str(export.version)
    staging = export.model_dir / ".publishing" / target.parent.name / target.name
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(stage_folder(workspace.folder, stage), staging)
    card = _describe(
        workspace.recipe,
        staging,
        parent=parent,
        metrics=metrics,
        temperature=temperature,
        drift_reference=drift_reference,
    )
    write_card(staging, card)
    write_card(staging, describe_golden(staging))
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging.rename(target)
    shutil.rmtree(export.model_dir / ".publishing")
    return target


def _export_int8(tensors: Mapping[str, Tensor], path: Path, recipe: Recipe) -> None:
    export_int8(tensors, recipe.student.network, path, spec=recipe.spec)


def _describe(
    recipe: Recipe,
    folder: Path,
    *,
    parent: str | None,
    metrics: Metrics,
    temperature: float,
    drift_reference: DriftReference | None = None,
) -> ModelCard:
    return ModelCard(
        name=folder.parent.name,
        version=int(folder.name),
        precision="int8" if parent else "fp32",
        network=recipe.student.network,
        spec=recipe.spec,
        labels=recipe.labels,
        temperature=temperature,
        metrics={name: dict(figures) for name, figures in metrics.items()},
        files={name: hash_file(folder / name) for name in (WEIGHTS_FILE, ONNX_FILE)},
        parent=parent,
        recipe=recipe.model_dump(mode="json"),
        data=recipe.export.data,
        licence=recipe.export.licence,
        notice=recipe.export.notice,
        drift_reference=drift_reference,
    )
