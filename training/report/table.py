"""The report's tables, as cells and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.report.collect import Row
from training.report.differences import Difference
from training.report.latency import Latencies

STAGE_HEADER = (
    "recipe",
    "stage",
    "runs",
    "balanced accuracy",
    "top-1",
    "macro F1",
    "calibration error, raw",
    "calibration error, scaled",
    "balanced accuracy, unseen cameras",
    "agreement",
    "size, MB",
    "latency, ms",
)
DIFFERENCE_HEADER = (
    "recipe",
    "stage",
    "compared with",
    "balanced accuracy, points",
    "of each run",
    "unseen cameras, points",
    "time, ratio",
    "size, ratio",
)
RATIOS = (
    "balanced_accuracy",
    "top1",
    "macro_f1",
    "calibration_error_unscaled",
    "calibration_error",
)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells below a header, a list for each row."""

    header: tuple[str, ...]
    cells: list[list[str]]

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        lines = [self.header, ["---"] * len(self.header), *self.cells]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tabulate_stages(rows: Sequence[Row], latencies_ms: Latencies) -> Table:
    """Return a table of the stages.

    Figures of several runs are their mean and standard deviation. Agreement is with the teacher for
    the distilled student, and with that student for what was quantized from it.
    """
    cells = [
        [
            row.recipe,
            row.stage,
            str(len(row.runs)),
            *(_spread(row.values(name)) for name in RATIOS),
            _spread(row.unseen_accuracies),
            "" if row.agreement is None else f"{row.agreement:.3f}",
            f"{row.size_bytes / 1e6:.2f}",
            f"{latencies_ms[row.recipe, row.stage]:.2f}",
        ]
        for row in rows
    ]
    return Table(header=STAGE_HEADER, cells=cells)


def tabulate_differences(differences: Sequence[Difference], latencies_ms: Latencies) -> Table:
    """Return a table of differences, those of balanced accuracy as means and deviations of runs."""
    cells = [_difference_cells(difference, latencies_ms) for difference in differences]
    return Table(header=DIFFERENCE_HEADER, cells=cells)


def _difference_cells(difference: Difference, latencies_ms: Latencies) -> list[str]:
    one, other = difference.one, difference.other
    time_ratio = latencies_ms[one.recipe, one.stage] / latencies_ms[other.recipe, other.stage]
    return [
        one.recipe,
        one.stage,
        other.stage if other.recipe == one.recipe else f"{other.recipe} {other.stage}",
        _spread(difference.points, "+.1f"),
        ", ".join(f"{value:+.1f}" for value in difference.points),
        _spread(difference.unseen_points, "+.1f"),
        f"{time_ratio:.2f}",
        f"{one.size_bytes / other.size_bytes:.2f}",
    ]


def render_markdown(tables: Sequence[Table], commands: Sequence[str], versions: str) -> str:
    """Return the tables in Markdown, and below them how they are made again."""
    made = [f"Measured with {versions}:", "", "```sh", *commands, "```", ""]
    return "\n\n".join(table.to_markdown() for table in tables) + "\n\n" + "\n".join(made)


def _spread(values: Sequence[float], spec: str = ".3f") -> str:
    """Return mean and standard deviation, the mean alone of one value, and nothing of none."""
    if not values:
        return ""
    mean = format(np.mean(values), spec)
    deviation = spec.removeprefix("+")
    return f"{mean} ± {np.std(values, ddof=1):{deviation}}" if len(values) > 1 else mean
