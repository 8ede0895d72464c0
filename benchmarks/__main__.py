"""Measure the networks, decoding and the service: `python -m benchmarks [CASE ...]`.

Every case writes `benchmarks/results/CASE.json` and `CASE.png`, and `results/README.md` shows what
is there of all of them. `network` writes `network-vnni` or `network-no-vnni`, whichever this
processor is, and rewrites the table of the project's README, too.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.decoding import measure_decoding, plot_decoding, render_decoding
from benchmarks.distillation import measure_distillation, plot_distillation, render_distillation
from benchmarks.experiments import measure_experiments, plot_experiments, render_experiments
from benchmarks.goals import render_goals
from benchmarks.growth import measure_growth, plot_growth, render_growth
from benchmarks.media import write_clips
from benchmarks.network import measure_networks, plot_networks, render_networks
from benchmarks.overload import measure_overload, plot_overload, render_overload
from benchmarks.payloads import MAIN_CLIP, SENSOR_CLIP, make_payloads
from benchmarks.service import measure_service, plot_service, render_service
from benchmarks.shipped import shipped_models
from benchmarks.soak import measure_soak, plot_soak, render_soak
from benchmarks.table import render_models, write_table
from benchmarks.uploads import measure_uploads, plot_uploads, render_uploads
from training.machine import describe_machine, has_vnni

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that is measured.

    Attributes:
        measure: Gives the figures; takes a folder for files on the way.
        render: Words them in Markdown.
        plot: Draws them into a PNG file.
        by_vnni: Whether processors with VNNI and without it have records of their own.
    """

    measure: Callable[[Path], dict[str, Any]]
    render: Callable[[dict[str, Any]], str]
    plot: Callable[[dict[str, Any], Path], None]
    by_vnni: bool = False


CASES = {
    "network": Case(
        measure=lambda _: measure_networks(shipped_models()),
        render=render_networks,
        plot=plot_networks,
        by_vnni=True,
    ),
    "decoding": Case(
        measure=lambda folder: measure_decoding(write_clips(folder)),
        render=render_decoding,
        plot=plot_decoding,
    ),
    "service": Case(measure=measure_service, render=render_service, plot=plot_service),
    "growth": Case(
        measure=lambda folder: measure_growth(
            make_payloads(folder).clips[MAIN_CLIP], folder=folder
        ),
        render=render_growth,
        plot=plot_growth,
    ),
    "uploads": Case(
        measure=lambda folder: measure_uploads(
            make_payloads(folder).clips[SENSOR_CLIP], folder=folder
        ),
        render=render_uploads,
        plot=plot_uploads,
    ),
    "experiments": Case(
        measure=lambda folder: measure_experiments(make_payloads(folder), folder=folder),
        render=render_experiments,
        plot=plot_experiments,
    ),
    "distillation": Case(
        measure=lambda _: measure_distillation(),
        render=render_distillation,
        plot=plot_distillation,
    ),
    "soak": Case(
        measure=lambda folder: measure_soak(make_payloads(folder).mp4, folder=folder),
        render=render_soak,
        plot=plot_soak,
    ),
    "overload": Case(
        measure=lambda folder: measure_overload(make_payloads(folder).mp4, folder=folder),
        render=render_overload,
        plot=plot_overload,
    ),
}


def main() -> None:
    """Measure the cases that the command line names, or all, and write everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], metavar="CASE")
    names = parser.parse_args().cases or list(CASES)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # servers end, too
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {name: run_case(name) for name in names}
    write_overview()
    if "network" in figures:
        write_table(ROOT / "README.md", render_models(shipped_models(), figures["network"]))


def run_case(name: str) -> dict[str, Any]:
    """Measure one case, write its figures and its plot, print what they say, and return them."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        figures = case.measure(Path(folder))
    text = json.dumps({"machine": describe_machine(), name: figures}, indent=2)
    path = RESULTS / f"{_stem(name, vnni=has_vnni())}.json"
    path.write_text(text + "\n", encoding="utf-8")
    case.plot(figures, path.with_suffix(".png"))
    print(case.render(figures))
    return figures


def write_overview() -> None:
    """Word the newest figures of every case, with their plots and the machine that gave them."""
    records = {name: read_records(name) for name in CASES}
    figures = {name: [record.figures for record in found] for name, found in records.items()}
    parts = ["# What was measured", "`make bench` writes this page.", render_goals(figures)]
    for name, found in records.items():
        for record in found:
            machine = ", ".join(f"{key} {value}" for key, value in record.machine.items())
            picture = f"![{record.stem}]({record.stem}.png)"
            parts += [CASES[name].render(record.figures), picture, f"On {machine}."]
    (RESULTS / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Record:
    """The newest figures of a case.

    Attributes:
        stem: Name of its files without their suffix.
        machine: What they were measured on.
        figures: What `measure` returned.
    """

    stem: str
    machine: dict[str, str]
    figures: dict[str, Any]


def read_records(name: str) -> list[Record]:
    """Return what is there of a case: at most one, or one for either kind of processor."""
    stems = dict.fromkeys(_stem(name, vnni=vnni) for vnni in (True, False))
    return [_read(name, stem) for stem in stems if (RESULTS / f"{stem}.json").exists()]


def _stem(name: str, *, vnni: bool) -> str:
    """Return the name of the files of a case that is measured on a processor with VNNI or not."""
    if not CASES[name].by_vnni:
        return name
    return f"{name}-vnni" if vnni else f"{name}-no-vnni"


def _read(name: str, stem: str) -> Record:
    found = json.loads((RESULTS / f"{stem}.json").read_text(encoding="utf-8"))
    return Record(stem=stem, machine=found["machine"], figures=found[name])


if __name__ == "__main__":
    main()
