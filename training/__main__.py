"""Command line of the training package: `python -m training STAGE --recipe FILE`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import torch

from models.errors import DriverActivityError
from models.video.windows import DecodeMode
from training.config import read_recipe
from training.data.examples import SPLITS
from training.data.prepare import check_data, prepare_data, preview_data
from training.distill import train_students
from training.evaluate import evaluate_models
from training.export import export_models
from training.memory import keep_freed_memory
from training.progress import console
from training.quantize import quantize_student
from training.report import write_report
from training.signing import sign_models
from training.teacher import train_teacher
from training.transfer import measure_transfer
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
        options.run(options)
    except DriverActivityError as exc:
        print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
        return 1
    return 0


def _run_stages(options: argparse.Namespace) -> None:
    recipe = read_recipe(options.recipe, seed=options.seed, split=options.split)
    torch.set_num_threads(recipe.num_threads)
    keep_freed_memory()
    workspace = Workspace(recipe)
    for name in _pipeline(options) if options.stage == "pipeline" else (options.stage,):
        console.print(f"== {name}")
        STAGES[name][0](workspace)


def _pipeline(options: argparse.Namespace) -> tuple[str, ...]:
    """Return the stages to run; another seed or split than the recipe's is not published."""
    is_variant = options.seed is not None or options.split is not None
    last = options.until or ("evaluate" if is_variant else "export")
    names = tuple(STAGES)
    return names[: names.index(last) + 1]


def _run_data(options: argparse.Namespace) -> None:
    recipe = read_recipe(options.recipe, seed=options.seed, split=options.split)
    if options.preview:
        preview_data(recipe, options.preview)
    elif options.check:
        check_data(recipe)
    else:
        _run_stages(options)


def _run_transfer(options: argparse.Namespace) -> None:
    measure_transfer(
        read_recipe(options.recipe),
        options.model,
        part=options.part,
        mode=options.decode,
        picture=options.picture,
    )


def _run_report(options: argparse.Namespace) -> None:
    write_report({path: read_recipe(path) for path in options.recipe}, options.out)


def _run_sign(options: argparse.Namespace) -> None:
    sign_models(options.folder, key=options.key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="stage", required=True)
    for name, (_, text) in STAGES.items():
        _add_stage(commands, name, text)
    pipeline = _add_stage(commands, "pipeline", "every stage in order")
    pipeline.add_argument(
        "--until",
        choices=STAGES,
        help="the last stage to run; export, or with --seed or --split evaluate",
    )
    data = commands.choices["data"]
    data.set_defaults(run=_run_data)
    data.add_argument("--preview", type=Path, help="only draw a contact sheet, a PNG file")
    data.add_argument("--check", action="store_true", help="only say what is wrong")
    text = "measure a finished model on a recipe's data, or a part of it"
    transfer = commands.add_parser("transfer", help=text, description=text)
    transfer.set_defaults(run=_run_transfer)
    transfer.add_argument("--recipe", type=Path, required=True, help="TOML file")
    transfer.add_argument("--model", type=Path, required=True, help="model folder")
    transfer.add_argument("--part", choices=SPLITS, help="what of the data; all by default")
    transfer.add_argument(
        "--decode", choices=get_args(DecodeMode), default="exact", help="how videos are decoded"
    )
    transfer.add_argument("--picture", type=Path, help="confusion matrix to draw, a PNG file")
    text = "compare the finished runs of recipes, on a page and in a table"
    report = commands.add_parser("report", help=text, description=text)
    report.set_defaults(run=_run_report)
    report.add_argument(
        "--recipe", type=Path, required=True, action="append", help="TOML file; once or more"
    )
    report.add_argument(
        "--out",
        type=Path,
        default=Path("runs/report"),
        help="folder to write to, where an earlier report's runs count too",
    )
    text = "sign model folders for services that require it"
    sign = commands.add_parser("sign", help=text, description=text)
    sign.set_defaults(run=_run_sign)
    sign.add_argument("folder", type=Path, nargs="+", help="model folder")
    sign.add_argument("--key", type=Path, required=True, help="Ed25519 private key, a PEM file")
    return parser


def _add_stage(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    stage = commands.add_parser(name, help=text, description=text)
    stage.set_defaults(run=_run_stages)
    stage.add_argument("--recipe", type=Path, required=True, help="TOML file")
    stage.add_argument("--seed", type=int, help="instead of the recipe's")
    stage.add_argument("--split", type=int, help="instead of the recipe's")
    return stage


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
