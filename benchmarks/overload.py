"""Two minutes of four times as much as fits: what is still answered, how fast, in what memory."""

import statistics
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.load import Post, clients
from benchmarks.servers import RunningServer, repeating, running, service_command
from benchmarks.service.rounds import OVERLOAD_FACTOR, USEFUL_S
from benchmarks.soak import measure_capacity_hz, memory_over_time, plot_memory

DURATION_S = 120.0
HEALTH_PERIOD_S = 0.1
HEALTH_DEADLINE_S = 10.0


def measure_overload(mp4: bytes, *, folder: Path, duration_s: float = DURATION_S) -> dict[str, Any]:
    """Return what the service does while it is sent four times its capacity.

    Args:
        mp4: The video that is posted.
        folder: Takes what the service prints.
        duration_s: How long.
    """
    post = Post(path="/v1/predictions", body=mp4, content_type="video/mp4")
    with (
        clients() as load,
        running(service_command(), log=folder / "overload.log") as server,
    ):
        capacity_hz = measure_capacity_hz(load, server, post)
        busy_mb = server.memory_bytes() / 1e6
        with memory_over_time(server) as samples, _health_over_time(server) as live_s:
            spell = load.open_loop(
                server.url,
                post,
                rate_hz=OVERLOAD_FACTOR * capacity_hz,
                duration_s=duration_s,
                seed=0,
                patience_s=USEFUL_S,
            )
        after_hz = measure_capacity_hz(load, server, post)
    minutes, memory_mb = zip(*samples, strict=True)
    useful_hz = spell.num_answers / spell.elapsed_s
    # Of both, for a shared machine is not always as fast: 54 and 64 a second in one run.
    mean_capacity_hz = statistics.mean((capacity_hz, after_hz))
    return {
        "duration_s": duration_s,
        "factor": OVERLOAD_FACTOR,
        "capacity_hz": capacity_hz,
        "capacity_after_hz": after_hz,
        "useful_hz": useful_hz,
        "useful_ratio": useful_hz / mean_capacity_hz,
        "client_cores": spell.client_processor_s / spell.elapsed_s,
        "num_answers": spell.num_answers,
        "num_refused": spell.num_refused,
        "num_failed": spell.num_failed,
        "p50_s": statistics.median(spell.latencies_s),
        "p99_s": float(np.quantile(spell.latencies_s, 0.99)),
        "live_s": _summarize(live_s),
        "minutes": minutes,
        "memory_mb": memory_mb,
        "memory_ratio": max(memory_mb) / busy_mb,
    }


def render_overload(result: Mapping[str, Any]) -> str:
    """Return the section in Markdown."""
    live_s = result["live_s"]
    return "\n".join(
        [
            "## Overload",
            "",
            f"{result['duration_s']:g} s of {result['factor']} times as many videos as the "
            f"service answers when it is kept busy ({result['capacity_hz']:.1f} a second, "
            f"afterwards {result['capacity_after_hz']:.1f}): {result['useful_hz']:.1f} a second "
            f"are answered while their client waits, {result['useful_ratio']:.0%} of the mean, "
            f"though the clients take {result['client_cores']:.2f} of the same cores; "
            f"{result['num_refused']} are refused, {result['num_failed']} failed. Answers take "
            f"{result['p50_s'] * 1e3:.0f} ms (p99 {result['p99_s'] * 1e3:.0f} ms). "
            f"`/health/live` answers in {live_s['median'] * 1e3:.1f} ms (p99 "
            f"{live_s['p99'] * 1e3:.1f} ms, at most {live_s['max'] * 1e3:.1f} ms). Memory of all "
            f"processes at its peak is {result['memory_ratio']:.2f} times that of a busy service.",
        ]
    )


def plot_overload(result: Mapping[str, Any], path: Path) -> None:
    """Draw memory against time into a PNG file."""
    plot_memory(result, path, title=f"At {result['factor']} times its capacity")


@contextmanager
def _health_over_time(server: RunningServer) -> Iterator[list[float]]:
    """Collect the seconds that `/health/live` takes, again and again while the block runs."""
    live_s: list[float] = []
    with httpx.Client(base_url=server.url, timeout=HEALTH_DEADLINE_S) as client:

        def ask() -> None:
            started = time.perf_counter()
            client.get("/health/live").raise_for_status()
            live_s.append(time.perf_counter() - started)

        with repeating(ask, period_s=HEALTH_PERIOD_S):
            yield live_s


def _summarize(seconds: list[float]) -> dict[str, float]:
    return {
        "median": statistics.median(seconds),
        "p99": float(np.quantile(seconds, 0.99)),
        "max": max(seconds),
    }
