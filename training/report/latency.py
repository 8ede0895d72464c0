"""How long a clip takes each model, all of them in turn, on one thread.

Models of random weights are timed, which take as long as trained ones: so runs that were recorded
elsewhere, whose weights are not at hand, are timed with the others.

Tensor legend: N clips, T frames, H W pixels, C channels.
"""

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.classifier import load_classifier
from training.artifacts import QUANTIZED_STAGES
from training.config import Recipe
from training.pairs import Pair, make_windows, write_pair
from training.report.collect import FinishedRuns, measured_stages
from training.teacher import build_teacher
from training.timing import time_interleaved

NUM_ROUNDS = 7
CALLS_PER_ROUND = 5

Latencies = Mapping[tuple[str, str], float]
"""Median milliseconds of one clip by recipe and stage."""


def measure_latencies(runs: Sequence[FinishedRuns]) -> Latencies:
    """Time every stage of every recipe: students on openvino as they are served, teachers in torch.

    Stages that compute the same, as those of the float student do, are timed each for itself: how
    far they are from each other is how far to trust the rest.
    """
    calls: dict[tuple[str, str], Callable[[], object]] = {}
    num_threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        for index, of_recipe in enumerate(runs):
            recipe = of_recipe.recipe
            pair = write_pair(
                Path(folder) / str(index), config=recipe.student.network, spec=recipe.spec
            )
            window_NTHWC = make_windows(recipe.spec, num_windows=1, seed=0)
            for stage in measured_stages(recipe):
                calls[recipe.name, stage] = (
                    _teacher_call(recipe, window_NTHWC)
                    if stage == "teacher"
                    else _student_call(pair, stage, window_NTHWC)
                )
        torch.set_num_threads(1)
        seconds = time_interleaved(calls, num_rounds=NUM_ROUNDS, calls_per_round=CALLS_PER_ROUND)
        torch.set_num_threads(num_threads)
    return {stage: statistics.median(rounds) * 1e3 for stage, rounds in seconds.items()}


def _teacher_call(recipe: Recipe, window_NTHWC: NDArray[np.uint8]) -> Callable[[], object]:
    teacher = build_teacher(recipe).eval()
    windows = torch.from_numpy(window_NTHWC)

    def call() -> object:
        with torch.inference_mode():
            return teacher(windows)

    return call


def _student_call(pair: Pair, stage: str, window_NTHWC: NDArray[np.uint8]) -> Callable[[], object]:
    folder = pair.int8 if stage in QUANTIZED_STAGES else pair.fp32
    runtime = load_classifier(folder, runtime_name="openvino", num_threads=1).runtime
    return lambda: runtime.infer(window_NTHWC)
