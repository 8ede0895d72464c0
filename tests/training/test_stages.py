"""What stages say of each other's results."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.training.recipes import write_manifest_recipe
from training.config import ManifestData, Recipe, RecipeError
from training.data.examples import SPLITS, DataError
from training.distill import soft_label_loss, train_students
from training.evaluate import evaluate_models
from training.export import export_models
from training.losses import SoftLabelLoss
from training.quantize import quantize_student
from training.teacher import cache_teacher_logits, train_teacher
from training.workspace import StageMissingError, Workspace


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A recipe with one video in every split."""
    return write_manifest_recipe(tmp_path, [f"drinking,{split},roof,{split}" for split in SPLITS])


def test_export_before_evaluation_says_what_is_missing(recipe: Recipe) -> None:
    with pytest.raises(StageMissingError, match=r"evaluation\.json is missing: run the stage"):
        export_models(Workspace(recipe))


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        (train_students, "teacher.safetensors is missing: run the stage teacher first"),
        (quantize_student, "distilled.safetensors is missing: run the stage distill first"),
        (evaluate_models, "teacher.safetensors is missing: run the stage teacher first"),
    ],
)
def test_stage_out_of_order_says_what_to_run_first(
    recipe: Recipe, stage: Callable[[Workspace], None], missing: str
) -> None:
    with pytest.raises(StageMissingError, match=missing):
        stage(Workspace(recipe))


def test_split_without_a_clip_that_can_be_decoded_is_refused(recipe: Recipe) -> None:
    assert isinstance(recipe.data, ManifestData)
    (recipe.data.manifest.parent / "a.mp4").write_bytes(b"not a video")

    with pytest.raises(DataError, match="no clip of the val split can be decoded"):
        _ = Workspace(recipe).val_clips


def test_training_on_a_gpu_that_is_not_there_is_refused(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="cannot train on 1 cuda"):
        train_teacher(Workspace(recipe.model_copy(update={"device": "cuda"})))


class _Constant(nn.Module):
    """Answers 34 ones for every clip."""

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        return torch.ones(len(windows_NTHWC), 34)


def _change_crop(recipe: Recipe) -> Recipe:
    augment = recipe.augment.model_copy(update={"space_crop": 0.01})
    return recipe.model_copy(update={"augment": augment})


def test_teacher_logits_are_read_and_not_computed_again(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.teacher.load_teacher", lambda workspace: _Constant())
    logits_VNK = cache_teacher_logits(Workspace(recipe))
    monkeypatch.undo()  # now there is no teacher who could answer

    again_VNK = cache_teacher_logits(Workspace(recipe))

    assert again_VNK.shape == (recipe.teacher.num_views, 1, 34)
    np.testing.assert_array_equal(again_VNK, logits_VNK)


def test_teacher_logits_of_other_views_are_not_taken_for_these(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.teacher.load_teacher", lambda workspace: _Constant())
    cache_teacher_logits(Workspace(recipe))
    monkeypatch.undo()
    workspace = Workspace(recipe)
    workspace.recipe = _change_crop(recipe)

    with pytest.raises(StageMissingError, match=r"teacher\.safetensors is missing"):
        cache_teacher_logits(workspace)


def test_every_stage_smooths_labels_as_its_own_table_says(recipe: Recipe) -> None:
    fit = recipe.quantize.fit.model_copy(update={"label_smoothing": 0.25})

    loss = soft_label_loss(recipe, fit)
    assert isinstance(loss, SoftLabelLoss)
    assert loss.label_loss.label_smoothing == 0.25
