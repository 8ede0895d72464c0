from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from models.spec import ClipSpec
from training.data.augment import AugmentConfig
from training.data.examples import DataError
from training.data.views import TrainingViews, training_spec
from training.engine import Fit, FitConfig, group_parameters, make_optimizer, read_state
from training.losses import LabelLoss

SPEC = ClipSpec(num_frames=2, size_px=16)
CONFIG = FitConfig(epochs=3, batch_size=4, learning_rate=0.01)


class TinyNetwork(nn.Module):
    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm3d(4)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4, 2)

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        clips_NCTHW = windows_NTHWC.permute(0, 4, 1, 2, 3).float() / 255
        maps_NCTHW = self.norm(self.conv(nn.functional.pad(clips_NCTHW, (1,) * 6)))
        logits_NK: Tensor = self.head(self.dropout(maps_NCTHW.relu().mean(dim=(2, 3, 4))))
        return logits_NK


class Recorder:
    def __init__(self, *, stop_before: int | None = None) -> None:
        self.epochs: list[int] = []
        self.stop_before = stop_before

    def before_epoch(self, epoch: int) -> None:
        if epoch == self.stop_before:
            raise KeyboardInterrupt
        self.epochs.append(epoch)

    def after_epoch(self, epoch: int) -> dict[str, float]:
        return {"seen": float(epoch)}


def make_views() -> TrainingViews:
    """Bright clips are class 1, dark ones class 0."""
    label_index_N = np.array([0, 1] * 8, dtype=np.int64)
    shape = training_spec(SPEC).clip_shape
    clips_NTHWC = np.stack([np.full(shape, 60 + 120 * label, np.uint8) for label in label_index_N])
    return TrainingViews(clips_NTHWC, label_index_N, spec=SPEC, augment=AugmentConfig(), seed=1)


def make_fit(
    state_path: Path,
    *,
    config: FitConfig = CONFIG,
    fabric: Fabric | None = None,
    dropout: float = 0.5,
) -> Fit:
    torch.manual_seed(0)
    return Fit(
        TinyNetwork(dropout),
        LabelLoss(label_smoothing=0),
        make_views(),
        config,
        state_path=state_path,
        fabric=fabric or Fabric(accelerator="cpu", devices=1),
        num_workers=0,
    )


def fit_without_dropout(fabric: Fabric, *, state_path: Path) -> list[dict[str, float]]:
    torch.set_num_threads(1)
    fit = make_fit(state_path, fabric=fabric, dropout=0)
    return fit.run(Recorder(), progress=lambda done, total: None)


def run(fit: Fit, recorder: Recorder) -> None:
    fit.run(recorder, progress=lambda done, total: None)


def test_loss_goes_down(tmp_path: Path) -> None:
    fit = make_fit(tmp_path / "fit.state")

    run(fit, Recorder())

    losses = [entry["loss"] for entry in fit.history]
    assert losses[-1] < losses[0]


def test_interrupted_run_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    whole = make_fit(tmp_path / "whole.state")
    run(whole, Recorder())
    with pytest.raises(KeyboardInterrupt):
        run(make_fit(tmp_path / "broken.state"), Recorder(stop_before=2))

    resumed, recorder = make_fit(tmp_path / "broken.state"), Recorder()
    run(resumed, recorder)

    assert recorder.epochs == [2]
    assert resumed.history == whole.history
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], tensor), name


def test_two_processes_end_with_the_weights_of_one(tmp_path: Path) -> None:
    histories = []
    for num_processes, strategy in ((1, "auto"), (2, "ddp_spawn")):
        fabric = Fabric(accelerator="cpu", devices=num_processes, strategy=strategy)
        path = tmp_path / f"{num_processes}.state"
        histories.append(fabric.launch(partial(fit_without_dropout, state_path=path)))

    one, two = (
        read_state(tmp_path / f"{num_processes}.state", device=torch.device("cpu"))["network"]
        for num_processes in (1, 2)
    )
    # The same sums in another order.
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-5)
    assert [entry["loss"] for entry in histories[1]] == pytest.approx(
        [entry["loss"] for entry in histories[0]], rel=1e-4
    )


def test_two_processes_train_in_mixed_precision(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_spawn", precision="bf16-mixed")

    history = fabric.launch(partial(fit_without_dropout, state_path=tmp_path / "fit.state"))

    assert history[-1]["loss"] < history[0]["loss"]


@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_cycle_of_very_few_steps_can_be_stepped(num_steps: int) -> None:
    optimizer, schedule = make_optimizer(TinyNetwork(), CONFIG, num_steps=num_steps)

    for _ in range(num_steps):
        optimizer.step()
        schedule.step()

    assert 0 < schedule.get_last_lr()[0] <= CONFIG.learning_rate


def test_history_keeps_what_the_hooks_measured(tmp_path: Path) -> None:
    fit = make_fit(tmp_path / "fit.state")

    run(fit, Recorder())

    assert [entry["seen"] for entry in fit.history] == [0, 1, 2]
    assert (tmp_path / "fit.json").is_file()


def test_progress_counts_every_step(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    make_fit(tmp_path / "fit.state").run(
        Recorder(), progress=lambda done, total: seen.append((done, total))
    )

    assert seen == [(step, 12) for step in range(1, 13)]


def test_clips_that_do_not_fill_a_batch_are_refused(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"batch_size": 17})

    with pytest.raises(DataError, match="16 training clips do not fill a batch of 17"):
        make_fit(tmp_path / "fit.state", config=config)


def test_rate_of_sgd_falls_to_a_fifth_after_a_quarter_and_after_half_of_all_steps() -> None:
    config = CONFIG.model_copy(update={"optimizer": "sgd", "learning_rate": 1.0})
    optimizer, schedule = make_optimizer(TinyNetwork(), config, num_steps=8)
    rates = []

    for _ in range(8):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()

    assert rates == pytest.approx([1.0] * 2 + [0.2] * 2 + [0.04] * 4)


def test_only_weights_are_decayed() -> None:
    weights, others = group_parameters(TinyNetwork(), 0.1)

    assert (weights["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(weights["params"]) == 2
    assert len(others["params"]) == 3
