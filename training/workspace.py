"""One run of a recipe: its folder, its data, and what its stages leave for each other.

Tensor legend: N clips, V views of each clip, T frames, H W pixels, C channels, K classes.
"""

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import DriverActivityError
from models.spec import ClipSpec
from training.config import (
    ImageSequenceData,
    ManifestData,
    Recipe,
    RecipeError,
    ViewedData,
)
from training.data.cache import DecodedClips, decode_examples
from training.data.drive_and_act import read_drive_and_act
from training.data.examples import DataError, Example, Split, check_examples
from training.data.image_sequences import read_image_sequences
from training.data.manifest import read_manifest
from training.data.views import TrainingViews, training_spec
from training.progress import console, show_progress

RECIPE_FILE = "recipe.json"
CLIPS = "clips"
"""Folder of decoded clips below `run_dir`, which all recipes share."""
INDECISIVE: Any = {
    **dict.fromkeys(("export", "run_dir", "num_threads", "device"), True),
    "data": {"generator": {"num_workers"}},
    "student": {"labels_alone"},
}
"""Keys of a recipe that do not change what its run makes, save for what else it makes."""


class StageMissingError(DriverActivityError):
    """A stage was asked for before one whose results it needs."""


class Workspace:
    """The folder of one recipe's run, `<run_dir>/<name>/<variant>`, and the data it works on.

    Args:
        recipe: The recipe. A folder that another recipe began is refused.

    Raises:
        RecipeError: If the folder was begun by a recipe that would make another model.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.folder = self.folder_of(None)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._check_recipe()

    def __reduce__(self) -> tuple[type["Workspace"], tuple[Recipe]]:
        """Go to another process as the recipe alone: the clips are mapped there anew."""
        return (Workspace, (self.recipe,))

    def path(self, name: str) -> Path:
        """Return the path of a file of the run."""
        return self.folder / name

    def folder_of(self, recipe_name: str | None) -> Path:
        """Return the folder of this run, or of the same variant of another recipe's."""
        return self.recipe.run_dir / (recipe_name or self.recipe.name) / self.recipe.variant

    def result(self, name: str, *, of: str, recipe_name: str | None = None) -> Path:
        """Return the path of a file that an earlier stage left, in this run or another recipe's.

        Raises:
            StageMissingError: If it is not there.
        """
        path = self.folder_of(recipe_name) / name
        if not path.is_file():
            raise StageMissingError(f"{path} is missing: run the stage {of} first")
        return path

    @cached_property
    def examples(self) -> list[Example]:
        """All examples of the data set, checked.

        Raises:
            DataError: If the data set is missing or contradicts itself.
        """
        examples = read_examples(self.recipe)
        check_examples(examples, self.recipe.labels)
        return examples

    @cached_property
    def training_clips(self) -> DecodedClips:
        """The training split, decoded with the margin that views are drawn from."""
        return self._decode("train", training_spec(self.recipe.spec))

    @cached_property
    def val_clips(self) -> DecodedClips:
        """The validation split, decoded as the service would."""
        return self._decode("val", self.recipe.spec)

    @cached_property
    def test_clips(self) -> DecodedClips:
        """The test split, decoded as the service would; from all cameras that test."""
        return self._decode("test", self.recipe.spec)

    def is_view_unseen(self, examples: Sequence[Example]) -> NDArray[np.bool_]:
        """Tell of each example whether it is from a camera that training never sees."""
        data = self.recipe.data
        unseen = data.test_views if isinstance(data, ViewedData) else ()
        return np.array([example.view in unseen for example in examples], dtype=np.bool_)

    def label_index(self, examples: Sequence[Example]) -> NDArray[np.int64]:
        """Return the int64 label index of each example."""
        position = {label: index for index, label in enumerate(self.recipe.labels)}
        return np.array([position[example.label] for example in examples], dtype=np.int64)

    def views(self, teacher_logits_VNK: NDArray[np.float32] | None = None) -> TrainingViews:
        """Return random views of the training clips."""
        clips = self.training_clips
        return TrainingViews(
            clips.clips_NTHWC,
            self.label_index(clips.examples),
            spec=self.recipe.spec,
            augment=self.recipe.augment,
            seed=self.recipe.seed,
            teacher_logits_VNK=teacher_logits_VNK,
        )

    def _decode(self, split: Split, spec: ClipSpec) -> DecodedClips:
        examples = [example for example in self.examples if example.split == split]
        with show_progress(f"decode {split}") as progress:
            clips = decode_examples(
                examples,
                spec,
                self.recipe.run_dir / CLIPS,
                num_workers=self.recipe.num_threads,
                progress=progress,
            )
        for name, reason in clips.failures.items():
            console.print(f"left out {name}: {reason}", markup=False)
        if not clips.examples:
            raise DataError(f"no clip of the {split} split can be decoded")
        return clips

    def _check_recipe(self) -> None:
        path = self.path(RECIPE_FILE)
        decisive = describe_decisive(self.recipe)
        if not path.is_file():
            path.write_text(json.dumps(decisive, indent=2), encoding="utf-8")
        elif json.loads(path.read_text(encoding="utf-8")) != decisive:
            raise RecipeError(
                f"{self.folder} was begun by another recipe: remove it, or name this one otherwise"
            )


def describe_decisive(recipe: Recipe) -> dict[str, Any]:
    """Return what decides what a run of a recipe makes, as its folder keeps it."""
    values: dict[str, Any] = json.loads(recipe.model_dump_json(exclude=INDECISIVE))
    return values


def read_examples(recipe: Recipe) -> list[Example]:
    """Return the examples of a recipe's data set.

    Raises:
        DataError: If the data set is missing or malformed.
    """
    data = recipe.data
    if isinstance(data, ManifestData):
        return read_manifest(data.manifest, window_s=recipe.spec.window_s)
    if isinstance(data, ImageSequenceData):
        return read_image_sequences(
            data.root / data.table,
            data.root / data.images,
            num_images=data.num_images or recipe.spec.num_frames,
            stride=data.stride,
            subjects={"val": data.val_subjects, "test": data.test_subjects},
            labels=data.labels,
        )
    return read_drive_and_act(
        data.root,
        views=data.views,
        test_views=(*data.views, *data.test_views),
        split_index=data.split,
        video_suffix=data.video_suffix,
        frame_rate_hz=data.frame_rate_hz,
    )
