from pathlib import Path

import numpy as np

from training.report.collect import Row, StageRun
from training.report.differences import find_differences
from training.report.table import tabulate_differences


def make_run(accuracy: float, unseen: float | None = None, size_bytes: int = 100) -> StageRun:
    return StageRun(
        figures={"balanced_accuracy": accuracy},
        unseen_accuracy=unseen,
        agreement=None,
        history=[],
        probs_NK=np.zeros((0, 2), dtype=np.float32),
        label_index_N=np.zeros(0, dtype=np.int64),
        size_bytes=size_bytes,
    )


def make_row(recipe: str, stage: str, runs: dict[str, StageRun]) -> Row:
    folders = tuple(Path("runs") / recipe / name for name in runs)
    return Row(
        recipe=recipe, stage=stage, labels=("a", "b"), folders=folders, runs=tuple(runs.values())
    )


def test_difference_is_taken_run_by_run() -> None:
    scratch = make_row("ours", "scratch", {"seed1": make_run(0.5), "seed2": make_run(0.75)})
    distilled = make_row("ours", "distilled", {"seed1": make_run(0.625), "seed2": make_run(0.5)})

    (difference,) = find_differences([scratch, distilled])

    assert (difference.one, difference.other) == (distilled, scratch)
    assert difference.points == [12.5, -25.0]
    assert difference.unseen_points == []


def test_recipes_are_compared_in_the_runs_that_both_have() -> None:
    ours = make_row("ours", "int8", {"seed1": make_run(0.5, 0.25), "seed2": make_run(0.75, 0.5)})
    theirs = make_row("theirs", "int8", {"seed2": make_run(0.25, 0.125), "seed3": make_run(0.5)})

    (difference,) = find_differences([ours, theirs])

    assert difference.points == [50.0]
    assert difference.unseen_points == [37.5]


def test_stages_without_a_run_in_common_are_not_compared() -> None:
    ours = make_row("ours", "int8", {"seed1": make_run(0.5)})
    theirs = make_row("theirs", "int8", {"seed2": make_run(0.25)})

    assert find_differences([ours, theirs]) == []


def test_table_gives_mean_deviation_and_ratios() -> None:
    runs = {"seed1": make_run(0.5, size_bytes=25), "seed2": make_run(0.75, size_bytes=25)}
    int8 = make_row("ours", "int8", runs)
    parent = make_row("ours", "distilled", {"seed1": make_run(0.5), "seed2": make_run(0.5)})
    latencies_ms = {("ours", "int8"): 2.0, ("ours", "distilled"): 8.0}

    table = tabulate_differences(find_differences([parent, int8]), latencies_ms)

    (cells,) = table.cells
    assert cells[:3] == ["ours", "int8", "distilled"]
    assert cells[3:] == ["+12.5 ± 17.7", "+0.0, +25.0", "", "0.25", "0.25"]
