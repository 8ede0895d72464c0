"""Batches of training views, the same for the same seed whatever the number of workers.

Tensor legend: B batch, N clips, V views of each clip, T frames, H W pixels, C channels, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from models.spec import ClipSpec
from training.data.augment import AugmentConfig, augment_clip

TRAINING_MARGIN = 2
"""Training decodes this many times the frames of a clip, to draw them at other times."""

TRAINING_SIZE_RATIO = 8 / 7
"""Training decodes pictures this much larger than a clip, to crop them."""


def training_spec(spec: ClipSpec) -> ClipSpec:
    """Return the spec in which clips are decoded for training, before a view is drawn."""
    return spec.model_copy(
        update={
            "num_frames": spec.num_frames * TRAINING_MARGIN,
            "size_px": round(spec.size_px * TRAINING_SIZE_RATIO),
        }
    )


@dataclass(frozen=True)
class Batch:
    """Views that are learned from together.

    Attributes:
        windows_BTHWC: uint8 RGB.
        label_index_B: int64.
        teacher_logits_BK: float32, where the teacher's answers for these very views are known.
    """

    windows_BTHWC: Tensor
    label_index_B: Tensor
    teacher_logits_BK: Tensor | None

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        teacher = self.teacher_logits_BK
        return Batch(
            self.windows_BTHWC.to(device),
            self.label_index_B.to(device),
            None if teacher is None else teacher.to(device),
        )


@dataclass(frozen=True)
class ViewKey:
    """Names one view: the clip's position and the number that seeds its augmentation."""

    clip_index: int
    view: int


class TrainingViews(Dataset[Batch]):
    """Random views of clips, each named and reproduced by its key.

    Args:
        clips_NTHWC: uint8 clips, decoded with `training_spec`.
        label_index_N: int64 label of each clip.
        spec: Shape of the views.
        augment: How far views stray.
        seed: Seed of all views.
        teacher_logits_VNK: float32 teacher's answers for views 0 to V - 1 of each clip.
    """

    def __init__(
        self,
        clips_NTHWC: NDArray[np.uint8],
        label_index_N: NDArray[np.int64],
        *,
        spec: ClipSpec,
        augment: AugmentConfig,
        seed: int,
        teacher_logits_VNK: NDArray[np.float32] | None = None,
    ) -> None:
        self.clips_NTHWC = clips_NTHWC
        self.label_index_N = label_index_N
        self.spec = spec
        self.augment = augment
        self.seed = seed
        self.teacher_logits_VNK = teacher_logits_VNK

    def __len__(self) -> int:
        return len(self.label_index_N)

    def __getitems__(self, keys: Sequence[ViewKey]) -> Batch:
        """Return the batch of the views named."""
        clip_index_B = [key.clip_index for key in keys]
        return Batch(
            torch.stack([self.draw(key) for key in keys]),
            torch.from_numpy(self.label_index_N[clip_index_B]),
            self._teacher_logits(keys),
        )

    def draw(self, key: ViewKey) -> Tensor:
        """Return one view, uint8 `frames_THWC`."""
        return augment_clip(
            self.clips_NTHWC[key.clip_index],
            self.augment,
            num_frames=self.spec.num_frames,
            size_px=self.spec.size_px,
            rng=np.random.default_rng((self.seed, key.view, key.clip_index)),
        )

    def _teacher_logits(self, keys: Sequence[ViewKey]) -> Tensor | None:
        if self.teacher_logits_VNK is None:
            return None
        rows_BK = [self.teacher_logits_VNK[key.view, key.clip_index] for key in keys]
        return torch.from_numpy(np.stack(rows_BK))


def balanced_order(
    label_index_N: NDArray[np.int64], *, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return an order of clips in which every class that occurs is equally frequent.

    Each class is shuffled and repeated as often as it takes, so no clip is drawn twice before every
    clip of its class was drawn once.

    Args:
        label_index_N: int64 label of each clip.
        rng: Source of the order.

    Returns:
        Positions of clips, about N of them: N / classes of each class, rounded up.
    """
    classes = np.unique(label_index_N)
    quota = -(-len(label_index_N) // len(classes))
    drawn = [
        np.resize(rng.permutation(np.flatnonzero(label_index_N == label)), quota)
        for label in classes
    ]
    return rng.permutation(np.concatenate(drawn))


def epoch_keys(views: TrainingViews, epoch: int, *, batch_size: int) -> Iterator[list[ViewKey]]:
    """Yield the views of one epoch, batch by batch; a last smaller batch is dropped.

    Epoch e shows view e of every clip, or view e modulo V where the teacher answered for V views.
    """
    rng = np.random.default_rng((views.seed, epoch))
    order = balanced_order(views.label_index_N, rng=rng)
    cached = views.teacher_logits_VNK
    view = epoch if cached is None else epoch % len(cached)
    for start in range(0, len(order) - batch_size + 1, batch_size):
        yield [ViewKey(int(index), view) for index in order[start : start + batch_size]]


def load_batches(
    views: TrainingViews, batches: Sequence[list[ViewKey]], *, num_workers: int
) -> DataLoader[Batch]:
    """Return a loader of the named batches that draws them in worker processes."""
    return DataLoader(
        views,
        batch_sampler=batches,
        num_workers=num_workers,
        collate_fn=_keep,
        multiprocessing_context="fork" if num_workers else None,
        worker_init_fn=_use_one_thread,
    )


def _keep(batch: Any) -> Any:
    """Keep a batch as `__getitems__` made it: there is nothing left to collate."""
    return batch


def _use_one_thread(_: int) -> None:
    torch.set_num_threads(1)
