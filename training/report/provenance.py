"""How the figures of a report are made again."""

import json
from collections.abc import Sequence
from pathlib import Path

from training.machine import describe_machine
from training.report.collect import FinishedRuns
from training.workspace import RECIPE_FILE


def list_commands(runs: Sequence[FinishedRuns], out: Path) -> list[str]:
    """Return the commands that make all the runs, and their report in a folder."""
    pipelines = [
        f"python -m training pipeline --recipe {of_recipe.file} {_options(folder)}"
        for of_recipe in runs
        for folder in of_recipe.folders
    ]
    files = " ".join(f"--recipe {of_recipe.file}" for of_recipe in runs)
    return [*pipelines, f"python -m training report {files} --out {out}"]


def _options(folder: Path) -> str:
    values = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    split = values["data"].get("split")
    return f"--seed {values['seed']}" + ("" if split is None else f" --split {split}")


def name_versions() -> str:
    """Return one line that says on what the report was made."""
    return ", ".join(f"{name} {value}" for name, value in describe_machine().items())
