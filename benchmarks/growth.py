"""Whether time and memory grow as they should: with the length of videos, and with many models."""

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.intervals import format_interval, summarize_rounds
from benchmarks.media import repeat_clip
from benchmarks.servers import PeakMemory, ServerCommand, running, service_command
from benchmarks.shipped import shipped_models
from models.card import read_card, write_card

CLIP_S = 3.0
NUM_WINDOWS = 10
OVERLAPPING_STRIDE_S = 1.5
COMPILED_NOW, COMPILED_BEFORE = "compiled at the start", "kept compiled"
DEADLINE_S = 900.0
SAMPLE_PERIOD_S = 0.05
SIZE_INCHES = (16.0, 4.0)
DOTS_PER_INCH = 120
# As far as the settings go, so that an hour is answered.
LIMITS = {
    "max-duration-s": "3600",
    "max-frames": "200000",
    "max-decoded-bytes": "100000000000",
    "max-windows": "4000",
    "max-upload-bytes": "2000000000",
    "decode-timeout-s": "900",
    "request-timeout-s": "900",
}


@dataclass(frozen=True, kw_only=True)
class Growth:
    """How far it goes.

    Attributes:
        durations_s: Lengths of videos, multiples of `CLIP_S`.
        num_models: Sizes of registries.
        num_rounds: Rounds; in each, every video and registry takes its turn.
    """

    durations_s: tuple[float, ...]
    num_models: tuple[int, ...]
    num_rounds: int


FULL = Growth(durations_s=(3, 30, 300, 3600), num_models=(1, 10, 50), num_rounds=3)
SMOKE = Growth(durations_s=(3, 6), num_models=(1, 2), num_rounds=1)


def measure_growth(clip: Path, *, folder: Path, growth: Growth = FULL) -> dict[str, Any]:
    """Return time and memory of videos of several lengths, and of registries of several sizes.

    Args:
        clip: A video of `CLIP_S`, of which the others are repetitions.
        folder: Takes the videos, the models and what the servers print.
        growth: How far it goes.
    """
    videos = {
        duration_s: repeat_clip(clip, folder / f"{duration_s:g}.mp4", round(duration_s / CLIP_S))
        for duration_s in growth.durations_s
    }
    roots = {num: _copy_models(folder / f"models-{num}", num) for num in growth.num_models}
    for num, root in roots.items():  # compile once what is read from then on
        _start(root, num, folder, COMPILED_BEFORE)
    rounds = [_round(videos, roots, folder) for _ in range(growth.num_rounds)]
    return {
        "num_rounds": growth.num_rounds,
        "videos": _summarize([videos for videos, _ in rounds]),
        "registries": _summarize([registries for _, registries in rounds]),
    }


def render_growth(result: Mapping[str, Any]) -> str:
    """Return the section in Markdown."""
    videos = [
        f"| {name} | {_cell(row, 's_per_minute', 3)} | {_cell(row, 'answer_s', 3)} "
        f"| {_cell(row, 'service_peak_mb', 0)} | {_cell(row, 'peak_mb', 0)} |"
        for name, row in result["videos"].items()
    ]
    registries = [
        f"| {name} | {_cell(row, 'ready_s', 2)} | {_cell(row, 'memory_mb', 0)} |"
        for name, row in result["registries"].items()
    ]
    return "\n".join(
        [
            "## Growth",
            "",
            f"Medians of {result['num_rounds']} rounds with 95 % bootstrap intervals. Videos of "
            "640x480, H.264, each posted alone to a fresh service; memory is the most that was "
            "taken at a time, by the service's process and by all with its workers.",
            "",
            "| video, windows | seconds a minute of video | answered after, s | service, MB "
            "| with workers, MB |",
            "|---|---|---|---|---|",
            *videos,
            "",
            "| models | ready after, s | memory, MB |",
            "|---|---|---|",
            *registries,
        ]
    )


def plot_growth(result: Mapping[str, Any], path: Path) -> None:
    """Draw time and memory against length and number into a PNG file."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    answer, peak, ready, registry = figure.subplots(1, 4)
    rows = list(result["videos"].values())
    for kind in sorted({row["kind"] for row in rows}):
        chosen = [row for row in rows if row["kind"] == kind]
        _line(answer, chosen, x="duration_s", y="answer_s", label=kind)
        _line(peak, chosen, x="duration_s", y="peak_mb", label=kind)
    registries = list(result["registries"].values())
    for kind in (COMPILED_NOW, COMPILED_BEFORE):
        chosen = [row for row in registries if row["kind"] == kind]
        _line(ready, chosen, x="num_models", y="ready_s", label=kind)
        _line(registry, chosen, x="num_models", y="memory_mb", label=kind)
    ready.set(title="Start", xlabel="models", ylabel="ready after, s", ylim=(0, None))
    answer.set(title="Time", xlabel="video, s", ylabel="answered after, s", yscale="log")
    peak.set(title="Memory", xlabel="video, s", ylabel="peak, MB", ylim=(0, None))
    registry.set(title="Registry", xlabel="models", ylabel="memory, MB", ylim=(0, None))
    for axes in (answer, peak):
        axes.set_xscale("log")
    for axes in (answer, peak, ready, registry):
        axes.legend()
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _copy_models(root: Path, num_models: int) -> Path:
    """Make a registry of copies of the default model."""
    source = shipped_models().resolve("default").folder
    card = read_card(source)
    for index in range(num_models):
        name = f"copy-{index}"
        folder = root / name / str(card.version)
        shutil.copytree(source, folder)
        write_card(folder, card.model_copy(update={"name": name}))
    return root


def _round(
    videos: Mapping[float, Path], roots: Mapping[int, Path], folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    command = service_command(*(f"--{name}={value}" for name, value in LIMITS.items()))
    answered = {
        f"{duration_s:g} s, {kind}": {
            "kind": kind,
            "duration_s": duration_s,
            **_answer(command, path, stride_s=stride_s, log=folder / "growth.log"),
        }
        for duration_s, path in videos.items()
        for kind, stride_s in _strides(duration_s).items()
    }
    started = {
        f"{num}, {kind}": {"kind": kind, "num_models": num, **_start(root, num, folder, kind)}
        for num, root in roots.items()
        for kind in (COMPILED_NOW, COMPILED_BEFORE)
    }
    return answered, started


def _strides(duration_s: float) -> dict[str, float]:
    return {
        f"at most {NUM_WINDOWS} windows": max(CLIP_S, duration_s / NUM_WINDOWS),
        "overlapping by half": OVERLAPPING_STRIDE_S,
    }


def _answer(command: ServerCommand, path: Path, *, stride_s: float, log: Path) -> dict[str, float]:
    with running(command, log=log) as server, path.open("rb") as file:
        with PeakMemory(server, period_s=SAMPLE_PERIOD_S) as memory:
            started = time.perf_counter()
            response = httpx.post(
                f"{server.url}/v1/predictions",
                params={"stride_s": stride_s},
                files={"clip": file},
                timeout=DEADLINE_S,
            )
            answer_s = time.perf_counter() - started
        response.raise_for_status()
        media, windows = response.json()["media"], response.json()["windows"]
    return {
        "num_windows": len(windows),
        "answer_s": answer_s,
        "s_per_minute": answer_s / media["duration_s"] * 60,
        "service_peak_mb": memory.peak_resident_bytes / 1e6,
        "peak_mb": memory.peak_bytes / 1e6,
    }


def _start(root: Path, num_models: int, folder: Path, kind: str) -> dict[str, float]:
    names = ",".join(f"copy-{index}" for index in range(num_models))
    flags = [f"--model-dir={root}", f"--models={names}"]
    if kind == COMPILED_BEFORE:
        flags.append(f"--compiled-dir={folder / 'compiled'}")
    with running(service_command(*flags), log=folder / "registry.log") as server:
        return {"ready_s": server.ready_s, "memory_mb": server.memory_bytes() / 1e6}


def _summarize(rounds: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the median and interval of every figure that is not the same in all rounds by kind."""
    return {
        name: {
            key: value
            if key in ("kind", "duration_s", "num_models")
            else summarize_rounds([float(one[name][key]) for one in rounds])
            for key, value in row.items()
        }
        for name, row in rounds[0].items()
    }


def _cell(row: Mapping[str, Any], key: str, digits: int) -> str:
    return format_interval(row[key], digits=digits)


def _line(axes: Axes, rows: Sequence[Mapping[str, Any]], *, x: str, y: str, label: str) -> None:
    medians = [row[y]["median"] for row in rows]
    axes.plot([row[x] for row in rows], medians, marker="o", label=label)
    axes.grid(alpha=0.3)
