"""How long a clip takes each model, all of them in turn, on one thread.

Tensor legend: N clips, T frames, H W pixels, C channels.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.classifier import load_classifier
from training.artifacts import stage_folder
from training.config import Recipe
from training.report.collect import FinishedRuns, measured_stages
from training.teacher import build_teacher
from training.timing import time_interleaved
from training.workspace import StageMissingError

NUM_ROUNDS = 7
CALLS_PER_ROUND = 5

Latencies = Mapping[tuple[str, str], float]
"""Median milliseconds of one clip by recipe and stage."""


def measure_latencies(runs: Sequence[FinishedRuns]) -> Latencies:
    """Time every stage of every recipe.

    Students run on openvino as they are served, teachers in eager torch.

    Raises:
        StageMissingError: If no run of a recipe has its models at hand, but records alone.
    """
    calls: dict[str, Callable[[], object]] = {}
    for of_recipe in runs:
        recipe = of_recipe.recipe
        window_NTHWC = _random_window(recipe)
        folder = _folder_with_models(of_recipe)
        for stage in measured_stages(recipe):
            calls[f"{recipe.name}/{stage}"] = (
                _teacher_call(recipe, window_NTHWC)
                if stage == "teacher"
                else _student_call(folder, stage, window_NTHWC)
            )
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = time_interleaved(calls, num_rounds=NUM_ROUNDS, calls_per_round=CALLS_PER_ROUND)
    torch.set_num_threads(num_threads)
    return {_split(name): statistics.median(rounds) * 1e3 for name, rounds in seconds.items()}


def _folder_with_models(runs: FinishedRuns) -> Path:
    for folder in runs.folders:
        if stage_folder(folder, "int8").is_dir():
            return folder
    raise StageMissingError(
        f"no run of {runs.recipe.name} has its models to be timed: finish one of any split and seed"
    )


def _random_window(recipe: Recipe) -> NDArray[np.uint8]:
    shape = (1, *recipe.spec.clip_shape)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _teacher_call(recipe: Recipe, window_NTHWC: NDArray[np.uint8]) -> Callable[[], object]:
    teacher = build_teacher(recipe).eval()
    windows = torch.from_numpy(window_NTHWC)

    def call() -> object:
        with torch.inference_mode():
            return teacher(windows)

    return call


def _student_call(
    folder: Path, stage: str, window_NTHWC: NDArray[np.uint8]
) -> Callable[[], object]:
    classifier = load_classifier(
        stage_folder(folder, stage), runtime_name="openvino", num_threads=1
    )
    return lambda: classifier.runtime.infer(window_NTHWC)


def _split(name: str) -> tuple[str, str]:
    recipe, _, stage = name.partition("/")
    return recipe, stage
