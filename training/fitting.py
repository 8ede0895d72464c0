"""How a stage trains a network: the shared loop, its state, and validation after every epoch."""

from dataclasses import dataclass

from torch import nn

from training.data.views import TrainingViews
from training.engine import Fit, FitConfig, Loss
from training.inference import measure_network
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
    views: TrainingViews,
    config: FitConfig,
    *,
    workspace: Workspace,
    validation: Validation,
) -> None:
    """Train a network in place, going on where an interrupted call stopped."""
    fit = Fit(
        network.to(workspace.recipe.device),
        loss,
        views,
        config,
        state_path=workspace.path(f"{validation.stage}.state"),
        device=workspace.recipe.device,
        num_workers=NUM_VIEW_WORKERS,
    )
    with show_progress(f"train {validation.stage}") as progress:
        fit.run(validation, progress=progress)
