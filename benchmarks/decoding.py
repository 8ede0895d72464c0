"""Decoding 16 frames of a clip of 3 s: ours against peers, and against the least that it takes.

Tensor suffixes: T frames, H height, W width; the last axis of 3 is RGB.
"""

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from matplotlib.figure import Figure

from benchmarks.decoders import FLOOR, OURS, PEERS, Build, Call, Frames, wanted_frames
from benchmarks.media import (
    CODINGS,
    FRAME_RATE_HZ,
    SECONDS_BETWEEN_KEYFRAMES,
    Clip,
    Coding,
    read_time_codes,
)
from training.timing import median_ratio, ratio_interval, summarize, time_interleaved

NUM_ROUNDS = 5
# Another way to scale moves edges a little; another frame moves the time code, too.
MAX_MEAN_DIFFERENCE_LEVELS = 5.0
# Above this share of processor time, a library runs threads although it was told one.
MAX_BUSY_CORES = 1.2

EXACT, FAST = OURS
# Fast decoding shows a frame that no other depends on as the one before, at most half a sampling
# step earlier: 94 ms.
MAX_FRAMES_EARLY = {FAST: 2}
(THE_FLOOR,) = FLOOR
GOALS = ("over_floor", "faster_than_fastest_peer_by")
CONTESTANTS: Mapping[str, Build] = {**OURS, **PEERS, **FLOOR}


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How near a contestant's frames are to ours.

    Attributes:
        mean_difference_levels: Mean absolute difference of the bytes.
        time_codes: The numbers that its frames carry.
    """

    mean_difference_levels: float
    time_codes: list[int]

    def fault(self, wanted: Sequence[int], *, max_frames_early: int = 0) -> str | None:
        """Return why a contestant is not timed, if its frames are not the wanted ones."""
        early = np.subtract(wanted, self.time_codes)
        if early.min() < 0 or early.max() > max_frames_early:
            return f"gives frames {self.time_codes}, wanted are {list(wanted)}"
        if not self.mean_difference_levels <= MAX_MEAN_DIFFERENCE_LEVELS:
            return f"frames are off by {self.mean_difference_levels:.1f} grey levels"
        return None


def measure_decoding(
    clips: Sequence[Clip],
    *,
    contestants: Mapping[str, Build] = CONTESTANTS,
    num_rounds: int = NUM_ROUNDS,
) -> dict[str, Any]:
    """Return times of every way to read each clip's window, and how they compare with ours.

    Args:
        clips: As `benchmarks.media.write_clips` gives them.
        contestants: Ways to read; the first of `OURS` is what frames are compared with.
        num_rounds: At least 2; each contestant reads a clip once in a round.
    """
    return {
        "num_rounds": num_rounds,
        "codings": {codec: asdict(coding) for codec, coding in CODINGS.items()},
        "clips": [_measure_clip(clip, contestants, num_rounds) for clip in clips],
    }


def compare_frames(frames_THWC: Frames, ours_THWC: Frames) -> Likeness:
    """Return how near frames at model size are to ours."""
    difference_THWC = np.abs(frames_THWC.astype(np.int16) - ours_THWC)
    return Likeness(
        mean_difference_levels=float(difference_THWC.mean()),
        time_codes=read_time_codes(frames_THWC),
    )


def render_decoding(result: dict[str, Any]) -> str:
    """Return the section on decoding in Markdown: ratios, then times."""
    return "\n\n".join(
        [
            "## Decoding",
            "Sixteen frames of a clip of 3 s at model size, one thread each; medians of "
            f"{result['num_rounds']} rounds with 95 % intervals.",
            _render_goals(result["clips"]),
            "Times in milliseconds:",
            _render_times(result["clips"]),
            _render_notes(result["clips"]),
        ]
    )


def plot_decoding(result: dict[str, Any], path: Path) -> None:
    """Draw how many times the floor each contestant takes as a PNG, one panel for each codec."""
    codecs = list(dict.fromkeys(clip["codec"] for clip in result["clips"]))
    figure = Figure(figsize=(11, 3.4 * len(codecs)), layout="constrained")
    all_axes = figure.subplots(len(codecs), squeeze=False)[:, 0]
    for codec, axes in zip(codecs, all_axes, strict=True):
        _draw_bars(axes, [clip for clip in result["clips"] if clip["codec"] == codec])
        axes.set_title(codec)
    handles, names = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4)
    figure.savefig(path, dpi=110)


def _measure_clip(clip: Clip, contestants: Mapping[str, Build], num_rounds: int) -> dict[str, Any]:
    kinds = _count_kinds(clip.path)
    wanted = wanted_frames(kinds.total(), frame_rate_hz=FRAME_RATE_HZ)
    calls, likeness, left_out = _check(clip.path, contestants, wanted)
    seconds = time_interleaved(calls, num_rounds=num_rounds, calls_per_round=1)
    return {
        "codec": clip.codec,
        **asdict(clip.size),
        "file_bytes": clip.path.stat().st_size,
        "frames_by_kind": dict(kinds),
        "times": {name: summarize(values) for name, values in seconds.items()},
        "over_floor": {
            name: _ratio(values, seconds[THE_FLOOR]) for name, values in seconds.items()
        },
        **_compare_with_peers(seconds),
        "busy_cores": {name: _busy_cores(call) for name, call in calls.items()},
        "likeness": {name: asdict(found) for name, found in likeness.items()},
        "left_out": left_out,
    }


def _count_kinds(path: Path) -> Counter[str]:
    """Count a clip's frames by the way they are coded: I, P, B."""
    with av.open(path) as container:
        return Counter(PictureType(frame.pict_type).name for frame in container.decode(video=0))


def _check(
    path: Path, contestants: Mapping[str, Build], wanted: Sequence[int]
) -> tuple[dict[str, Call], dict[str, Likeness], dict[str, str]]:
    """Return the contestants that give the wanted frames, and what became of all of them."""
    calls: dict[str, Call] = {}
    likeness: dict[str, Likeness] = {}
    left_out: dict[str, str] = {}
    ours_THWC = contestants[EXACT](path, wanted)()
    for name, build in contestants.items():
        try:
            call = build(path, wanted)
            frames_THWC = call()
        except (ImportError, OSError, RuntimeError) as exc:  # not installed, or cannot read it
            left_out[name] = f"{type(exc).__name__}: {exc}".splitlines()[0]
            continue
        if name not in FLOOR:
            likeness[name] = compare_frames(frames_THWC, ours_THWC)
        fault = (
            likeness[name].fault(wanted, max_frames_early=MAX_FRAMES_EARLY.get(name, 0))
            if name in likeness
            else None
        )
        if fault:
            left_out[name] = fault
        else:
            calls[name] = call
    return calls, likeness, left_out


def _compare_with_peers(seconds: Mapping[str, list[float]]) -> dict[str, Any]:
    """Return the fastest peer, and how many times faster than it ours are."""
    peers = [name for name in seconds if name in PEERS]
    fastest = min(peers, key=lambda name: statistics.median(seconds[name]), default=None)
    if fastest is None:
        return {"fastest_peer": None, "faster_than_fastest_peer_by": {}}
    ours = [name for name in seconds if name in OURS]
    ratios = {name: _ratio(seconds[fastest], seconds[name]) for name in ours}
    return {"fastest_peer": fastest, "faster_than_fastest_peer_by": ratios}


def _ratio(seconds: list[float], reference_s: list[float]) -> dict[str, Any]:
    return {
        "ratio": median_ratio(seconds, reference_s),
        "interval": ratio_interval(seconds, reference_s),
    }


def _busy_cores(call: Call) -> float:
    """Return how many processors a call keeps busy, all threads of the process counted."""
    started_s, processor_s = time.perf_counter(), time.process_time()
    call()
    return (time.process_time() - processor_s) / (time.perf_counter() - started_s)


def _render_goals(clips: Sequence[Mapping[str, Any]]) -> str:
    ours = [name for name in OURS if any(name in clip["times"] for clip in clips)]
    heads = [f"{name}: times the floor | {name}: faster than the fastest peer" for name in ours]
    lines = [
        f"| clip | {' | '.join(heads)} | fastest peer |",
        "|---" * (2 + 2 * len(ours)) + "|",
    ]
    for clip in clips:
        ratios = [clip[key].get(name) for name in ours for key in GOALS]
        cells = [_ratio_cell(ratio) for ratio in ratios]
        lines.append(f"| {clip_title(clip)} | {' | '.join(cells)} | {clip['fastest_peer']} |")
    return "\n".join(lines)


def _ratio_cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not measured"
    low, high = found["interval"]
    return f"{found['ratio']:.2f} ({low:.2f}-{high:.2f})"


def _render_times(clips: Sequence[Mapping[str, Any]]) -> str:
    names = [name for name in CONTESTANTS if any(name in clip["times"] for clip in clips)]
    lines = [f"| clip | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for clip in clips:
        cells = [_time_cell(clip["times"].get(name)) for name in names]
        lines.append(f"| {clip_title(clip)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _time_cell(times: Mapping[str, float] | None) -> str:
    if times is None:
        return "-"
    return f"{times['median_ms']:.0f} ({times['low_ms']:.0f}-{times['high_ms']:.0f})"


def _render_notes(clips: Sequence[Mapping[str, Any]]) -> str:
    """Return what was left out, what used more than its thread, and how the clips are coded."""
    lines = []
    for clip in clips:
        lines += [f"- {clip_title(clip)}: {name}: {why}" for name, why in clip["left_out"].items()]
        lines += [
            f"- {clip_title(clip)}: {name} keeps {cores:.1f} processors busy"
            for name, cores in clip["busy_cores"].items()
            if cores > MAX_BUSY_CORES
        ]
    likeness = [found for clip in clips for found in clip["likeness"].values()]
    greatest = max(found["mean_difference_levels"] for found in likeness)
    lines.append(
        f"- All that were timed gave the wanted frames, by their time codes; the accepted mean "
        f"difference to ours is {MAX_MEAN_DIFFERENCE_LEVELS} grey levels, the greatest found of "
        f"all that answered {greatest:.2f}."
    )
    lines += [f"- {codec}: {_describe(coding)}" for codec, coding in CODINGS.items()]
    return "\n".join(lines)


def _describe(coding: Coding) -> str:
    options = [f"{name}={value}" for name, value in coding.options.items()]
    keyframes = f"a keyframe every {SECONDS_BETWEEN_KEYFRAMES} s"
    return ", ".join([coding.encoder, *options, keyframes])


def clip_title(clip: Mapping[str, Any]) -> str:
    """Return a clip's codec and size."""
    return f"{clip['codec']} {clip['width_px']}x{clip['height_px']}"


def _draw_bars(axes: Any, clips: Sequence[Mapping[str, Any]]) -> None:
    """Draw a group of bars for every clip: times as multiples of the floor, with intervals."""
    names = [name for name in CONTESTANTS if name not in FLOOR]
    width = 0.85 / len(names)
    for index, name in enumerate(names):
        columns = [column for column, clip in enumerate(clips) if name in clip["over_floor"]]
        found = [clips[column]["over_floor"][name] for column in columns]
        ratios = [ratio["ratio"] for ratio in found]
        errors = [
            [ratio["ratio"] - ratio["interval"][0] for ratio in found],
            [ratio["interval"][1] - ratio["ratio"] for ratio in found],
        ]
        places = [column + index * width for column in columns]
        axes.bar(places, ratios, width, yerr=errors, label=name, color=f"C{index}")
    axes.axhline(1.0, color="black", linewidth=0.8)
    ticks = [column + width * (len(names) - 1) / 2 for column in range(len(clips))]
    axes.set_xticks(ticks, [f"{clip['width_px']}x{clip['height_px']}" for clip in clips])
    axes.set_ylabel("times the floor")
