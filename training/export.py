"""Publish the distilled student and its int8 twin into the registry."""

from typing import Any

from models.reference import DriftReference
from training.artifacts import publish
from training.evaluate import read_results
from training.progress import console
from training.workspace import Workspace


def export_models(workspace: Workspace) -> None:
    """Write both model folders, each with the figures that `evaluate` measured."""
    export = workspace.recipe.export
    results = read_results(workspace)
    stages = results["stages"]
    unseen = results["unseen_views"]
    float_metrics = {
        "test": stages["distilled"],
        **_context(stages),
        **({"test_unseen_views": unseen["distilled"]} if unseen else {}),
    }
    int8_metrics = {
        "test": stages["int8"],
        "test_torch": stages["int8_torch"],
        "test_post_training": stages["ptq"],
        "test_parent": stages["distilled"],
        "agreement": results["agreement"],
        **({"test_unseen_views": unseen["int8"]} if unseen else {}),
    }
    parent = f"{export.name}-fp32@{export.version}"
    temperatures = results["temperatures"]
    references = {
        stage: DriftReference.model_validate(reference)
        for stage, reference in results["drift_references"].items()
    }
    for folder in (
        publish(
            workspace,
            "distilled",
            parent=None,
            metrics=float_metrics,
            temperature=temperatures["distilled"],
            drift_reference=references["distilled"],
        ),
        publish(
            workspace,
            "int8",
            parent=parent,
            metrics=int8_metrics,
            temperature=temperatures["int8"],
            drift_reference=references["int8"],
        ),
    ):
        console.print(f"wrote {folder}")


def _context(stages: dict[str, Any]) -> dict[str, dict[str, float]]:
    named = {"teacher": "test_teacher", "scratch": "test_labels_only"}
    return {name: stages[stage] for stage, name in named.items() if stage in stages}
