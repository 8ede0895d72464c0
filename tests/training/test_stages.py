"""What stages say of each other's results."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from models.card import ModelCard, read_card
from models.reference import DriftReference
from tests.model_factory import write_model_folder
from tests.training.recipes import write_manifest_recipe
from training.artifacts import QUANTIZED_STAGES, stage_folder
from training.config import ManifestData, Recipe, RecipeError
from training.data.examples import SPLITS, DataError
from training.distill import soft_label_loss, train_students
from training.evaluate import PUBLISHED_STAGES, RESULTS, evaluate_models
from training.export import export_models
from training.golden import TOLERANCES
from training.losses import SoftLabelLoss
from training.quantize import quantize_student
from training.reference import Footage, make_reference
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


def _write_evaluated_run(recipe: Recipe) -> Workspace:
    """Return a run with the results of its evaluation, whose models have random weights."""
    workspace = Workspace(recipe)
    for stage in PUBLISHED_STAGES:
        write_model_folder(
            stage_folder(workspace.folder, stage).parents[1],
            name=stage,
            precision="int8" if stage in QUANTIZED_STAGES else "fp32",
            labels=recipe.labels,
            config=recipe.student.network,
            spec=recipe.spec,
        )
    stages = {name: {"top1": 0.5} for name in ("distilled", "ptq", "int8", "int8_torch")}
    temperatures = dict.fromkeys(PUBLISHED_STAGES, 1.0)
    references = {
        stage: _make_reference(recipe, best=best).model_dump(mode="json")
        for best, stage in enumerate(PUBLISHED_STAGES)
    }
    written = {
        "stages": stages,
        "temperatures": temperatures,
        "agreement": {},
        "unseen_views": {},
        "drift_references": references,
    }
    workspace.path(RESULTS).write_text(json.dumps(written))
    return workspace


def _export(workspace: Workspace, model_dir: Path) -> list[ModelCard]:
    """Export a run and return the cards, fp32 first."""
    export = workspace.recipe.export.model_copy(update={"model_dir": model_dir})
    workspace.recipe = workspace.recipe.model_copy(update={"export": export})
    export_models(workspace)
    return [read_card(model_dir / f"smoke-{precision}" / "1") for precision in ("fp32", "int8")]


def _make_reference(recipe: Recipe, *, best: int) -> DriftReference:
    """Return what a model leaves that answers every clip with one label."""
    probs_NK = np.eye(len(recipe.labels), dtype=np.float32)[[best] * 5]
    footage = Footage(brightness_N=np.full(5, 0.4), motion_N=np.full(5, 0.02))
    return make_reference(probs_NK, footage, labels=recipe.labels)


def test_cards_get_the_references_that_their_own_models_were_evaluated_to(
    recipe: Recipe, tmp_path: Path
) -> None:
    cards = _export(_write_evaluated_run(recipe), tmp_path / "weights")

    assert [card.drift_reference for card in cards] == [
        _make_reference(recipe, best=best) for best in (0, 1)
    ]


def test_cards_say_what_their_models_answer_to_the_golden_clip(
    recipe: Recipe, tmp_path: Path
) -> None:
    cards = _export(_write_evaluated_run(recipe), tmp_path / "weights")

    for card in cards:
        assert card.golden is not None
        assert len(card.golden.probs_K) == len(recipe.labels)
        assert card.golden.tolerance == TOLERANCES[card.precision]
