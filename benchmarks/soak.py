"""Ten minutes at 80 % of capacity: whether anything fails, and whether memory grows."""

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.load import Clients, Post, clients
from benchmarks.servers import RunningServer, repeating, running, service_command

DURATION_S = 600.0
LOAD = 0.8
# As many as are at work or wait with the default queue, so that none is refused.
NUM_CAPACITY_CLIENTS = 4
CAPACITY_S = 10.0
SAMPLE_PERIOD_S = 2.0
SIZE_INCHES = (8.0, 4.0)
DOTS_PER_INCH = 120


def measure_soak(mp4: bytes, *, folder: Path, duration_s: float = DURATION_S) -> dict[str, Any]:
    """Return what became of the requests, and the service's memory over time.

    Args:
        mp4: The video that is posted.
        folder: Takes what the service prints.
        duration_s: How long.
    """
    post = Post(path="/v1/predictions", body=mp4, content_type="video/mp4")
    with (
        clients() as load,
        running(service_command(), log=folder / "soak.log") as server,
    ):
        rate_hz = LOAD * measure_capacity_hz(load, server, post)
        with memory_over_time(server) as samples:
            spell = load.open_loop(server.url, post, rate_hz=rate_hz, duration_s=duration_s, seed=0)
    minutes, memory_mb = zip(*samples, strict=True)
    return {
        "duration_s": duration_s,
        "rate_hz": rate_hz,
        "num_answers": spell.num_answers,
        "num_refused": spell.num_refused,
        "num_failed": spell.num_failed,
        "p50_s": statistics.median(spell.latencies_s),
        "p99_s": float(np.quantile(spell.latencies_s, 0.99)),
        "minutes": minutes,
        "memory_mb": memory_mb,
        "growth_mb": _growth_mb(memory_mb),
    }


def measure_capacity_hz(load: Clients, server: RunningServer, post: Post) -> float:
    """Return how many requests a second a server answers that is kept as busy as it can be."""
    spell = load.closed_loop(
        server.url, post, num_clients=NUM_CAPACITY_CLIENTS, duration_s=CAPACITY_S
    )
    return spell.num_answers / spell.elapsed_s


@contextmanager
def memory_over_time(server: RunningServer) -> Iterator[list[tuple[float, float]]]:
    """Collect minutes since the start and megabytes while the block runs."""
    samples: list[tuple[float, float]] = []
    started = time.perf_counter()

    def sample() -> None:
        minutes = (time.perf_counter() - started) / 60
        samples.append((minutes, server.memory_bytes() / 1e6))

    with repeating(sample, period_s=SAMPLE_PERIOD_S):
        yield samples


def render_soak(result: Mapping[str, Any]) -> str:
    """Return the section in Markdown."""
    return "\n".join(
        [
            "## Soak",
            "",
            f"{result['duration_s']:g} s of videos at {LOAD:.0%} of capacity, "
            f"{result['rate_hz']:.1f} a second, at random times: {result['num_answers']} answers, "
            f"{result['num_refused']} refused because the queue was full at that moment, "
            f"{result['num_failed']} failed; median {result['p50_s'] * 1e3:.0f} ms, "
            f"p99 {result['p99_s'] * 1e3:.0f} ms. Memory of all processes, median of the last "
            f"fifth against the second: {result['growth_mb']:+.1f} MB.",
        ]
    )


def plot_soak(result: Mapping[str, Any], path: Path) -> None:
    """Draw memory against time into a PNG file."""
    plot_memory(result, path, title=f"At {LOAD:.0%} of capacity")


def plot_memory(result: Mapping[str, Any], path: Path, *, title: str) -> None:
    """Draw a result's memory against its minutes into a PNG file."""
    figure = Figure(figsize=SIZE_INCHES, layout="constrained")
    axes = figure.subplots()
    axes.plot(result["minutes"], result["memory_mb"])
    top_mb = 1.1 * max(result["memory_mb"])
    axes.set(title=title, xlabel="minutes", ylabel="memory, MB", ylim=(0, top_mb))
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=DOTS_PER_INCH)


def _growth_mb(memory_mb: tuple[float, ...]) -> float:
    """Return how much more the last fifth holds than the second; the first is warming up."""
    fifth = max(1, len(memory_mb) // 5)
    return statistics.median(memory_mb[-fifth:]) - statistics.median(memory_mb[fifth : 2 * fifth])
