"""The networks alone, one clip at a time: every engine in turn, for shipped pairs and a grid."""

import itertools
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.engines import OURS, PAPERS_FLOAT, PAPERS_INT8, PEERS, Engine
from benchmarks.race import MAX_FLOAT_ERROR, MIN_INT8_COSINE, Result, race
from models.card import ONNX_FILE, WEIGHTS_FILE, NetworkConfig, Stem, read_card
from models.registry import ModelRegistry
from models.spec import ClipSpec
from training.machine import has_vnni
from training.pairs import Pair, write_pair
from training.timing import median_ratio, ratio_interval, summarize

NUM_ROUNDS = 15
CALLS_PER_ROUND = 9
NUM_GRID_ROUNDS = 7
CALLS_PER_GRID_ROUND = 3

ENGINES = {**OURS, **PEERS}
BEST = "int8 on openvino"
REFERENCE = "fp32 on torch"
STEMS: tuple[Stem, ...] = ("3x3x3", "1x3x3")
PAPERS_STEM: Stem = "3x3x3"
HOW_COMPARED = (
    f"Before any time was taken, logits for the same windows were compared with {REFERENCE}: the "
    "error is the greatest difference in deviations of the logits, the cosine the least of a "
    f"window. Accepted were errors to {MAX_FLOAT_ERROR} for fp32 and cosines from "
    f"{MIN_INT8_COSINE} for int8; the grid's weights are random, which costs int8 more than "
    "trained ones."
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A place in the grid, where the networks with either stem race each other."""

    size_px: int
    width: float
    num_threads: int

    def __str__(self) -> str:
        return f"{self.size_px} px, width {self.width}, {self.threads}"

    @property
    def threads(self) -> str:
        """The number of threads in words."""
        return "1 thread" if self.num_threads == 1 else f"{self.num_threads} threads"


GRID = tuple(
    Shape(size_px=size_px, width=width, num_threads=num_threads)
    for size_px, width, num_threads in itertools.product((112, 224), (0.5, 1.0), (1, 2))
)


def measure_networks(
    registry: ModelRegistry,
    *,
    grid: Sequence[Shape] = GRID,
    engines: Mapping[str, Engine] = ENGINES,
) -> dict[str, Any]:
    """Return times and ratios of the pairs of models that are installed, and of random ones.

    Args:
        registry: Has int8 models, with the float models that they were made from.
        grid: Shapes of the random ones.
        engines: Ways to run them, `REFERENCE` and `BEST` among them.
    """
    pairs = _find_pairs(registry)
    raced = race(
        pairs,
        engines,
        reference=REFERENCE,
        num_threads=1,
        num_rounds=NUM_ROUNDS,
        calls_per_round=CALLS_PER_ROUND,
    )
    shipped = {
        name: {
            **_describe(raced[name]),
            "file_bytes": {"fp32": _file_bytes(pair.fp32), "int8": _file_bytes(pair.int8)},
        }
        for name, pair in pairs.items()
    }
    return {"has_vnni": has_vnni(), "shipped": shipped, "grid": _measure_grid(grid, engines)}


def render_networks(result: dict[str, Any]) -> str:
    """Return the section on the networks in Markdown: ratios, then times."""
    parts = [
        f"## Networks on a processor {processor_words(result)}",
        _render_goals(result["grid"]),
        HOW_COMPARED,
    ]
    if result["shipped"]:
        parts += [
            "### Shipped models and their float parents, one thread",
            _render_times(result["shipped"]),
        ]
    for place in result["grid"]:
        parts += [f"### {read_shape(place)}", _render_times(place["stems"])]
    return "\n\n".join(parts)


def processor_words(result: Mapping[str, Any]) -> str:
    """Return the kind of processor that figures are of."""
    return "with VNNI" if result["has_vnni"] else "without VNNI"


def plot_networks(result: dict[str, Any], path: Path) -> None:
    """Draw the times of the grid on one thread as a PNG."""
    places = [place for place in result["grid"] if place["num_threads"] == 1]
    figure = Figure(figsize=(13, 4.2 * ((len(places) + 1) // 2)), layout="constrained")
    for index, place in enumerate(places):
        axes = figure.add_subplot((len(places) + 1) // 2, 2, index + 1)
        _draw_bars(axes, place["stems"])
        axes.set_title(str(read_shape(place)))
    figure.savefig(path, dpi=110)


def _find_pairs(registry: ModelRegistry) -> dict[str, Pair]:
    """Return int8 models with their parents, by the int8 model's address; the default one first."""
    folders = [registry.resolve("default").folder, *(entry.folder for entry in registry.entries)]
    cards = {folder: read_card(folder) for folder in dict.fromkeys(folders)}
    return {
        card.reference: Pair(fp32=registry.resolve(card.parent).folder, int8=folder)
        for folder, card in cards.items()
        if card.parent is not None
    }


def _measure_grid(grid: Sequence[Shape], engines: Mapping[str, Engine]) -> list[dict[str, Any]]:
    """Measure every shape; those that differ in threads only share their networks."""
    with tempfile.TemporaryDirectory() as folder:
        sizes = dict.fromkeys((shape.size_px, shape.width) for shape in grid)
        pairs = {
            (size_px, width): _write_stems(Path(folder) / f"{size_px}-{width}", size_px, width)
            for size_px, width in sizes
        }
        return [_measure_shape(shape, pairs[shape.size_px, shape.width], engines) for shape in grid]


def _write_stems(root: Path, size_px: int, width: float) -> dict[str, Pair]:
    spec = ClipSpec(size_px=size_px)
    return {
        stem: write_pair(root / stem, config=NetworkConfig(width=width, stem=stem), spec=spec)
        for stem in STEMS
    }


def _measure_shape(
    shape: Shape, pairs: Mapping[str, Pair], engines: Mapping[str, Engine]
) -> dict[str, Any]:
    raced = race(
        pairs,
        engines,
        reference=REFERENCE,
        num_threads=shape.num_threads,
        num_rounds=NUM_GRID_ROUNDS,
        calls_per_round=CALLS_PER_GRID_ROUND,
    )
    papers = raced[PAPERS_STEM].seconds
    return {
        **asdict(shape),
        "stems": {
            stem: {**_describe(result), "goals": _compare_with_paper(result.seconds, papers)}
            for stem, result in raced.items()
        },
    }


def _describe(result: Result) -> dict[str, Any]:
    seconds = result.seconds
    if BEST not in seconds:
        raise ValueError(f"{BEST} cannot be measured: {result.left_out[BEST]}")
    return {
        "times": {name: summarize(values) for name, values in seconds.items()},
        "int8_on_openvino_is_faster_by": {
            name: median_ratio(values, seconds[BEST]) for name, values in seconds.items()
        },
        "int8_on_openvino_is_faster_by_interval": {
            name: ratio_interval(values, seconds[BEST]) for name, values in seconds.items()
        },
        "outputs": {name: asdict(likeness) for name, likeness in result.likeness.items()},
        "left_out": result.left_out,
    }


def _compare_with_paper(
    seconds: Mapping[str, list[float]], papers: Mapping[str, list[float]]
) -> dict[str, Any]:
    """Return how many times faster than others the int8 network on openvino is."""
    best_float = min(
        (name for name in seconds if ENGINES[name].precision == "fp32"),
        key=lambda name: statistics.median(seconds[name]),
    )
    others = {
        "paper_fp32": papers.get(PAPERS_FLOAT),
        "paper_int8": papers.get(PAPERS_INT8),
        "best_float": seconds[best_float],
    }
    ratios = {
        name: {
            "ratio": median_ratio(values, seconds[BEST]),
            "interval": ratio_interval(values, seconds[BEST]),
        }
        for name, values in others.items()
        if values is not None
    }
    return {**ratios, "best_float_engine": best_float}


def _file_bytes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in (WEIGHTS_FILE, ONNX_FILE)}


def read_shape(place: Mapping[str, Any]) -> Shape:
    """Return the shape of a place in the grid's figures."""
    return Shape(size_px=place["size_px"], width=place["width"], num_threads=place["num_threads"])


def _render_goals(grid: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        f"How many times faster {BEST} is, medians of rounds with 95 % intervals. The paper's "
        f"networks have the stem {PAPERS_STEM} and run on {PAPERS_FLOAT} and on {PAPERS_INT8}.",
        "",
        "| input, network | stem | than the paper's fp32 | than the paper's int8 "
        "| than the best float engine |",
        "|---|---|---|---|---|",
    ]
    for place in grid:
        for stem, figures in place["stems"].items():
            goals = figures["goals"]
            cells = [_ratio(goals.get(name)) for name in ("paper_fp32", "paper_int8")]
            best = f"{_ratio(goals['best_float'])}, {goals['best_float_engine']}"
            lines.append(f"| {read_shape(place)} | {stem} | {' | '.join(cells)} | {best} |")
    return "\n".join(lines)


def _ratio(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "not measured"
    low, high = found["interval"]
    return f"{found['ratio']:.1f} ({low:.1f}-{high:.1f})"


def _render_times(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table with a row for each engine and three columns for each pair."""
    heads = [f"{name}, ms | x {BEST} | cosine, error" for name in columns]
    names = list(dict.fromkeys(name for found in columns.values() for name in _engines(found)))
    lines = [f"| engine | {' | '.join(heads)} |", "|---" * (1 + 3 * len(columns)) + "|"]
    for name in names:
        cells = [_times_cells(found, name) for found in columns.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _engines(found: Mapping[str, Any]) -> list[str]:
    return [*found["times"], *found["left_out"]]


def _times_cells(found: Mapping[str, Any], name: str) -> str:
    if name not in found["times"]:
        return f"{found['left_out'].get(name, '')} | | "
    times, outputs = found["times"][name], found["outputs"][name]
    low, high = found["int8_on_openvino_is_faster_by_interval"][name]
    return (
        f"{times['median_ms']:.2f} ({times['low_ms']:.2f}-{times['high_ms']:.2f}) "
        f"| {found['int8_on_openvino_is_faster_by'][name]:.2f} ({low:.2f}-{high:.2f}) "
        f"| {outputs['cosine']:.4f}, {outputs['error']:.1e}"
    )


def _draw_bars(axes: Any, stems: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw a bar for every engine and stem, with its interval."""
    height = 0.8 / len(stems)
    names = list(next(iter(stems.values()))["times"])[::-1]
    for index, (stem, found) in enumerate(stems.items()):
        times = [found["times"].get(name) for name in names]
        rows = [row - index * height for row, time in enumerate(times) if time]
        drawn = [time for time in times if time]
        medians = [time["median_ms"] for time in drawn]
        errors = [
            [time["median_ms"] - time["low_ms"] for time in drawn],
            [time["high_ms"] - time["median_ms"] for time in drawn],
        ]
        bars = axes.barh(rows, medians, height, xerr=errors, label=f"stem {stem}")
        axes.bar_label(bars, fmt="%.1f", padding=4, fontsize=7)
    axes.set_yticks([row - height * (len(stems) - 1) / 2 for row in range(len(names))], names)
    axes.set_xscale("log")
    axes.margins(x=0.15)  # room for the numbers
    axes.set_xlabel("milliseconds, one clip (log scale)")
    axes.legend()
