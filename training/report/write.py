"""Write the report: one page that needs no other file, and its tables.

Tensor legend: N test clips, K classes.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.figure import Figure
from numpy.typing import NDArray

from training.config import Recipe
from training.metrics import count_confusions, measure_reliability
from training.plots import draw_confusions, draw_front, draw_histories, draw_reliability
from training.progress import console
from training.report.collect import Row, collect_rows, find_runs, record_runs
from training.report.differences import find_differences
from training.report.latency import Latencies, measure_latencies
from training.report.provenance import list_commands, name_versions
from training.report.table import render_markdown, tabulate_differences, tabulate_stages

PAGE = "report.html"
TABLE = "report.md"
RECORDS = "runs"
"""Folder below the report's, of what it read of each run: a later report there counts these too."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of the page.

    Attributes:
        caption: What it shows.
        data: The PNG, base64.
    """

    caption: str
    data: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """Pictures of one recipe, or of all together."""

    title: str
    pictures: list[Picture]


def write_report(recipes: Mapping[Path, Recipe], folder: Path) -> None:
    """Write `report.html` and `report.md` about the finished runs of recipes, and record these.

    Runs that an earlier report recorded in the folder count as well, so that splits may be trained
    one at a time, or on several machines.

    Args:
        recipes: Whose runs, by their files; every split and seed that was evaluated counts.
        folder: Where to write; made if it does not exist.

    Raises:
        StageMissingError: If a recipe has no finished run.
        RecipeError: If a run was made by the recipe as it no longer is.
    """
    runs = find_runs(recipes, folder / RECORDS)
    rows, latencies_ms = collect_rows(runs), measure_latencies(runs)
    stages = tabulate_stages(rows, latencies_ms)
    differences = tabulate_differences(find_differences(rows), latencies_ms)
    sections = [_overview(rows, latencies_ms), *_sections(rows)]
    environment = Environment(
        loader=PackageLoader("training.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
    commands, versions = list_commands(runs, folder), name_versions()
    page = environment.get_template("report.html.j2").render(
        stages=stages,
        differences=differences,
        sections=sections,
        commands=commands,
        versions=versions,
    )
    record_runs(runs, folder / RECORDS)
    (folder / PAGE).write_text(page, encoding="utf-8")
    markdown = render_markdown((stages, differences), commands, versions)
    (folder / TABLE).write_text(markdown, encoding="utf-8")
    console.print(f"wrote {folder / PAGE} and {folder / TABLE}")


def _overview(rows: Sequence[Row], latencies_ms: Latencies) -> Section:
    points = {
        f"{row.recipe} {row.stage}": (
            latencies_ms[row.recipe, row.stage],
            row.mean("balanced_accuracy"),
        )
        for row in rows
    }
    picture = _picture(draw_front(points), "Accuracy and latency; up and to the left is better.")
    return Section(title="Accuracy and latency", pictures=[picture])


def _sections(rows: Sequence[Row]) -> Iterator[Section]:
    for recipe in dict.fromkeys(row.recipe for row in rows):
        own = [row for row in rows if row.recipe == recipe]
        yield Section(title=recipe, pictures=[*_curves(own), *_matrices(own)])


def _curves(rows: Sequence[Row]) -> Iterator[Picture]:
    trained = {row.stage: row.runs[0].history for row in rows if row.runs[0].history}
    for figure, caption in (
        ("val_balanced_accuracy", "Balanced accuracy on the validation split, first run."),
        ("loss", "Loss on the training split, first run; losses of different stages differ."),
    ):
        yield _picture(draw_histories(trained, figure, title=figure), caption)
    curves = {row.stage: measure_reliability(*_joined(row)) for row in rows if row.stage != "ptq"}
    caption = "Reliability after temperature scaling, all runs; below the diagonal is too sure."
    yield _picture(draw_reliability(curves, title="test split"), caption)


def _matrices(rows: Sequence[Row]) -> Iterator[Picture]:
    for row in rows:
        if row.stage not in ("teacher", "int8"):
            continue
        probs_NK, label_index_N = _joined(row)
        counts_KK = count_confusions(
            probs_NK.argmax(axis=1), label_index_N, num_classes=len(row.labels)
        )
        figure = draw_confusions(counts_KK, row.labels, title=row.stage)
        yield _picture(figure, f"Confusions of {row.stage}, test split, all runs.")


def _joined(row: Row) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return answers and true classes of all runs, one after the other."""
    return (
        np.concatenate([run.probs_NK for run in row.runs]),
        np.concatenate([run.label_index_N for run in row.runs]),
    )


def _picture(figure: Figure, caption: str) -> Picture:
    file = BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return Picture(caption=caption, data=base64.b64encode(file.getvalue()).decode())
