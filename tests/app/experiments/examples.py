"""Small evidence to report on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.experiments.definition import Experiment, Mode, StopRule
from app.experiments.evidence import Cell, Event, Evidence, Sample
from app.experiments.report import Report, make_report
from app.experiments.statistics.drift import References
from tests.app.experiments.making import make_experiment

NO_REFERENCES: References = {"control": None, "treatment": None}
LABELS = ("driving", "drinking", "phoning")


def make_judged_experiment(mode: Mode = "paired", **stop: Any) -> Experiment:
    return make_experiment("int8-in-production", mode=mode, stop=StopRule(**stop))


def make_cell(num: int, control: str | None, treatment: str | None, **parts: Any) -> Cell:
    """Return a cell of answers; None is an arm that was not to run."""
    cell = Cell(
        true_label=None,
        control_code=control and "ok",
        control_label=control,
        treatment_code=treatment and "ok",
        treatment_label=treatment,
        num=num,
    )
    return replace(cell, **parts)


def make_sample(num: int, *, seed: int = 0, **columns: Any) -> Sample:
    """Return random columns; the treatment takes half of the control's time."""
    random = np.random.default_rng(seed)
    control_s = random.lognormal(np.log(0.004), 0.25, num)
    treatment_s = control_s / 2 * random.lognormal(0, 0.1, num)
    difference = random.beta(1, 30, num)
    sample = Sample(
        control_inference_s=control_s,
        treatment_inference_s=treatment_s,
        control_processor_s=control_s,
        treatment_processor_s=treatment_s,
        control_confidence=random.beta(8, 2, num),
        treatment_confidence=random.beta(8, 2, num),
        max_difference=difference,
        mean_difference=difference / 10,
        total_s=control_s + 0.05,
        brightness=random.beta(5, 5, num),
        motion=random.beta(2, 20, num),
    )
    return replace(sample, **columns)


def make_evidence(
    cells: Sequence[Cell],
    *,
    experiment: Experiment | None = None,
    labels: tuple[str, ...] = LABELS,
    num_rows: int = 100,
) -> Evidence:
    return Evidence(
        experiment=experiment or make_judged_experiment(),
        state="running",
        labels=labels,
        cells=tuple(cells),
        sample=make_sample(num_rows),
        largest_difference=0.31,
        first_s=1_760_000_000.0,
        last_s=1_760_090_000.0,
        events=(
            Event(
                time_s=1_760_000_000.0,
                subject="experiment",
                name="int8-in-production",
                action="created",
                detail="paired",
                by="api",
                reason="",
            ),
        ),
    )


def make_many_cells(
    num: int, labels: Sequence[str], *, seed: int = 0, labelled: float = 0.1
) -> list[Cell]:
    """Return the cells of `num` random pairs, a part of them with true activities."""
    random = np.random.default_rng(seed)
    true = random.integers(len(labels), size=num)
    control = np.where(random.random(num) < 0.9, true, random.integers(len(labels), size=num))
    treatment = np.where(random.random(num) < 0.98, control, random.integers(len(labels), size=num))
    known = np.where(random.random(num) < labelled, true, -1)
    rows, counts = np.unique(np.stack([known, control, treatment]), axis=1, return_counts=True)
    return [
        make_cell(
            int(count),
            labels[row[1]],
            labels[row[2]],
            true_label=labels[row[0]] if row[0] >= 0 else None,
        )
        for row, count in zip(rows.T.tolist(), counts, strict=True)
    ]


def report_on(evidence: Evidence, references: References = NO_REFERENCES) -> Report:
    """Return the report of evidence on models whose cards have no reference."""
    return make_report(evidence, references)
