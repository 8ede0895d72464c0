"""Command line of the training package: `python -m training STAGE --recipe FILE`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from models.errors import DriverActivityError
from training.config import Recipe, read_recipe
from training.data.prepare import check_data, prepare_data, preview_data
from training.distill import train_students
from training.evaluate import evaluate_models
from training.export import export_models
from training.progress import console
from training.quantize import quantize_student
from training.teacher import train_teacher
from training.workspace import Workspace

STAGES: dict[str, tuple[Callable[[Workspace], None], str]] = {
    "data": (prepare_data, "make or check the data set, and decode its clips"),
    "teacher": (train_teacher, "train the I3D teacher and cache its logits"),
    "distill": (train_students, "train the student on labels alone, and by distillation"),
    "quantize": (quantize_student, "quantization-aware training, and the post-training baseline"),
    "evaluate": (evaluate_models, "measure every stage on the test split"),
    "export": (export_models, "write the model folders with their cards"),
}


def main(arguments: Sequence[str]) -> int:
    """Run one stage, or all of them; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        recipe = read_recipe(options.recipe)
        torch.set_num_threads(recipe.num_threads)
        if options.stage == "data" and options.preview:
            preview_data(recipe, options.preview)
        elif options.stage == "data" and options.check:
            check_data(recipe)
        else:
            _run(options.stage, recipe)
    except DriverActivityError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return 1
    return 0


def _run(stage: str, recipe: Recipe) -> None:
    workspace = Workspace(recipe)
    for name in STAGES if stage == "pipeline" else (stage,):
        console.print(f"== {name}")
        STAGES[name][0](workspace)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True)
    descriptions = {name: text for name, (_, text) in STAGES.items()}
    for name, text in (descriptions | {"pipeline": "every stage in order"}).items():
        stage = stages.add_parser(name, help=text, description=text)
        stage.add_argument("--recipe", type=Path, required=True, help="TOML file")
        if name == "data":
            stage.add_argument("--preview", type=Path, help="only draw a contact sheet, a PNG file")
            stage.add_argument("--check", action="store_true", help="only say what is wrong")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
