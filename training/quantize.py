"""The int8 student: quantization-aware training that still distils, and its baseline."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from models.checkpoint import write_weights
from models.networks.mobilenet3d import MobileNet3D
from training.data.views import epoch_keys, load_batches
from training.distill import load_student, soft_label_loss, start_student
from training.fitting import NUM_VIEW_WORKERS, Validation, fit_network
from training.quantization import QatMobileNet3D, convert, post_training_quantize
from training.teacher import cache_teacher_logits
from training.workspace import Workspace


@dataclass(frozen=True)
class LateFreeze(Validation):
    """Fixes normalization statistics and activation ranges for the last epochs."""

    network: QatMobileNet3D

    def before_epoch(self, epoch: int) -> None:
        """Freeze once the epoch has come."""
        if epoch >= self.workspace.recipe.quantize.freeze_after_epochs:
            self.network.freeze_batchnorm()
            self.network.set_observers(enabled=False)


def quantize_student(workspace: Workspace) -> None:
    """Write the int8 tensors of both ways to quantize, unless that was done before.

    `ptq` only watches calibration clips; `int8` goes on training from there, or from fresh weights
    that were calibrated alike.
    """
    paths = {stage: workspace.path(f"{stage}.safetensors") for stage in ("ptq", "int8")}
    if not paths["ptq"].is_file():
        distilled = load_student(workspace, "distilled")
        write_weights(paths["ptq"], convert(_calibrate(workspace, distilled)))
    if not paths["int8"].is_file():
        network = _calibrate(workspace, _start(workspace))
        _train(workspace, network)
        write_weights(paths["int8"], convert(network))


def _start(workspace: Workspace) -> MobileNet3D:
    if workspace.recipe.quantize.start == "fresh":
        return start_student(workspace.recipe)
    return load_student(workspace, "distilled")


def _calibrate(workspace: Workspace, student: MobileNet3D) -> QatMobileNet3D:
    return post_training_quantize(student, list(_calibration_windows(workspace)))


def _calibration_windows(workspace: Workspace) -> Iterator[Tensor]:
    config = workspace.recipe.quantize
    views = workspace.views()
    keys = list(epoch_keys(views, 0, batch_size=config.fit.batch_size))
    chosen = keys[: config.num_calibration_batches]
    for batch in load_batches(views, chosen, num_workers=NUM_VIEW_WORKERS):
        yield batch.windows_BTHWC


def _train(workspace: Workspace, network: QatMobileNet3D) -> None:
    recipe = workspace.recipe
    fit_network(
        network,
        soft_label_loss(recipe, recipe.quantize.fit),
        recipe.quantize.fit,
        workspace=workspace,
        validation=LateFreeze(network, workspace, "int8"),
        teacher_logits_VNK=cache_teacher_logits(workspace),
    )
