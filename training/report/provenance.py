"""How the figures of a report are made again."""

import json
from collections.abc import Mapping
from pathlib import Path

from training.config import Recipe
from training.machine import describe_machine
from training.report.collect import finished_runs
from training.workspace import RECIPE_FILE


def list_commands(recipes: Mapping[Path, Recipe]) -> list[str]:
    """Return the commands that make every run of the recipes, by their files, and the report."""
    runs = [
        f"python -m training pipeline --recipe {path} {_options(folder)}"
        for path, recipe in recipes.items()
        for folder in finished_runs(recipe)
    ]
    files = " ".join(f"--recipe {path}" for path in recipes)
    return [*runs, f"python -m training report {files}"]


def _options(folder: Path) -> str:
    values = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    split = values["data"].get("split")
    return f"--seed {values['seed']}" + ("" if split is None else f" --split {split}")


def name_versions() -> str:
    """Return one line that says on what the report was made."""
    return ", ".join(f"{name} {value}" for name, value in describe_machine().items())
