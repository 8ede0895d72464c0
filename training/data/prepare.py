"""The data stage: make synthetic data where it is missing, then decode every split."""

import time
from pathlib import Path

from training.config import Recipe, RecipeError, SyntheticData
from training.data.check import FATAL, count_faults, find_faults
from training.data.examples import DataError, check_examples
from training.data.synthetic import generate, write_preview
from training.progress import console, report, show_progress
from training.workspace import Workspace, read_examples


def prepare_data(workspace: Workspace) -> None:
    """Make the data set if it is synthetic, check it, and decode the clips of all splits."""
    data = workspace.recipe.data
    if isinstance(data, SyntheticData):
        _make_synthetic(data)
    clips = (workspace.training_clips, workspace.val_clips, workspace.test_clips)
    figures = {
        "clips": float(sum(len(split.examples) for split in clips)),
        "left_out": float(sum(len(split.failures) for split in clips)),
    }
    report("data", figures)


def _make_synthetic(data: SyntheticData) -> None:
    start_s = time.perf_counter()
    with show_progress("synthetic drivers") as progress:
        num_frames = generate(data.generator, data.root, progress=progress)
    if num_frames:
        rate_hz = num_frames / (time.perf_counter() - start_s)
        report("synthetic", {"frames": float(num_frames), "frames_per_s": rate_hz})


def check_data(recipe: Recipe) -> None:
    """Decode every example of the recipe's data set and print what is wrong.

    Raises:
        DataError: If labels or splits are wrong, or examples cannot be used.
    """
    examples = read_examples(recipe)
    check_examples(examples, recipe.labels)
    with show_progress("check") as progress:
        findings = find_faults(
            examples, recipe.spec, num_workers=recipe.num_threads, progress=progress
        )
    for finding in findings:
        console.print(str(finding), markup=False)
    counts = count_faults(findings)
    report("check", {"examples": float(len(examples))} | counts)
    if any(counts[fault] for fault in FATAL):
        raise DataError(f"{sum(counts[fault] for fault in FATAL)} examples cannot be used")


def preview_data(recipe: Recipe, path: Path) -> None:
    """Draw a contact sheet of the recipe's synthetic drivers.

    Raises:
        RecipeError: If the recipe's data is not synthetic.
    """
    if not isinstance(recipe.data, SyntheticData):
        raise RecipeError(f"data of kind {recipe.data.kind!r} has no preview, only synthetic has")
    write_preview(recipe.data.generator, path)
