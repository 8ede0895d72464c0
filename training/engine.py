"""The one training loop, which every stage shares.

Tensor legend: B batch, K classes.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR, OneCycleLR

from training.data.examples import DataError
from training.data.views import Batch, TrainingViews, epoch_keys, load_batches
from training.distributed import synchronize_norms
from training.precision import Precision

# calvintanama/qd-driver-activity-reco, config/train/studentteacher.yaml: momentum, gamma, and the
# milestones 50 and 100 of 200 epochs.
SGD_MOMENTUM = 0.9
SGD_STEP_RATIO = 0.2


class FitConfig(BaseModel):
    """How a network is trained.

    Attributes:
        optimizer: `adamw` under one cycle of the learning rate; or `sgd` with momentum 0.9 and a
            rate that falls to a fifth after a quarter and after half of all steps, which is what
            the paper's code does.
        epochs: Passes over the training clips.
        batch_size: B, clips a step.
        learning_rate: The highest.
        weight_decay: Decay of weights; biases and normalization are not decayed.
        warmup_ratio: Share of all steps in which the learning rate of a cycle rises.
        label_smoothing: Share of the target spread over all classes.
        max_grad_norm: Gradients are scaled down to this norm.
        precision: `32-true`, or `bf16-mixed`, which is faster on GPUs and, for a teacher, on
            processors that compute in it (1.3 to 1.6 times on those with AMX, 2.7 on Zen 5); on
            others it means `32-true`, and the output says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    optimizer: Literal["adamw", "sgd"] = "adamw"
    epochs: int = Field(ge=1)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup_ratio: float = Field(default=0.2, gt=0, lt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    max_grad_norm: float = Field(default=5.0, gt=0)
    precision: Precision = "32-true"


class Loss(Protocol):
    """Gives a scalar to go down, from a batch's logits, labels and the teacher's logits."""

    def __call__(
        self, logits_BK: Tensor, label_index_B: Tensor, teacher_logits_BK: Tensor | None
    ) -> Tensor:
        """Return the loss in nats."""
        ...


class FitHooks(Protocol):
    """What a stage does between epochs: before each in every process, after each in the first."""

    def before_epoch(self, epoch: int) -> None:
        """Prepare the network, which is in training mode, for an epoch counted from 0."""
        ...

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Return figures to record with the epoch; may put the network in evaluation mode."""
        ...


StepProgress = Callable[[int, int], None]


class Fit:
    """One run of training, which continues where an interrupted one stopped.

    The state is written after every epoch. Order, views and weights depend on the seed alone, so a
    run that was interrupted ends with the weights of one that was not (on the same device with
    the same number of threads).

    Args:
        network: Takes `windows_BTHWC` uint8 and returns `logits_BK`; trained in place.
        loss: What to minimize.
        views: The training clips.
        config: How to train.
        state_path: File of the state between epochs; its history is written beside it.
        fabric: Launched; says on which devices, in how many processes and with what precision.
        num_workers: Processes that draw views.

    Raises:
        DataError: If the clips do not fill one batch.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Loss,
        views: TrainingViews,
        config: FitConfig,
        *,
        state_path: Path,
        fabric: Fabric,
        num_workers: int,
    ) -> None:
        self.network = network
        self.loss = loss
        self.views = views
        self.config = config
        self.state_path = state_path
        self.fabric = fabric
        self.num_workers = num_workers
        self.history: list[dict[str, float]] = []
        if not self.steps_per_epoch:
            raise DataError(
                f"{len(views)} training clips do not fill a batch of {config.batch_size}"
            )
        if fabric.world_size > 1:
            synchronize_norms(network)
        num_steps = config.epochs * self.steps_per_epoch
        optimizer, self.schedule = make_optimizer(network, config, num_steps=num_steps)
        self._wrapped, self.optimizer = fabric.setup(network, optimizer)

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps of every epoch."""
        return len(list(epoch_keys(self.views, 0, batch_size=self.config.batch_size)))

    def run(self, hooks: FitHooks, *, progress: StepProgress) -> list[dict[str, float]]:
        """Train until the last epoch and return the history, one entry an epoch."""
        self._restore()
        for epoch in range(len(self.history), self.config.epochs):
            torch.manual_seed(self._seed(epoch))
            self._wrapped.train()
            hooks.before_epoch(epoch)
            figures = {"epoch": float(epoch), "loss": self._run_epoch(epoch, progress)}
            if self.fabric.is_global_zero:
                figures |= hooks.after_epoch(epoch)
            self.history.append(self.fabric.broadcast(figures))
            self._save()
        return self.history

    def _seed(self, epoch: int) -> int:
        """Return the seed of what the network draws itself, such as dropout, in an epoch."""
        root = np.random.SeedSequence([self.views.seed, epoch, self.fabric.global_rank])
        return int(root.generate_state(1)[0])

    def _run_epoch(self, epoch: int, progress: StepProgress) -> float:
        keys = list(epoch_keys(self.views, epoch, batch_size=self.config.batch_size))
        share = [batch[self.fabric.global_rank :: self.fabric.world_size] for batch in keys]
        total_loss = torch.zeros((), device=self.fabric.device)
        for step, batch in enumerate(load_batches(self.views, share, num_workers=self.num_workers)):
            total_loss += self._step(batch.to(self.fabric.device))
            progress(epoch * len(keys) + step + 1, self.config.epochs * len(keys))
        mean_loss = self.fabric.all_reduce(total_loss / len(keys), reduce_op="mean")
        assert isinstance(mean_loss, Tensor)
        return mean_loss.item()

    def _step(self, batch: Batch) -> Tensor:
        logits_BK = self._wrapped(batch.windows_BTHWC)
        loss = self.loss(logits_BK, batch.label_index_B, batch.teacher_logits_BK)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.fabric.clip_gradients(
            self._wrapped, self.optimizer, max_norm=self.config.max_grad_norm
        )
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            state = {
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
                "history": self.history,
            }
            self.state_path.parent.mkdir(parents=True, exist_ok=True)
            partial = self.state_path.with_suffix(".partial")
            torch.save(state, partial)
            partial.replace(self.state_path)
            self.state_path.with_suffix(".json").write_text(json.dumps(self.history, indent=2))
            self.fabric.log_dict(
                self.history[-1] | {"learning_rate": self.schedule.get_last_lr()[0]},
                step=len(self.history) - 1,
            )
        self.fabric.barrier()

    def _restore(self) -> None:
        if not self.state_path.is_file():
            return
        state = read_state(self.state_path, device=self.fabric.device)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.history = state["history"]


def read_state(path: Path, *, device: torch.device) -> dict[str, Any]:
    """Return the state that a run of training wrote after an epoch."""
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


def make_optimizer(
    network: nn.Module, config: FitConfig, *, num_steps: int
) -> tuple[Optimizer, LRScheduler]:
    """Return the optimizer of a network's parameters, and the schedule to step it with."""
    groups = group_parameters(network, config.weight_decay)
    if config.optimizer == "sgd":
        optimizer: Optimizer = SGD(groups, lr=config.learning_rate, momentum=SGD_MOMENTUM)
        milestones = [num_steps // 4, num_steps // 2]
        return optimizer, MultiStepLR(optimizer, milestones=milestones, gamma=SGD_STEP_RATIO)
    optimizer = AdamW(groups, lr=config.learning_rate, fused=True)
    # The cycle needs two steps, and a rise that takes more than one.
    total_steps = max(2, num_steps)
    schedule = OneCycleLR(
        optimizer,
        max_lr=config.learning_rate,
        total_steps=total_steps,
        pct_start=max(config.warmup_ratio, 1.5 / total_steps),
    )
    return optimizer, schedule


def group_parameters(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups: weights are decayed; biases and normalization are not."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
