from collections import Counter

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.spec import ClipSpec
from training.data.augment import AugmentConfig, augment_clip, draw_frame_indices
from training.data.views import (
    TrainingViews,
    ViewKey,
    balanced_order,
    epoch_keys,
    load_batches,
    training_spec,
)

SPEC = ClipSpec(num_frames=4, size_px=16)
LABELS_N = np.array([0] * 10 + [1] * 3 + [2] * 2, dtype=np.int64)
STILL = AugmentConfig(
    time_crop=0, time_jitter=False, space_crop=0, gain=0, bias=0, grey_probability=0
)


def make_views(
    *, teacher_logits_VNK: NDArray[np.float32] | None = None, augment: AugmentConfig | None = None
) -> TrainingViews:
    shape = (len(LABELS_N), *training_spec(SPEC).clip_shape)
    clips_NTHWC = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    return TrainingViews(
        clips_NTHWC,
        LABELS_N,
        spec=SPEC,
        augment=augment or AugmentConfig(),
        seed=3,
        teacher_logits_VNK=teacher_logits_VNK,
    )


def test_balanced_order_shows_every_class_equally_often() -> None:
    order = balanced_order(LABELS_N, rng=np.random.default_rng(0))

    assert Counter(LABELS_N[order].tolist()) == {0: 5, 1: 5, 2: 5}


def test_balanced_order_repeats_a_clip_only_after_all_of_its_class() -> None:
    order = balanced_order(LABELS_N, rng=np.random.default_rng(0))

    counts = Counter(order.tolist())
    assert max(counts[index] for index in range(10)) == 1
    assert {counts[index] for index in range(10, 13)} == {1, 2}


def test_epochs_differ_and_each_is_the_same_again() -> None:
    views = make_views()

    first, again, second = (list(epoch_keys(views, epoch, batch_size=4)) for epoch in (0, 0, 1))

    assert first == again
    assert [[key.clip_index for key in batch] for batch in first] != [
        [key.clip_index for key in batch] for batch in second
    ]


@pytest.mark.parametrize("num_workers", [0, 2])
def test_batches_do_not_depend_on_the_number_of_workers(num_workers: int) -> None:
    views = make_views()
    keys = list(epoch_keys(views, 1, batch_size=5))

    batches = list(load_batches(views, keys, num_workers=num_workers))

    expected = [views.__getitems__(batch) for batch in keys]
    assert len(batches) == 3
    for batch, by_hand in zip(batches, expected, strict=True):
        assert torch.equal(batch.windows_BTHWC, by_hand.windows_BTHWC)
        assert torch.equal(batch.label_index_B, by_hand.label_index_B)


def test_batch_carries_the_teachers_answer_for_the_very_view_it_shows() -> None:
    teacher_logits_VNK = np.arange(2 * 15 * 3, dtype=np.float32).reshape(2, 15, 3)
    views = make_views(teacher_logits_VNK=teacher_logits_VNK)

    batch_keys = next(epoch_keys(views, 5, batch_size=4))
    batch = views.__getitems__(batch_keys)

    assert {key.view for key in batch_keys} == {5 % 2}
    assert batch.teacher_logits_BK is not None
    expected = [teacher_logits_VNK[1, key.clip_index] for key in batch_keys]
    assert np.array_equal(batch.teacher_logits_BK.numpy(), np.stack(expected))


def test_view_has_the_shape_of_the_spec_and_raw_bytes() -> None:
    frames_THWC = make_views().draw(ViewKey(0, 0))

    assert frames_THWC.shape == SPEC.clip_shape
    assert frames_THWC.dtype == torch.uint8


def test_views_of_one_clip_differ() -> None:
    views = make_views()

    assert not torch.equal(views.draw(ViewKey(0, 0)), views.draw(ViewKey(0, 1)))


def test_augmentation_of_strength_zero_changes_nothing_but_time() -> None:
    frames_THWC = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)

    view_THWC = augment_clip(
        frames_THWC, STILL, num_frames=4, size_px=16, rng=np.random.default_rng(0)
    )

    assert np.array_equal(view_THWC.numpy(), frames_THWC[[1, 3, 5, 7]])


def test_frames_stay_in_order_of_time() -> None:
    config = AugmentConfig(time_crop=0.5)

    for seed in range(50):
        index_T = draw_frame_indices(32, config, num_frames=16, rng=np.random.default_rng(seed))
        assert (np.diff(index_T) >= 0).all()
        assert 0 <= index_T[0] <= index_T[-1] <= 31


def test_slow_camera_shows_fewer_frames_in_order_and_over_the_whole_time() -> None:
    config = STILL.model_copy(update={"hold_probability": 1.0})
    rng = np.random.default_rng(0)

    draws = [draw_frame_indices(64, config, num_frames=16, rng=rng) for _ in range(200)]

    counts = {len(set(index_T.tolist())) for index_T in draws}
    assert min(counts) == 4
    assert max(counts) == 16
    assert all((np.diff(index_T) >= 0).all() for index_T in draws)
    assert all(index_T[0] < 4 and index_T[-1] >= 64 * 3 / 4 - 4 for index_T in draws)


def test_lost_detail_leaves_the_size_and_flattens_the_picture() -> None:
    clip_THWC = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    blurred = STILL.model_copy(update={"detail_loss": 1.0})

    views = [
        augment_clip(clip_THWC, blurred, num_frames=4, size_px=16, rng=np.random.default_rng(seed))
        for seed in range(20)
    ]

    assert {tuple(view.shape) for view in views} == {(4, 16, 16, 3)}
    assert np.mean([view.float().std().item() for view in views]) < 0.8 * clip_THWC.std()
