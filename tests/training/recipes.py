"""Recipes over data that a test writes."""

from collections.abc import Sequence
from pathlib import Path

from models.spec import ClipSpec
from tests.conftest import REPOSITORY_ROOT
from tests.media import barcode_frames, write_video
from training.config import ManifestData, Recipe, read_recipe
from training.data.manifest import COLUMNS

SMOKE = REPOSITORY_ROOT / "training" / "recipes" / "smoke.toml"


def write_manifest_recipe(folder: Path, rows: Sequence[str]) -> Recipe:
    """Write `a.mp4` and a manifest, and return the smoke recipe over them, with tiny clips.

    Args:
        folder: Where data and runs go.
        rows: What follows the file's name and its empty times: `label,subject,view,split`.
    """
    write_video(folder / "a.mp4", barcode_frames(4), frame_rate_hz=4)
    manifest = folder / "clips.csv"
    manifest.write_text("\n".join([",".join(COLUMNS), *(f"a.mp4,,,{row}" for row in rows)]))
    changes = {
        "run_dir": folder / "runs",
        "data": ManifestData(kind="manifest", manifest=manifest),
        "spec": ClipSpec(num_frames=2, window_s=1, size_px=16),
    }
    return read_recipe(SMOKE).model_copy(update=changes)
