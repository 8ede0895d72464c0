"""The one training loop, which every stage shares.

Tensor legend: B batch, K classes.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from training.data.examples import DataError
from training.data.views import Batch, TrainingViews, epoch_keys, load_batches


class FitConfig(BaseModel):
    """How a network is trained: AdamW under one cycle of the learning rate.

    Attributes:
        epochs: Passes over the training clips.
        batch_size: B, clips a step.
        learning_rate: Peak of the cycle.
        weight_decay: Decay of weights; biases and normalization are not decayed.
        warmup_ratio: Share of all steps in which the learning rate rises.
        label_smoothing: Share of the target spread over all classes.
        max_grad_norm: Gradients are scaled down to this norm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: int = Field(ge=1)
    batch_size: int = Field(default=16, ge=2)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    warmup_ratio: float = Field(default=0.2, gt=0, lt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    max_grad_norm: float = Field(default=5.0, gt=0)


class Loss(Protocol):
    """Gives a scalar to go down, from a batch's logits, labels and the teacher's logits."""

    def __call__(
        self, logits_BK: Tensor, label_index_B: Tensor, teacher_logits_BK: Tensor | None
    ) -> Tensor:
        """Return the loss in nats."""
        ...


class FitHooks(Protocol):
    """What a stage does between epochs."""

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
        device: Where the network is.
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
        device: str,
        num_workers: int,
    ) -> None:
        self.network = network
        self.loss = loss
        self.views = views
        self.config = config
        self.state_path = state_path
        self.device = device
        self.num_workers = num_workers
        self.history: list[dict[str, float]] = []
        if not self.steps_per_epoch:
            raise DataError(
                f"{len(views)} training clips do not fill a batch of {config.batch_size}"
            )
        self.optimizer = AdamW(
            group_parameters(network, config.weight_decay), lr=config.learning_rate
        )
        self.schedule = OneCycleLR(
            self.optimizer,
            max_lr=config.learning_rate,
            total_steps=config.epochs * self.steps_per_epoch,
            pct_start=config.warmup_ratio,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps of every epoch."""
        return len(list(epoch_keys(self.views, 0, batch_size=self.config.batch_size)))

    def run(self, hooks: FitHooks, *, progress: StepProgress) -> list[dict[str, float]]:
        """Train until the last epoch and return the history, one entry an epoch."""
        torch.manual_seed(self.views.seed)
        self._restore()
        for epoch in range(len(self.history), self.config.epochs):
            self.network.train()
            hooks.before_epoch(epoch)
            figures = {"epoch": float(epoch), "loss": self._run_epoch(epoch, progress)}
            self.history.append(figures | hooks.after_epoch(epoch))
            self._save()
        return self.history

    def _run_epoch(self, epoch: int, progress: StepProgress) -> float:
        keys = list(epoch_keys(self.views, epoch, batch_size=self.config.batch_size))
        total_loss = 0.0
        for step, batch in enumerate(load_batches(self.views, keys, num_workers=self.num_workers)):
            total_loss += self._step(batch.to(self.device))
            progress(epoch * len(keys) + step + 1, self.config.epochs * len(keys))
        return total_loss / len(keys)

    def _step(self, batch: Batch) -> float:
        logits_BK = self.network(batch.windows_BTHWC)
        loss = self.loss(logits_BK, batch.label_index_B, batch.teacher_logits_BK)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.schedule.step()
        return loss.item()

    def _save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all(),
            "history": self.history,
        }
        self.state_path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.state_path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.state_path)
        self.state_path.with_suffix(".json").write_text(json.dumps(self.history, indent=2))

    def _restore(self) -> None:
        if not self.state_path.is_file():
            return
        state = torch.load(self.state_path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"].cpu())
        torch.cuda.set_rng_state_all([random.cpu() for random in state["cuda_random"]])
        self.history = state["history"]


def group_parameters(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return parameter groups: weights are decayed; biases and normalization are not."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    weights = [parameter for parameter in parameters if parameter.ndim > 1]
    others = [parameter for parameter in parameters if parameter.ndim <= 1]
    return [
        {"params": weights, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
