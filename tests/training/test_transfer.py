from pathlib import Path

import numpy as np
import pytest

from tests.model_factory import TINY_SPEC, write_model_folder
from tests.training.recipes import write_manifest_recipe
from training.config import Recipe
from training.data.examples import DataError
from training.transfer import measure_answers, measure_transfer


def make_recipe(folder: Path, *, labels: tuple[str, ...]) -> Recipe:
    """Return a recipe whose data is one clip of each label, all of it in the training split."""
    return write_manifest_recipe(folder, [f"{label},anna,roof,train" for label in labels])


def test_model_is_measured_on_all_examples_by_its_own_spec(tmp_path: Path) -> None:
    model = write_model_folder(tmp_path, labels=("a", "b", "c"), spec=TINY_SPEC)
    picture = tmp_path / "confusions.png"

    figures = measure_transfer(make_recipe(tmp_path, labels=("a", "b")), model, picture=picture)

    assert (figures["num_examples"], figures["num_occurring"]) == (2, 2)
    # One clip, two labels: one of them is right.
    assert figures["among_occurring_top1"] == 0.5
    assert picture.is_file()


def test_model_is_measured_on_a_part_of_the_data(tmp_path: Path) -> None:
    model = write_model_folder(tmp_path, labels=("a", "b"), spec=TINY_SPEC)
    rows = ["a,anna,roof,train", "a,berta,roof,test", "b,berta,roof,test"]
    recipe = write_manifest_recipe(tmp_path, rows)

    figures = measure_transfer(recipe, model, part="test", mode="fast")

    assert figures["num_examples"] == 2


def test_label_that_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    model = write_model_folder(tmp_path, labels=("a", "b", "c"))

    with pytest.raises(DataError, match="labels that the model does not know: juggling"):
        measure_transfer(make_recipe(tmp_path, labels=("a", "juggling")), model)


def test_answers_count_among_all_classes_and_among_those_that_occur() -> None:
    logits_NK = np.array([[0, 1, 2], [0, 2, 1], [9, 0, 1]], dtype=np.float32)

    figures = measure_answers(logits_NK, np.array([1, 1, 2]), temperature=1.0)

    assert figures["top1"] == pytest.approx(1 / 3)
    assert figures["among_occurring_top1"] == pytest.approx(2 / 3)
