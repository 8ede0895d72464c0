"""The teacher: train I3D, then let it answer once for every view that the student will see.

Tensor legend: N clips, V views of each clip, K classes.
"""

import os
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.checkpoint import load_strictly, read_weights, write_weights
from models.networks.i3d import I3D, load_published
from training.config import Recipe
from training.data.views import TrainingViews, ViewKey, load_batches
from training.fitting import NUM_VIEW_WORKERS, Validation, fit_network
from training.losses import LabelLoss
from training.precision import usable_precision
from training.progress import console, show_progress
from training.published import read_start_weights
from training.workspace import Workspace

WEIGHTS = "teacher.safetensors"
LOGITS_BATCH_SIZE = 16


def train_teacher(workspace: Workspace) -> None:
    """Train the teacher and cache its logits, unless both were done before or elsewhere.

    Raises:
        StageMissingError: If the teacher is another recipe's, and was not trained there.
    """
    recipe = workspace.recipe
    if recipe.teacher.of is None and not workspace.path(WEIGHTS).is_file():
        teacher = _start(recipe)
        fit_network(
            teacher,
            LabelLoss(label_smoothing=recipe.teacher.fit.label_smoothing),
            recipe.teacher.fit,
            workspace=workspace,
            validation=Validation(teacher, workspace, "teacher"),
        )
        write_weights(workspace.path(WEIGHTS), teacher.state_dict())
    cache_teacher_logits(workspace)


def load_teacher(workspace: Workspace) -> I3D:
    """Return the trained teacher in evaluation mode.

    Raises:
        StageMissingError: If it was not trained.
        WeightsError: If it is another recipe's, of another width.
    """
    teacher = build_teacher(workspace.recipe)
    path = workspace.result(WEIGHTS, of="teacher", recipe_name=workspace.recipe.teacher.of)
    load_strictly(teacher, read_weights(path))
    return teacher.to(workspace.recipe.device).eval()


def cache_teacher_logits(workspace: Workspace) -> NDArray[np.float32]:
    """Return the teacher's `logits_VNK` for views 0 to V - 1 of every training clip.

    They are computed once, for all recipes that share the teacher and the views; views that an
    interrupted call finished are not computed again.

    Raises:
        StageMissingError: If the teacher was not trained.
    """
    views = workspace.views()
    folder = workspace.folder_of(workspace.recipe.teacher.of)
    paths = [
        folder / f"teacher_logits.{_fingerprint(workspace)}.{view}.npy"
        for view in range(workspace.recipe.teacher.num_views)
    ]
    missing = [view for view, path in enumerate(paths) if not path.is_file()]
    teacher = load_teacher(workspace) if missing else None
    for view in missing:
        assert teacher is not None
        logits_NK = _answer_view(teacher, views, view, recipe=workspace.recipe)
        _save(paths[view], logits_NK)
    return np.stack([np.load(path) for path in paths])


def _fingerprint(workspace: Workspace) -> str:
    """Name what decides the views: the clips, how they are augmented, and the seed."""
    recipe = workspace.recipe
    parts = (
        workspace.training_clips.fingerprint,
        recipe.spec.model_dump_json(),
        recipe.augment.model_dump_json(),
        str(recipe.seed),
    )
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _save(path: Path, logits_NK: NDArray[np.float32]) -> None:
    """Write an array that takes its name only when it is complete."""
    partial = path.with_suffix(f".{os.getpid()}.partial")  # nobody else's
    with partial.open("wb") as file:
        np.save(file, logits_NK)
    partial.replace(path)


def _answer_view(
    teacher: nn.Module, views: TrainingViews, view: int, *, recipe: Recipe
) -> NDArray[np.float32]:
    """Return `logits_NK` for one view, in the precision that the teacher learns in."""
    precision = usable_precision(recipe.teacher.fit.precision, recipe.device)
    mixed = torch.autocast(recipe.device, dtype=torch.bfloat16, enabled=precision == "bf16-mixed")
    keys = [ViewKey(index, view) for index in range(len(views))]
    batches = [
        keys[start : start + LOGITS_BATCH_SIZE] for start in range(0, len(keys), LOGITS_BATCH_SIZE)
    ]
    answers = []
    with (
        show_progress(f"teacher logits, view {view}") as progress,
        torch.inference_mode(),
        mixed,
    ):
        for batch in load_batches(views, batches, num_workers=NUM_VIEW_WORKERS):
            answers.append(teacher(batch.windows_BTHWC.to(recipe.device)).float().cpu().numpy())
            progress(len(answers), len(batches))
    return np.concatenate(answers)


def build_teacher(recipe: Recipe) -> I3D:
    """Return the recipe's teacher with fresh weights."""
    return I3D(
        len(recipe.labels),
        width=recipe.teacher.width,
        dropout=recipe.teacher.dropout,
        mean=recipe.spec.mean,
        std=recipe.spec.std,
    )


def _start(recipe: Recipe) -> I3D:
    torch.manual_seed(recipe.seed)
    teacher = build_teacher(recipe)
    if recipe.teacher.start_weights is not None:
        console.print(load_published(teacher, read_start_weights(recipe.teacher.start_weights)))
    return teacher
