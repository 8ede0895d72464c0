"""How a stage trains a network: the shared loop, its state, and validation after every epoch."""

import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from numpy.typing import NDArray
from torch import nn

from training.config import RecipeError
from training.engine import Fit, FitConfig, Loss, read_state
from training.inference import measure_network
from training.memory import keep_freed_memory
from training.precision import usable_precision
from training.progress import report, show_progress
from training.workspace import Workspace

NUM_VIEW_WORKERS = 2
"""Processes that draw views: two keep up with a student on two cores, where one did not."""


@dataclass(frozen=True)
class Validation:
    """Measures the network on the validation split after every epoch."""

    network: nn.Module
    workspace: Workspace
    stage: str

    def before_epoch(self, epoch: int) -> None:
        """Leave the network as it is."""

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Return and report the validation figures."""
        measured = measure_network(self.network, self.workspace.val_clips, self.workspace)
        figures = {
            "val_balanced_accuracy": measured["balanced_accuracy"],
            "val_top1": measured["top1"],
            "val_calibration_error": measured["calibration_error"],
        }
        report(self.stage, {"epoch": float(epoch)} | figures)
        return figures


def fit_network(
    network: nn.Module,
    loss: Loss,
    config: FitConfig,
    *,
    workspace: Workspace,
    validation: Validation,
    teacher_logits_VNK: NDArray[np.float32] | None = None,
) -> None:
    """Train a network in place, going on where an interrupted call stopped.

    Args:
        network: What is trained.
        loss: What to minimize.
        config: How to train.
        workspace: The run, whose recipe names the devices.
        validation: What is done between epochs; knows the network.
        teacher_logits_VNK: The teacher's answers for views 0 to V - 1 of each training clip.
    """
    _ = workspace.training_clips, workspace.val_clips  # decoded once, before there are processes
    fabric = _make_fabric(workspace, validation.stage, config)
    fabric.launch(
        partial(
            _fit,
            loss=loss,
            config=config,
            workspace=workspace,
            validation=validation,
            teacher_logits_VNK=teacher_logits_VNK,
        )
    )
    state = read_state(_state_path(workspace, validation), device=torch.device("cpu"))
    network.load_state_dict(state["network"])


def _make_fabric(workspace: Workspace, stage: str, config: FitConfig) -> Fabric:
    recipe = workspace.recipe
    try:
        return Fabric(
            accelerator=recipe.device,
            devices=recipe.num_devices,
            strategy="ddp_spawn" if recipe.num_devices > 1 else "auto",
            precision=usable_precision(config.precision, recipe.device),
            loggers=TensorBoardLogger(workspace.path("tensorboard"), name=stage, version=""),
        )
    except RuntimeError as exc:
        raise RecipeError(f"cannot train on {recipe.num_devices} {recipe.device}: {exc}") from exc


def _fit(
    fabric: Fabric,
    *,
    loss: Loss,
    config: FitConfig,
    workspace: Workspace,
    validation: Validation,
    teacher_logits_VNK: NDArray[np.float32] | None,
) -> None:
    """Train in one of the processes."""
    # Of 1x1x1 convolutions, whose weights are laid out channels last and channels first alike.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    torch.set_num_threads(max(1, workspace.recipe.num_threads // fabric.world_size))
    keep_freed_memory()
    fit = Fit(
        validation.network.to(fabric.device),
        loss,
        workspace.views(teacher_logits_VNK),
        config,
        state_path=_state_path(workspace, validation),
        fabric=fabric,
        num_workers=NUM_VIEW_WORKERS,
    )
    if fabric.is_global_zero:
        with show_progress(f"train {validation.stage}") as progress:
            fit.run(validation, progress=progress)
    else:
        fit.run(validation, progress=lambda done, total: None)


def _state_path(workspace: Workspace, validation: Validation) -> Path:
    return workspace.path(f"{validation.stage}.state")
