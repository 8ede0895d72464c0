"""The student: trained on labels alone, and the same one trained by distillation.

Both start from the same weights, see the same clips in the same order, and take the same number of
steps, so that their difference is what distillation is worth; save that the distilled one sees only
the views that the teacher answered, again and again, and the other one new views every epoch.
"""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import load_strictly, read_weights, write_weights
from models.networks.mobilenet3d import MobileNet3D, build_mobilenet3d, load_published_mobilenet
from training.config import Recipe
from training.engine import FitConfig, Loss
from training.fitting import Validation, fit_network
from training.losses import LabelLoss, ReleasedLoss, SoftLabelLoss
from training.progress import console
from training.published import read_start_weights
from training.teacher import cache_teacher_logits
from training.workspace import Workspace

Student = Literal["scratch", "distilled"]


def train_students(workspace: Workspace) -> None:
    """Train the student by distillation and, if asked for, on labels alone, unless it was done."""
    recipe = workspace.recipe
    fit = recipe.student.fit
    teacher_logits_VNK = cache_teacher_logits(workspace)
    _train(workspace, "distilled", soft_label_loss(recipe, fit), teacher_logits_VNK)
    if recipe.student.labels_alone:
        _train(workspace, "scratch", label_loss(recipe, fit), None)


def load_student(workspace: Workspace, student: Student) -> MobileNet3D:
    """Return a trained student in evaluation mode.

    Raises:
        StageMissingError: If it was not trained.
    """
    network = build_student(workspace.recipe)
    path = workspace.result(f"{student}.safetensors", of="distill")
    load_strictly(network, read_weights(path))
    return network.to(workspace.recipe.device).eval()


def build_student(recipe: Recipe) -> MobileNet3D:
    """Return the recipe's student with fresh weights."""
    return build_mobilenet3d(
        recipe.student.network, spec=recipe.spec, num_classes=len(recipe.labels)
    )


def label_loss(recipe: Recipe, fit: FitConfig) -> Loss:
    """Return the loss of a stage in which the student learns from labels alone."""
    if recipe.distill.losses == "released":
        return _released_loss(recipe)
    return LabelLoss(label_smoothing=fit.label_smoothing)


def soft_label_loss(recipe: Recipe, fit: FitConfig) -> Loss:
    """Return the loss of a stage in which the student learns from labels and teacher."""
    if recipe.distill.losses == "released":
        return _released_loss(recipe)
    return SoftLabelLoss(
        label_loss=LabelLoss(label_smoothing=fit.label_smoothing),
        temperature=recipe.distill.temperature,
        soft_weight=recipe.distill.soft_weight,
        relation_weight=recipe.distill.relation_weight,
    )


def _released_loss(recipe: Recipe) -> ReleasedLoss:
    distill = recipe.distill
    return ReleasedLoss(temperature=distill.temperature, soft_weight=distill.soft_weight)


def _train(
    workspace: Workspace,
    student: Student,
    loss: Loss,
    teacher_logits_VNK: NDArray[np.float32] | None,
) -> None:
    path = workspace.path(f"{student}.safetensors")
    if path.is_file():
        return
    network = start_student(workspace.recipe)
    fit_network(
        network,
        loss,
        workspace.recipe.student.fit,
        workspace=workspace,
        validation=Validation(network, workspace, student),
        teacher_logits_VNK=teacher_logits_VNK,
    )
    write_weights(path, network.state_dict())


def start_student(recipe: Recipe) -> MobileNet3D:
    """Return the student before any training, the same for the same seed."""
    torch.manual_seed(recipe.seed)
    network = build_student(recipe)
    if recipe.student.start_weights is not None:
        published = read_start_weights(recipe.student.start_weights)
        console.print(load_published_mobilenet(network, published))
    return network
