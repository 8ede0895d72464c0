"""The report's table, as cells and as Markdown."""

from collections.abc import Mapping, Sequence

import numpy as np

from training.report.collect import Row

HEADER = (
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
RATIOS = (
    "balanced_accuracy",
    "top1",
    "macro_f1",
    "calibration_error_unscaled",
    "calibration_error",
)


def make_cells(
    rows: Sequence[Row], latencies_ms: Mapping[tuple[str, str], float]
) -> list[list[str]]:
    """Return the cells below the header, a list for each row.

    Figures of several runs are their mean and standard deviation. Agreement is with the teacher for
    the distilled student, and with that student for what was quantized from it.
    """
    return [
        [
            row.recipe,
            row.stage,
            str(len(row.runs)),
            *(_spread(row.values(name)) for name in RATIOS),
            _spread(row.unseen_accuracies) if row.unseen_accuracies else "",
            "" if row.agreement is None else f"{row.agreement:.3f}",
            f"{row.runs[0].size_bytes / 1e6:.2f}",
            f"{latencies_ms[row.recipe, row.stage]:.2f}",
        ]
        for row in rows
    ]


def render_markdown(cells: Sequence[Sequence[str]], commands: Sequence[str], versions: str) -> str:
    """Return the table in Markdown, and below it how it is made again."""
    lines = [HEADER, ["---"] * len(HEADER), *cells]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n".join([table, "", f"Measured with {versions}:", "", "```sh", *commands, "```", ""])


def _spread(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.3f}"
    return f"{mean} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else mean
