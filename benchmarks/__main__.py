"""Measure the networks, decoding and the service: `python -m benchmarks [CASE ...]`.

Every case writes `benchmarks/results/CASE.json` and `CASE.png`, and `results/README.md` shows what
is there of all of them; `network` rewrites the table of the project's README, too.
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
from benchmarks.payloads import MAIN_CLIP, make_payloads
from benchmarks.service import measure_service, plot_service, render_service
from benchmarks.shipped import shipped_models
from benchmarks.soak import measure_soak, plot_soak, render_soak
from benchmarks.table import render_models, write_table
from models.registry import ModelRegistry
from training.machine import describe_machine

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing that is measured.

    Attributes:
        measure: Gives the figures; takes a folder for files on the way.
        render: Words them in Markdown.
        plot: Draws them into a PNG file.
    """

    measure: Callable[[Path], dict[str, Any]]
    render: Callable[[dict[str, Any]], str]
    plot: Callable[[dict[str, Any], Path], None]


CASES = {
    "network": Case(
        measure=lambda _: measure_networks(load_registry()),
        render=render_networks,
        plot=plot_networks,
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
    for name in names:
        run_case(name)
    write_overview()
    if "network" in names:
        write_table(ROOT / "README.md", render_models(load_registry(), read_figures("network")))


def run_case(name: str) -> None:
    """Measure one case, write its figures and its plot, and print what they say."""
    case = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        figures = case.measure(Path(folder))
    text = json.dumps({"machine": describe_machine(), name: figures}, indent=2)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    case.plot(figures, RESULTS / f"{name}.png")
    print(case.render(figures))


def write_overview() -> None:
    """Word the newest figures of every case, with their plots and the machine that gave them."""
    measured = [name for name in CASES if (RESULTS / f"{name}.json").exists()]
    goals = render_goals({name: read_figures(name) for name in measured})
    parts = ["# What was measured", "`make bench` writes this page.", goals]
    for name in measured:
        machine = ", ".join(f"{key} {value}" for key, value in read_machine(name).items())
        picture = f"![{name}]({name}.png)"
        parts += [CASES[name].render(read_figures(name)), picture, f"On {machine}."]
    (RESULTS / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def read_figures(name: str) -> dict[str, Any]:
    """Return the newest figures of a case."""
    figures: dict[str, Any] = _read(name)[name]
    return figures


def read_machine(name: str) -> dict[str, str]:
    """Return what the newest figures of a case were measured on."""
    machine: dict[str, str] = _read(name)["machine"]
    return machine


def load_registry() -> ModelRegistry:
    """Return the registry of the shipped models, loaded."""
    registry = shipped_models()
    registry.load()
    return registry


def _read(name: str) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return figures


if __name__ == "__main__":
    main()
