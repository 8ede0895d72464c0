"""The data stage: make synthetic data where it is missing, then decode every split."""

from pathlib import Path

from training.config import Recipe, RecipeError, SyntheticData
from training.data.synthetic import generate, write_preview
from training.progress import report, show_progress
from training.workspace import Workspace


def prepare_data(workspace: Workspace) -> None:
    """Make the data set if it is synthetic, check it, and decode the clips of all splits."""
    data = workspace.recipe.data
    if isinstance(data, SyntheticData):
        with show_progress("synthetic drivers") as progress:
            generate(data.generator, data.root, progress=progress)
    clips = (workspace.training_clips, workspace.val_clips, workspace.test_clips)
    figures = {
        "clips": float(sum(len(split.examples) for split in clips)),
        "left_out": float(sum(len(split.failures) for split in clips)),
    }
    report("data", figures)


def preview_data(recipe: Recipe, path: Path) -> None:
    """Draw a contact sheet of the recipe's synthetic drivers.

    Raises:
        RecipeError: If the recipe's data is not synthetic.
    """
    if not isinstance(recipe.data, SyntheticData):
        raise RecipeError(f"data of kind {recipe.data.kind!r} has no preview, only synthetic has")
    write_preview(recipe.data.generator, path)
